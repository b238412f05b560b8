"""Figures by day and by hour of the week, read from totals: what it takes does not grow with the messages.

Totals are kept by days and by hours of UTC. Days are those of a time zone: what lies between its midnight and that of UTC is
moved from one day to the other, by hours; its offset from UTC is whole hours here, rounded down.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, func, literal, or_, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.store.database import Database
from frontdesk.store.tables import daily_stats, system_stats

HOURS = 24
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


Totals = Mapping[str, Mapping[str, int]]
"""Metric → label → number."""
Numbers = defaultdict[str, defaultdict[str, Counter[date]]]


@dataclass(frozen=True, kw_only=True)
class Daily:
    """Metric → label → day → number; and for each day of the week (Monday is 0) and hour how many messages came."""

    numbers: Mapping[str, Mapping[str, Mapping[date, int]]]
    by_hour: Mapping[tuple[int, int], int]

    @property
    def totals(self) -> Totals:
        """The sums over all days."""
        return {
            metric: {label: sum(days.values()) for label, days in labels.items()}
            for metric, labels in self.numbers.items()
        }


async def daily(database: Database, first: date, last: date, zone: ZoneInfo) -> Daily:
    """The figures of days, both included, as they begin and end in a time zone."""
    numbers: Numbers = defaultdict(lambda: defaultdict(Counter))
    by_hour: Counter[tuple[int, int]] = Counter()
    hours = system_stats
    async with database.read() as connection:
        for begin, end, offset in _spans(first, last, zone):
            if offset is None:
                await _add_hours(connection, numbers, begin, zone)
            else:
                await _add_days(connection, numbers, begin, end, offset)
        received = await connection.execute(
            select(hours.c.day, hours.c.hour, hours.c.value).where(
                hours.c.metric == "state", hours.c.day >= first - DAY, hours.c.day <= last + DAY
            )
        )
        for day, hour, number in received:
            moment = datetime.combine(day, time(hour), tzinfo=UTC).astimezone(zone)
            if first <= moment.date() <= last:
                by_hour[moment.weekday(), moment.hour] += int(number)
    return Daily(numbers=_without_nothing(numbers), by_hour=by_hour)


async def totals(database: Database, first: date, last: date, zone: ZoneInfo, metrics: Sequence[str]) -> Totals:
    """The sums of some metrics over days, both included."""
    hours, days = system_stats, daily_stats
    begin, end = _begin(first, zone), _begin(last + DAY, zone)
    whole = select(days.c.metric, days.c.label, days.c.value).where(
        days.c.day > begin.date(), days.c.day < end.date(), days.c.metric.in_(metrics)
    )
    parts = select(hours.c.metric, hours.c.label, hours.c.value).where(
        hours.c.day.in_((begin.date(), end.date())), _is_within(begin, end), hours.c.metric.in_(metrics)
    )
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    async with database.read() as connection:
        for metric, label, number in await connection.execute(union_all(whole, parts)):
            found[metric][label] += int(number)
    return found


async def _add_days(connection: AsyncConnection, numbers: Numbers, begin: date, end: date, offset: int) -> None:
    """Days of UTC, but for the hours at one end of each that are of the day before or after it."""
    hours, days = system_stats, daily_stats
    since, until = begin - DAY, end + DAY
    wanted: Any = select(days.c.day, days.c.metric, days.c.label, days.c.value, literal(0)).where(
        days.c.day >= since, days.c.day <= until
    )
    if offset:
        is_anothers = hours.c.hour >= HOURS - offset if offset > 0 else hours.c.hour < -offset
        edges = (
            select(hours.c.day, hours.c.metric, hours.c.label, func.sum(hours.c.value), literal(1))
            .where(hours.c.day >= since, hours.c.day <= until, is_anothers)
            .group_by(hours.c.day, hours.c.metric, hours.c.label)
        )
        wanted = union_all(wanted, edges)
    shift = DAY if offset > 0 else -DAY
    for day, metric, label, number, is_edge in await connection.execute(wanted):
        found = numbers[metric][label]
        if begin <= day <= end:
            found[day] += -int(number) if is_edge else int(number)
        if is_edge and begin <= day + shift <= end:
            found[day + shift] += int(number)


async def _add_hours(connection: AsyncConnection, numbers: Numbers, day: date, zone: ZoneInfo) -> None:
    hours = system_stats
    begin, end = _begin(day, zone), _begin(day + DAY, zone)
    rows = await connection.execute(
        select(hours.c.metric, hours.c.label, func.sum(hours.c.value))
        .where(hours.c.day >= begin.date(), hours.c.day <= end.date(), _is_within(begin, end))
        .group_by(hours.c.metric, hours.c.label)
    )
    for metric, label, number in rows:
        numbers[metric][label][day] += int(number)


def _without_nothing(numbers: Numbers) -> dict[str, dict[str, dict[date, int]]]:
    """Without days of which nothing is left once their edges are another day's."""
    found: dict[str, dict[str, dict[date, int]]] = {}
    for metric, labels in numbers.items():
        for label, by_day in labels.items():
            known = {day: number for day, number in by_day.items() if number}
            if known:
                found.setdefault(metric, {})[label] = known
    return found


def _spans(first: date, last: date, zone: ZoneInfo) -> Iterator[tuple[date, date, int | None]]:
    """Days, both included, of one offset from UTC in hours; a day on which clocks are set stands alone, and has none."""
    days = [first + ahead * DAY for ahead in range((last - first).days + 1)]
    offsets = [_offset(day, zone) if _offset(day, zone) == _offset(day + DAY, zone) else None for day in days]
    for offset, span in groupby(zip(days, offsets, strict=True), key=itemgetter(1)):
        within = [day for day, _ in span]
        yield within[0], within[-1], offset


def _offset(day: date, zone: ZoneInfo) -> int:
    return int((datetime.combine(day, time(), tzinfo=zone).utcoffset() or timedelta()) // HOUR)


def _begin(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=UTC) - _offset(day, zone) * HOUR


def _is_within(begin: datetime, end: datetime) -> ColumnElement[bool]:
    """Whether an hour begins at a moment or later, and before another."""
    return and_(_not_before(begin), ~_not_before(end))


def _not_before(moment: datetime) -> ColumnElement[bool]:
    table, day = system_stats, moment.date()
    return or_(table.c.day > day, and_(table.c.day == day, table.c.hour >= moment.hour))
