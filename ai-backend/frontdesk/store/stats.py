"""Counting: the last hours for ``/stats``, and hourly totals for reports."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, FromClause, and_, delete, func, insert, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.usage import Usage
from frontdesk.store.database import Database
from frontdesk.store.desk_tables import waits
from frontdesk.store.tables import agent_routing, analytics_results, daily_stats, system_stats, webhook_messages

MAX_DURATIONS = 20_000
RESPONSE_BOUNDS_S = (60, 300, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400, 259_200)
"""Answers are counted by how long they took, up to each of these; more is counted as one more than the last."""


async def counts(database: Database, *, since: datetime, until: datetime | None = None) -> dict[str, dict[str, int]]:
    """What arrived in a span, counted by state, category, sentiment, priority and agent: metric → label → number."""
    async with database.read() as connection:
        return await _counts(connection, since, until)


async def durations(database: Database, *, since: datetime) -> Sequence[float]:
    """Seconds from acceptance to the end of processing, of the latest messages since then, at most 20,000."""
    table = webhook_messages
    async with database.read() as connection:
        rows = await connection.execute(
            select(table.c.created_at, table.c.processed_at)
            .where(table.c.created_at >= since, table.c.processed_at.is_not(None), table.c.is_from_us.is_(False))
            .order_by(table.c.created_at.desc())
            .limit(MAX_DURATIONS)
        )
        return [(row.processed_at - row.created_at).total_seconds() for row in rows]


async def usage(database: Database, *, since: datetime) -> Usage:
    """What the analyses of messages since then took."""
    table = analytics_results
    names = ("model_calls", "input_tokens", "cached_tokens", "output_tokens", "cost_micro_usd", "latency_ms")
    async with database.read() as connection:
        row = (
            await connection.execute(
                select(*(func.coalesce(func.sum(table.c[name]), 0).label(name) for name in names))
                .join(webhook_messages, webhook_messages.c.id == table.c.webhook_message_id)
                .where(webhook_messages.c.created_at >= since)
            )
        ).one()
    numbers = {name: int(getattr(row, name)) for name in names}
    return Usage(calls=numbers.pop("model_calls"), **numbers)


async def waiting(database: Database) -> dict[str, int]:
    """How many messages of any age are pending, unrouted or failed, and how many analyses are to be repeated."""
    table = webhook_messages
    async with database.read() as connection:
        rows = await connection.execute(
            select(table.c.state, func.count())
            .where(table.c.state.in_(("pending", "unrouted", "failed")))
            .group_by(table.c.state)
        )
        found = {str(state): int(number) for state, number in rows}
        # Compared and not “IS TRUE”: for that MySQL reads the whole index.
        rerate = await connection.scalar(
            select(func.count()).select_from(analytics_results).where(analytics_results.c.rerate_due == true())
        )
    return {"pending": 0, "unrouted": 0, "failed": 0, **found, "to_rerate": int(rerate or 0)}


async def oldest_waiting(database: Database) -> datetime | None:
    """When the oldest message that waits to be judged was accepted, or None."""
    table = webhook_messages
    async with database.read() as connection:
        return await connection.scalar(
            select(table.c.created_at).where(table.c.state == "pending").order_by(table.c.id).limit(1)
        )


def hour_of(moment: datetime) -> datetime:
    """The beginning of the full hour (UTC) that a moment lies in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


async def roll_up(database: Database, hour: datetime, *, keeps: bool = False) -> None:
    """Write the totals of one full hour (UTC) to ``system_stats``, replacing what was there.

    With ``keeps`` no number gets smaller: what was counted long ago may have been erased since.
    """
    start = hour_of(hour)

    async def work(connection: AsyncConnection) -> None:
        table = system_stats
        this = table.c.day == start.date(), table.c.hour == start.hour
        before = (await connection.execute(select(table.c.metric, table.c.label, table.c.value).where(*this))).all()
        await connection.execute(delete(table).where(*this))
        end = start + timedelta(hours=1)
        found = await _counts(connection, start, end) | await _answers(connection, start, end)
        numbers = {(metric, label): number for metric, labels in found.items() for label, number in labels.items()}
        for row in before if keeps else ():
            key = row.metric, row.label
            numbers[key] = max(int(row.value), numbers.get(key, 0))
        rows = [
            {"day": start.date(), "hour": start.hour, "metric": metric, "label": label, "value": number}
            for (metric, label), number in sorted(numbers.items())
        ]
        if rows:
            await connection.execute(insert(table), rows)
        await sum_up(connection, start.date())

    await database.write(work)


async def judged_anew(database: Database, moment: datetime, changed: Mapping[str, tuple[str, str]]) -> None:
    """A message that came at a moment counts otherwise now: metric → its label before, and now.

    The hour is not counted anew: what was erased since would be lost. One that is not counted yet will be as it is.
    """
    if not changed:
        return
    start = hour_of(moment)

    async def work(connection: AsyncConnection) -> None:
        table = system_stats
        these = table.c.day == start.date(), table.c.hour == start.hour, table.c.metric.in_(sorted(changed))
        found = select(table.c.metric, table.c.label, table.c.value).where(*these).with_for_update()
        numbers = Counter({(row.metric, row.label): int(row.value) for row in await connection.execute(found)})
        for metric, (before, after) in changed.items():
            if numbers[metric, before]:
                numbers[metric, before] -= 1
                numbers[metric, after] += 1
        rows = [
            {"day": start.date(), "hour": start.hour, "metric": metric, "label": label, "value": number}
            for (metric, label), number in sorted(numbers.items())
            if number
        ]
        if rows:
            await connection.execute(delete(table).where(*these))
            await connection.execute(insert(table), rows)
            await sum_up(connection, start.date())

    await database.write(work)


async def sum_up(connection: AsyncConnection, day: date) -> None:
    """Write the totals of a day (UTC) to ``daily_stats``: a part of the transaction that changed one of its hours."""
    hours, days = system_stats, daily_stats
    await connection.execute(delete(days).where(days.c.day == day))
    summed = (
        select(hours.c.day, hours.c.metric, hours.c.label, func.sum(hours.c.value))
        .where(hours.c.day == day)
        .group_by(hours.c.day, hours.c.metric, hours.c.label)
    )
    await connection.execute(insert(days).from_select(["day", "metric", "label", "value"], summed))


async def _counts(connection: AsyncConnection, since: datetime, until: datetime | None) -> dict[str, dict[str, int]]:
    message, analysis, route = webhook_messages, analytics_results, agent_routing
    span: ColumnElement[bool] = and_(message.c.created_at >= since, message.c.is_from_us.is_(False))
    if until is not None:
        span = and_(span, message.c.created_at < until)
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)

    async def count(source: FromClause, **metrics: ColumnElement[Any]) -> None:
        """All metrics in one look at the rows: the combinations that occur are few."""
        columns = metrics.values()
        rows = await connection.execute(
            select(func.count(), *columns).select_from(source).where(span).group_by(*columns)
        )
        for number, *labels in rows:
            for metric, label in zip(metrics, labels, strict=True):
                if label is not None:
                    found[metric][str(label)] += int(number)

    await count(message, state=message.c.state)
    await count(
        message.join(analysis, analysis.c.webhook_message_id == message.c.id),
        category=analysis.c.category,
        sentiment=analysis.c.sentiment,
        priority=analysis.c.priority_level,
        analyser=analysis.c.analyser,
        urgency=analysis.c.urgency_score,
    )
    await count(message.join(route, route.c.webhook_message_id == message.c.id), agent=route.c.agent)
    return {metric: dict(labels) for metric, labels in found.items()}


async def _answers(connection: AsyncConnection, since: datetime, until: datetime) -> dict[str, dict[str, int]]:
    """How answering went in a span, how agents did, and what judging cost."""
    message, analysis, route = webhook_messages, analytics_results, agent_routing
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    ended = await connection.execute(
        select(waits.c.began_at, waits.c.ended_at, waits.c.due_at).where(
            waits.c.ended_at >= since, waits.c.ended_at < until, waits.c.answered_by != "nobody"
        )
    )
    for row in ended:
        seconds = (row.ended_at - row.began_at).total_seconds()
        found["answered"]["in_time" if row.ended_at <= row.due_at else "late"] += 1
        bound = next((bound for bound in RESPONSE_BOUNDS_S if seconds <= bound), RESPONSE_BOUNDS_S[-1] + 1)
        found["response"][str(bound)] += 1
    span = message.c.created_at >= since, message.c.created_at < until
    cost = await connection.scalar(
        select(func.sum(analysis.c.cost_micro_usd))
        .select_from(message.join(analysis, analysis.c.webhook_message_id == message.c.id))
        .where(*span)
    )
    if cost:
        found["cost_micro_usd"]["judging"] = int(cost)
    asked = await connection.execute(
        select(route.c.agent, func.count())
        .select_from(message.join(route, route.c.webhook_message_id == message.c.id))
        .where(*span, route.c.agent.is_not(None), route.c.success == true())
        .group_by(route.c.agent)
    )
    for agent, number in asked:
        found["agent_success"][str(agent)] = int(number)
    return {metric: dict(labels) for metric, labels in found.items()}
