"""Finding what was said and who said it: an inverted index in the database, the same in each store.

Words are written in the transaction that makes a text known, and go with what they are of. A search looks along the words, newest
first, and stops when it has enough: what it takes does not grow with what is stored. See docs/decisions/0017.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Literal

from sqlalchemy import Select, delete, func, insert, literal, or_, select, true, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.outgoing import ACKNOWLEDGED, OPEN_STATES
from frontdesk.domain.searching import SHORTEST_BEGINNING, asked_words, words_of
from frontdesk.store.contact_tables import contact_fields
from frontdesk.store.database import Database
from frontdesk.store.inbox_tables import search_words
from frontdesk.store.tables import contact_identities, contacts, conversations, outbox, webhook_messages

RECEIVED, SENT, CONTACT, GROUP = 1, 2, 3, 4
"""What a word is of: a message of ``webhook_messages``, of the outbox, a contact, or the conversation of a group."""

MOST_COMPLETIONS = 12
COUNTED = 500
REBUILT_AT_ONCE = 500
AFTER_ALL = "\U0010ffff"


@dataclass(frozen=True, kw_only=True)
class Found:
    """One message that has the words. ``message_id`` is that of a received one."""

    kind: Literal["received", "sent"]
    conversation_id: int
    title: str
    is_group: bool
    message_id: int | None
    outbox_id: int | None
    text: str
    at: datetime
    from_us: bool


@dataclass(frozen=True, kw_only=True)
class Chat:
    """A chat whose contact or group has the words."""

    conversation_id: int
    title: str
    is_group: bool
    last_message_at: datetime


async def note(connection: AsyncConnection, kind: int, texts: Mapping[int, str], *, is_new: bool = False) -> None:
    """Texts are found by their words from now on, and no more by those that they had: a part of the transaction that makes it so."""
    if not texts:
        return
    if not is_new:
        await forget(connection, kind, texts)
    rows = [
        {"kind": kind, "subject_id": subject_id, "word": word}
        for subject_id, text in sorted(texts.items())
        for word in sorted(words_of(text))
    ]
    if rows:
        await connection.execute(insert(search_words), rows)


async def note_contacts(connection: AsyncConnection, contact_ids: Iterable[int]) -> None:
    """Contacts are found by name, number and what is known of them: a part of the transaction that changed it."""
    ids = sorted(set(contact_ids))
    if not ids:
        return
    texts: dict[int, list[str]] = {id_: [] for id_ in ids}
    identity, known = contact_identities, contact_fields
    for wanted in (
        select(contacts.c.id, contacts.c.name).where(contacts.c.id.in_(ids), contacts.c.name.is_not(None)),
        select(identity.c.contact_id, identity.c.value).where(identity.c.contact_id.in_(ids)),
        select(known.c.contact_id, known.c.value).where(known.c.contact_id.in_(ids)),
    ):
        for contact_id, text in await connection.execute(wanted):
            texts[int(contact_id)].append(str(text))
    await note(connection, CONTACT, {id_: "\n".join(parts) for id_, parts in texts.items()})


async def forget(connection: AsyncConnection, kind: int, subject_ids: Iterable[int]) -> None:
    """What is erased is not found any more: a part of the transaction that erases it."""
    table, ids = search_words, sorted(subject_ids)
    if ids:
        await connection.execute(delete(table).where(table.c.kind == kind, table.c.subject_id.in_(ids)))


@dataclass(frozen=True, kw_only=True)
class Results:
    """What was found, the newest first."""

    chats: Sequence[Chat] = ()
    messages: Sequence[Found] = ()


async def find(database: Database, text: str, *, limit: int, before: int | None = None) -> Results:
    """Chats by name, number or profile, and messages of both sides, that have all the words, or words that begin so.

    With ``before``, the id of a received message, only received ones that are older.
    """
    async with database.read() as connection:
        meant = [await _meant(connection, word) for word in asked_words(text)]
        if not meant or not all(meant):
            return Results()
        kinds = (RECEIVED, SENT, CONTACT, GROUP) if before is None else (RECEIVED,)
        ids = await _subjects(connection, meant, kinds, limit, before)
        received = await _received(connection, ids[RECEIVED])
        if before is not None:
            return Results(messages=sorted(received, key=_moment, reverse=True))
        sent = await _sent(connection, ids[SENT])
        return Results(
            chats=await _chats(connection, ids[CONTACT], ids[GROUP], limit),
            messages=sorted([*received, *sent], key=_moment, reverse=True)[:limit],
        )


def _moment(found: Found) -> datetime:
    return found.at


async def _received(connection: AsyncConnection, ids: Sequence[int]) -> list[Found]:
    message, table = webhook_messages, conversations
    if not ids:
        return []
    rows = await connection.execute(
        select(
            message.c.id, message.c.conversation_id, message.c.current_message, message.c.chat_time, message.c.is_from_us,
            table.c.title, table.c.is_group,
        )
        .join(table, table.c.id == message.c.conversation_id)
        .where(message.c.id.in_(ids))
    )  # fmt: skip
    return [
        Found(
            kind="received", conversation_id=row.conversation_id, title=row.title, is_group=row.is_group,
            message_id=row.id, outbox_id=None, text=row.current_message, at=row.chat_time, from_us=row.is_from_us,
        )
        for row in rows
    ]  # fmt: skip


async def _sent(connection: AsyncConnection, ids: Sequence[int]) -> list[Found]:
    table = conversations
    if not ids:
        return []
    rows = await connection.execute(
        select(
            outbox.c.id,
            outbox.c.conversation_id,
            outbox.c.content,
            outbox.c.created_at,
            table.c.title,
            table.c.is_group,
        )
        .join(table, table.c.id == outbox.c.conversation_id)
        .where(outbox.c.id.in_(ids), outbox.c.state.in_((*ACKNOWLEDGED, *OPEN_STATES)))
    )
    return [
        Found(
            kind="sent", conversation_id=row.conversation_id, title=row.title, is_group=row.is_group,
            message_id=None, outbox_id=row.id, text=row.content, at=row.created_at, from_us=True,
        )
        for row in rows
    ]  # fmt: skip


async def _chats(
    connection: AsyncConnection, people: Sequence[int], groups: Sequence[int], limit: int
) -> Sequence[Chat]:
    table = conversations
    if not people and not groups:
        return []
    rows = await connection.execute(
        select(table)
        .where(or_(table.c.contact_id.in_(people), table.c.id.in_(groups)))
        .order_by(table.c.last_message_at.desc())
        .limit(limit)
    )
    return [
        Chat(conversation_id=row.id, title=row.title, is_group=row.is_group, last_message_at=row.last_message_at)
        for row in rows
    ]


async def rebuild(database: Database) -> int:
    """Write the words of everything anew, a portion at a time; of how many things."""
    message, chat, done = webhook_messages, conversations, 0
    sources: tuple[tuple[int, Any, Any, Any], ...] = (
        (RECEIVED, message.c.id, message.c.current_message, true()),
        (SENT, outbox.c.id, outbox.c.content, true()),
        (GROUP, chat.c.id, chat.c.title, chat.c.is_group == true()),
        (CONTACT, contacts.c.id, literal(""), true()),
    )
    for kind, id_, text, condition in sources:
        wanted = select(id_.label("id"), text.label("text")).where(condition).order_by(id_).limit(REBUILT_AT_ONCE)
        last = 0
        while ids := await database.write(partial(_rebuild, kind, wanted.where(id_ > last))):
            last, done = ids[-1], done + len(ids)
    return done


async def _rebuild(kind: int, wanted: Select[Any], connection: AsyncConnection) -> list[int]:
    rows = (await connection.execute(wanted)).all()
    if kind == CONTACT:
        await note_contacts(connection, [row.id for row in rows])
    else:
        await note(connection, kind, {row.id: row.text for row in rows})
    return [int(row.id) for row in rows]


async def _subjects(
    connection: AsyncConnection,
    meant: Sequence[Sequence[str]],
    kinds: Sequence[int],
    limit: int,
    before: int | None = None,
) -> dict[int, list[int]]:
    """Kind → the newest things of it that have, for each word that was asked for, one of those that it may mean."""
    table = search_words
    parts: list[Select[Any]] = []
    for kind, first in (await _rarest(connection, meant, kinds)).items():
        # Along the rarest: the others are looked up in what it finds.
        conditions = [table.c.kind == kind]
        if before is not None:
            conditions.append(table.c.subject_id < before)
        for place, words in enumerate(meant):
            if place != first:
                other = table.alias()
                has = select(literal(1)).where(
                    other.c.kind == kind, other.c.subject_id == table.c.subject_id, other.c.word.in_(words)
                )
                conditions.append(has.exists())
        for word in meant[first]:
            newest = select(table.c.subject_id).where(table.c.word == word, *conditions)
            part = newest.order_by(table.c.subject_id.desc()).limit(limit).subquery()
            parts.append(select(literal(kind).label("kind"), part.c.subject_id))
    found: dict[int, list[int]] = {kind: [] for kind in kinds}
    if parts:
        ids: defaultdict[int, set[int]] = defaultdict(set)
        for kind, id_ in await connection.execute(union_all(*parts)):
            ids[int(kind)].add(int(id_))
        found |= {kind: sorted(some, reverse=True)[:limit] for kind, some in ids.items()}
    return found


async def _rarest(connection: AsyncConnection, meant: Sequence[Sequence[str]], kinds: Sequence[int]) -> dict[int, int]:
    """Kind → the place of the word that the fewest things have, counted up to a bound; without kinds of which none have one."""
    if len(meant) == 1:
        return dict.fromkeys(kinds, 0)
    table = search_words
    counts = []
    for kind in kinds:
        for words in meant:
            some = select(literal(1).label("one")).where(table.c.word.in_(words), table.c.kind == kind).limit(COUNTED)
            counts.append(select(func.count()).select_from(some.subquery()).scalar_subquery())
    numbers = iter((await connection.execute(select(*counts))).one())
    found: dict[int, int] = {}
    for kind in kinds:
        counted = [int(next(numbers)) for _ in meant]
        if min(counted):
            found[kind] = counted.index(min(counted))
    return found


async def _meant(connection: AsyncConnection, word: str) -> Sequence[str]:
    """The words that there are and that begin so, the word itself first; a short one means itself."""
    if len(word) < SHORTEST_BEGINNING:
        return (word,)
    table = search_words
    known = (
        # Distinct along the index: servers step from word to word, and pass a common one by at once.
        select(table.c.word)
        .distinct()
        .where(table.c.word >= word, table.c.word < word + AFTER_ALL)
        .order_by(table.c.word)
        .limit(MOST_COMPLETIONS)
    )
    return [str(found) for found in await connection.scalars(known)]
