"""``frontdesk people``, ``drafts`` and ``mode``: who answers, and what waits to be sent."""

import uuid
from typing import Any, get_args

import click

from frontdesk.bootstrap import alerting, opened
from frontdesk.domain.access import digest_of, new_secret
from frontdesk.domain.contacts import normalise_phone
from frontdesk.domain.errors import ChannelError, InvalidInputError, NotFoundError
from frontdesk.domain.people import QUIET_PATTERN, AlertChannel, Person, Role
from frontdesk.domain.replies import Bot, ReplyMode
from frontdesk.domain.text import shorten
from frontdesk.settings import MAIN_ACCOUNT, load_settings
from frontdesk.store import access, dialogues, turns
from frontdesk.store import people as people_store
from frontdesk.store.database import Database

AT_ONCE = 200
SHOWN_CHARACTERS = 80


def _options(command: Any) -> Any:
    for option in (
        click.option("--quiet", help="When they are not to be reached, as 22:00-07:00; “none” for never."),
        click.option(
            "--alert", "alerts", multiple=True, type=click.Choice(get_args(AlertChannel)), help="How they are reached."
        ),
        click.option("--away/--here", default=None, help="Whether nothing is assigned to them."),
        click.option("--phone", help="With the country code."),
        click.option("--email"),
    ):
        command = option(command)
    return command


@click.group()
def people() -> None:
    """Who answers."""


@people.command(name="list")
async def list_() -> None:
    """Show everybody."""
    async with opened(load_settings()) as database:
        found = await people_store.find(database)
    for person in found:
        how = "+".join(person.alerts) or "-"
        here = "here" if person.is_available else "away"
        click.echo(
            f"{person.name:20}  {here}  {how:15}  {person.quiet or '-':11}  {person.phone or '-'}  {person.email or '-'}"
        )
    if not found:
        click.echo("Nobody yet: frontdesk people add NAME")


@people.command()
@click.argument("name")
@_options
async def add(name: str, **given: Any) -> None:
    """Add NAME."""
    settings = load_settings()
    values = {"name": name} | _values(given, settings.default_region)
    async with opened(settings) as database:
        made = await people_store.create(database, values, now=database.now())
    click.echo(f"{made.name} answers now.")


@people.command()
@click.argument("name")
@_options
async def edit(name: str, **given: Any) -> None:
    """Change NAME; what is not given stays."""
    settings = load_settings()
    async with opened(settings) as database:
        person = await _named(database, name)
        changed = await people_store.change(database, person.id, _values(given, settings.default_region))
    click.echo(f"{changed.name} is changed.")


@people.command()
@click.argument("name")
async def remove(name: str) -> None:
    """Remove NAME; what was theirs is nobody's."""
    async with opened(load_settings()) as database:
        await people_store.remove(database, (await _named(database, name)).id)
    click.echo(f"{name} does not answer any more.")


@people.command()
@click.argument("name")
@click.option("--role", type=click.Choice(get_args(Role)), help="What they may do from now on.")
async def invite(name: str, *, role: Role | None) -> None:
    """Print a link by which NAME chooses a password, once. Somebody who is not there yet is added."""
    settings = load_settings()
    page = (settings.public_url or f"http://{settings.backend_host}:{settings.backend_port}").rstrip("/")
    secret = new_secret()
    async with opened(settings) as database:
        found = next((item for item in await people_store.find(database) if _is_called(item, name)), None)
        if found is None:
            found = await people_store.create(database, {"name": name}, now=database.now())
        if role is not None:
            await people_store.change(database, found.id, {"role": role})
        await access.invite(database, digest_of(secret), person_id=found.id, now=database.now())
    click.echo(f"{page}/setup?token={secret}")


@people.command()
@click.argument("name")
@click.option("--account", default=MAIN_ACCOUNT, show_default=True, help="Whose WhatsApp it is sent by.")
async def test(name: str, *, account: str) -> int:
    """Send NAME a test alert by each of their ways, now."""
    settings = load_settings()
    failed = 0
    async with opened(settings) as database, alerting(settings, database) as alerter:
        person = await _named(database, name)
        for channel in person.alerts:
            try:
                await alerter.tell(
                    person, channel, "Test alert", "This is how you are told when somebody waits.", account=account,
                    account_id=0, key=uuid.uuid4().hex, is_unsure=False, now=database.now(),
                )  # fmt: skip
                click.echo(f"{channel}: sent")
            except ChannelError as error:
                failed += 1
                click.echo(f"{channel}: {error.detail}")
        if not person.alerts:
            click.echo(f"{person.name} is reached in no way: frontdesk people edit {person.name} --alert email")
    return 1 if failed else 0


@click.group()
def drafts() -> None:
    """What agents wrote and nobody has sent yet."""


@drafts.command(name="list")
@click.option("--conversation", type=int, help="Only those of this one.")
async def list_drafts(*, conversation: int | None) -> None:
    """Show them, the newest first."""
    last = None
    async with opened(load_settings()) as database:
        while found := await turns.find(
            database, state="suggested", conversation_id=conversation, before=last, limit=AT_ONCE
        ):
            for turn in found:
                text = shorten(turn.text, SHOWN_CHARACTERS)
                click.echo(f"{turn.id:6}  conversation {turn.conversation_id}  {turn.confidence:.2f}  {text}")
            last = found[-1].id
    if last is None:
        click.echo("Nothing waits to be sent.")


@drafts.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
async def dismiss(numbers: tuple[int, ...]) -> None:
    """Throw the drafts NUMBERS away."""
    async with opened(load_settings()) as database:
        for number in numbers:
            await turns.dismiss(database, number, now=database.now())
            click.echo(f"draft {number} is thrown away.")


@click.command()
@click.argument("mode", type=click.Choice([*get_args(ReplyMode), "default"]))
@click.option("--account", default=MAIN_ACCOUNT, show_default=True)
@click.option("--conversation", type=int, help="Only of this one.")
async def mode(*, mode: str, account: str, conversation: int | None) -> None:
    """Set who answers: observe, suggest or auto; “default” follows the account's or the settings'."""
    settings = load_settings()
    wanted: Any = None if mode == "default" else mode
    if account not in settings.accounts:
        raise NotFoundError(f"there is no account {account}")
    async with opened(settings) as database:
        if conversation is not None:
            await dialogues.edit(database, conversation, {"mode": wanted}, now=database.now())
            click.echo(f"conversation {conversation}: {mode}")
            return
        (bot,) = await dialogues.list_bots(database, [account])
        changed = Bot.model_validate(bot.model_dump() | {"reply_mode": wanted})
        await dialogues.keep_bot(database, changed, now=database.now())
    click.echo(f"account {account}: {mode}")


def _is_called(person: Person, name: str) -> bool:
    return person.name.casefold() == name.strip().casefold()


async def _named(database: Database, name: str) -> Person:
    found = next((person for person in await people_store.find(database) if _is_called(person, name)), None)
    if found is None:
        raise NotFoundError(f"there is nobody called {name}")
    return found


def _values(given: dict[str, Any], region: str | None) -> dict[str, Any]:
    values: dict[str, Any] = {name: given[name] for name in ("email", "quiet") if given[name] is not None}
    if given["phone"] is not None:
        values["phone"] = normalise_phone(given["phone"], region=region)
        if values["phone"] is None:
            raise InvalidInputError("--phone: must be a number with its country code, as +15550100111")
    if values.get("quiet") == "none":
        values["quiet"] = None
    elif values.get("quiet") and not QUIET_PATTERN.fullmatch(values["quiet"]):
        raise InvalidInputError("--quiet: must be hours, as 22:00-07:00")
    if given["alerts"]:
        values["alerts"] = list(given["alerts"])
    if given["away"] is not None:
        values["is_available"] = not given["away"]
    return values
