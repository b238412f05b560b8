"""``frontdesk check``: what is configured, and what is wrong with it."""

import shutil
import subprocess
from collections.abc import Callable

import click

from frontdesk.agentkit.agent import load_agent
from frontdesk.bootstrap import analyser_name, business_of, database_of
from frontdesk.config.manifests import load_manifests
from frontdesk.desk.seeding import parse_customer
from frontdesk.domain.errors import ConfigurationError, FrontdeskError
from frontdesk.domain.profiles import SENSITIVE, parsed_fields
from frontdesk.model.prices import price_table
from frontdesk.settings import ROOT, Settings, load_settings
from frontdesk.store.schema import is_current


@click.command()
async def check() -> int:
    """Check the settings, business.toml, the agents, the connector and the store."""
    settings = load_settings()
    click.echo("settings    ok")
    wrong = 0
    for name, look in PARTS.items():
        try:
            click.echo(f"{name:11} {look(settings)}")
        except FrontdeskError as error:
            wrong += 1
            click.echo(f"{name:11} WRONG: {error.detail}")
    database = database_of(settings)
    try:
        await database.ping()
        current = await is_current(database)
        click.echo(
            f"store       {database.description}{'' if current else ' (empty or old: make up makes the schema)'}"
        )
    except FrontdeskError as error:
        wrong += 1
        click.echo(f"store       WRONG: {database.description}: {error.detail}")
    finally:
        await database.close()
    return 1 if wrong else 0


def check_parts(settings: Settings) -> None:
    """Look at everything that people edit, before anything that runs is touched.

    Raises:
        FrontdeskError: something is wrong; the text says what and where.
    """
    for look in PARTS.values():
        look(settings)


def _business(settings: Settings) -> str:
    business = business_of(settings)
    own = "" if settings.business_file.exists() else " (the example: there is no business.toml yet)"
    return f"{business.name}: {len(business.offers)} offers, {len(business.answers)} answers{own}"


def _customers(settings: Settings) -> str:
    customers = [parse_customer(number, region=settings.default_region) for number in settings.seeded_customers]
    return f"{len(customers)} important, {len(settings.seeded_groups)} critical groups from the settings"


def _analyser(settings: Settings) -> str:
    price_table(settings.model_prices)
    return analyser_name(settings)


def _agents(settings: Settings) -> str:
    business = business_of(settings)
    manifests = load_manifests(settings.agents_dir)
    for manifest in manifests:
        load_agent(settings.agents_dir / manifest.name, business=business, writer=None)
    return "; ".join(
        f"{manifest.name} {manifest.port} ({', '.join((*manifest.categories, *manifest.keywords)) or manifest.role})"
        for manifest in manifests
    )


def _connector(_: Settings) -> str:
    script = ROOT / "connector-node" / "src" / "main.js"
    node = shutil.which("node")
    if node is None:
        raise ConfigurationError("node is not on the PATH")
    if not (ROOT / "connector-node" / "node_modules").exists():
        raise ConfigurationError("its packages are not installed; run: make up")
    try:
        done = subprocess.run([node, str(script), "--check"], capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    except subprocess.TimeoutExpired:
        raise ConfigurationError("it did not answer within a minute") from None
    if done.returncode:
        raise ConfigurationError(done.stderr.strip().removeprefix("connector: ")[-400:])
    return "ok"


def _profile(settings: Settings) -> str:
    names = list(parsed_fields(settings.profile_fields))
    sensitive = [name for name in names if SENSITIVE.search(name)]
    warning = f" (sensitive: {', '.join(sensitive)}; read docs/privacy.md first)" if sensitive else ""
    return f"{', '.join(names)}{warning}"


PARTS: dict[str, Callable[[Settings], str]] = {
    "business": _business,
    "customers": _customers,
    "analyser": _analyser,
    "agents": _agents,
    "profile": _profile,
    "connector": _connector,
}
