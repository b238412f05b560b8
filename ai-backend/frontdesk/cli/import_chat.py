"""``frontdesk import``: try the desk on a chat that one has."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from frontdesk.bootstrap import assessor_of, business_of, media_of, model_client_of, opened
from frontdesk.channels.whatsapp_export import DATE_ORDERS, DateOrder, Export, read_export
from frontdesk.desk.importing import WAITS_FOR_DAYS, Chat, Importer, Report, Waiting, who_is_who
from frontdesk.domain.contacts import normalise_phone
from frontdesk.domain.errors import InvalidInputError
from frontdesk.domain.hours import Calendar
from frontdesk.domain.text import shorten
from frontdesk.settings import Settings, load_settings
from frontdesk.store.database import Database
from frontdesk.store.schema import migrate
from frontdesk.triage.assess import Assessor
from frontdesk.wire.signing import new_secret

IN_DETAIL = 5
SHOWN = 10
TEXT_CHARACTERS = 70
MICRO = 1_000_000


@click.command(name="import")
@click.argument("files", type=click.Path(exists=True, dir_okay=False, path_type=Path), nargs=-1, required=True)
@click.option("--me", multiple=True, help="Your name in the chat; more than one where several of you wrote.")
@click.option("--phone", help="The other side's number, so that the chat goes on as the same conversation.")
@click.option("--account", default="main", show_default=True, help="The account that the chat belongs to.")
@click.option("--dates", type=click.Choice(DATE_ORDERS), help="How the file writes dates, where it cannot be told.")
@click.option(
    "--with-model", is_flag=True, help="Judge by the model of your settings, which may cost, instead of by rules."
)
@click.option(
    "--waits-for",
    type=click.IntRange(0, 36_500),
    default=WAITS_FOR_DAYS,
    show_default=True,
    metavar="DAYS",
    help="Who was not answered for longer waits no more.",
)
@click.option("--dry-run", is_flag=True, help="Store nothing.")
async def import_chat(
    files: tuple[Path, ...],
    *,
    me: tuple[str, ...],
    phone: str | None,
    account: str,
    dates: DateOrder | None,
    with_model: bool,
    waits_for: int,
    dry_run: bool,
) -> int:
    """Read chats that WhatsApp exported (FILES: .zip or .txt), judge every message, and say who waits and what for.

    On the phone: open the chat, ⋮ or its name, “Export chat”. What is imported twice is stored once.
    """
    # Who only looks needs no desk yet: the secrets are not used.
    settings = load_settings(None, **_throwaway()) if dry_run else load_settings()
    business = business_of(settings)
    calendar = business.calendar_of(account)
    if account not in settings.accounts:
        raise InvalidInputError(f"--account: there is no {account}; there are {', '.join(settings.accounts)}")
    number = normalise_phone(phone, region=settings.default_region) if phone else None
    if phone and number is None:
        raise InvalidInputError(f"--phone: {phone} is no phone number; write it with + and the country's code")
    left_out: list[InvalidInputError] = []
    chats: list[tuple[Path, Chat]] = []
    for path, export in _read(files, calendar.zone, dates, left_out):
        is_alone = len(files) == 1 or len(export.senders) == 1
        mine = [name for name in me if is_alone or name in export.senders]
        try:
            chats.append((path, who_is_who(export, me=mine, phone=number)))
        except InvalidInputError as error:
            left_out.append(error)
    if not chats:
        raise left_out[0]
    reports: list[Report] = []
    async with (
        _assessor(settings, with_model=with_model) as assessor,
        _store(settings, is_wanted=not dry_run) as database,
    ):
        now = database.now() if database else datetime.now(calendar.zone)
        importer = Importer(
            assessor=assessor, calendar=calendar, account=account, region=settings.default_region, database=database,
            media=media_of(settings, database) if database else None, now=now,
            waits_for_days=waits_for,
        )  # fmt: skip
        are_many = len(chats) > IN_DETAIL
        for path, chat in chats:
            with click.progressbar(length=len(chat.export.messages), label=path.name, hidden=are_many) as bar:
                report = await importer.read(chat, path, advance=bar.update)
            _tell(chat, report, calendar, now=now, is_stored=database is not None, is_brief=are_many)
            if database is not None:
                _tell_of_old(report, since=now - timedelta(days=waits_for), days=waits_for)
            reports.append(report)
    if len(reports) > 1:
        _tell_together(reports, guessed=sum(not chat.export.is_certain for _, chat in chats), is_stored=not dry_run)
    for problem in left_out:
        click.echo(f"Left out: {problem.detail}", err=True)
    return 1 if left_out else 0


def _read(
    files: Sequence[Path], zone: ZoneInfo, dates: DateOrder | None, left_out: list[InvalidInputError]
) -> list[tuple[Path, Export]]:
    """The chats of all files. One phone writes all its dates alike: where some files tell how, the others are read so, too."""
    found: list[tuple[Path, Export]] = []
    for path in files:
        try:
            found.append((path, read_export(path, zone=zone, order=dates)))
        except InvalidInputError as error:
            # One odd file of many does not keep the others out.
            left_out.append(error)
    orders = {export.order for _, export in found if export.is_certain}
    if len(orders) != 1:
        return found
    return [(path, export if export.is_certain else _read_as(path, export, zone, *orders)) for path, export in found]


def _read_as(path: Path, guessed: Export, zone: ZoneInfo, order: DateOrder) -> Export:
    try:
        return read_export(path, zone=zone, order=order)
    except InvalidInputError:
        return guessed


def _tell_briefly(chat: Chat, report: Report) -> None:
    waits = f", waits for your answer: {shorten(report.waiting[0].text, TEXT_CHARACTERS)}" if report.waiting else ""
    lost = f", {report.files_lost} files were not kept" if report.files_lost else ""
    click.echo(f"{chat.title}: {report.messages} messages, {report.stored} of them new{waits}{lost}")


def _tell_of_old(report: Report, *, since: datetime, days: int) -> None:
    old = sum(item.since < since for item in report.waiting)
    if old:
        click.echo(f"Not answered for more than {days} days, and so not among those who wait: {old} (--waits-for).")


def _tell_together(reports: Sequence[Report], *, guessed: int, is_stored: bool) -> None:
    click.echo()
    click.secho(f"{len(reports)} chats, {sum(report.messages for report in reports)} messages", bold=True)
    stored = f"{sum(report.stored for report in reports)} messages" if is_stored else "nothing"
    click.echo(
        f"Stored: {stored}. Chats that end without an answer of yours: {sum(bool(report.waiting) for report in reports)}."
    )
    if guessed:
        click.echo(f"In {guessed} chats it could not be told how dates are written; if they are wrong, say --dates.")


def _throwaway() -> dict[str, str]:
    names = ("webhook_secret", "agent_secret", "api_token", "connector_token")
    return {name: new_secret() for name in names}


@asynccontextmanager
async def _assessor(settings: Settings, *, with_model: bool) -> AsyncIterator[Assessor]:
    client = model_client_of(settings) if with_model else None
    if with_model and client is None:
        raise InvalidInputError("--with-model needs OPENAI_API_KEY")
    try:
        yield assessor_of(settings, business_of(settings), client)
    finally:
        if client is not None:
            await client.close()


@asynccontextmanager
async def _store(settings: Settings, *, is_wanted: bool) -> AsyncIterator[Database | None]:
    if not is_wanted:
        yield None
        return
    async with opened(settings) as database:
        await migrate(database)
        yield database


def _tell(chat: Chat, report: Report, calendar: Calendar, *, now: datetime, is_stored: bool, is_brief: bool) -> None:
    if is_brief:
        _tell_briefly(chat, report)
        return
    export, zone = chat.export, calendar.zone
    first, last = export.messages[0].at, export.messages[-1].at
    click.echo()
    click.secho(chat.title, bold=True)
    click.echo(
        f"{report.messages} messages from {_day(first, zone)} to {_day(last, zone)}, {report.judged} of them to you"
    )
    if not export.is_certain:
        click.echo(f"Dates were read as {export.order}; if that is wrong, say --dates.")
    click.echo(f"Times are those of {zone}.")
    if is_stored and not report.stored:
        click.echo("All of it was stored before; nothing was changed.")
    if chat.us:
        click.echo(f"You are {', '.join(sorted(chat.us))}.")
    if report.judged:
        click.echo(f"About      {_shares(report.categories)}")
        click.echo(f"Mood       {_shares(report.sentiments)}")
    if report.median_answer_s is not None:
        click.echo(
            f"Answered   {len(report.answered_in)} times, half of them within {_span(timedelta(seconds=report.median_answer_s))}"
        )
    _tell_waiting(report, zone, now)
    if report.wishes:
        click.secho("To be done, from the last 30 days of the chat", bold=True)
        for at, wish in report.wishes[-SHOWN:]:
            due = f", {_moment(wish.due.at, zone)}" if wish.due else ""
            click.echo(f"  {_day(at, zone)}  {wish.type}{due}: {shorten(wish.title, TEXT_CHARACTERS)}")
    if report.cost_micro_usd:
        click.echo(f"It cost {report.cost_micro_usd / MICRO:.4f} USD.")
    _tell_stored(report, is_stored=is_stored)


def _tell_stored(report: Report, *, is_stored: bool) -> None:
    if is_stored:
        files = f" and {report.files} files" if report.files else ""
        if report.files_lost:
            reason = report.problem or "they are not there, damaged or too large"
            click.echo(f"{report.files_lost} files were not kept: {reason}.")
        click.echo(f"Stored: {report.stored} messages{files}. `frontdesk waiting` says whom to answer first.")
    else:
        click.echo("Nothing was stored.")


def _tell_waiting(report: Report, zone: ZoneInfo, now: datetime) -> None:
    if not report.waiting:
        click.echo("Nobody waits for an answer.")
        return
    click.secho("Waits for your answer", bold=True)
    # One line for each who waits: what is due first of theirs.
    first: dict[str, Waiting] = {}
    for item in sorted(report.waiting, key=lambda waiting: waiting.due_at):
        first.setdefault(item.sender, item)
    for item in list(first.values())[:SHOWN]:
        late = f", {_span(now - item.due_at)} late" if item.due_at < now else ""
        analysis = item.analysis
        click.echo(
            f"  {item.sender}, {_moment(item.since, zone)}{late}: urgency {analysis.urgency_score}, {analysis.category}: "
            f"“{shorten(item.text, TEXT_CHARACTERS) or '[no text]'}”"
        )


def _shares(counted: Mapping[str, int]) -> str:
    total = sum(counted.values())
    return ", ".join(
        f"{name} {number / total:.0%}" for name, number in sorted(counted.items(), key=lambda item: -item[1])
    )


def _day(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d}"


def _moment(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%a %Y-%m-%d %H:%M}"


def _span(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    if minutes < 120:
        return f"{minutes:.0f} min"
    return f"{minutes / 60:.0f} h" if minutes < 48 * 60 else f"{minutes / 60 / 24:.0f} days"
