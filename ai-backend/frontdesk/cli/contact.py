"""``frontdesk contact``: who writes, what is known of them, and which of them are one."""

import click

from frontdesk.bootstrap import opened
from frontdesk.domain.contacts import normalise_phone, parse_identity
from frontdesk.domain.errors import InvalidInputError, NotFoundError
from frontdesk.domain.profiles import LONGEST_VALUE, parsed_fields
from frontdesk.settings import Settings, load_settings
from frontdesk.store import erasure, merging, profiles
from frontdesk.store.database import Database


@click.group()
def contact() -> None:
    """Who writes. WHO is a phone number or an id."""


@contact.command()
@click.argument("who")
async def show(who: str) -> None:
    """Show what is known of WHO."""
    settings = load_settings()
    async with opened(settings) as database:
        found = await profiles.fetch(database, await _id_of(database, settings, who))
    if found is None:
        raise NotFoundError("nobody is known by this number or id")
    click.echo(f"contact {found.id}: {found.name or 'without a name'}")
    click.echo(f"known as      {', '.join(f'{item.kind} {item.value}' for item in found.identities)}")
    click.echo(
        f"seen          {found.first_seen_at:%Y-%m-%d} to {found.last_seen_at:%Y-%m-%d}, {found.messages} messages"
    )
    if found.mood is not None:
        click.echo(f"mood          {found.mood:+.2f} (-1 displeased, +1 glad)")
    if found.topics:
        click.echo(f"about         {', '.join(found.topics)}")
    for item in found.fields:
        who_said = "typed" if item.source == "person" else f"message {item.message_id}, {item.confidence:.2f} sure"
        click.echo(f"{item.field:13} {item.value}  ({who_said})")
    for merge_ in found.merges:
        click.echo(
            f"merge {merge_.merge_id}: contact {merge_.contact_id} went on as this one on {merge_.merged_at:%Y-%m-%d}"
        )


@contact.command(name="set")
@click.argument("who")
@click.argument("field")
@click.argument("value", required=False)
async def set_(who: str, field: str, value: str | None) -> None:
    """Write down what you know of WHO; without VALUE it is forgotten. Messages never overwrite it."""
    settings = load_settings()
    known = parsed_fields(settings.profile_fields)
    if field not in known:
        raise InvalidInputError(f"there is no field {field}; PROFILE_FIELDS has {', '.join(known)}")
    text = " ".join(value.split())[:LONGEST_VALUE] if value is not None else None
    async with opened(settings) as database:
        number = await _id_of(database, settings, who)
        await profiles.write(database, number, {field: text or None}, now=database.now())
    click.echo(f"{field}: {text}" if text else f"{field} is forgotten.")


@contact.command()
@click.argument("who")
@click.argument("phone")
@click.option("--merge", "merges", is_flag=True, help="Whose number it was goes on as WHO.")
async def number(who: str, phone: str, *, merges: bool) -> None:
    """Say by which PHONE number WHO is reached, such as a chat that was read in from a file: export:NAME."""
    settings = load_settings()
    found = normalise_phone(phone, region=settings.default_region)
    if found is None:
        raise InvalidInputError(f"{phone} is no phone number; write it with + and the country's code")
    async with opened(settings) as database:
        contact_id = await _id_of(database, settings, who)
        await merging.add_number(database, contact_id, found, merges=merges, now=database.now())
    click.echo(f"{who} is reached at {found}.")


@contact.command()
@click.argument("who")
@click.argument("other")
async def merge(who: str, other: str) -> None:
    """Say that OTHER is WHO: they go on as one."""
    settings = load_settings()
    async with opened(settings) as database:
        kept, merged = [await _id_of(database, settings, name) for name in (who, other)]
        number = await merging.merge(database, kept, merged, now=database.now())
    click.echo(f"They are one now. Merge {number}: frontdesk contact unmerge {who} {number} makes them two again.")


@contact.command()
@click.argument("who")
@click.argument("number", type=int)
async def unmerge(who: str, number: int) -> None:
    """Make WHO and the one of merge NUMBER two again."""
    settings = load_settings()
    async with opened(settings) as database:
        await merging.undo(database, await _id_of(database, settings, who), number, now=database.now())
    click.echo("They are two again.")


async def _id_of(database: Database, settings: Settings, who: str) -> int:
    found = await erasure.contact_of(database, parse_identity(who, region=settings.default_region))
    if found is None:
        raise NotFoundError(f"nobody is known as {who}")
    return found
