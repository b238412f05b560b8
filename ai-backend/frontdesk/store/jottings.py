"""What people keep for themselves and each other: notes on contacts, ready-made answers, filters with a name."""

from datetime import datetime

from sqlalchemy import delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.errors import ConflictError, NotFoundError
from frontdesk.domain.inbox import CannedReply, Filter, Note, SavedFilter
from frontdesk.store import events, merging
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.inbox_tables import canned_replies, notes, saved_filters
from frontdesk.store.tables import contacts

MOST_NOTES = 200


async def notes_of(database: Database, contact_id: int) -> list[Note]:
    """What is written down about a contact, or one that went on as it; the newest first."""
    async with database.read() as connection:
        ids = await merging.family(connection, contact_id)
        rows = await connection.execute(
            select(notes).where(notes.c.contact_id.in_(ids)).order_by(notes.c.id.desc()).limit(MOST_NOTES)
        )
        return [
            Note(
                note_id=row.id, contact_id=row.contact_id, person=row.person, text=row.content, created_at=row.created_at
            )
            for row in rows
        ]  # fmt: skip


async def write_note(database: Database, contact_id: int, text: str, *, person: str | None, now: datetime) -> Note:
    """Write something down about a contact.

    Raises:
        NotFoundError: there is no such contact.
    """
    values = {"contact_id": contact_id, "person": person, "content": text, "created_at": now}

    async def work(connection: AsyncConnection) -> int:
        if await connection.scalar(select(contacts.c.id).where(contacts.c.id == contact_id)) is None:
            raise NotFoundError("there is no such contact")
        await events.add(connection, [events.row("contact.changed", now=now, data={"contact_id": contact_id})])
        return inserted_id(await connection.execute(insert(notes).values(**values)))

    id_ = await database.write(work)
    return Note(note_id=id_, contact_id=contact_id, person=person, text=text, created_at=now)


async def remove_note(database: Database, note_id: int, *, now: datetime) -> bool:
    """Throw a note away; False where there was none."""

    async def work(connection: AsyncConnection) -> bool:
        contact_id = await connection.scalar(select(notes.c.contact_id).where(notes.c.id == note_id))
        if contact_id is None:
            return False
        await connection.execute(delete(notes).where(notes.c.id == note_id))
        await events.add(connection, [events.row("contact.changed", now=now, data={"contact_id": int(contact_id)})])
        return True

    return await database.write(work)


async def replies(database: Database) -> list[CannedReply]:
    """All ready-made answers, by name."""
    async with database.read() as connection:
        rows = await connection.execute(select(canned_replies).order_by(canned_replies.c.name))
        return [CannedReply(reply_id=row.id, name=row.name, text=row.content) for row in rows]


async def keep_reply(database: Database, reply_id: int | None, name: str, text: str, *, now: datetime) -> CannedReply:
    """Keep an answer ready, or change one.

    Raises:
        NotFoundError: there is none to change. ConflictError: another has that name.
    """
    table = canned_replies

    async def work(connection: AsyncConnection) -> int:
        known = await connection.scalar(select(table.c.id).where(table.c.name == name))
        if known is not None and known != reply_id:
            raise ConflictError("another answer has that name already")
        if reply_id is None:
            return inserted_id(await connection.execute(insert(table).values(name=name, content=text, created_at=now)))
        if await connection.scalar(select(table.c.id).where(table.c.id == reply_id)) is None:
            raise NotFoundError("there is no such answer")
        await connection.execute(update(table).where(table.c.id == reply_id).values(name=name, content=text))
        return reply_id

    return CannedReply(reply_id=await database.write(work), name=name, text=text)


async def remove_reply(database: Database, reply_id: int) -> bool:
    """Throw a ready-made answer away; False where there was none."""

    async def work(connection: AsyncConnection) -> bool:
        return bool(
            (await connection.execute(delete(canned_replies).where(canned_replies.c.id == reply_id))).rowcount
        )  # fmt: skip

    return await database.write(work)


async def filters(database: Database, *, person_id: int | None) -> list[SavedFilter]:
    """The filters of everybody and those of a person, by name."""
    table = saved_filters
    theirs = or_(table.c.person_id.is_(None), table.c.person_id == (person_id or 0))
    async with database.read() as connection:
        rows = await connection.execute(select(table).where(theirs).order_by(table.c.name, table.c.id))
        return [
            SavedFilter(
                filter_id=row.id, name=row.name, filter=Filter.model_validate_json(row.query),
                is_shared=row.person_id is None,
            )
            for row in rows
        ]  # fmt: skip


async def save_filter(
    database: Database, name: str, wanted: Filter, *, person_id: int | None, now: datetime
) -> SavedFilter:
    """Keep a filter: a person's, or everybody's without one."""
    values = {"name": name, "query": wanted.model_dump_json(), "person_id": person_id, "created_at": now}

    async def work(connection: AsyncConnection) -> int:
        return inserted_id(await connection.execute(insert(saved_filters).values(**values)))

    id_ = await database.write(work)
    return SavedFilter(filter_id=id_, name=name, filter=wanted, is_shared=person_id is None)


async def remove_filter(database: Database, filter_id: int, *, person_id: int | None) -> bool:
    """Throw a filter away that is everybody's or the person's own; False where there was none."""
    table = saved_filters
    theirs = or_(table.c.person_id.is_(None), table.c.person_id == (person_id or 0))

    async def work(connection: AsyncConnection) -> bool:
        return bool((await connection.execute(delete(table).where(table.c.id == filter_id, theirs))).rowcount)

    return await database.write(work)
