"""``frontdesk check``: what is configured, and what is wrong with it."""

import click

from frontdesk.bootstrap import assessor_of, business_of, database_of, model_client_of
from frontdesk.config.manifests import load_manifests
from frontdesk.domain.errors import FrontdeskError
from frontdesk.settings import load_settings
from frontdesk.store.schema import is_current


@click.command()
async def check() -> int:
    """Check the settings, business.toml, the agents and the store."""
    settings = load_settings()
    wrong = 0
    click.echo("settings    ok")
    try:
        business = business_of(settings)
        facts = f"{len(business.offers)} offers, {len(business.answers)} answers"
        own = "" if settings.business_file.exists() else " (the example: there is no business.toml yet)"
        click.echo(f"business    {business.name}: {facts}{own}")
        click.echo(f"analyser    {assessor_of(settings, business, model_client_of(settings)).description}")
    except FrontdeskError as error:
        wrong += 1
        click.echo(f"business    WRONG: {error.detail}")
    try:
        names = ", ".join(f"{manifest.name} ({manifest.port})" for manifest in load_manifests(settings.agents_dir))
        click.echo(f"agents      {names}")
    except FrontdeskError as error:
        wrong += 1
        click.echo(f"agents      WRONG: {error.detail}")
    database = database_of(settings)
    try:
        await database.ping()
        current = await is_current(database)
        wrong += not current
        click.echo(f"store       {database.description}{'' if current else ' — WRONG: run frontdesk db migrate'}")
    except FrontdeskError as error:
        wrong += 1
        click.echo(f"store       WRONG: {database.description}: {error.detail}")
    finally:
        await database.close()
    return 1 if wrong else 0
