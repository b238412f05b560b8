"""Conversations as leases: a worker claims one, works on its messages in order, and gives it back.

``ready_at`` is when work is due and, while claimed, the end of the lease. ``version`` counts what arrived: a conversation
that got news while it was claimed is ready again at once.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.store.database import Database
from frontdesk.store.intake import IMPORTANT_LANE, ORDINARY_LANE
from frontdesk.store.tables import conversations


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to work on a conversation until its lease ends."""

    conversation_id: int
    token: bytes


async def claim(database: Database, places: int, *, now: datetime, lease: timedelta) -> list[Claim]:
    """Claim up to ``places`` conversations that are due, the longest due first within a lane.

    The important lane comes first but never takes the last of several places while ordinary work is due, and a single
    place goes to the ordinary lane now and then, so nobody starves.
    """
    token = secrets.token_bytes(16)
    lanes = (IMPORTANT_LANE, ORDINARY_LANE)
    if places == 1 and token[0] < 64:  # one time in four
        lanes = (ORDINARY_LANE, IMPORTANT_LANE)

    async def work(connection: AsyncConnection) -> list[Claim]:
        first = await _due(connection, lanes[0], places, now)
        second = await _due(connection, lanes[1], places, now)
        reserved = 1 if second and places > 1 else 0
        ids = (first[: places - reserved] + second)[:places]
        if not ids:
            return []
        await connection.execute(
            update(conversations)
            .where(conversations.c.id.in_(sorted(ids)))
            .values(owner=token, claimed_version=conversations.c.version, ready_at=now + lease)
        )
        return [Claim(conversation_id=id_, token=token) for id_ in ids]

    return await database.write(work)


async def _due(connection: AsyncConnection, lane: int, places: int, now: datetime) -> list[int]:
    rows = await connection.execute(
        select(conversations.c.id)
        .where(conversations.c.lane == lane, conversations.c.ready_at <= now)
        .order_by(conversations.c.ready_at)
        .limit(places)
        .with_for_update(skip_locked=True)
    )
    return [int(row.id) for row in rows]


async def renew(database: Database, held: Claim, *, now: datetime, lease: timedelta) -> bool:
    """Hold a conversation longer; False where the lease was lost."""

    async def work(connection: AsyncConnection) -> bool:
        result = await connection.execute(
            update(conversations)
            .where(conversations.c.id == held.conversation_id, conversations.c.owner == held.token)
            .values(ready_at=now + lease)
        )
        return result.rowcount == 1

    return await database.write(work)


async def release(database: Database, held: Claim, *, now: datetime, next_due: datetime | None) -> bool:
    """Give a conversation back; it is due again at ``next_due``, or now where news came. False if the lease was lost."""
    table = conversations

    async def work(connection: AsyncConnection) -> bool:
        result = await connection.execute(
            update(table)
            .where(table.c.id == held.conversation_id, table.c.owner == held.token)
            .values(
                ready_at=case((table.c.version == table.c.claimed_version, next_due), else_=now),
                owner=None,
            )
        )
        return result.rowcount == 1

    return await database.write(work)


async def next_ready_at(database: Database) -> datetime | None:
    """When the next conversation is due, or None where nothing waits."""
    async with database.read() as connection:
        return await connection.scalar(
            select(conversations.c.ready_at)
            .where(conversations.c.ready_at.is_not(None))
            .order_by(conversations.c.ready_at)
            .limit(1)
        )
