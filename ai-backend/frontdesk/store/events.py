"""What happened: rows written in the transaction of the fact itself, and numbered after its commit.

Ids of rows are given before the commit, and a reader who asks for “later than id 7” could miss an 6 that is committed
later. So one sequencer at a time numbers what is committed, and readers go by the number.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import func, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.events import Event
from frontdesk.store.database import Database
from frontdesk.store.tables import counters, events

SEQUENCE = "events"
BATCH = 1000


def row(
    type_: str,
    *,
    now: datetime,
    account_id: int | None = None,
    conversation_id: int | None = None,
    message_id: int | None = None,
    outbox_id: int | None = None,
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The row of an event; ``data`` holds facts for programs and never what somebody wrote."""
    return {
        "type": type_,
        "account_id": account_id,
        "conversation_id": conversation_id,
        "message_id": message_id,
        "outbox_id": outbox_id,
        "data": json.dumps(data or {}, ensure_ascii=False),
        "created_at": now,
    }


async def add(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write events as a part of the transaction that makes them true."""
    if rows:
        await connection.execute(insert(events), [dict(item) for item in rows])


async def number_new(database: Database) -> int:
    """Number what is committed and has no number yet; how many events that were.

    The row of the counter is the sequencer's lock: while one process numbers, another waits and then sees what is left.
    """
    async with database.read() as connection:
        if await connection.scalar(select(events.c.id).where(events.c.number.is_(None)).limit(1)) is None:
            return 0

    async def work(connection: AsyncConnection) -> int:
        last = await connection.scalar(select(counters.c.value).where(counters.c.name == SEQUENCE).with_for_update())
        if last is None:
            await connection.execute(insert(counters).values(name=SEQUENCE, value=0))
            last = 0
        rows = await connection.execute(
            select(events.c.id).where(events.c.number.is_(None)).order_by(events.c.id).limit(BATCH)
        )
        ids = [int(item.id) for item in rows]
        if not ids:
            return 0
        # Numbers may have gaps, so that one statement can give them all, in the order of the ids.
        shift = int(last) + 1 - ids[0]
        await connection.execute(
            update(events).where(events.c.id.in_(ids)).values(number=literal_column(f"id + ({shift})"))
        )
        await connection.execute(update(counters).where(counters.c.name == SEQUENCE).values(value=ids[-1] + shift))
        return len(ids)

    return await database.write(work)


async def after(database: Database, number: int, *, limit: int) -> list[Event]:
    """Events with a later number, the oldest first."""
    async with database.read() as connection:
        rows = await connection.execute(
            select(events).where(events.c.number > number).order_by(events.c.number).limit(limit)
        )
        return [
            Event(
                number=item.number,
                type=item.type,
                at=item.created_at,
                conversation_id=item.conversation_id,
                message_id=item.message_id,
                outbox_id=item.outbox_id,
                data=json.loads(item.data),
            )
            for item in rows
        ]


async def last_number(database: Database) -> int:
    """The number of the latest event, or 0."""
    async with database.read() as connection:
        return int(await connection.scalar(select(func.max(events.c.number))) or 0)
