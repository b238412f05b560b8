"""Duties: what one process at a time does, such as sending for an account. Each is a lease, as a conversation is."""

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.store import leases
from frontdesk.store.database import Database
from frontdesk.store.tables import duties


@dataclass(frozen=True, kw_only=True)
class Duty:
    """A duty that is ours until ``until``. It is not to be done before ``paced_until``, where that is given."""

    name: str
    token: bytes
    until: datetime
    paced_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Held:
    """A duty is ours until ``until``, and nothing more of it is to be done before ``paced_until``, whoever has it."""

    until: datetime
    paced_until: datetime


async def wake(connection: AsyncConnection, name: str, *, now: datetime) -> None:
    """There is something to do: a part of the transaction that makes it."""
    table = duties
    changed = await connection.execute(update(table).where(table.c.name == name).values(leases.woken(table, now=now)))
    if not changed.rowcount:
        await connection.execute(insert(table).values(name=name, version=1, claimed_version=0, ready_at=now))


async def ensure(database: Database, name: str, *, now: datetime) -> None:
    """Make a duty that is always due, unless it is there."""

    async def work(connection: AsyncConnection) -> None:
        if await connection.scalar(select(duties.c.name).where(duties.c.name == f"{name}:")) is None:
            await connection.execute(insert(duties).values(name=f"{name}:", version=0, claimed_version=0, ready_at=now))

    await database.write(work)


async def claim(database: Database, prefix: str, places: int, *, now: datetime, lease: timedelta) -> list[Duty]:
    """Take up to ``places`` duties whose names begin so and that are due, the longest due first."""
    token = secrets.token_bytes(16)
    table = duties

    tried: dict[str, Duty] = {}

    async def work(connection: AsyncConnection) -> list[Duty]:
        if tried:
            # The server may have died after it committed: then we hold them already.
            held = await connection.execute(
                select(table.c.name).where(table.c.name.in_(sorted(tried)), table.c.owner == token)
            )
            if ours := [tried[row.name] for row in held]:
                return ours
        rows = await connection.execute(
            select(table.c.name, table.c.paced_until)
            .where(table.c.ready_at <= now, _begins_with(prefix))
            .order_by(table.c.ready_at)
            .limit(places)
            .with_for_update(skip_locked=True)
        )
        found = [Duty(name=row.name, token=token, until=now + lease, paced_until=row.paced_until) for row in rows]
        if found:
            tried.update({duty.name: duty for duty in found})
            await connection.execute(
                update(table)
                .where(table.c.name.in_(sorted(duty.name for duty in found)))
                .values(leases.claimed(table, token=token, until=now + lease))
            )
        return found

    return await database.write(work)


async def renew(database: Database, duty: Duty, *, now: datetime, lease: timedelta) -> None:
    """Hold a duty longer, if it is still ours."""
    table = duties

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(
            update(table).where(table.c.name == duty.name, table.c.owner == duty.token).values(ready_at=now + lease)
        )

    await database.write(work)


async def is_held(connection: AsyncConnection, duty: Duty) -> bool:
    """Whether a duty is still ours; its row is locked, so that it stays so until our commit."""
    table = duties
    owner = await connection.scalar(select(table.c.owner).where(table.c.name == duty.name).with_for_update())
    return owner is not None and bytes(owner) == duty.token


async def hold(connection: AsyncConnection, duty: Duty, held: Held) -> None:
    """Set the terms of a duty that is ours: a part of the transaction that found it so."""
    terms = {"ready_at": held.until, "paced_until": held.paced_until}
    await connection.execute(update(duties).where(duties.c.name == duty.name).values(terms))


async def release(database: Database, duty: Duty, *, now: datetime, next_due: datetime | None) -> None:
    """Give a duty back: due again at ``next_due``, or as soon as its pace allows where something came in between."""
    table = duties

    async def work(connection: AsyncConnection) -> None:
        if not await is_held(connection, duty):
            return
        paced: datetime | None = await connection.scalar(select(table.c.paced_until).where(table.c.name == duty.name))
        earliest = max(now, paced or now)
        due = max(next_due, earliest) if next_due else None
        await connection.execute(
            update(table).where(table.c.name == duty.name).values(leases.given_back(table, due=due, with_news=earliest))
        )

    await database.write(work)


async def next_ready_at(database: Database, prefix: str) -> datetime | None:
    """When the next duty whose name begins so is due, or None where nothing waits."""
    table = duties
    async with database.read() as connection:
        return await connection.scalar(
            select(table.c.ready_at)
            .where(table.c.ready_at.is_not(None), _begins_with(prefix))
            .order_by(table.c.ready_at)
            .limit(1)
        )


def _begins_with(prefix: str) -> ColumnElement[bool]:
    # The character after “:” bounds the names with this prefix.
    return and_(duties.c.name >= f"{prefix}:", duties.c.name < f"{prefix};")
