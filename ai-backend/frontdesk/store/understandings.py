"""What voice notes, pictures and documents say, from the moment that the file is here until it is judged."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, false, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.understanding import UnderstandingKind, Understood
from frontdesk.domain.usage import Usage
from frontdesk.store import conversations, events
from frontdesk.store.database import Database
from frontdesk.store.tables import (
    analytics_results,
    attachments,
    understandings,
    webhook_messages,
)

LANGUAGES = 3
LOOKED_THROUGH = 10


@dataclass(frozen=True, kw_only=True)
class ToUnderstand:
    """A file that is to be listened to or looked at. ``number`` is the id of its message in the store, where that is there."""

    account_id: int
    message_id: str
    kind: UnderstandingKind
    sha256: str
    mimetype: str
    filename: str | None
    size: int
    attempts: int
    number: int | None
    contact_id: int | None


async def expect(
    connection: AsyncConnection, account_id: int, message_id: str, kind: UnderstandingKind, *, now: datetime
) -> int | None:
    """A file is here that says something: a part of the transaction that notes it, which wakes its conversation.

    The id of the conversation of its message, where the message is there.
    """
    table, message = understandings, webhook_messages
    row = (
        await connection.execute(
            select(message.c.id, message.c.conversation_id, message.c.state, message.c.is_from_us).where(
                message.c.account_id == account_id, message.c.message_id == message_id
            )
        )
    ).first()
    is_ours = row is not None and row.is_from_us
    await connection.execute(
        insert(table).values(
            account_id=account_id,
            message_id=message_id,
            kind=kind,
            status="pending",
            content="",
            attempts=0,
            cost_micro_usd=0,
            latency_ms=0,
            due_at=now,
            # What we said ourselves is understood for the thread, and judged by nobody.
            is_judged=is_ours,
            created_at=now,
            changed_at=now,
        )
    )
    if row is None or row.state != "pending":
        return None
    await conversations.wake(connection, [row.conversation_id], now=now)
    await connection.execute(update(message).where(message.c.id == row.id).values(due_at=None))
    return int(row.conversation_id)


async def begin(
    database: Database, account_id: int, message_id: str, *, now: datetime, lease: timedelta
) -> ToUnderstand | None:
    """Take a file in hand, so that nobody else does for a while; None where there is none, or it is somebody's or done."""

    async def work(connection: AsyncConnection) -> ToUnderstand | None:
        return await _begin(connection, _named(account_id, message_id), now, lease)

    return await database.write(work)


async def begin_oldest(database: Database, *, now: datetime, lease: timedelta) -> ToUnderstand | None:
    """Take the file in hand that has waited longest, of messages that are judged already or were never to be."""
    table, message = understandings, webhook_messages
    due = and_(table.c.status.in_(("pending", "processing")), table.c.due_at <= now)
    late = or_(message.c.state != "pending", message.c.is_from_us.is_(True))
    wanted = (
        select(table.c.account_id, table.c.message_id)
        .join(message, and_(message.c.account_id == table.c.account_id, message.c.message_id == table.c.message_id))
        .where(due, late)
        .order_by(table.c.due_at)
        .limit(1)
    )
    async with database.read() as connection:
        if (await connection.execute(wanted)).first() is None:
            return None

    async def work(connection: AsyncConnection) -> ToUnderstand | None:
        row = (await connection.execute(wanted)).first()
        return await _begin(connection, _named(row.account_id, row.message_id), now, lease) if row else None

    return await database.write(work)


async def _begin(connection: AsyncConnection, mine: Any, now: datetime, lease: timedelta) -> ToUnderstand | None:
    table, message, file = understandings, webhook_messages, attachments
    free = or_(table.c.status == "pending", and_(table.c.status == "processing", table.c.due_at <= now))
    held = await connection.execute(select(table.c.status).where(mine, free).with_for_update())
    if held.first() is None:
        return None
    row = (
        await connection.execute(
            select(table, file.c.sha256, file.c.mimetype, file.c.filename, file.c.size, message.c.id.label("number"), message.c.contact_id)
            .join(file, and_(file.c.account_id == table.c.account_id, file.c.message_id == table.c.message_id))
            .outerjoin(
                message, and_(message.c.account_id == table.c.account_id, message.c.message_id == table.c.message_id)
            )
            .where(mine)
        )
    ).first()  # fmt: skip
    if row is None:
        # The file was removed meanwhile: nothing will ever be known of it.
        gone = {"status": "failed", "error": "the file is gone", "due_at": None, "is_judged": True, "changed_at": now}
        await connection.execute(update(table).where(mine).values(**gone))
        return None
    await connection.execute(
        update(table)
        .where(mine)
        .values(status="processing", attempts=row.attempts + 1, due_at=now + lease, changed_at=now)
    )
    return ToUnderstand(
        account_id=row.account_id,
        message_id=row.message_id,
        kind=row.kind,
        sha256=bytes(row.sha256).hex(),
        mimetype=row.mimetype,
        filename=row.filename,
        size=row.size,
        attempts=row.attempts + 1,
        number=row.number,
        contact_id=row.contact_id,
    )


async def finish(
    database: Database,
    file: ToUnderstand,
    understood: Understood,
    *,
    usage: Usage,
    model: str | None,
    due_at: datetime | None,
    is_judged: bool,
    now: datetime,
) -> None:
    """Store what came of it; with ``due_at`` it is tried again then. ``is_judged``: its message is about to be judged with it."""

    async def work(connection: AsyncConnection) -> None:
        table, mine = understandings, _named(file.account_id, file.message_id)
        row = (await connection.execute(select(table).where(mine).with_for_update())).first()
        if row is None or row.status == "completed":
            return
        await connection.execute(
            update(table)
            .where(mine)
            .values(
                status=understood.status,
                content=understood.text,
                language=understood.language,
                error=understood.error,
                model=model,
                cost_micro_usd=row.cost_micro_usd + usage.cost_micro_usd,
                latency_ms=usage.latency_ms,
                due_at=due_at,
                is_judged=row.is_judged or is_judged or understood.status == "failed",
                changed_at=now,
            )
        )
        message = await _message(connection, file)
        data = {"kind": file.kind, "status": understood.status}
        event = events.row(
            "message.understood", now=now, account_id=file.account_id, message_id=message and message.id, data=data,
            conversation_id=message and message.conversation_id,
        )  # fmt: skip
        await events.add(connection, [event])

    await database.write(work)


async def to_judge(database: Database) -> int | None:
    """The oldest message that was judged without what its file says, which is known by now; its id in the store."""
    table, message = understandings, webhook_messages
    async with database.read() as connection:
        found = await connection.scalar(
            select(message.c.id)
            .join(table, and_(message.c.account_id == table.c.account_id, message.c.message_id == table.c.message_id))
            .join(analytics_results, analytics_results.c.webhook_message_id == message.c.id)
            .where(table.c.is_judged == false(), table.c.status == "completed")
            .order_by(table.c.changed_at)
            .limit(1)
        )
    return None if found is None else int(found)


async def judged(database: Database, account_id: int, message_id: str) -> None:
    """A message was judged with what its file says."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(understandings).where(_named(account_id, message_id)).values(is_judged=true()))

    await database.write(work)


async def languages_of(database: Database, contact_id: int) -> list[str]:
    """The languages that somebody wrote in lately, the most recent first (BCP 47)."""
    analysis, message = analytics_results, webhook_messages
    async with database.read() as connection:
        rows = await connection.execute(
            select(analysis.c.language)
            .join(message, message.c.id == analysis.c.webhook_message_id)
            .where(message.c.contact_id == contact_id, analysis.c.language != "und")
            .order_by(message.c.id.desc())
            .limit(LOOKED_THROUGH)
        )
        return list(dict.fromkeys(str(row.language) for row in rows))[:LANGUAGES]


async def _message(connection: AsyncConnection, file: ToUnderstand) -> Any:
    message = webhook_messages
    found = await connection.execute(
        select(message.c.id, message.c.conversation_id).where(
            message.c.account_id == file.account_id, message.c.message_id == file.message_id
        )
    )
    return found.first()


def _named(account_id: int, message_id: str) -> Any:
    table = understandings
    return and_(table.c.account_id == account_id, table.c.message_id == message_id)
