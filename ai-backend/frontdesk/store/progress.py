"""What the stages made of messages, committed together: the steps of many conversations in one transaction.

A step counts only while its conversation is held by the one who made it. A worker that slept through its lease finds its
step refused, and what another has made of the message meanwhile stays.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeGuard

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.messages import Record
from frontdesk.domain.routing import Route
from frontdesk.domain.tasks import Wish
from frontdesk.store import events, glance, indexing, leases, messages, tasks, turns, waits
from frontdesk.store.conversations import Claim
from frontdesk.store.database import Database
from frontdesk.store.messages import UNFINISHED, Judged
from frontdesk.store.tables import agent_routing, analytics_results, conversations, webhook_messages
from frontdesk.store.tasks import Asked
from frontdesk.store.turns import Ended, Outcome
from frontdesk.store.waits import Wanted


@dataclass(frozen=True, kw_only=True)
class Analysed:
    """A message was judged for the first time. With ``settles_at`` its burst waits until then for what may follow."""

    claim: Claim
    record: Record
    judged: Judged
    settles_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Routed:
    """Messages were handed to an agent, or to none: where ``due_at`` is given they stay open and are tried again then.

    The messages of a burst are one turn, oldest first; ``wishes`` are what they ask for together, ``outcome`` is what the
    turn brought about. ``was_tried``: an agent was called, which is an attempt of each.
    """

    claim: Claim
    records: tuple[Record, ...]
    route: Route
    was_tried: bool
    latency_ms: int
    due_at: datetime | None
    wishes: tuple[Wish, ...] = ()
    outcome: Outcome | None = None

    @property
    def record(self) -> Record:
        """The last message of the burst, which stands for all."""
        return self.records[-1]


@dataclass(frozen=True, kw_only=True)
class Failed:
    """An attempt failed; without ``due_at`` the message is parked. One that is judged only lacks its agent."""

    claim: Claim
    record: Record
    error: str
    attempts: int
    due_at: datetime | None
    is_judged: bool
    route: Route | None = None
    wishes: tuple[Wish, ...] = ()

    @property
    def records(self) -> tuple[Record, ...]:
        """The message, as that of :class:`Routed`."""
        return (self.record,)


@dataclass(frozen=True, kw_only=True)
class Deferred:
    """A message is looked at again later: something that belongs to it may come."""

    claim: Claim
    record: Record
    due_at: datetime


@dataclass(frozen=True, kw_only=True)
class Released:
    """A conversation is given back: due again when its next message is, or at once where news came."""

    claim: Claim


Step = Analysed | Deferred | Routed | Failed | Released


async def store(database: Database, steps: Sequence[Step], *, now: datetime) -> list[bool]:
    """Commit steps; for each whether its lease still held. Steps of one conversation take effect in their order.

    Raises:
        UnavailableError: the store does not commit.
    """
    is_repeated = False

    async def work(connection: AsyncConnection) -> list[bool]:
        nonlocal is_repeated
        held = await _held(connection, {step.claim for step in steps})
        valid = [step for step in steps if step.claim in held]
        # The server may have died after it committed: then what is repeated here is done already.
        done = await _done(connection, valid) if is_repeated else _Done(frozenset(), frozenset())
        is_repeated = True
        await _store_analyses(
            connection, [s for s in valid if isinstance(s, Analysed) and s.record.id not in done.analysed], now
        )
        for step in valid:
            if isinstance(step, Deferred):
                await _defer(connection, step)
        ends = [s for s in valid if isinstance(s, Routed | Failed) and s.record.id not in done.ended]
        await _store_ends(connection, ends, now)
        await _release(connection, [step.claim for step in valid if isinstance(step, Released)], now)
        return [step.claim in held for step in steps]

    return await database.write(work)


@dataclass(frozen=True)
class _Done:
    analysed: frozenset[int]
    ended: frozenset[int]


async def _held(connection: AsyncConnection, claims: set[Claim]) -> set[Claim]:
    """Those of the claims that hold, with their rows locked: nobody can take a conversation over before our commit."""
    table = conversations
    rows = await connection.execute(
        select(table.c.id, table.c.owner)
        .where(table.c.id.in_(sorted(claim.conversation_id for claim in claims)))
        .order_by(table.c.id)
        .with_for_update()
    )
    owners = {int(row.id): row.owner and bytes(row.owner) for row in rows}
    return {claim for claim in claims if owners.get(claim.conversation_id) == claim.token}


async def _done(connection: AsyncConnection, steps: Sequence[Step]) -> _Done:
    ids = [record.id for step in steps for record in _records(step)]
    analysis, message = analytics_results, webhook_messages
    analysed = await connection.execute(
        select(analysis.c.webhook_message_id).where(analysis.c.webhook_message_id.in_(ids))
    )
    rows = await connection.execute(
        select(message.c.id, message.c.state, message.c.attempts).where(message.c.id.in_(ids))
    )
    states = {row.id: (row.state, row.attempts) for row in rows}
    route = agent_routing.c.webhook_message_id
    routed = {row[0] for row in await connection.execute(select(route).where(route.in_(ids)))}
    ended = {
        record.id
        for step in steps
        if isinstance(step, Routed | Failed)
        for record in step.records
        if (
            states[record.id][0] not in UNFINISHED
            or states[record.id][1] != record.attempts
            or (step.route is not None and record.route is None and record.id in routed)
        )
    }
    return _Done(frozenset(row.webhook_message_id for row in analysed), frozenset(ended))


async def _defer(connection: AsyncConnection, step: Deferred) -> None:
    table = webhook_messages
    mine = table.c.id == step.record.id, table.c.state == "pending"
    await connection.execute(update(table).where(*mine).values(due_at=step.due_at))


def _records(step: Step) -> tuple[Record, ...]:
    match step:
        case Released() | Deferred():
            return ()
        case Analysed():
            return (step.record,)
        case _:
            return step.records


async def _store_analyses(connection: AsyncConnection, steps: Sequence[Analysed], now: datetime) -> None:
    if not steps:
        return
    for step in steps:
        if step.settles_at is not None:
            table = webhook_messages
            burst = table.c.conversation_id == step.record.conversation_id, table.c.state == "settling"
            await connection.execute(update(table).where(*burst).values(due_at=step.settles_at))
            mine = table.c.id == step.record.id, table.c.state == "pending"
            await connection.execute(
                update(table).where(*mine).values(state="settling", due_at=step.settles_at, error=None)
            )
    rows = [
        {
            "webhook_message_id": step.record.id,
            "revision": 1,
            **messages.analysis_values(step.judged, step.judged.usage, now),
        }
        for step in steps
    ]
    await connection.execute(insert(analytics_results), rows)
    texts = {step.record.id: step.record.spoken.text for step in steps}
    await indexing.note(connection, indexing.RECEIVED, texts, is_new=True)
    await glance.judged(connection, {step.record.conversation_id: step.judged.analysis for step in steps})
    await waits.begin(connection, [wanted for step in steps if (wanted := _wanted(step)) is not None])
    await events.add(connection, [messages.analysed(step.record, step.judged, now) for step in steps])


def _wanted(step: Analysed) -> Wanted | None:
    record, deadline = step.record, step.judged.deadline
    if deadline is None:
        return None
    return Wanted(
        account_id=record.account_id,
        conversation_id=record.conversation_id,
        message_id=record.id,
        since=record.waits_since,
        deadline=deadline,
    )


async def _store_ends(connection: AsyncConnection, steps: Sequence[Routed | Failed], now: datetime) -> None:
    kept = await turns.keep(connection, [_ended_turn(step) for step in steps if _brings_about(step)], now=now)
    await _store_routes(connection, steps, kept.answers, now)
    await tasks.apply(connection, [_asked(step) for step in steps], now=now)
    alike: defaultdict[tuple[tuple[str, Any], ...], list[int]] = defaultdict(list)
    for step in steps:
        for record in step.records:
            changes = {"attempts": _attempts(step, record), "due_at": step.due_at, **_ending(step, now)}
            alike[tuple(changes.items())].append(record.id)
    table = webhook_messages
    for values, ids in alike.items():
        # What has ended stays ended.
        open_ = table.c.id.in_(sorted(ids)), table.c.state.in_(UNFINISHED)
        await connection.execute(update(table).where(*open_).values(**dict(values)))
    await events.add(
        connection,
        [
            events.row(
                _happened(step),
                now=now,
                account_id=record.account_id,
                conversation_id=record.conversation_id,
                message_id=record.id,
                data={"agent": step.route.agent} if step.route else {},
            )
            for step in steps
            for record in step.records
            # Of the attempts that are repeated the first is told.
            if step.due_at is None or (isinstance(step, Routed) and record.route is None)
        ],
    )
    await events.add(connection, kept.told)


def _brings_about(step: Routed | Failed) -> TypeGuard[Routed]:
    return isinstance(step, Routed) and step.outcome is not None


def _ended_turn(step: Routed | Failed) -> Ended:
    assert isinstance(step, Routed)  # noqa: S101 (asked just before)
    assert step.outcome is not None  # noqa: S101
    return Ended(
        account_id=step.record.account_id,
        conversation_id=step.record.conversation_id,
        first_message_id=step.records[0].id,
        last_message_id=step.record.id,
        outcome=step.outcome,
    )


def _attempts(step: Routed | Failed, record: Record) -> int:
    if isinstance(step, Failed):
        return step.attempts
    return record.attempts + (1 if step.was_tried else 0)


def _asked(step: Routed | Failed) -> Asked:
    record = step.record
    return Asked(
        account_id=record.account_id,
        conversation_id=record.conversation_id,
        contact_id=record.contact_id,
        message_id=record.id,
        wishes=step.wishes,
    )


def _happened(step: Routed | Failed) -> str:
    if isinstance(step, Failed):
        return "message.failed"
    return "message.routed" if step.due_at is None else "message.unrouted"


def _ending(step: Routed | Failed, now: datetime) -> dict[str, Any]:
    if isinstance(step, Routed):
        return {
            "state": "processed" if step.due_at is None else "unrouted",
            "error": None if step.route.success else step.route.reason,
            "processed_at": now,
        }
    if step.due_at is None:
        return {"state": "failed", "error": step.error, "processed_at": now}
    return {"state": "unrouted" if step.is_judged else "pending", "error": step.error}


async def _store_routes(
    connection: AsyncConnection, steps: Sequence[Routed | Failed], turn_ids: Mapping[int, int], now: datetime
) -> None:
    table = agent_routing
    new: list[dict[str, Any]] = []
    ended = [(step, record) for step in steps for record in step.records]
    for step, record in ended:
        if step.route is None:
            continue
        values: dict[str, Any] = {
            "agent": step.route.agent,
            "reason": step.route.reason,
            "success": step.route.success,
            "response": json.dumps(step.route.response, ensure_ascii=False) if step.route.response else None,
            "attempts": _attempts(step, record),
            "latency_ms": step.latency_ms if isinstance(step, Routed) else 0,
            "routed_at": now,
            "turn_id": turn_ids.get(step.record.id),
        }
        if record.route is None:
            new.append({"webhook_message_id": record.id, **values})
        else:
            mine = table.c.webhook_message_id == record.id
            await connection.execute(update(table).where(mine).values(**values))
    if new:
        await connection.execute(insert(table), new)
    answered = {step.record.conversation_id: step.route.agent for step in steps if step.route and step.route.agent}
    await glance.routed(connection, answered)


async def _release(connection: AsyncConnection, claims: Sequence[Claim], now: datetime) -> None:
    if not claims:
        return
    ids = sorted(claim.conversation_id for claim in claims)
    table = conversations
    due = await _next_due(connection, ids, now)
    groups: defaultdict[datetime | None, list[int]] = defaultdict(list)
    for id_ in ids:
        groups[due.get(id_)].append(id_)
    for moment, alike in groups.items():
        await connection.execute(
            update(table).where(table.c.id.in_(alike)).values(leases.given_back(table, due=moment, with_news=now))
        )


async def _next_due(connection: AsyncConnection, conversation_ids: Sequence[int], now: datetime) -> dict[int, datetime]:
    """When :func:`messages.load_due` has something again: of those conversations that have unfinished messages."""
    table = webhook_messages
    firsts = await connection.execute(
        select(table.c.conversation_id, func.min(table.c.id).label("first"))
        .where(table.c.conversation_id.in_(conversation_ids), table.c.state == "pending")
        .group_by(table.c.conversation_id)
    )
    ids = [row.first for row in firsts]
    rows = await connection.execute(
        select(table.c.conversation_id, func.min(table.c.due_at).label("due"), func.count(table.c.due_at), func.count())
        .where(
            or_(
                table.c.id.in_(ids),
                and_(table.c.conversation_id.in_(conversation_ids), table.c.state.in_(("settling", "unrouted"))),
            )
        )
        .group_by(table.c.conversation_id)
    )
    # One without a time is due now.
    return {int(row[0]): row[1] if row[2] == row[3] else now for row in rows}
