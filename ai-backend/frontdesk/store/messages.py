"""Messages in the store, and what each stage made of them."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, literal_column, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.analysis import Analysis
from frontdesk.domain.contacts import Identity
from frontdesk.domain.messages import DIGEST_BYTES, HistoryItem, IncomingMessage, Media, MessageState, Quoted, Record
from frontdesk.domain.routing import Route
from frontdesk.domain.usage import Usage
from frontdesk.store.database import Database
from frontdesk.store.tables import (
    accounts,
    agent_routing,
    analytics_results,
    contact_identities,
    conversations,
    message_history,
    webhook_messages,
)  # fmt: skip

MAX_REVISIONS = 10
MODEL_CHARACTERS = 128
UNFINISHED: tuple[MessageState, ...] = ("pending", "unrouted")


async def due_in_conversation(database: Database, conversation_id: int, *, now: datetime, limit: int) -> Sequence[int]:
    """Ids of the unfinished messages of a conversation whose time has come, in the order of acceptance.

    A message that waits for its analysis holds back those behind it; one that only waits for an agent does not.
    """
    table = webhook_messages
    async with database.read() as connection:
        held_back_by = await _first_waiting(connection, conversation_id, now)
        rows = await connection.execute(
            select(table.c.id)
            .where(
                table.c.conversation_id == conversation_id,
                table.c.state.in_(UNFINISHED),
                or_(table.c.due_at.is_(None), table.c.due_at <= now),
                table.c.id < held_back_by if held_back_by is not None else true(),
            )
            .order_by(table.c.id)
            .limit(limit)
        )
        return [int(row.id) for row in rows]


async def next_due(database: Database, conversation_id: int, *, now: datetime) -> datetime | None:
    """When :func:`due_in_conversation` has something again: now, later, or never (None)."""
    table = webhook_messages
    async with database.read() as connection:
        held_back_by = await _first_waiting(connection, conversation_id, now)
        rows = await connection.execute(
            select(table.c.due_at).where(
                table.c.conversation_id == conversation_id,
                table.c.state.in_(UNFINISHED),
                table.c.id <= held_back_by if held_back_by is not None else true(),
            )
        )
        return min((row.due_at or now for row in rows), default=None)


async def _first_waiting(connection: AsyncConnection, conversation_id: int, now: datetime) -> int | None:
    """The oldest message that waits for another attempt at its analysis."""
    table = webhook_messages
    found: int | None = await connection.scalar(
        select(table.c.id)
        .where(table.c.conversation_id == conversation_id, table.c.state == "pending", table.c.due_at > now)
        .order_by(table.c.id)
        .limit(1)
    )
    return found


async def fetch(database: Database, message_id: int) -> Record | None:
    """One message with its history, analysis and route, or None."""
    async with database.read() as connection:
        row = (await connection.execute(_selected().where(webhook_messages.c.id == message_id))).first()
        if row is None:
            return None
        history = await _history(connection, row.conversation_id, bytes(row.history_digests or b""))
        identities = await connection.execute(
            select(contact_identities.c.kind, contact_identities.c.value).where(
                contact_identities.c.contact_id == row.contact_id
            )
        )
        known = tuple(Identity(kind=item.kind, value=item.value) for item in identities)
        return _record(row, history, known)


async def fetch_latest(database: Database, *, limit: int) -> list[Record]:
    """The newest messages, newest first, without their histories."""
    async with database.read() as connection:
        rows = await connection.execute(_selected().order_by(webhook_messages.c.id.desc()).limit(limit))
        return [_record(row, (), ()) for row in rows]


async def save_analysis(
    database: Database,
    message_id: int,
    analysis: Analysis,
    *,
    usage: Usage,
    model: str | None,
    degraded_reason: str | None,
    now: datetime,
) -> None:
    """Store what was judged; a later judgement replaces an earlier one and adds to its cost.

    ``degraded_reason`` says why rules had to stand in for the model: such a message is judged again later.
    """
    table = analytics_results
    values: dict[str, Any] = {
        "urgency_score": analysis.urgency_score,
        "category": analysis.category,
        "sentiment": analysis.sentiment,
        "priority_level": analysis.priority_level,
        "action_required": analysis.action_required,
        "recommended_response_time": analysis.recommended_response_time,
        "keywords": json.dumps(analysis.keywords, ensure_ascii=False),
        "confidence_score": analysis.confidence_score,
        "language": analysis.language,
        "document": analysis.model_dump_json(),
        "analyser": analysis.analyser,
        "model": model and model[:MODEL_CHARACTERS],
        "rerate_due": degraded_reason is not None,
        "degraded_reason": degraded_reason and degraded_reason[:255],
        "processed_at": now,
    }

    async def work(connection: AsyncConnection) -> None:
        known = (await connection.execute(select(table).where(table.c.webhook_message_id == message_id))).first()
        spent = usage if known is None else usage + _usage(known)
        numbers = {"model_calls": spent.calls, **spent.model_dump(exclude={"calls"})}
        if known is None:
            await connection.execute(
                insert(table).values(webhook_message_id=message_id, revision=1, **values, **numbers)
            )
        else:
            await connection.execute(
                update(table).where(table.c.id == known.id).values(revision=known.revision + 1, **values, **numbers)
            )

    await database.write(work)


async def save_route(
    database: Database,
    message_id: int,
    route: Route,
    *,
    attempts: int,
    latency_ms: int,
    due_at: datetime | None,
    now: datetime,
) -> None:
    """Store how a message was routed, and close it; where ``due_at`` is given it stays open and is retried then."""
    table = agent_routing
    values: dict[str, Any] = {
        "agent": route.agent,
        "reason": route.reason,
        "success": route.success,
        "response": json.dumps(route.response, ensure_ascii=False) if route.response is not None else None,
        "attempts": attempts,
        "latency_ms": latency_ms,
        "routed_at": now,
    }

    async def work(connection: AsyncConnection) -> None:
        known = await connection.scalar(select(table.c.id).where(table.c.webhook_message_id == message_id))
        if known is None:
            await connection.execute(insert(table).values(webhook_message_id=message_id, **values))
        else:
            await connection.execute(update(table).where(table.c.id == known).values(**values))
        await connection.execute(
            update(webhook_messages)
            .where(webhook_messages.c.id == message_id)
            .values(
                state="processed" if due_at is None else "unrouted",
                attempts=attempts,
                due_at=due_at,
                error=None if route.success else route.reason,
                processed_at=now,
            )
        )

    await database.write(work)


async def save_failure(
    database: Database,
    message_id: int,
    *,
    error: str,
    attempts: int,
    due_at: datetime | None,
    is_judged: bool,
    now: datetime,
) -> None:
    """Note a failed attempt; without ``due_at`` the message is parked as failed. One that is judged only lacks its agent."""
    table = webhook_messages
    changes: dict[str, Any] = {"attempts": attempts, "error": error, "due_at": due_at}
    if is_judged:
        changes["state"] = "unrouted"
    if due_at is None:
        changes |= {"state": "failed", "processed_at": now}

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(table).where(table.c.id == message_id).values(**changes))

    await database.write(work)


async def to_rerate(database: Database, *, limit: int) -> Sequence[int]:
    """Ids of the messages that rules judged in place of the model, oldest first."""
    table = analytics_results
    async with database.read() as connection:
        rows = await connection.execute(
            select(table.c.webhook_message_id)
            .where(table.c.rerate_due.is_(True), table.c.revision < MAX_REVISIONS)
            # One that failed again goes to the end, so that it does not hold up the others.
            .order_by(table.c.revision, table.c.id)
            .limit(limit)
        )
        return [int(row.webhook_message_id) for row in rows]


async def defer_rerate(database: Database, message_id: int) -> None:
    """The model failed again: what stands stays, and the message goes to the end of those to be judged again."""
    table = analytics_results

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(
            update(table)
            .where(table.c.webhook_message_id == message_id)
            .values(revision=literal_column("revision + 1"))
        )

    await database.write(work)


def _selected() -> Any:
    analysis, route = analytics_results, agent_routing
    return (
        select(
            webhook_messages,
            accounts.c.name.label("account"),
            conversations.c.is_group,
            conversations.c.chat_key,
            analysis.c.document.label("analysis_document"),
            route.c.success.label("route_success"),
            route.c.agent.label("route_agent"),
            route.c.reason.label("route_reason"),
            route.c.response.label("route_response"),
        )
        .join(accounts, accounts.c.id == webhook_messages.c.account_id)
        .join(conversations, conversations.c.id == webhook_messages.c.conversation_id)
        .outerjoin(analysis, analysis.c.webhook_message_id == webhook_messages.c.id)
        .outerjoin(route, route.c.webhook_message_id == webhook_messages.c.id)
    )


async def _history(connection: AsyncConnection, conversation_id: int, packed: bytes) -> tuple[HistoryItem, ...]:
    digests = [packed[start : start + DIGEST_BYTES] for start in range(0, len(packed), DIGEST_BYTES)]
    if not digests:
        return ()
    table = message_history
    rows = await connection.execute(
        select(table).where(table.c.conversation_id == conversation_id, table.c.digest.in_(digests))
    )
    items = {
        bytes(row.digest): HistoryItem(
            sender=row.sender, content=row.content, sent_at=row.sent_at, type=row.type, from_us=row.from_us
        )
        for row in rows
    }
    return tuple(items[digest] for digest in digests if digest in items)


def _record(row: Row[Any], history: tuple[HistoryItem, ...], identities: tuple[Identity, ...]) -> Record:
    own = (Identity(kind="phone", value=row.phone_number),) if row.phone_number else ()
    message = IncomingMessage(
        account=row.account,
        message_id=row.message_id,
        sent_at=row.chat_time,
        chat_name=row.chat_name,
        text=row.current_message,
        type=row.message_type,
        identities=own + tuple(identity for identity in identities if identity not in own),
        sender_id=row.sender_id,
        sender_name=row.sender_name,
        chat_id=row.chat_key.removeprefix("group:") if row.is_group else None,
        history=history,
        media=Media.model_validate_json(row.media) if row.media else None,
        quoted=Quoted.model_validate_json(row.quoted) if row.quoted else None,
        repaired=row.is_repaired,
        from_us=row.is_from_us,
    )
    route = None
    if row.route_reason is not None:
        response = json.loads(row.route_response) if row.route_response else None
        route = Route(success=row.route_success, agent=row.route_agent, reason=row.route_reason, response=response)
    return Record(
        id=row.id,
        conversation_id=row.conversation_id,
        contact_id=row.contact_id,
        message=message,
        is_vip_customer=row.is_vip_customer,
        is_critical_group=row.is_critical_group,
        state=row.state,
        attempts=row.attempts,
        error=row.error,
        created_at=row.created_at,
        processed_at=row.processed_at,
        analysis=Analysis.restore(row.analysis_document) if row.analysis_document else None,
        route=route,
    )


def _usage(row: Row[Any]) -> Usage:
    return Usage(
        calls=row.model_calls,
        input_tokens=row.input_tokens,
        cached_tokens=row.cached_tokens,
        output_tokens=row.output_tokens,
        cost_micro_usd=row.cost_micro_usd,
        latency_ms=row.latency_ms,
    )
