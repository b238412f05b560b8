"""Who waits for an answer, until when, and who was answered in time.

A wait begins with the first message that needs an answer and ends when somebody of ours writes. An answer answers what was
there when it was written: a message that crossed it goes on waiting.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Row, delete, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.deadlines import Deadline
from frontdesk.store import dialogues, events, glance
from frontdesk.store.database import Database
from frontdesk.store.desk_tables import episodes, waits
from frontdesk.store.tables import analytics_results, conversations, webhook_messages

AnsweredBy = Literal["person", "phone", "automatic", "nobody"]
"""``person``: over the desk; ``phone``: typed on the linked phone; ``nobody``: somebody said that no answer is needed."""

LOOKED_AT_ONCE = 500
MAX_DURATIONS = 20_000


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A message that needs an answer."""

    account_id: int
    conversation_id: int
    message_id: int
    since: datetime
    deadline: Deadline


@dataclass(frozen=True, kw_only=True)
class Figures:
    """How answering went: of waits that ended in a span, and those that last. Times are seconds."""

    open: int
    overdue: int
    answered: int
    in_time: int
    responses: Sequence[float]
    first_responses: Sequence[float]
    resolutions: Sequence[float]


async def begin(connection: AsyncConnection, wanted: Sequence[Wanted]) -> None:
    """Messages were judged to need an answer: a part of that transaction, which holds their conversations."""
    if not wanted:
        return
    ids = sorted({item.conversation_id for item in wanted})
    rows = await connection.execute(
        select(conversations.c.id, conversations.c.answered_up_to).where(conversations.c.id.in_(ids))
    )
    answered = {int(row.id): row.answered_up_to or 0 for row in rows}
    unanswered: defaultdict[int, list[Wanted]] = defaultdict(list)
    for item in wanted:
        if item.message_id > answered[item.conversation_id]:
            unanswered[item.conversation_id].append(item)
    for row in await connection.execute(select(waits).where(waits.c.conversation_id.in_(ids), _is_open(waits))):
        items = unanswered.pop(row.conversation_id, [])
        due = _first_due(items)
        changes = _due(due) if due is not None and due.deadline.due_at < row.due_at else {}
        if items and items[0].message_id < row.first_message_id:
            changes |= _first(items[0])
        if changes:
            await connection.execute(update(waits).where(waits.c.id == row.id).values(**changes))
    await _insert(connection, list(unanswered.values()))


async def answered(
    connection: AsyncConnection, conversation_id: int, *, up_to: int, by: AnsweredBy, now: datetime
) -> None:
    """Somebody of ours wrote, having seen the messages up to one: a part of the transaction that says so."""
    table = conversations
    await connection.execute(
        update(table)
        .where(table.c.id == conversation_id, or_(table.c.answered_up_to.is_(None), table.c.answered_up_to < up_to))
        .values(answered_up_to=up_to)
    )
    if by == "phone":
        # Over the desk that is known when it is written, and not only when it leaves.
        await connection.execute(update(table).where(table.c.id == conversation_id).values(person_wrote_at=now))
    if by != "automatic":
        await glance.read(connection, conversation_id)
    row = await _open_wait(connection, conversation_id)
    if row is None or row.first_message_id > up_to:
        return
    await connection.execute(update(waits).where(waits.c.id == row.id).values(_ended(by, now)))
    await _insert(connection, [await _unanswered(connection, conversation_id, up_to)])


async def recount(connection: AsyncConnection, conversation_id: int) -> None:
    """A message was judged anew: a part of that transaction. Who waited may not have needed an answer after all."""
    up_to = await connection.scalar(
        select(conversations.c.answered_up_to).where(conversations.c.id == conversation_id).with_for_update()
    )
    wanted = await _unanswered(connection, conversation_id, int(up_to or 0))
    row = await _open_wait(connection, conversation_id)
    due = _first_due(wanted)
    if row is None:
        await _insert(connection, [wanted])
    elif due is None:
        await connection.execute(delete(waits).where(waits.c.id == row.id))
    else:
        moved = {} if (row.message_id, row.due_at) == (due.message_id, due.deadline.due_at) else _due(due)
        await connection.execute(update(waits).where(waits.c.id == row.id).values(**_first(wanted[0]), **moved))


async def finish(database: Database, conversation_id: int, *, now: datetime) -> bool:
    """Somebody says that a conversation is done; False where there is no such conversation. What comes next is new."""
    table = webhook_messages

    async def work(connection: AsyncConnection) -> bool:
        row = (
            await connection.execute(
                select(conversations.c.account_id).where(conversations.c.id == conversation_id).with_for_update()
            )
        ).first()
        if row is None:
            return False
        last = await connection.scalar(select(func.max(table.c.id)).where(table.c.conversation_id == conversation_id))
        await answered(connection, conversation_id, up_to=int(last or 0), by="nobody", now=now)
        await dialogues.settle(connection, conversation_id)
        ended = await connection.execute(
            update(episodes)
            .where(episodes.c.conversation_id == conversation_id, _is_open(episodes))
            .values(is_open=None, ended_at=now)
        )
        if ended.rowcount:
            event = events.row(
                "conversation.done", now=now, account_id=row.account_id, conversation_id=conversation_id
            )  # fmt: skip
            await events.add(connection, [event])
        return True

    return await database.write(work)


async def raise_due(database: Database, *, now: datetime) -> int:
    """Tell of deadlines that are near or have passed, each once; how many there were."""
    table = waits
    is_due = table.c.look_at <= now
    async with database.read() as connection:
        if await connection.scalar(select(table.c.id).where(is_due).limit(1)) is None:
            return 0

    async def work(connection: AsyncConnection) -> int:
        rows = (
            await connection.execute(
                select(table)
                .where(is_due)
                .order_by(table.c.look_at)
                .limit(LOOKED_AT_ONCE)
                .with_for_update(skip_locked=True)
            )
        ).all()
        missed = [row.id for row in rows if row.due_at <= now]
        near = [row.id for row in rows if row.due_at > now]
        if missed:
            await connection.execute(update(table).where(table.c.id.in_(missed)).values(look_at=None))
        if near:
            await connection.execute(update(table).where(table.c.id.in_(near)).values(look_at=table.c.due_at))
        await events.add(connection, [_told(row, now) for row in rows])
        return len(rows)

    return await database.write(work)


async def figures(database: Database, *, since: datetime, now: datetime) -> Figures:
    """How answering went since a moment, over at most the latest 20,000 answers."""
    async with database.read() as connection:
        lasting = (
            await connection.execute(
                select(func.count(), func.coalesce(func.sum(waits.c.due_at <= now), 0)).where(_is_open(waits))
            )
        ).one()
        rows = (
            await connection.execute(
                select(waits.c.began_at, waits.c.ended_at, waits.c.due_at, waits.c.is_first)
                .where(waits.c.ended_at >= since, waits.c.answered_by != "nobody")
                .order_by(waits.c.ended_at.desc())
                .limit(MAX_DURATIONS)
            )
        ).all()
        ended = (
            await connection.execute(
                select(episodes.c.began_at, episodes.c.ended_at)
                .where(episodes.c.ended_at >= since)
                .order_by(episodes.c.ended_at.desc())
                .limit(MAX_DURATIONS)
            )
        ).all()
    return Figures(
        open=int(lasting[0]),
        overdue=int(lasting[1]),
        answered=len(rows),
        in_time=sum(row.ended_at <= row.due_at for row in rows),
        responses=[_seconds(row.ended_at - row.began_at) for row in rows],
        first_responses=[_seconds(row.ended_at - row.began_at) for row in rows if row.is_first],
        resolutions=[_seconds(row.ended_at - row.began_at) for row in ended],
    )


async def _open_wait(connection: AsyncConnection, conversation_id: int) -> Row[Any] | None:
    wanted = select(waits).where(waits.c.conversation_id == conversation_id, _is_open(waits))
    return (await connection.execute(wanted.with_for_update())).first()


async def _unanswered(connection: AsyncConnection, conversation_id: int, up_to: int) -> list[Wanted]:
    message, analysis = webhook_messages, analytics_results
    rows = await connection.execute(
        select(
            message.c.id, message.c.account_id, message.c.chat_time, message.c.created_at,
            analysis.c.near_at, analysis.c.due_at,
        )
        .join(analysis, analysis.c.webhook_message_id == message.c.id)
        .where(message.c.conversation_id == conversation_id, message.c.id > up_to, analysis.c.due_at.is_not(None))
        .order_by(message.c.id)
    )  # fmt: skip
    return [
        Wanted(
            account_id=row.account_id,
            conversation_id=conversation_id,
            message_id=row.id,
            since=min(row.chat_time, row.created_at),
            deadline=Deadline(near_at=row.near_at, due_at=row.due_at),
        )
        for row in rows
    ]


async def _insert(connection: AsyncConnection, by_conversation: Sequence[Sequence[Wanted]]) -> None:
    """Waits that begin, and episodes where a conversation had been at rest."""
    new = [items for items in by_conversation if items]
    if not new:
        return
    ids = [items[0].conversation_id for items in new]
    rows = await connection.execute(
        select(episodes.c.conversation_id).where(episodes.c.conversation_id.in_(ids), _is_open(episodes))
    )
    busy = {int(row.conversation_id) for row in rows}
    begun: list[dict[str, Any]] = []
    for items in new:
        first, due = items[0], _first_due(items)
        assert due is not None  # noqa: S101 (there is at least the first)
        begun.append(
            {
                "account_id": first.account_id,
                "conversation_id": first.conversation_id,
                "is_open": True,
                "is_first": first.conversation_id not in busy,
                **_first(first),
                **_due(due),
            }
        )
    await connection.execute(insert(waits), begun)
    fresh = [
        {name: row[name] for name in ("account_id", "conversation_id", "is_open", "began_at")}
        for row in begun
        if row["is_first"]
    ]
    if fresh:
        await connection.execute(insert(episodes), fresh)


def _first_due(wanted: Sequence[Wanted]) -> Wanted | None:
    return min(wanted, key=lambda item: item.deadline.due_at, default=None)


def _first(item: Wanted) -> dict[str, Any]:
    return {"first_message_id": item.message_id, "began_at": item.since}


def _due(item: Wanted) -> dict[str, Any]:
    deadline = item.deadline
    return {
        "message_id": item.message_id, "near_at": deadline.near_at, "due_at": deadline.due_at, "look_at": deadline.near_at
    }  # fmt: skip


def _ended(by: AnsweredBy, now: datetime) -> dict[str, Any]:
    return {"is_open": None, "ended_at": now, "answered_by": by, "look_at": None}


def _is_open(table: Any) -> Any:
    # Compared and not “IS TRUE”: for that MySQL reads the whole index.
    return table.c.is_open == true()


def _told(row: Row[Any], now: datetime) -> dict[str, Any]:
    return events.row(
        "deadline.missed" if row.due_at <= now else "deadline.near",
        now=now,
        account_id=row.account_id,
        conversation_id=row.conversation_id,
        message_id=row.message_id,
        data={"due_at": row.due_at.isoformat(), "waiting_since": row.began_at.isoformat()},
    )


def _seconds(duration: timedelta) -> float:
    return max(duration.total_seconds(), 0.0)
