"""Messages in the store, and what each stage made of them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import Row, and_, false, func, literal_column, select, true, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.analysis import Analysis
from frontdesk.domain.contacts import Identity
from frontdesk.domain.deadlines import Deadline
from frontdesk.domain.messages import DIGEST_BYTES, HistoryItem, IncomingMessage, Media, MessageState, Quoted, Record
from frontdesk.domain.routing import Route
from frontdesk.domain.understanding import Understood
from frontdesk.domain.usage import Usage
from frontdesk.store import conversations as conversation_leases
from frontdesk.store import events, glance, indexing, waits
from frontdesk.store.database import Database
from frontdesk.store.tables import (
    accounts,
    agent_routing,
    analytics_results,
    contact_identities,
    conversations,
    message_history,
    understandings,
    webhook_messages,
)  # fmt: skip

MAX_REVISIONS = 10
MODEL_CHARACTERS = 128


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A judgement to store. ``degraded_reason`` says why rules had to stand in for the model: it is made again later."""

    analysis: Analysis
    usage: Usage
    model: str | None
    degraded_reason: str | None
    deadline: Deadline | None = None


UNFINISHED: tuple[MessageState, ...] = ("pending", "settling", "unrouted")


async def load_due(database: Database, conversation_id: int, *, now: datetime, limit: int) -> list[Record]:
    """The unfinished messages of a conversation whose time has come, in the order of acceptance, and all that settle.

    A message that waits for its analysis holds back those behind it; those that only wait for an agent come last.
    """
    table = webhook_messages
    # Each part is read along the index, so that it costs the same however many wait.
    parts = [
        select(table.c.id)
        .where(table.c.conversation_id == conversation_id, table.c.state == state, *conditions)
        .order_by(table.c.id)
        .limit(limit)
        .subquery()
        for state, conditions in (("pending", ()), ("settling", ()), ("unrouted", (table.c.due_at <= now,)))
    ]
    due = union_all(*(select(part.c.id) for part in parts)).subquery()
    async with database.read() as connection:
        rows = (await connection.execute(selected().join(due, due.c.id == table.c.id).order_by(table.c.id))).all()
        judgeable = takewhile(
            lambda row: row.due_at is None or row.due_at <= now, (row for row in rows if row.state == "pending")
        )
        settling = [row for row in rows if row.state == "settling"]
        # What is new goes first: while no agent can be reached, many may wait for one.
        found = [*settling, *judgeable, *(row for row in rows if row.state == "unrouted")][: limit + len(settling)]
        # A burst is told with the chat before its first message.
        with_history = [row for row in found if row not in settling[1:]]
        lines = await _lines(
            connection, conversation_id, b"".join(bytes(row.history_digests or b"") for row in with_history)
        )
        return [record_of(row, _window(lines, row.history_digests), ()) for row in found]


async def fetch(database: Database, message_id: int) -> Record | None:
    """One message with its history, analysis and route, or None."""
    async with database.read() as connection:
        row = (await connection.execute(selected().where(webhook_messages.c.id == message_id))).first()
        if row is None:
            return None
        lines = await _lines(connection, row.conversation_id, bytes(row.history_digests or b""))
        history = _window(lines, row.history_digests)
        identities = await connection.execute(
            select(contact_identities.c.kind, contact_identities.c.value).where(
                contact_identities.c.contact_id == row.contact_id
            )
        )
        known = tuple(Identity(kind=item.kind, value=item.value) for item in identities)
        return record_of(row, history, known)


async def fetch_latest(database: Database, *, limit: int) -> list[Record]:
    """The newest messages, newest first, without their histories."""
    async with database.read() as connection:
        rows = await connection.execute(selected().order_by(webhook_messages.c.id.desc()).limit(limit))
        return [record_of(row) for row in rows]


async def judged_since(database: Database, since: datetime, *, limit: int) -> list[int]:
    """Messages that were accepted since a moment and judged, the newest first."""
    table = webhook_messages
    async with database.read() as connection:
        rows = await connection.execute(
            select(table.c.id)
            .join(analytics_results, analytics_results.c.webhook_message_id == table.c.id)
            .where(table.c.created_at >= since)
            .order_by(table.c.created_at.desc(), table.c.id.desc())
            .limit(limit)
        )
        return [int(row.id) for row in rows]


async def replace_analysis(database: Database, record: Record, judged: Judged, *, now: datetime) -> None:
    """A later judgement replaces an earlier one and adds to its cost."""
    table = analytics_results
    replaced: int | None = None

    async def work(connection: AsyncConnection) -> None:
        nonlocal replaced
        known = (await connection.execute(select(table).where(table.c.webhook_message_id == record.id))).first()
        # Repeated after a commit whose answer was lost, it is done already.
        if known is None or (replaced is not None and known.revision > replaced):
            return
        replaced = known.revision
        values = analysis_values(judged, judged.usage + usage_of(known), now)
        await connection.execute(
            update(table).where(table.c.id == known.id).values(revision=known.revision + 1, **values)
        )
        await waits.recount(connection, record.conversation_id)
        await indexing.note(connection, indexing.RECEIVED, {record.id: record.spoken.text})
        message = webhook_messages
        latest = select(func.max(message.c.id)).where(
            message.c.conversation_id == record.conversation_id, message.c.is_from_us == false()
        )
        if await connection.scalar(latest) == record.id:
            await glance.judged(connection, {record.conversation_id: judged.analysis})
        await events.add(connection, [analysed(record, judged, now)])

    await database.write(work)


def analysis_values(judged: Judged, spent: Usage, now: datetime) -> dict[str, Any]:
    """The columns of an analysis."""
    analysis = judged.analysis
    return {
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
        "model": judged.model and judged.model[:MODEL_CHARACTERS],
        "rerate_due": judged.degraded_reason is not None,
        "degraded_reason": judged.degraded_reason and judged.degraded_reason[:255],
        "processed_at": now,
        "near_at": judged.deadline and judged.deadline.near_at,
        "due_at": judged.deadline and judged.deadline.due_at,
        "model_calls": spent.calls,
        **spent.model_dump(exclude={"calls"}),
    }


def analysed(record: Record, judged: Judged, now: datetime) -> dict[str, Any]:
    """The event that a message was judged."""
    analysis = judged.analysis
    return events.row(
        "message.analysed",
        now=now,
        account_id=record.account_id,
        conversation_id=record.conversation_id,
        message_id=record.id,
        data={
            "urgency_score": analysis.urgency_score,
            "category": analysis.category,
            "sentiment": analysis.sentiment,
            "priority_level": analysis.priority_level,
            "recommended_response_time": analysis.recommended_response_time,
            "analyser": analysis.analyser,
            "due_at": judged.deadline and judged.deadline.due_at.isoformat(),
        },
    )


async def retry_failed(database: Database, *, message_id: int | None, now: datetime) -> tuple[int, list[int]]:
    """Take up parked messages again, all or one; how many, and the ids of their conversations."""
    table = webhook_messages
    chosen = (
        table.c.state == "failed" if message_id is None else and_(table.c.state == "failed", table.c.id == message_id)
    )

    async def work(connection: AsyncConnection) -> tuple[int, list[int]]:
        rows = (
            await connection.execute(
                select(
                    table.c.id, table.c.account_id, table.c.conversation_id, analytics_results.c.id.label("analysis")
                )
                .outerjoin(analytics_results, analytics_results.c.webhook_message_id == table.c.id)
                .where(chosen)
                .order_by(table.c.id)
            )
        ).all()
        if not rows:
            return 0, []
        found = sorted({int(row.conversation_id) for row in rows})
        await conversation_leases.wake(connection, found, now=now)
        for state, ids in (
            ("pending", [row.id for row in rows if row.analysis is None]),
            ("unrouted", [row.id for row in rows if row.analysis is not None]),
        ):
            if ids:
                await connection.execute(
                    update(table)
                    .where(table.c.id.in_(ids))
                    .values(state=state, attempts=0, due_at=now, error=None, processed_at=None)
                )
        retried = [
            events.row(
                "message.retried",
                now=now,
                account_id=row.account_id,
                conversation_id=row.conversation_id,
                message_id=row.id,
            )
            for row in rows
        ]
        await events.add(connection, retried)
        return len(rows), found

    return await database.write(work)


async def to_rerate(database: Database, *, limit: int) -> Sequence[int]:
    """Ids of the messages that rules judged in place of the model, oldest first."""
    table = analytics_results
    async with database.read() as connection:
        rows = await connection.execute(
            select(table.c.webhook_message_id)
            .where(table.c.rerate_due == true(), table.c.revision < MAX_REVISIONS)
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


def selected() -> Any:
    """A query for messages with all that :func:`record_of` makes a value of."""
    analysis, route, heard = analytics_results, agent_routing, understandings
    return (
        select(
            webhook_messages,
            accounts.c.name.label("account"),
            conversations.c.is_group,
            conversations.c.chat_key,
            analysis.c.document.label("analysis_document"),
            analysis.c.due_at.label("response_due_at"),
            route.c.success.label("route_success"),
            route.c.agent.label("route_agent"),
            route.c.reason.label("route_reason"),
            route.c.response.label("route_response"),
            heard.c.kind.label("understood_kind"),
            heard.c.status.label("understood_status"),
            heard.c.content.label("understood_text"),
            heard.c.language.label("understood_language"),
            heard.c.error.label("understood_error"),
        )
        .join(accounts, accounts.c.id == webhook_messages.c.account_id)
        .join(conversations, conversations.c.id == webhook_messages.c.conversation_id)
        .outerjoin(analysis, analysis.c.webhook_message_id == webhook_messages.c.id)
        .outerjoin(route, route.c.webhook_message_id == webhook_messages.c.id)
        .outerjoin(
            heard,
            and_(
                heard.c.account_id == webhook_messages.c.account_id, heard.c.message_id == webhook_messages.c.message_id
            ),
        )
    )


async def _lines(connection: AsyncConnection, conversation_id: int, packed: bytes) -> dict[bytes, HistoryItem]:
    digests = sorted(set(_unpacked(packed)))
    if not digests:
        return {}
    table = message_history
    rows = await connection.execute(
        select(table).where(table.c.conversation_id == conversation_id, table.c.digest.in_(digests))
    )
    return {
        bytes(row.digest): HistoryItem(
            sender=row.sender, content=row.content, sent_at=row.sent_at, type=row.type, from_us=row.from_us
        )
        for row in rows
    }


def _window(lines: Mapping[bytes, HistoryItem], packed: bytes | None) -> tuple[HistoryItem, ...]:
    return tuple(lines[digest] for digest in _unpacked(bytes(packed or b"")) if digest in lines)


def _unpacked(packed: bytes) -> list[bytes]:
    return [packed[start : start + DIGEST_BYTES] for start in range(0, len(packed), DIGEST_BYTES)]


def record_of(row: Row[Any], history: tuple[HistoryItem, ...] = (), identities: tuple[Identity, ...] = ()) -> Record:
    """The message that a row is."""
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
        forwarded=bool(row.is_forwarded),
        trace=row.trace,
    )
    route = None
    if row.route_reason is not None:
        response = json.loads(row.route_response) if row.route_response else None
        route = Route(success=row.route_success, agent=row.route_agent, reason=row.route_reason, response=response)
    return Record(
        id=row.id,
        account_id=row.account_id,
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
        due_at=row.due_at,
        response_due_at=row.response_due_at,
        analysis=Analysis.restore(row.analysis_document) if row.analysis_document else None,
        route=route,
        understood=_understood(row),
    )


def _understood(row: Row[Any]) -> Understood | None:
    if row.understood_kind is None:
        return None
    return Understood(
        kind=row.understood_kind,
        status=row.understood_status,
        text=row.understood_text,
        language=row.understood_language,
        error=row.understood_error,
    )


def usage_of(row: Row[Any]) -> Usage:
    """What a stored analysis took."""
    return Usage(
        calls=row.model_calls,
        input_tokens=row.input_tokens,
        cached_tokens=row.cached_tokens,
        output_tokens=row.output_tokens,
        cost_micro_usd=row.cost_micro_usd,
        latency_ms=row.latency_ms,
    )
