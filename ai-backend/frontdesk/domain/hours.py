"""When a business is open, and time as it counts there: four hours from closing time are four hours of the next day."""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CLOSED = "closed"
HOURS_PATTERN = re.compile(
    r"closed|(?:[01]?\d|2[0-4]):[0-5]\d\s*[-–]\s*(?:[01]?\d|2[0-4]):[0-5]\d"
    r"(?:\s*,\s*(?:[01]?\d|2[0-4]):[0-5]\d\s*[-–]\s*(?:[01]?\d|2[0-4]):[0-5]\d)*"
)
"""“closed”, or spans as in “09:00-12:30, 14:00-18:00”; a span that ends before it begins lasts until the next day."""

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")
_AHEAD_DAYS = 400
"""Nobody is closed for longer; who is, is taken to be open after that."""


class Calendar:
    """The opening hours of one place. Without any hours, or closed all week, it is always open: nothing would ever be due."""

    def __init__(self, *, timezone: str, hours: Mapping[str, str], holidays: Mapping[str, str]) -> None:
        """``hours``: day of the week → spans; ``holidays``: 2026-12-24, or 12-25 for each year → spans or “closed”."""
        self.zone = ZoneInfo(timezone)
        self._week = tuple(_spans(hours.get(day, "")) for day in DAYS)
        self._holidays = {day: _spans(spans) for day, spans in holidays.items()}

    @property
    def is_always_open(self) -> bool:
        """Whether no hours are given."""
        return not any(self._week)

    def opens_at(self, moment: datetime) -> datetime:
        """The moment itself where it is open then, else when it opens next."""
        return max(next(self._open_from(moment))[0], moment)

    def is_open(self, moment: datetime) -> bool:
        """Whether it is open at a moment."""
        return self.opens_at(moment) == moment

    def after(self, moment: datetime, duration: timedelta) -> datetime:
        """When a duration of opening time has passed since a moment."""
        left = duration
        for opening, closing in self._open_from(moment):
            begin = max(opening, moment)
            if left <= closing - begin:
                return begin + left
            left -= closing - begin
        raise AssertionError("the last span has no end")

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """How much opening time lies between two moments."""
        passed = timedelta()
        for opening, closing in self._open_from(begin):
            if opening >= end:
                break
            passed += min(closing, end) - max(opening, begin)
        return max(passed, timedelta())

    def _open_from(self, moment: datetime) -> Iterator[tuple[datetime, datetime]]:
        """The spans that end after a moment, in order and without overlaps; the last one has no end."""
        forever = datetime.max.replace(tzinfo=UTC)
        first = moment.astimezone(self.zone).date() - timedelta(days=1)
        if self.is_always_open:
            yield moment, forever
            return
        known: tuple[datetime, datetime] | None = None
        for ahead in range(_AHEAD_DAYS):
            for begin, end in self._of(first + timedelta(days=ahead)):
                if end <= moment:
                    continue
                if known is None:
                    known = begin, end
                elif begin < known[1]:
                    known = known[0], max(known[1], end)
                else:
                    yield known
                    known = begin, end
        if known is not None:
            yield known
        yield self._moment(first + timedelta(days=_AHEAD_DAYS), 0), forever

    def _of(self, day: date) -> list[tuple[datetime, datetime]]:
        """The spans that begin on a day. Wall-clock times, so that a day of 23 hours opens and closes by the clock on the wall."""
        on_date = self._holidays.get(day.isoformat(), self._holidays.get(day.isoformat()[5:]))
        spans = self._week[day.weekday()] if on_date is None else on_date
        return sorted((self._moment(day, begin), self._moment(day, end)) for begin, end in spans)

    def _moment(self, day: date, minute: int) -> datetime:
        days, minute = divmod(minute, 24 * 60)
        local = datetime.combine(day + timedelta(days=days), time(*divmod(minute, 60)), tzinfo=self.zone)
        return local.astimezone(UTC)


def _spans(hours: str) -> tuple[tuple[int, int], ...]:
    """Minutes after midnight."""
    spans = []
    for match in _SPAN.finditer(hours):
        start_hour, start_minute, end_hour, end_minute = (int(part) for part in match.groups())
        start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
        spans.append((start, end if end > start else end + 24 * 60))
    return tuple(sorted(spans))
