"""``frontdesk task``: what is to be done."""

from datetime import date, datetime, time
from typing import Any

import click

from frontdesk.bootstrap import business_of, opened
from frontdesk.domain.errors import InvalidInputError
from frontdesk.domain.tasks import TASK_STATES, TASK_TYPES, Due
from frontdesk.settings import Settings, load_settings
from frontdesk.store import tasks
from frontdesk.triage.dates import find_due
from frontdesk.web.api.bodies import is_near
from frontdesk.web.auth import calendar_token

AT_ONCE = 200
_due_option = click.option(
    "--due", help="2026-01-31T15:00, or “next tuesday at 3pm”; for an existing task also “none”."
)
_language_option = click.option("--language", default="en", show_default=True, help="The language of --due.")


@click.group()
def task() -> None:
    """What is to be done: what messages asked for, and your own."""


@task.command(name="list")
@click.option("--status", type=click.Choice([*TASK_STATES, "all"]), default="open", show_default=True)
@click.option("--assignee", help="Only those of this person.")
@click.option("--type", "type", type=click.Choice(TASK_TYPES), help="Only those of this type.")
@click.option("--tag", help="Only those with this tag.")
async def list_(*, status: Any, **filters: Any) -> None:
    """Show tasks, the first due first."""
    settings = load_settings()
    last = None
    async with opened(settings) as database:
        wanted = None if status == "all" else status
        while found := await tasks.find(database, status=wanted, after=last, limit=AT_ONCE, **filters):
            for item in found:
                due, assignee = _told(settings, item.due, item.account), item.assignee or "-"
                click.echo(f"{item.id:6}  {due:16}  P{item.priority}  {item.type:9}  {assignee:12}  {item.title}")
            last = found[-1]
    if last is None:
        click.echo("Nothing is to be done.")


@task.command()
@click.argument("title")
@_due_option
@_language_option
@click.option("--type", "type", type=click.Choice(TASK_TYPES), default="other", show_default=True)
@click.option("--priority", type=click.IntRange(1, 5), default=3, show_default=True, help="1 is the most important.")
@click.option("--assignee", help="Who is to do it.")
@click.option("--tag", "tags", multiple=True, help="As often as wanted.")
@click.option("--conversation", type=int, help="The conversation that it is about.")
async def add(*, due: str | None, language: str, conversation: int | None, **values: Any) -> None:
    """Make a task."""
    settings = load_settings()
    async with opened(settings) as database:
        made = await tasks.create(
            database,
            values={"description": "", **values},
            due=_due(settings, due, language, database.now()),
            conversation_id=conversation,
            now=database.now(),
        )
    click.echo(f"task {made.id}: {made.title}{_when(settings, made.due, made.account)}")


@task.command()
@click.argument("number", type=int)
@click.option("--title")
@_due_option
@_language_option
@click.option("--type", "type", type=click.Choice(TASK_TYPES))
@click.option("--priority", type=click.IntRange(1, 5))
@click.option("--assignee")
@click.option("--status", type=click.Choice(TASK_STATES))
async def edit(number: int, *, due: str | None, language: str, **values: Any) -> None:
    """Edit task NUMBER; what is not given stays."""
    settings = load_settings()
    given = {name: value for name, value in values.items() if value is not None}
    async with opened(settings) as database:
        moment = None if due == "none" else _due(settings, due, language, database.now())
        changed = await tasks.change(
            database, number, values=given, due=moment, with_due=due is not None, now=database.now()
        )
    click.echo(f"task {changed.id}: {changed.title} ({changed.status}){_when(settings, changed.due, changed.account)}")


@task.command()
@click.argument("numbers", type=int, nargs=-1, required=True)
async def done(numbers: tuple[int, ...]) -> None:
    """Say that the tasks NUMBERS are done."""
    async with opened(load_settings()) as database:
        for number in numbers:
            changed = await tasks.change(
                database, number, values={"status": "done"}, due=None, with_due=False, now=database.now()
            )
            click.echo(f"task {changed.id}: {changed.title} (done)")


@task.command()
def calendar() -> None:
    """Print the address under which a calendar can subscribe to the tasks."""
    settings = load_settings()
    address = f"http://{settings.backend_host}:{settings.backend_port}/tasks.ics"
    click.echo(f"{address}?token={calendar_token(settings.api_token)}")


def _due(settings: Settings, text: str | None, language: str, now: datetime) -> Due | None:
    if text is None:
        return None
    zone = business_of(settings).calendar_of("").zone
    try:
        if len(text) == len("2026-01-31"):
            # A day alone is the whole day.
            last = datetime.combine(date.fromisoformat(text), time(23, 59, 59), tzinfo=zone)
            return Due(at=is_near(last), is_all_day=True)
        moment = datetime.fromisoformat(text)
    except ValueError:
        found = find_due(text, language=language, at=now, zone=zone)
        if found is None:
            raise InvalidInputError(f"--due: no time to come in “{text}”; write one as 2026-01-31T15:00") from None
        return found
    try:
        is_near(moment)
    except ValueError as error:
        raise InvalidInputError(f"--due: {error}") from None
    return Due(at=moment if moment.tzinfo else moment.replace(tzinfo=zone), is_all_day=False)


def _when(settings: Settings, due: Due | None, account: str | None) -> str:
    return f", due {_told(settings, due, account)}" if due else ""


def _told(settings: Settings, due: Due | None, account: str | None) -> str:
    if due is None:
        return "no date"
    moment = due.at.astimezone(business_of(settings).calendar_of(account or "").zone)
    return f"{moment:%Y-%m-%d}" if due.is_all_day else f"{moment:%Y-%m-%d %H:%M}"
