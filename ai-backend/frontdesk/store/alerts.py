"""Alerts: made of events, once each, and sent when their time has come."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.alerts import Alert, AlertKind, AlertState
from frontdesk.domain.people import AlertChannel, Person
from frontdesk.store import events, people
from frontdesk.store.database import Database
from frontdesk.store.desk_tables import waits
from frontdesk.store.reply_tables import alerts, dialogues
from frontdesk.store.tables import accounts, conversations, counters

POSITION = "alerts"
REPEATED_AFTER = timedelta(minutes=30)
"""Of one conversation nobody is told the same again before."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Somebody is to be told of an event at a time."""

    event_number: int
    kind: AlertKind
    conversation_id: int
    person_id: int
    channel: AlertChannel
    due_at: datetime


async def position(database: Database) -> int:
    """The number of the last event that was looked at; what happened before anybody looked is not told."""
    async with database.read() as connection:
        found = await connection.scalar(select(counters.c.value).where(counters.c.name == POSITION))
    if found is not None:
        return int(found)
    last = await events.last_number(database)
    await move(database, last, (), now=None)
    return last


async def move(database: Database, to: int, wanted: Sequence[Wanted], *, now: datetime | None) -> None:
    """Events up to a number were looked at, and these alerts are to be sent: one transaction."""

    async def work(connection: AsyncConnection) -> None:
        table = counters
        moved = await connection.execute(
            update(table).where(table.c.name == POSITION, table.c.value <= to).values(value=to)
        )
        if not moved.rowcount:
            if await connection.scalar(select(table.c.value).where(table.c.name == POSITION)) is not None:
                # Somebody else has looked further.
                return
            await connection.execute(insert(table).values(name=POSITION, value=to))
        for item in wanted:
            await _add(connection, item, now)

    await database.write(work)


async def _add(connection: AsyncConnection, item: Wanted, now: datetime | None) -> None:
    assert now is not None  # noqa: S101 (given with every alert)
    # That a deadline has passed is news, also to who knows that something is critical; the other way round it is none.
    told = ("overdue",) if item.kind == "overdue" else ("critical", "handed_over", "overdue")
    same = (
        alerts.c.conversation_id == item.conversation_id,
        alerts.c.kind.in_(told),
        alerts.c.person_id == item.person_id,
        alerts.c.channel == item.channel,
    )
    again = or_(alerts.c.event_number == item.event_number, alerts.c.created_at > now - REPEATED_AFTER)
    if await connection.scalar(select(alerts.c.id).where(*same, again).limit(1)) is not None:
        return
    account_id = await connection.scalar(
        select(conversations.c.account_id).where(conversations.c.id == item.conversation_id)
    )
    if account_id is None:
        return
    await connection.execute(
        insert(alerts).values(
            event_number=item.event_number,
            kind=item.kind,
            account_id=account_id,
            conversation_id=item.conversation_id,
            person_id=item.person_id,
            channel=item.channel,
            channel_key=uuid.uuid4().hex,
            state="queued",
            attempts=0,
            due_at=item.due_at,
            created_at=now,
            changed_at=now,
        )
    )


async def due(database: Database, *, now: datetime, limit: int) -> list[Alert]:
    """Alerts whose time has come, the oldest first; those of people who are gone are left out."""
    known = {person.id: person for person in await people.find(database)}
    async with database.read() as connection:
        rows = (
            await connection.execute(
                select(alerts, accounts.c.name.label("account"))
                .join(accounts, accounts.c.id == alerts.c.account_id)
                .where(alerts.c.state.in_(("queued", "sending")), alerts.c.due_at <= now)
                .order_by(alerts.c.due_at)
                .limit(limit)
            )
        ).all()
    gone = [row.id for row in rows if row.person_id not in known]
    for alert_id in gone:
        await mark(database, alert_id, "dropped", now=now, error="the person is gone")
    return [_alert(row, known[row.person_id]) for row in rows if row.person_id in known]


async def is_needed(database: Database, alert: Alert) -> bool:
    """Whether there is still somebody who waits, or a conversation that nobody has taken over."""
    async with database.read() as connection:
        if alert.kind == "handed_over":
            row = (
                await connection.execute(
                    select(dialogues.c.handed_over_at, conversations.c.person_wrote_at)
                    .join(conversations, conversations.c.id == dialogues.c.conversation_id)
                    .where(dialogues.c.conversation_id == alert.conversation_id)
                )
            ).first()
            return bool(
                row and row.handed_over_at and (row.person_wrote_at is None or row.person_wrote_at < row.handed_over_at)
            )
        open_ = waits.c.conversation_id == alert.conversation_id, waits.c.is_open == true()
        return await connection.scalar(select(waits.c.id).where(*open_)) is not None


async def assignee_of(database: Database, conversation_id: int) -> int | None:
    """Whose a conversation is, or None."""
    async with database.read() as connection:
        found = await connection.scalar(
            select(dialogues.c.assignee_id).where(dialogues.c.conversation_id == conversation_id)
        )
    return None if found is None else int(found)


async def mark(
    database: Database,
    alert_id: int,
    state: AlertState,
    *,
    now: datetime,
    due_at: datetime | None = None,
    attempts: int | None = None,
    error: str | None = None,
) -> None:
    """Note what became of an alert."""
    values: dict[str, Any] = {"state": state, "due_at": due_at, "error": error, "changed_at": now}
    if attempts is not None:
        values["attempts"] = attempts

    async def work(connection: AsyncConnection) -> None:
        row = (await connection.execute(select(alerts).where(alerts.c.id == alert_id).with_for_update())).first()
        if row is None:
            return
        await connection.execute(update(alerts).where(alerts.c.id == alert_id).values(**values))
        if state in {"sent", "failed"} and row.state != state:
            event = events.row(
                f"alert.{state}", now=now, account_id=row.account_id, conversation_id=row.conversation_id,
                data={"kind": row.kind, "person_id": row.person_id, "channel": row.channel},
            )  # fmt: skip
            await events.add(connection, [event])

    await database.write(work)


def _alert(row: Any, person: Person) -> Alert:
    return Alert(
        id=row.id,
        kind=row.kind,
        account_id=row.account_id,
        account=row.account,
        conversation_id=row.conversation_id,
        person=person,
        channel=row.channel,
        channel_key=row.channel_key,
        state=row.state,
        attempts=row.attempts,
        created_at=row.created_at,
    )
