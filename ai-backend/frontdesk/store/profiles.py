"""Contacts as people see them: who they are, what is known of them, and how they wrote over time."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.contacts import Identity
from frontdesk.domain.errors import NotFoundError
from frontdesk.domain.profiles import FieldSource, Learned, ProfileField
from frontdesk.store import events, indexing, merging
from frontdesk.store.contact_tables import contact_fields, contact_merges
from frontdesk.store.database import Database
from frontdesk.store.tables import analytics_results, contact_identities, contacts, webhook_messages

MOODS = {"positive": 1.0, "neutral": 0.0, "negative": -1.0, "urgent": -0.5}
"""Sentiment → what it counts for the mean, from -1 (displeased) to 1 (glad)."""
LOOKED_AT = 1000
TOPICS = 10
PERSON: FieldSource = "person"


class Merge(BaseModel):
    """Another contact that went on as this one."""

    model_config = ConfigDict(frozen=True)

    merge_id: int
    contact_id: int
    source: str
    merged_at: datetime


class Mood(BaseModel):
    """How somebody felt in a week that begins on a day: from -1 to 1, over so many messages."""

    model_config = ConfigDict(frozen=True)

    week: str
    mean: float
    messages: int


class Contact(BaseModel):
    """Somebody who writes. The figures are those of the latest 1,000 judged messages, ``messages`` is of all."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str | None
    first_seen_at: datetime
    last_seen_at: datetime
    merged_into: int | None
    identities: tuple[Identity, ...] = ()
    fields: tuple[ProfileField, ...] = ()
    messages: int = 0
    mood: float | None = None
    moods: tuple[Mood, ...] = ()
    categories: Mapping[str, int] = {}
    topics: tuple[str, ...] = ()
    merges: tuple[Merge, ...] = ()


async def fields_of(database: Database, contact_id: int) -> tuple[ProfileField, ...]:
    """What is known of a contact, or of one that went on as it, by name."""
    async with database.read() as connection:
        return await _fields(connection, await merging.family(connection, contact_id))


async def learn(connection: AsyncConnection, learned: Sequence[Learned], *, now: datetime) -> None:
    """Store what messages told, as a part of the transaction that ends them.

    What a person typed stays; what is less sure than what is known changes nothing.
    """
    if not learned:
        return
    table = contact_fields
    rows = await connection.execute(
        select(table).where(table.c.contact_id.in_(sorted({item.contact_id for item in learned})))
    )
    known = {(int(row.contact_id), str(row.field)): row for row in rows}
    new: dict[tuple[int, str], dict[str, Any]] = {}
    changed: set[int] = set()
    for item in sorted(learned, key=lambda item: (item.contact_id, item.field, item.confidence)):
        key = item.contact_id, item.field
        row = known.get(key)
        if row is not None and (row.source == PERSON or row.confidence > item.confidence):
            continue
        if row is not None and row.value == item.value and row.confidence == item.confidence:
            continue
        values = {
            "value": item.value,
            "source": "message",
            "message_id": item.message_id,
            "confidence": item.confidence,
            "changed_at": now,
        }
        if row is None or row.value != item.value:
            changed.add(item.contact_id)
        if row is None:
            new[key] = {"contact_id": item.contact_id, "field": item.field, **values}
        else:
            mine = table.c.contact_id == item.contact_id, table.c.field == item.field
            await connection.execute(update(table).where(*mine).values(**values))
    if new:
        await connection.execute(insert(table), list(new.values()))
    await indexing.note_contacts(connection, changed)


async def write(database: Database, contact_id: int, values: Mapping[str, str | None], *, now: datetime) -> None:
    """A person types what they know; None forgets it, and messages may tell it again.

    Raises:
        NotFoundError: there is no such contact.
    """
    table = contact_fields

    async def work(connection: AsyncConnection) -> None:
        if await connection.scalar(select(contacts.c.id).where(contacts.c.id == contact_id)) is None:
            raise NotFoundError("there is no such contact")
        for field, value in sorted(values.items()):
            await connection.execute(delete(table).where(table.c.contact_id == contact_id, table.c.field == field))
            if value is not None:
                await connection.execute(
                    insert(table).values(
                        contact_id=contact_id, field=field, value=value, source=PERSON, confidence=1.0, changed_at=now
                    )
                )
        await indexing.note_contacts(connection, [contact_id])
        data = {"contact_id": contact_id, "fields": sorted(values)}
        await events.add(connection, [events.row("contact.changed", now=now, data=data)])

    await database.write(work)


async def fetch(database: Database, contact_id: int) -> Contact | None:
    """One contact with all that is known of it, or None."""
    async with database.read() as connection:
        row = (await connection.execute(select(contacts).where(contacts.c.id == contact_id))).first()
        if row is None:
            return None
        ids = await merging.family(connection, contact_id)
        merges = await connection.execute(
            select(contact_merges)
            .where(contact_merges.c.kept_id == contact_id, contact_merges.c.undone_at.is_(None))
            .order_by(contact_merges.c.id)
        )
        base = Contact(
            **_plain(row),
            identities=(await _identities(connection, [contact_id])).get(contact_id, ()),
            fields=await _fields(connection, ids),
            merges=tuple(
                Merge(merge_id=item.id, contact_id=item.merged_id, source=item.source, merged_at=item.merged_at)
                for item in merges
            ),
        )
        return base.model_copy(update=await _figures(connection, ids))


async def find(database: Database, *, text: str | None, before: int | None, limit: int) -> list[Contact]:
    """Contacts, the newest first, by a part of a name, a number or something that is known; without their figures."""
    wanted = select(contacts).where(contacts.c.merged_into.is_(None)).order_by(contacts.c.id.desc()).limit(limit)
    if before is not None:
        wanted = wanted.where(contacts.c.id < before)
    if text:
        identities, fields = contact_identities, contact_fields
        wanted = wanted.where(
            or_(
                contacts.c.name.contains(text, autoescape=True),
                contacts.c.id.in_(
                    select(identities.c.contact_id).where(identities.c.value.in_((text, f"+{text.lstrip('+')}")))
                ),
                contacts.c.id.in_(select(fields.c.contact_id).where(fields.c.value.contains(text, autoescape=True))),
            )
        )
    async with database.read() as connection:
        rows = (await connection.execute(wanted)).all()
        known = await _identities(connection, [row.id for row in rows])
        return [Contact(**_plain(row), identities=known.get(row.id, ())) for row in rows]


def _plain(row: Row[Any]) -> dict[str, Any]:
    return {
        "id": row.id,
        "name": row.name,
        "first_seen_at": row.first_seen_at,
        "last_seen_at": row.last_seen_at,
        "merged_into": row.merged_into,
    }


async def _identities(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, tuple[Identity, ...]]:
    table = contact_identities
    found: defaultdict[int, list[Identity]] = defaultdict(list)
    if ids:
        rows = await connection.execute(
            select(table).where(table.c.contact_id.in_(ids)).order_by(table.c.created_at, table.c.kind, table.c.value)
        )
        for row in rows:
            found[row.contact_id].append(Identity(kind=row.kind, value=row.value))
    return {contact_id: tuple(items) for contact_id, items in found.items()}


async def _fields(connection: AsyncConnection, ids: Sequence[int]) -> tuple[ProfileField, ...]:
    table = contact_fields
    rows = (await connection.execute(select(table).where(table.c.contact_id.in_(ids)))).all()
    best: dict[str, Row[Any]] = {}
    for row in rows:
        # What a person typed is certain, and what is the contact's own before what another one brought.
        rank = (row.source == PERSON, row.contact_id == ids[0], row.confidence)
        known = best.get(row.field)
        if known is None or rank > (known.source == PERSON, known.contact_id == ids[0], known.confidence):
            best[row.field] = row
    return tuple(
        ProfileField(
            field=row.field,
            value=row.value,
            source=row.source,
            message_id=row.message_id,
            confidence=row.confidence,
            changed_at=row.changed_at,
        )
        for row in sorted(best.values(), key=lambda row: str(row.field))
    )


async def _figures(connection: AsyncConnection, ids: Sequence[int]) -> dict[str, Any]:
    message, analysis = webhook_messages, analytics_results
    theirs = message.c.contact_id.in_(ids), message.c.is_from_us.is_(False)
    number = await connection.scalar(select(func.count()).select_from(message).where(*theirs))
    rows = (
        await connection.execute(
            select(message.c.chat_time, analysis.c.sentiment, analysis.c.category, analysis.c.keywords)
            .join(analysis, analysis.c.webhook_message_id == message.c.id)
            .where(*theirs)
            .order_by(message.c.id.desc())
            .limit(LOOKED_AT)
        )
    ).all()
    weeks: defaultdict[str, list[float]] = defaultdict(list)
    words: Counter[str] = Counter()
    for row in rows:
        year, week, _ = row.chat_time.isocalendar()
        monday = datetime.fromisocalendar(year, week, 1).date()
        weeks[monday.isoformat()].append(MOODS[row.sentiment])
        words.update(json.loads(row.keywords))
    moods = [mood for found in weeks.values() for mood in found]
    return {
        "messages": int(number or 0),
        "mood": round(sum(moods) / len(moods), 3) if moods else None,
        "moods": tuple(
            Mood(week=week, mean=round(sum(found) / len(found), 3), messages=len(found))
            for week, found in sorted(weeks.items())
        ),
        "categories": dict(Counter(row.category for row in rows)),
        "topics": tuple(word for word, _ in words.most_common(TOPICS)),
    }
