"""Conversations as leases: a worker claims one, works on its messages in order, and gives it back.

Giving back is a step of :mod:`frontdesk.store.progress`; the columns are told of in :mod:`frontdesk.store.leases`.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.store import leases
from frontdesk.store.database import Database
from frontdesk.store.tables import conversations

IMPORTANT_LANE = 0
ORDINARY_LANE = 1


@dataclass(frozen=True, kw_only=True)
class Claim:
    """The right to work on a conversation until its lease ends. The token is new with every claim."""

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

    tried: set[int] = set()

    async def work(connection: AsyncConnection) -> list[Claim]:
        if tried:
            # The server may have died after it committed: then we hold them already.
            ours = conversations.c.id.in_(sorted(tried)), conversations.c.owner == token
            rows = await connection.execute(select(conversations.c.id).where(*ours))
            if held := [Claim(conversation_id=row.id, token=token) for row in rows]:
                return held
        first = await _due(connection, lanes[0], places, now)
        second = await _due(connection, lanes[1], places, now) if places > 1 or not first else []
        reserved = 1 if second and places > 1 else 0
        ids = (first[: places - reserved] + second)[:places]
        if not ids:
            return []
        tried.update(ids)
        await connection.execute(
            update(conversations)
            .where(conversations.c.id.in_(sorted(ids)))
            .values(leases.claimed(conversations, token=token, until=now + lease))
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


async def renew(database: Database, held: Iterable[Claim], *, now: datetime, lease: timedelta) -> set[Claim]:
    """Hold conversations longer; those of the claims that still hold. The others have been lost to somebody else."""
    claims = set(held)
    ids = sorted(claim.conversation_id for claim in claims)
    tokens = sorted({claim.token for claim in claims})
    table = conversations

    async def work(connection: AsyncConnection) -> set[Claim]:
        ours = table.c.id.in_(ids), table.c.owner.in_(tokens)
        rows = await connection.execute(select(table.c.id, table.c.owner).where(*ours).with_for_update())
        found = {Claim(conversation_id=row.id, token=bytes(row.owner)) for row in rows} & claims
        still = sorted(claim.conversation_id for claim in found)
        if still:
            await connection.execute(update(table).where(table.c.id.in_(still)).values(ready_at=now + lease))
        return found

    return await database.write(work)


async def wake(connection: AsyncConnection, conversation_ids: Iterable[int], *, now: datetime, **changes: Any) -> None:
    """There is work for conversations: a part of the transaction that makes it. Their rows are locked by it, by id."""
    table = conversations
    await connection.execute(
        update(table).where(table.c.id.in_(sorted(conversation_ids))).values(leases.woken(table, now=now) | changes)
    )


async def next_ready_at(database: Database) -> datetime | None:
    """When the next conversation is due, or None where nothing waits."""
    async with database.read() as connection:
        moments = [
            await connection.scalar(
                select(conversations.c.ready_at)
                .where(conversations.c.lane == lane, conversations.c.ready_at.is_not(None))
                .order_by(conversations.c.ready_at)
                .limit(1)
            )
            for lane in (IMPORTANT_LANE, ORDINARY_LANE)
        ]
    return min((moment for moment in moments if moment is not None), default=None)
