"""A chat that WhatsApp exported: judged, told about, and stored once."""

import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.support.desk import webhook

from frontdesk.bootstrap import assessor_of, business_of
from frontdesk.channels.whatsapp_export import read_export
from frontdesk.channels.whatsapp_web import parse
from frontdesk.desk.importing import Importer, Report, who_is_who
from frontdesk.domain.errors import InvalidInputError
from frontdesk.media.files import MEBIBYTE, MediaFiles
from frontdesk.media.places import Directory
from frontdesk.settings import Settings
from frontdesk.store import addresses, analytics, changes, dialogues, inbox, messages, profiles, tasks, waits
from frontdesk.store.database import Database
from frontdesk.store.intake import Intake
from frontdesk.store.tables import attachments, contacts, conversations, events, system_stats, webhook_messages

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
CHAT = """\
11/17/26, 9:00 AM - Messages and calls are end-to-end encrypted.
11/17/26, 9:01 AM - Ada Example: Are you open on Saturday?
11/17/26, 9:21 AM - Lale: Hello Ada, from ten to four.
11/17/26, 9:23 AM - Ada Example: IMG-20261117-WA0001.jpg (file attached)
11/17/26, 9:40 AM - Lale: Nice!
11/18/26, 3:05 PM - Ada Example: My bicycle is broken, please repair it by next Friday at 3pm
"""
REPEATED = "11/18/26, 3:30 PM - Ada Example: My bicycle is broken, please repair it\n"


class Desk:
    """What reads a chat in."""

    def __init__(self, settings: Settings, database: Database, directory: Path) -> None:
        self.database, self.directory = database, directory
        self.business = business_of(settings)
        self.assessor = assessor_of(settings, self.business, None, warm=False)
        self.media = MediaFiles(
            directory / "media", place=Directory(directory / "media"), max_bytes=MEBIBYTE, quota_bytes=100 * MEBIBYTE, min_free_bytes=0,
            stored_bytes=partial(changes.stored_bytes, database),
        )  # fmt: skip

    def file(
        self, text: str, files: dict[str, bytes] | None = None, *, name: str = "WhatsApp Chat with Ada Example"
    ) -> Path:
        """An export, with files where some are given."""
        path = self.directory / f"{name}.{'zip' if files else 'txt'}"
        if files:
            with zipfile.ZipFile(path, "w") as archive:
                archive.writestr(f"{name}.txt", text)
                for filename, content in files.items():
                    archive.writestr(filename, content)
        else:
            path.write_text(text, encoding="utf-8")
        return path

    async def read(
        self, path: Path, *, stores: bool = True, me: tuple[str, ...] = (), phone: str | None = None
    ) -> Report:
        """Read a chat in."""
        calendar = self.business.calendar_of("main")
        chat = who_is_who(read_export(path, zone=calendar.zone), me=me, phone=phone)
        importer = Importer(
            assessor=self.assessor, calendar=calendar, account="main", region=None,
            database=self.database if stores else None, media=self.media if stores else None, now=NOW,
        )  # fmt: skip
        done: list[int] = []
        report = await importer.read(chat, path, advance=done.append)
        assert sum(done) == report.messages
        return report

    async def count(self, table: object) -> int:
        """How many rows there are."""
        async with self.database.read() as connection:
            return int(await connection.scalar(select(func.count()).select_from(table)) or 0)  # type: ignore[arg-type]


@pytest.fixture
def desk(settings_of: Callable[..., Settings], database: Database, tmp_path: Path) -> Desk:
    """A desk with rules."""
    return Desk(settings_of(), database, tmp_path)


async def test_a_chat_is_judged_and_told_about_without_storing_anything(desk: Desk) -> None:
    """Who waits, how long answers took, what is to be done and until when."""
    report = await desk.read(desk.file(CHAT), stores=False)
    assert (report.messages, report.judged, report.stored) == (5, 3, 0)
    assert [item.text for item in report.waiting] == ["My bicycle is broken, please repair it by next Friday at 3pm"]
    assert report.answered_in[0] == 20 * 60
    ((_, wish),) = report.wishes
    assert wish.type == "repair"
    assert wish.due is not None
    assert wish.due.at == datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    assert sum(report.categories.values()) == 3
    assert await desk.count(webhook_messages) == 0


async def test_a_wish_that_is_repeated_is_told_once(desk: Desk) -> None:
    """As it would be one task."""
    report = await desk.read(desk.file(CHAT + REPEATED))
    assert len(report.waiting) == 2
    assert len(report.wishes) == len(await tasks.find(desk.database, limit=10)) == 1


async def test_what_is_stored_is_of_its_own_time_and_goes_to_no_agent(desk: Desk) -> None:
    """The past is no work, and no news; who was not answered waits, and what is to be done is a task."""
    report = await desk.read(desk.file(CHAT, {"IMG-20261117-WA0001.jpg": b"\xff\xd8\xff\xe0" + b"x" * 100}))
    assert (report.stored, report.files) == (5, 1)
    records = await messages.fetch_latest(desk.database, limit=10)
    assert [record.state for record in records] == ["processed"] * 5
    assert records[0].created_at == datetime(2026, 11, 18, 12, 5, tzinfo=UTC)
    assert records[0].analysis is not None
    assert records[0].route is None
    assert [record.message.from_us for record in records] == [False, True, False, True, False]
    assert records[2].message.media is not None
    assert records[2].message.media.kind == "image"
    (found,) = await inbox.waiting(desk.database, limit=10)
    assert (found.title, found.last_message_at) == ("Ada Example", records[0].created_at)
    assert found.wait is not None
    assert found.wait.message_id == records[0].id
    (task,) = await tasks.find(desk.database, limit=10)
    assert (task.message_id, task.contact_id) == (records[0].id, records[0].contact_id)
    async with desk.database.read() as connection:
        types = {row.type for row in await connection.execute(select(events.c.type))}
        ready = await connection.scalar(select(func.count()).where(conversations.c.ready_at.is_not(None)))
    assert types == {"task.created", "message.media"}
    assert ready == 0


async def test_whom_nobody_answered_has_no_person_who_does(desk: Desk) -> None:
    """Only who wrote to them keeps the robot silent for a while."""
    await desk.read(desk.file("11/17/26, 9:01 AM - Ada Example: Are you open on Saturday?\n"))
    dialogue = await dialogues.fetch(desk.database, 1)
    assert dialogue is not None
    assert dialogue.person_wrote_at is None


async def test_what_is_read_in_is_in_the_figures(desk: Desk) -> None:
    """By the hour in which it was said, each message once; what was counted and is erased since stays counted."""
    path = desk.file(CHAT)
    begin = {"day": date(2026, 11, 17), "hour": 6, "metric": "state"}
    rows = [{**begin, "label": "failed", "value": 4}, {**begin, "label": "processed", "value": 1}]

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(system_stats), rows)

    await desk.database.write(work)
    for _ in range(2):
        await desk.read(path)
        found = await analytics.daily(desk.database, date(2026, 11, 17), date(2026, 11, 18), ZoneInfo("UTC"))
        assert found.numbers["state"] == {
            "failed": {date(2026, 11, 17): 4}, "processed": {date(2026, 11, 17): 2, date(2026, 11, 18): 1},
        }  # fmt: skip
        assert (
            sum(
                found.numbers["urgency"][label][day]
                for label in found.numbers["urgency"]
                for day in found.numbers["urgency"][label]
            )
            == 3
        )
        assert found.by_hour == {(1, 6): 6, (2, 12): 1}


async def test_a_chat_that_is_imported_again_is_stored_once(desk: Desk) -> None:
    """Also when it has gone on meanwhile: then the new part is added, and its answer ends the wait."""
    path = desk.file(CHAT)
    await desk.read(path)
    again = await desk.read(path)
    assert (again.messages, again.stored) == (5, 0)
    longer = desk.file(CHAT + "11/19/26, 8:00 AM - Lale: Bring it!\n11/19/26, 8:00 AM - Lale: Bring it!\n")
    report = await desk.read(longer)
    assert report.stored == 2
    assert await inbox.waiting(desk.database, limit=10) == []
    assert len(await tasks.find(desk.database, limit=10)) == 1
    assert await desk.count(contacts) == await desk.count(conversations) == 1


async def test_a_number_makes_it_the_conversation_that_goes_on(desk: Desk) -> None:
    """What the desk has received since stands; the past does not answer for it."""
    now = datetime.now(UTC)
    live = parse(
        json.dumps(webhook("My lock is broken, please help me today")).encode(), account="main", now=now,
        region=None, max_history_items=10,
    )  # fmt: skip
    (accepted,) = await Intake(desk.database).accept([live], now=now)
    await desk.read(desk.file(CHAT), phone="+15550100111")
    assert await desk.count(conversations) == await desk.count(contacts) == 1
    assert (await messages.load_due(desk.database, accepted.conversation_id, now=now, limit=10))[0].id == accepted.id
    async with desk.database.read() as connection:
        assert await connection.scalar(select(conversations.c.answered_up_to)) is None
    # Old questions of a chat that has gone on are not dug up, now or later.
    assert await inbox.waiting(desk.database, limit=10) == []
    await desk.database.write(lambda connection: waits.recount(connection, accepted.conversation_id))
    assert await inbox.waiting(desk.database, limit=10) == []


async def test_a_number_that_is_told_later_joins_what_was_read_in_before(desk: Desk) -> None:
    """With the chat that the desk has of it since: they are one contact, and can be written to."""
    await desk.read(desk.file(CHAT))
    imported = await addresses.chat_of(desk.database, 1)
    assert imported is not None
    assert imported.phone_number is None
    now = datetime.now(UTC)
    live = parse(
        json.dumps(webhook("Hello")).encode(), account="main", now=now, region=None, max_history_items=10
    )  # fmt: skip
    await Intake(desk.database).accept([live], now=now)
    assert (await desk.read(desk.file(CHAT), phone="+15550100111")).stored == 0
    reached = await addresses.chat_of(desk.database, 1)
    assert reached is not None
    assert reached.phone_number == "+15550100111"
    contact = await profiles.fetch(desk.database, 1)
    assert contact is not None
    assert (contact.messages, len(contact.merges)) == (4, 1)
    await desk.read(desk.file(CHAT), phone="+15550100111")
    assert await profiles.fetch(desk.database, 1) == contact


async def test_who_wrote_long_ago_waits_no_more(desk: Desk) -> None:
    """They would stand before everybody who waits now; what they wrote is judged and found all the same."""
    old = CHAT.replace("11/17/26", "5/17/26").replace("11/18/26", "5/18/26")
    report = await desk.read(desk.file(old))
    assert [item.sender for item in report.waiting] == ["Ada Example"]
    assert report.stored == report.messages
    assert await inbox.waiting(desk.database, limit=10) == []


async def test_a_group_is_one_conversation_of_several_people(desk: Desk) -> None:
    """Whoever is not us is a contact of their own."""
    text = (
        "1/13/26, 9:00 AM - Ada: hi\n1/13/26, 9:01 AM - +1 555 010 0222: please call me\n1/13/26, 9:02 AM - Lale: ok\n"
    )
    with pytest.raises(InvalidInputError, match="which of them are you"):
        await desk.read(desk.file(text, name="Suppliers"))
    with pytest.raises(InvalidInputError, match="nobody called “Bob”"):
        await desk.read(desk.file(text, name="Suppliers"), me=("Bob",))
    report = await desk.read(desk.file(text, name="Suppliers"), me=("Lale",))
    assert report.stored == 3
    (record, *_) = await messages.fetch_latest(desk.database, limit=1)
    assert record.message.is_group
    assert await desk.count(conversations) == 1


async def test_sides_are_told_from_the_files_name_or_asked_for(desk: Desk) -> None:
    """Whoever's name is only a part of another's is not taken for it."""
    both = "1/13/26, 9:00 AM - Joanna/Smith: hi, how much is it?\n1/13/26, 9:01 AM - Anna: ten\n"
    path = desk.file(both, name="WhatsApp Chat with Joanna Smith (1)")
    chat = who_is_who(read_export(path, zone=UTC), me=())  # type: ignore[arg-type]
    assert (chat.us, chat.title) == (frozenset({"Anna"}), "Joanna/Smith")
    alone = desk.file("1/13/26, 9:00 AM - Lale Shop: hello\n")
    with pytest.raises(InvalidInputError, match="which of them are you"):
        who_is_who(read_export(alone, zone=UTC), me=())  # type: ignore[arg-type]


async def test_a_file_of_the_owner_is_no_attachment(desk: Desk) -> None:
    """A customer may type any name; a damaged archive costs its file and nothing else."""
    (desk.directory / "plans.pdf").write_bytes(b"%PDF-1.4 secret")
    report = await desk.read(desk.file("1/13/26, 9:00 AM - Ada Example: plans.pdf (your copy)\n"))
    assert (report.stored, report.files) == (1, 0)
    path = desk.file(CHAT, {"IMG-20261117-WA0001.jpg": b"picture" * 100})
    path.write_bytes(path.read_bytes().replace(b"picture", b"damaged"))
    report = await desk.read(path)
    assert (report.stored, report.files) == (5, 0)


async def test_a_file_that_is_not_there_or_too_large_holds_nothing_up(desk: Desk) -> None:
    """The text is what counts."""
    report = await desk.read(desk.file(CHAT, {"IMG-20261117-WA0001.jpg": b"x" * (MEBIBYTE + 1)}))
    assert (report.stored, report.files, report.files_lost, report.problem) == (5, 0, 1, None)
    assert await desk.count(attachments) == 0


async def test_files_for_which_there_is_no_room_are_told_of(desk: Desk) -> None:
    """Whoever imports would take the chat for whole."""
    desk.media = MediaFiles(
        desk.directory / "full", place=Directory(desk.directory / "full"), max_bytes=MEBIBYTE, quota_bytes=1, min_free_bytes=0,
        stored_bytes=partial(changes.stored_bytes, desk.database),
    )  # fmt: skip
    report = await desk.read(desk.file(CHAT, {"IMG-20261117-WA0001.jpg": b"picture"}))
    assert (report.stored, report.files, report.files_lost) == (5, 0, 1)
    assert "MEDIA_QUOTA_MB" in (report.problem or "")
