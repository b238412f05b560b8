"""The thread of a conversation: what was received, and what we sent; as people read it and as agents are told it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import and_, func, literal, null, or_, select, true, union_all

from frontdesk.domain.messages import Record
from frontdesk.domain.outgoing import ACKNOWLEDGED, Outgoing
from frontdesk.domain.thread import Line
from frontdesk.domain.understanding import Understood, together_with
from frontdesk.domain.usage import Usage
from frontdesk.store import messages
from frontdesk.store import outbox as outbox_rows
from frontdesk.store.database import Database
from frontdesk.store.tables import analytics_results, conversations, outbox, understandings, webhook_messages


@dataclass(frozen=True, kw_only=True)
class Spent:
    """What the judgement of a message took, by which model."""

    model: str | None
    usage: Usage
    degraded_reason: str | None


async def latest_judged(database: Database, conversation_id: int) -> Record | None:
    """What a customer wrote last in a conversation, of what is judged."""
    message, analysis = webhook_messages, analytics_results
    newest = (
        select(func.max(message.c.id))
        .join(analysis, analysis.c.webhook_message_id == message.c.id)
        .where(message.c.conversation_id == conversation_id, message.c.is_from_us.is_(False))
    )
    async with database.read() as connection:
        number = await connection.scalar(newest)
    return await messages.fetch(database, number) if number is not None else None


async def received(
    database: Database, conversation_id: int, *, before: datetime | None, limit: int
) -> list[tuple[Record, Spent | None]]:
    """The newest messages of a conversation before a moment, the newest first, without their histories."""
    table, analysis = webhook_messages, analytics_results
    wanted = select(table.c.id).where(table.c.conversation_id == conversation_id)
    if before is not None:
        wanted = wanted.where(table.c.created_at < before)
    async with database.read() as connection:
        ids = [
            int(row.id)
            for row in await connection.execute(
                wanted.order_by(table.c.created_at.desc(), table.c.id.desc()).limit(limit)
            )
        ]
        rows = {row.id: row for row in await connection.execute(messages.selected().where(table.c.id.in_(ids)))}
        spent = {
            row.webhook_message_id: Spent(
                model=row.model, usage=messages.usage_of(row), degraded_reason=row.degraded_reason
            )
            for row in await connection.execute(select(analysis).where(analysis.c.webhook_message_id.in_(ids)))
        }
    return [(messages.record_of(rows[id_]), spent.get(id_)) for id_ in ids if id_ in rows]


async def sent(database: Database, conversation_id: int, *, before: datetime | None, limit: int) -> list[Outgoing]:
    """The newest messages of ours in a conversation that were written before a moment, the newest first, but for withdrawn ones."""
    wanted = outbox_rows.selected().where(
        outbox.c.conversation_id == conversation_id, outbox.c.state != "withdrawn"
    )  # fmt: skip
    if before is not None:
        wanted = wanted.where(outbox.c.created_at < before)
    async with database.read() as connection:
        rows = await connection.execute(wanted.order_by(outbox.c.id.desc()).limit(limit))
        return [outbox_rows.outgoing_of(row) for row in rows]


async def bounds_around(
    database: Database, conversation_id: int, message_id: int, *, later: int
) -> tuple[datetime, datetime | None] | None:
    """When a message came, and when the one came that is so many later, or None where there are not so many; None without it."""
    table = webhook_messages
    async with database.read() as connection:
        mine = table.c.id == message_id, table.c.conversation_id == conversation_id
        at = await connection.scalar(select(table.c.created_at).where(*mine))
        if at is None:
            return None
        beyond = (
            select(table.c.created_at)
            .where(table.c.conversation_id == conversation_id, table.c.created_at > at)
            .order_by(table.c.created_at)
            .offset(later)
            .limit(1)
        )
        return at, await connection.scalar(beyond)


async def since(
    database: Database,
    conversation_id: int,
    *,
    after: int,
    before: int,
    until: datetime,
    sent_after: datetime | None = None,
    limit: int,
) -> list[Line]:
    """The newest lines of a thread between two received messages, both excluded, the oldest first.

    ``until`` is when the second one was accepted. Of what we sent only what left after ``sent_after`` counts, where that is given,
    else what left after the first one was accepted.
    """
    message, heard = webhook_messages, understandings
    received = (
        select(
            message.c.id, message.c.current_message.label("content"), message.c.message_type.label("type"), message.c.chat_time,
            message.c.created_at, message.c.is_from_us, heard.c.kind, heard.c.status, heard.c.content.label("heard"),
        )
        .outerjoin(heard, and_(heard.c.account_id == message.c.account_id, heard.c.message_id == message.c.message_id))
        .where(message.c.conversation_id == conversation_id, message.c.id > after, message.c.id < before)
        .order_by(message.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    begin = select(message.c.created_at).where(message.c.id == after).scalar_subquery()
    sent = (
        select(
            null().label("id"), outbox.c.content, literal("chat").label("type"), outbox.c.sent_at.label("chat_time"),
            outbox.c.sent_at.label("created_at"), true().label("is_from_us"), null().label("kind"), null().label("status"),
            null().label("heard"),
        )
        .where(
            outbox.c.conversation_id == conversation_id,
            outbox.c.state.in_(ACKNOWLEDGED),
            outbox.c.sent_at < until,
            *([outbox.c.sent_at > sent_after] if sent_after else []),
            # A message that was erased since bounds nothing.
            *([or_(begin.is_(None), outbox.c.sent_at >= begin)] if after and not sent_after else []),
        )
        .order_by(outbox.c.id.desc())
        .limit(limit)
    )  # fmt: skip
    # Both in one look: this is asked with every turn.
    both = union_all(select(received.subquery()), select(sent.subquery()))
    async with database.read() as connection:
        rows = (await connection.execute(both)).all()
    lines = [
        Line(
            at=min(row.chat_time, row.created_at),
            text=_text(row) or f"[{row.type}]",
            from_us=bool(row.is_from_us),
            message_id=row.id,
        )
        for row in rows
    ]
    return sorted(lines, key=lambda line: line.at)[-limit:]


async def search(
    database: Database, *, conversation_id: int, contact_id: int | None, word: str, limit: int
) -> list[Line]:
    """The newest lines of a conversation that hold a word, the oldest first.

    With ``contact_id`` those of all direct conversations of that contact. An empty word is in every line.
    """
    message, table = webhook_messages, conversations
    async with database.read() as connection:
        ids = [conversation_id]
        if contact_id is not None:
            rows = await connection.execute(select(table.c.id).where(table.c.contact_id == contact_id))
            ids = sorted({conversation_id, *(int(row.id) for row in rows)})
        received = await connection.execute(
            select(message.c.id, message.c.current_message, message.c.chat_time, message.c.is_from_us)
            .where(
                message.c.conversation_id.in_(ids),
                *([message.c.current_message.contains(word, autoescape=True)] if word else []),
            )
            .order_by(message.c.id.desc())
            .limit(limit)
        )
        sent = await connection.execute(
            select(outbox.c.content, outbox.c.sent_at)
            .where(
                outbox.c.conversation_id.in_(ids),
                outbox.c.state.in_(ACKNOWLEDGED),
                *([outbox.c.content.contains(word, autoescape=True)] if word else []),
            )
            .order_by(outbox.c.id.desc())
            .limit(limit)
        )
        lines = [
            Line(at=row.chat_time, text=row.current_message, from_us=row.is_from_us, message_id=row.id)
            for row in received
        ]
        lines += [Line(at=row.sent_at, text=row.content, from_us=True) for row in sent]
    return sorted(lines, key=lambda line: line.at)[-limit:]


def _text(row: Any) -> str:
    understood = Understood(kind=row.kind, status=row.status, text=row.heard) if row.kind else None
    return together_with(row.content, understood)
