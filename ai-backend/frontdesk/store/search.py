"""Finding what was said and who said it.

A search looks along the words that ``store/indexing.py`` keeps, newest first, and stops when it has enough: what it takes does not
grow with what is stored. See docs/decisions/0017.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Column, ColumnElement, Select, Table, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.inbox import title_of
from frontdesk.domain.outgoing import ACKNOWLEDGED, OPEN_STATES
from frontdesk.domain.searching import SHORTEST_BEGINNING, asked_words
from frontdesk.store.database import Database
from frontdesk.store.inbox_tables import search_words
from frontdesk.store.indexing import CHAT, CONTACT, RECEIVED, SENT
from frontdesk.store.tables import contacts, conversations, outbox, webhook_messages

MESSAGES = {RECEIVED: webhook_messages, SENT: outbox}
SAID_AT = {RECEIVED: webhook_messages.c.chat_time, SENT: outbox.c.created_at}

MOST_COMPLETIONS = 12
MOST_NAMED = 60
COUNTED = 1000
REACH = 2000
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
    """A chat whose contact or title has the words."""

    conversation_id: int
    title: str
    is_group: bool
    last_message_at: datetime


@dataclass(frozen=True, kw_only=True)
class Results:
    """What was found, the newest first."""

    chats: Sequence[Chat] = ()
    messages: Sequence[Found] = ()


@dataclass(frozen=True, kw_only=True)
class Period:
    """From a moment on, and before another one; None is open."""

    since: datetime | None = None
    until: datetime | None = None

    def holds(self, moment: Column[Any]) -> list[ColumnElement[bool]]:
        """Conditions for a moment that lies in it."""
        return [
            *([moment >= self.since] if self.since else []),
            *([moment < self.until] if self.until else []),
        ]


ALWAYS = Period()


async def find(
    database: Database, text: str, *, limit: int, before: int | None = None, period: Period = ALWAYS
) -> Results:
    """Chats by name, number or profile, and messages of both sides, that have all the words, or words that begin so.

    A message has the words of its chat, too: a name and a word find the word in the chats of that name, and with a
    period a name alone finds what was said there. With ``before``, the id of a received message, only received ones that are older.
    """
    async with database.read() as connection:
        meant = [await _meant(connection, word) for word in asked_words(text)]
        if not meant or not all(meant):
            return Results()
        kinds = (RECEIVED, SENT, CONTACT, CHAT) if before is None else (RECEIVED,)
        bounds = _Bounds(limit=limit, before=before, period=period)
        ids = await _subjects(connection, meant, kinds, bounds)
        for kind, more in (await _in_named_chats(connection, meant, kinds, bounds)).items():
            ids[kind] = sorted({*ids[kind], *more}, reverse=True)[:limit]
        received = await _received(connection, ids[RECEIVED])
        if before is not None:
            return Results(messages=sorted(received, key=_moment, reverse=True))
        sent = await _sent(connection, ids[SENT])
        return Results(
            chats=await _chats(connection, ids[CONTACT], ids[CHAT], limit),
            messages=sorted([*received, *sent], key=_moment, reverse=True)[:limit],
        )


def _moment(found: Found) -> datetime:
    return found.at


async def _received(connection: AsyncConnection, ids: Sequence[int]) -> list[Found]:
    message = webhook_messages
    wanted = _in_chats(
        message, message.c.id, message.c.current_message.label("text"), message.c.chat_time.label("at"), message.c.is_from_us
    ).where(message.c.id.in_(ids))  # fmt: skip
    return [
        Found(
            kind="received", conversation_id=row.conversation_id, title=title_of(row.title, row.name), is_group=row.is_group,
            message_id=row.id, outbox_id=None, text=row.text, at=row.at, from_us=row.is_from_us,
        )
        for row in (await connection.execute(wanted) if ids else ())
    ]  # fmt: skip


async def _sent(connection: AsyncConnection, ids: Sequence[int]) -> list[Found]:
    wanted = _in_chats(outbox, outbox.c.id, outbox.c.content.label("text"), outbox.c.created_at.label("at")).where(
        outbox.c.id.in_(ids), outbox.c.state.in_((*ACKNOWLEDGED, *OPEN_STATES))
    )
    return [
        Found(
            kind="sent", conversation_id=row.conversation_id, title=title_of(row.title, row.name), is_group=row.is_group,
            message_id=None, outbox_id=row.id, text=row.text, at=row.at, from_us=True,
        )
        for row in (await connection.execute(wanted) if ids else ())
    ]  # fmt: skip


def _in_chats(messages: Table, *columns: ColumnElement[Any]) -> Select[Any]:
    """Of messages, with what their chats are called."""
    chat = conversations
    return (
        select(*columns, messages.c.conversation_id, chat.c.title, chat.c.is_group, contacts.c.name)
        .join(chat, chat.c.id == messages.c.conversation_id)
        .outerjoin(contacts, contacts.c.id == chat.c.contact_id)
    )


async def _chats(
    connection: AsyncConnection, people: Sequence[int], chats: Sequence[int], limit: int
) -> Sequence[Chat]:
    table = conversations
    if not people and not chats:
        return []
    rows = await connection.execute(
        select(table, contacts.c.name)
        .outerjoin(contacts, contacts.c.id == table.c.contact_id)
        .where(or_(table.c.contact_id.in_(people), table.c.id.in_(chats)))
        .order_by(table.c.last_message_at.desc())
        .limit(limit)
    )
    return [
        Chat(
            conversation_id=row.id, title=title_of(row.title, row.name), is_group=row.is_group,
            last_message_at=row.last_message_at,
        )
        for row in rows
    ]  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Bounds:
    """Which messages count, and how many are wanted."""

    limit: int
    before: int | None
    period: Period

    def conditions(self, kind: int) -> list[ColumnElement[bool]]:
        """For a message of a kind, where its table is joined."""
        older = [MESSAGES[kind].c.id < self.before] if self.before is not None else []
        return [*older, *self.period.holds(SAID_AT[kind])]


async def _subjects(
    connection: AsyncConnection, meant: Sequence[Sequence[str]], kinds: Sequence[int], bounds: _Bounds
) -> dict[int, list[int]]:
    """Kind → the newest things of it that have, for each word that was asked for, one of those that it may mean."""
    rarest = await _rarest(connection, meant, kinds)
    parts: list[Select[Any]] = []
    for kind, (first, number) in rarest.items():
        # Along the rarest: the others are looked up in what it finds. A common word is walked along by itself, newest first.
        along = [[word] for word in meant[first]] if number == COUNTED else [meant[first]]
        parts += [_along(kind, words, _others(meant, first), bounds, reach=REACH) for words in along]
    ids = await _gathered(connection, kinds, parts, bounds.limit)
    # Where common words seldom stand together, it takes less time to gather all that have the others than to look each up.
    scarce = {
        kind: first
        for kind, (first, number) in rarest.items()
        if number == COUNTED and len(meant) > 1 and len(ids[kind]) < bounds.limit
    }
    parts = [_along(kind, meant[first], _others(meant, first), bounds, reach=None) for kind, first in scarce.items()]
    return ids | await _gathered(connection, list(scarce), parts, bounds.limit)


def _others(meant: Sequence[Sequence[str]], first: int) -> list[Sequence[str]]:
    return [words for place, words in enumerate(meant) if place != first]


def _along(
    kind: int, words: Sequence[str], others: Sequence[Sequence[str]], bounds: _Bounds, *, reach: int | None
) -> Select[Any]:
    """Along words, newest first, what has the others, too: of so many at most, or of all."""
    table = search_words
    along = select(table.c.subject_id).where(table.c.word.in_(words), table.c.kind == kind)
    if len(words) > 1:
        along = along.distinct()
    if bounds.before is not None:
        along = along.where(table.c.subject_id < bounds.before)
    if reach is not None and others:
        along = along.order_by(table.c.subject_id.desc()).limit(reach)
    candidate = along.subquery().c.subject_id
    found = select(candidate)
    for other in others:
        has = _has(kind, candidate, other)
        # EXISTS makes MariaDB gather all things that have the other word, however many; a value is looked up one by one.
        found = found.where(has.exists() if reach is None else has.limit(1).scalar_subquery().is_not(None))
    if bounded := bounds.conditions(kind) if kind in MESSAGES else []:
        message = MESSAGES[kind]
        found = found.join(message, message.c.id == candidate).where(*bounded)
    return _newest(kind, found, candidate, bounds.limit)


async def _in_named_chats(
    connection: AsyncConnection, meant: Sequence[Sequence[str]], kinds: Sequence[int], bounds: _Bounds
) -> dict[int, list[int]]:
    """Kind → the newest messages in chats that have some of the words, which have the others themselves."""
    all_places = frozenset(range(len(meant)))
    if len(meant) == 1 and bounds.period == ALWAYS:
        return {}
    named = await _named(connection, meant)
    chat = conversations
    parts: list[Select[Any]] = []
    for places in sorted(set(named.values()), key=len, reverse=True):
        if places == all_places and bounds.period == ALWAYS:
            continue
        people = [id_ for (kind, id_), some in named.items() if kind == CONTACT and some == places]
        titled = [id_ for (kind, id_), some in named.items() if kind == CHAT and some == places]
        chats = select(chat.c.id).where(or_(chat.c.contact_id.in_(people), chat.c.id.in_(titled)))
        others = [meant[place] for place in sorted(all_places - places)]
        for kind in (kind for kind in kinds if kind in MESSAGES):
            message = MESSAGES[kind]
            found = select(message.c.id).where(
                message.c.conversation_id.in_(chats),
                *(_has(kind, message.c.id, words).exists() for words in others),
                *bounds.conditions(kind),
            )
            parts.append(_newest(kind, found, message.c.id, bounds.limit))
    return await _gathered(connection, kinds, parts, bounds.limit)


async def _named(connection: AsyncConnection, meant: Sequence[Sequence[str]]) -> dict[tuple[int, int], frozenset[int]]:
    """Contacts and chats → the places of the words that they have; of each word the newest of them."""
    table = search_words
    looks = [
        select(literal(kind).label("kind"), literal(place).label("place"), table.c.subject_id)
        .where(table.c.word.in_(words), table.c.kind == kind)
        .order_by(table.c.subject_id.desc())
        .limit(MOST_NAMED)
        .subquery()
        for place, words in enumerate(meant)
        for kind in (CONTACT, CHAT)
    ]
    named: defaultdict[tuple[int, int], set[int]] = defaultdict(set)
    for row in await connection.execute(union_all(*map(select, looks))):
        named[int(row.kind), int(row.subject_id)].add(int(row.place))
    return {subject: frozenset(places) for subject, places in named.items()}


def _has(kind: int, subject_id: ColumnElement[Any], words: Sequence[str]) -> Select[Any]:
    """A row where something has one of the words that a word may mean."""
    other = search_words.alias()
    return select(literal(1)).where(
        other.c.kind == kind, other.c.subject_id == subject_id, other.c.word.in_(words)
    )  # fmt: skip


def _newest(kind: int, wanted: Select[Any], id_: ColumnElement[Any], limit: int) -> Select[Any]:
    part = wanted.with_only_columns(id_.label("subject_id")).order_by(id_.desc()).limit(limit).subquery()
    return select(literal(kind).label("kind"), part.c.subject_id)


async def _gathered(
    connection: AsyncConnection, kinds: Sequence[int], parts: Sequence[Select[Any]], limit: int
) -> dict[int, list[int]]:
    found: defaultdict[int, set[int]] = defaultdict(set)
    if parts:
        for kind, id_ in await connection.execute(union_all(*parts)):
            found[int(kind)].add(int(id_))
    return {kind: sorted(found[kind], reverse=True)[:limit] for kind in kinds}


async def _rarest(
    connection: AsyncConnection, meant: Sequence[Sequence[str]], kinds: Sequence[int]
) -> dict[int, tuple[int, int]]:
    """Kind → the place of the word that the fewest things have, and how many, counted up to a bound; without those that none have."""
    table = search_words
    counts = []
    for kind in kinds:
        for words in meant:
            some = select(literal(1).label("one")).where(table.c.word.in_(words), table.c.kind == kind).limit(COUNTED)
            counts.append(select(func.count()).select_from(some.subquery()).scalar_subquery())
    numbers = iter((await connection.execute(select(*counts))).one())
    found: dict[int, tuple[int, int]] = {}
    for kind in kinds:
        counted = [int(next(numbers)) for _ in meant]
        if min(counted):
            found[kind] = counted.index(min(counted)), min(counted)
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
