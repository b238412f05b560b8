"""Endpoints of others: how far each has been told, and what it did not take.

An endpoint is a row to claim, as a conversation is: one process at a time tells it, event by event, so that it hears them in
their order.
"""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.errors import NotFoundError
from frontdesk.domain.webhooks import DeadLetter, Endpoint
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.desk_tables import webhook_dead_letters, webhook_endpoints
from frontdesk.store.tables import events


@dataclass(frozen=True, kw_only=True)
class Turn:
    """The right to tell an endpoint until the lease ends."""

    endpoint: Endpoint
    token: bytes


async def create(database: Database, values: Mapping[str, Any], *, secret: str, now: datetime) -> Endpoint:
    """Add an endpoint: it is told what happens from now on."""

    async def work(connection: AsyncConnection) -> Endpoint:
        # Repeated after a commit whose answer was lost, it is made already: nobody else has this secret.
        known = (
            await connection.execute(select(webhook_endpoints).where(webhook_endpoints.c.secret == secret))
        ).first()
        if known is not None:
            return _endpoint(known)
        last = await connection.scalar(select(func.max(events.c.number)))
        made = insert(webhook_endpoints).values(
            **_stored(values), secret=secret, position=int(last or 0), attempts=0, created_at=now
        )
        id_ = inserted_id(await connection.execute(made))
        return _endpoint((await connection.execute(_of(id_))).one())

    return await database.write(work)


async def change(database: Database, endpoint_id: int, values: Mapping[str, Any]) -> Endpoint:
    """Change an endpoint; it is tried again at once.

    Raises:
        NotFoundError: there is none.
    """

    async def work(connection: AsyncConnection) -> Endpoint:
        changes = {**_stored(values), "due_at": None}
        changed = update(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id).values(**changes)
        await connection.execute(changed)
        row = (await connection.execute(_of(endpoint_id))).first()
        if row is None:
            raise NotFoundError("there is no such endpoint")
        return _endpoint(row)

    return await database.write(work)


async def remove(database: Database, endpoint_id: int) -> bool:
    """Forget an endpoint and what it did not take; False where there is none."""

    async def work(connection: AsyncConnection) -> bool:
        letters = webhook_dead_letters
        await connection.execute(delete(letters).where(letters.c.endpoint_id == endpoint_id))
        removed = await connection.execute(delete(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id))
        return bool(removed.rowcount)

    return await database.write(work)


async def find(database: Database) -> list[Endpoint]:
    """All endpoints."""
    async with database.read() as connection:
        rows = await connection.execute(select(webhook_endpoints).order_by(webhook_endpoints.c.id))
        return [_endpoint(row) for row in rows]


async def fetch(database: Database, endpoint_id: int) -> Endpoint | None:
    """One endpoint, or None."""
    async with database.read() as connection:
        row = (await connection.execute(_of(endpoint_id))).first()
        return _endpoint(row) if row else None


async def rewind(database: Database, endpoint_id: int, *, after: int) -> Endpoint:
    """Tell an endpoint everything after an event again. Events keep their ids: who has had one knows it.

    Raises:
        NotFoundError: there is no such endpoint.
    """
    fresh = {"position": after, "attempts": 0, "failing_since": None, "error": None}
    return await change(database, endpoint_id, fresh)


async def claim(database: Database, places: int, *, now: datetime, lease: timedelta) -> list[Turn]:
    """Claim endpoints that have something to hear and are due."""
    table = webhook_endpoints
    token = secrets.token_bytes(16)
    due = (
        table.c.is_enabled == true(),
        table.c.position < select(func.max(events.c.number)).scalar_subquery(),
        or_(table.c.due_at.is_(None), table.c.due_at <= now),
        or_(table.c.held_until.is_(None), table.c.held_until <= now),
    )
    async with database.read() as connection:
        if await connection.scalar(select(table.c.id).where(*due).limit(1)) is None:
            return []

    async def work(connection: AsyncConnection) -> list[Turn]:
        wanted = select(table).where(*due).order_by(table.c.position).limit(places).with_for_update(skip_locked=True)
        rows = (await connection.execute(wanted)).all()
        ids = [row.id for row in rows]
        if ids:
            await connection.execute(
                update(table).where(table.c.id.in_(ids)).values(owner=token, held_until=now + lease)
            )
        return [Turn(endpoint=_endpoint(row), token=token) for row in rows]

    return await database.write(work)


async def told(database: Database, turn: Turn, *, up_to: int, now: datetime, lease: timedelta) -> bool:
    """Everything up to an event is dealt with; False where the turn is over: another has it, or the endpoint was changed."""
    changes = {"position": up_to, "attempts": 0, "failing_since": None, "error": None, "due_at": None}
    return await _hold(database, turn, changes, now + lease, told=up_to)


async def failed(database: Database, turn: Turn, *, attempts: int, error: str, due_at: datetime, now: datetime) -> bool:
    """The next event was not taken; it is tried again then."""
    changes = {"attempts": attempts, "error": error, "due_at": due_at}
    return await _hold(database, turn, changes | ({"failing_since": now} if attempts == 1 else {}), None)


async def disable(database: Database, turn: Turn, *, error: str) -> bool:
    """The endpoint says that it is gone."""
    return await _hold(database, turn, {"is_enabled": False, "error": error}, None)


async def give_back(database: Database, turn: Turn) -> bool:
    """Somebody else may tell it."""
    return await _hold(database, turn, {}, None)


async def bury(
    database: Database,
    turn: Turn,
    numbers: Sequence[tuple[int, str]],
    *,
    attempts: int,
    reason: str,
    due_at: datetime,
    now: datetime,
) -> bool:
    """Give events up, each with its type: they are dead letters from now on, and the next one is tried then."""
    table = webhook_dead_letters

    async def work(connection: AsyncConnection) -> bool:
        changes = {
            "position": numbers[-1][0], "attempts": attempts, "error": reason, "due_at": due_at, "held_until": None,
            "owner": None,
        }  # fmt: skip
        if not await _holds(connection, turn):
            return False
        await connection.execute(
            update(webhook_endpoints).where(webhook_endpoints.c.id == turn.endpoint.id).values(**changes)
        )
        known = await connection.execute(
            select(table.c.event_number).where(
                table.c.endpoint_id == turn.endpoint.id, table.c.event_number.in_([number for number, _ in numbers])
            )
        )
        dead = {row.event_number for row in known}
        rows = [
            {
                "endpoint_id": turn.endpoint.id,
                "event_number": number,
                "type": type_,
                "reason": reason,
                "created_at": now,
            }
            for number, type_ in numbers
            if number not in dead
        ]
        if rows:
            await connection.execute(insert(table), rows)
        return True

    return await database.write(work)


async def dead_letters(database: Database, endpoint_id: int, *, after: int = 0, limit: int) -> list[DeadLetter]:
    """What an endpoint did not take, the oldest first. ``after``: the number of the last event seen."""
    table = webhook_dead_letters
    async with database.read() as connection:
        rows = await connection.execute(
            select(table)
            .where(table.c.endpoint_id == endpoint_id, table.c.event_number > after)
            .order_by(table.c.event_number)
            .limit(limit)
        )
        return [
            DeadLetter(event_number=row.event_number, type=row.type, reason=row.reason, at=row.created_at)
            for row in rows
        ]


async def _hold(
    database: Database, turn: Turn, changes: Mapping[str, Any], until: datetime | None, *, told: int | None = None
) -> bool:
    letters = webhook_dead_letters

    async def work(connection: AsyncConnection) -> bool:
        if not await _holds(connection, turn):
            return False
        if told is not None:
            # A dead letter that was taken after all is none any more.
            mine = letters.c.endpoint_id == turn.endpoint.id, letters.c.event_number == told
            await connection.execute(delete(letters).where(*mine))
        values = {**changes, "held_until": until} | ({} if until else {"owner": None})
        await connection.execute(
            update(webhook_endpoints).where(webhook_endpoints.c.id == turn.endpoint.id).values(**values)
        )
        return True

    return await database.write(work)


async def _holds(connection: AsyncConnection, turn: Turn) -> bool:
    """Whether the turn is still ours, with the row locked. Who changed the endpoint meanwhile took it from us."""
    table = webhook_endpoints
    owner = await connection.scalar(select(table.c.owner).where(table.c.id == turn.endpoint.id).with_for_update())
    return owner is not None and bytes(owner) == turn.token


def _of(endpoint_id: int) -> Any:
    return select(webhook_endpoints).where(webhook_endpoints.c.id == endpoint_id)


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    changes = dict(values)
    if "events" in changes:
        changes["events"] = json.dumps(list(changes["events"]))
    # Whoever tells it now has told it under other terms.
    return changes | {"owner": None, "held_until": None}


def _endpoint(row: Row[Any]) -> Endpoint:
    return Endpoint(
        id=row.id,
        url=row.url,
        secret=row.secret,
        description=row.description,
        events=tuple(json.loads(row.events)),
        with_content=row.with_content,
        is_enabled=row.is_enabled,
        position=row.position,
        attempts=row.attempts,
        failing_since=row.failing_since,
        due_at=row.due_at,
        error=row.error,
        created_at=row.created_at,
    )
