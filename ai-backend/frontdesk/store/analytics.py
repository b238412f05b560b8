"""Figures by day and by hour of the week, read from the hourly totals: what it takes does not grow with the messages.

Totals are kept by hours of UTC. Days are those of a time zone: its offset from UTC is whole hours here, rounded down.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, func, or_, select

from frontdesk.store.database import Database
from frontdesk.store.tables import system_stats

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


Totals = Mapping[str, Mapping[str, int]]
"""Metric → label → number."""


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
    table = system_stats
    numbers: defaultdict[str, defaultdict[str, Counter[date]]] = defaultdict(lambda: defaultdict(Counter))
    by_hour: Counter[tuple[int, int]] = Counter()
    async with database.read() as connection:
        for begin, end, offset in _spans(first, last, zone):
            local = table.c.hour + offset
            shift = case((local >= 24, 1), (local < 0, -1), else_=0)
            within = and_(table.c.day >= begin.date(), table.c.day <= end.date(), _not_before(begin), ~_not_before(end))
            rows = await connection.execute(
                select(table.c.day, shift.label("shift"), table.c.metric, table.c.label, func.sum(table.c.value))
                .where(within)
                .group_by(table.c.day, shift, table.c.metric, table.c.label)
            )
            for day, moved, metric, label, number in rows:
                numbers[metric][label][day + moved * DAY] += int(number)
            hours = await connection.execute(
                select(table.c.day, table.c.hour, func.sum(table.c.value))
                .where(within, table.c.metric == "state")
                .group_by(table.c.day, table.c.hour)
            )
            for day, hour, number in hours:
                moment = datetime.combine(day, time(hour)) + offset * HOUR
                by_hour[moment.weekday(), moment.hour] += int(number)
    return Daily(numbers=numbers, by_hour=by_hour)


async def totals(database: Database, first: date, last: date, zone: ZoneInfo, metrics: Sequence[str]) -> Totals:
    """The sums of some metrics over days, both included."""
    table = system_stats
    begin, end = (datetime.combine(day, time(), tzinfo=zone).astimezone(UTC) for day in (first, last + DAY))
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    async with database.read() as connection:
        rows = await connection.execute(
            select(table.c.metric, table.c.label, func.sum(table.c.value))
            .where(
                table.c.day >= begin.date(),
                table.c.day <= end.date(),
                _not_before(begin),
                ~_not_before(end),
                table.c.metric.in_(metrics),
            )
            .group_by(table.c.metric, table.c.label)
        )
        for metric, label, number in rows:
            found[metric][label] = int(number)
    return found


def _spans(first: date, last: date, zone: ZoneInfo) -> Iterator[tuple[datetime, datetime, int]]:
    """Spans of UTC in which the zone's offset stays the same, with it in hours; days on which clocks are set count as they begin."""
    begin = datetime.combine(first, time(), tzinfo=zone)
    offset = _offset(begin)
    for ahead in range(1, (last - first).days + 2):
        midnight = datetime.combine(first + ahead * DAY, time(), tzinfo=zone)
        is_end = ahead == (last - first).days + 1
        if is_end or _offset(midnight) != offset:
            yield begin.astimezone(UTC), midnight.astimezone(UTC), offset
            begin, offset = midnight, _offset(midnight)


def _offset(moment: datetime) -> int:
    return int((moment.utcoffset() or timedelta()) // HOUR)


def _not_before(moment: datetime) -> ColumnElement[bool]:
    """Whether an hour begins at a moment or later."""
    table, day = system_stats, moment.date()
    return or_(table.c.day > day, and_(table.c.day == day, table.c.hour >= moment.hour))
