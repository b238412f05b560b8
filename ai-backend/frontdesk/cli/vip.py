"""``frontdesk vip``: the customers and groups that matter."""

import click

from frontdesk.bootstrap import opened
from frontdesk.desk.seeding import parse_customer
from frontdesk.domain.contacts import parse_identity
from frontdesk.settings import load_settings
from frontdesk.store import directory


@click.group()
def vip() -> None:
    """Important customers and critical groups: their messages are always critical."""


@vip.command()
@click.argument("who")
@click.option("--name", help="A name to remember the customer by.")
@click.option("--group", is_flag=True, help="WHO is a group, by its id or its name.")
async def add(who: str, name: str | None, *, group: bool) -> None:
    """Make WHO (a phone number, an id, or with --group a group) important, from the next message on."""
    settings = load_settings()
    async with opened(settings) as database:
        if group:
            is_new = await directory.add_group(database, who, now=database.now())
            shown = directory.group_key(who)
        else:
            identity = parse_customer(who, region=settings.default_region)
            is_new = await directory.add_customer(database, identity, name, now=database.now())
            shown = f"{identity.kind} {identity.value}"
        click.echo(f"{shown}: {'important from now on' if is_new else 'was important already'}")


@vip.command()
@click.argument("who")
@click.option("--group", is_flag=True, help="WHO is a group, by its id or its name.")
async def remove(who: str, *, group: bool) -> int:
    """Make WHO ordinary again."""
    settings = load_settings()
    async with opened(settings) as database:
        if group:
            was = await directory.remove_group(database, who)
        else:
            was = await directory.remove_customer(database, parse_identity(who, region=settings.default_region))
        click.echo(f"{who}: {'ordinary from now on' if was else 'was not on the list'}")
        return 0 if was else 1


@vip.command(name="list")
async def list_() -> None:
    """Show who is important."""
    async with opened(load_settings()) as database:
        customers = await directory.list_customers(database)
        groups = await directory.list_groups(database)
    for identity, name, added_at in customers:
        click.echo(f"{identity.kind:6} {identity.value:24} {name or '':30} since {added_at:%Y-%m-%d}")
    for group in groups:
        click.echo(f"group  {group}")
    if not customers and not groups:
        click.echo("Nobody yet. Add one with: frontdesk vip add +15550100")
