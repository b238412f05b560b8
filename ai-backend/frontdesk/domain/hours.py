"""When a business is open."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from frontdesk.domain.business import DAYS, Business

_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*[-–]\s*(\d{1,2}):(\d{2})")


def opens_at(business: Business, moment: datetime) -> datetime:
    """The moment itself where the business is open then, else when it opens next.

    A business that gives no hours, or is closed all week, is taken to be always open: nothing would ever be sent otherwise.
    A span that ends before it begins lasts until the next day.
    """
    zone = ZoneInfo(business.timezone)
    local = moment.astimezone(zone)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    starts: list[datetime] = []
    for ahead in range(-1, 8):
        day = midnight + timedelta(days=ahead)
        for start, end in _spans(business.hours.get(DAYS[day.weekday()], "")):
            # Wall-clock arithmetic: the zone's own offset is applied when the moments are compared.
            opening, closing = day + timedelta(minutes=start), day + timedelta(minutes=end)
            if opening <= local < closing:
                return moment
            if opening > local:
                starts.append(opening)
    return min(starts).astimezone(moment.tzinfo) if starts else moment


def _spans(hours: str) -> list[tuple[int, int]]:
    """Minutes after midnight."""
    spans = []
    for match in _SPAN.finditer(hours):
        start_hour, start_minute, end_hour, end_minute = (int(part) for part in match.groups())
        start, end = start_hour * 60 + start_minute, end_hour * 60 + end_minute
        spans.append((start, end if end > start else end + 24 * 60))
    return spans
