"""When something is wanted, from how a customer says it: “next Tuesday”, “yarın 15:00”, “in two weeks”.

The day is found by dateparser, and not everything it finds is believed. It is asked without the digits first, since it takes
“lunes a las 9” for a day of September; there, what does not move along with today is a month's name or a word that looks like
one. The hour is found here.
"""

import re
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from dateparser.conf import SettingValidationError
from dateparser.search import search_dates

from frontdesk.domain.tasks import Due

LONGEST_TEXT = 300
"""Characters; of more, reading takes seconds where somebody wants it to."""
SPOKEN = timedelta(days=62)
"""“Next month” is the furthest that is said without a number."""
DATED = timedelta(days=400)
WITHOUT_YEAR = timedelta(days=300)
WEEKS = timedelta(weeks=6)
OF_A_MONTH = timedelta(days=3)
"""Months differ by so much."""
SHORTEST = 4
EVENING = 7
"""“At 3” is in the afternoon; from eight on it is the morning."""

_DIGITS = re.compile(r"[\d٠-٩۰-۹०-९]+(?:[:.,/-]\d+)*(?:\s*(?:am|pm|h|uhr)\b)?", re.IGNORECASE)
_CLOCK = re.compile(r"(?<![\d.:/-])([01]?\d|2[0-3])[:h]([0-5]\d)(?![\d:])", re.IGNORECASE)
_HOUR = re.compile(
    r"(?P<said>(?:\bat|\bum|\ba las?|\balle|\b[àa]s|\bsaat|\bв|الساعة|@)\s*)?(?<![\d.:,/-])(?P<hour>[01]?\d|2[0-3])(?![\d:,/-]|\.\d)"
    r"\s*(?P<mark>a\.?m\b|p\.?m\b|uhr\b|h\b|heures?\b|час|बजे)?",
    re.IGNORECASE,
)
_ORDINAL = re.compile(
    r"\b(?:on|by|until|till|before|from|the)\s+(?:the\s+)?(?P<day>\d{1,2})(?:st|nd|rd|th)\b(?!\s+of\b|\s+[A-Z])"
)
_FULL_DATE = re.compile(
    r"(?<![\d./-])(?P<day>0?[1-9]|[12]\d|3[01])[./](?P<month>0?[1-9]|1[0-2])(?:[./](?P<year>\d{4}|\d{2}))?"
    r"\.?(?![\d/:])(?!\s*(?:eur|usd|gbp|tl\b|€|\$|£|₺|₹))",
    re.IGNORECASE,
)
_UNREAD = re.compile(r"\d+[./-]\d+|\d(?:st|nd|rd|th)\b|\d\.\s")
_AFTER_TOMORROW = re.compile(
    r"day after tomorrow|übermorgen|pasado mañana|depois de amanhã|dopodomani|après-demain|öbür gün|yarından sonra|послезавтра|"
    r"بعد غد|परसों|overmorgen|pojutrze",
    re.IGNORECASE,
)
_PAST = re.compile(
    r"\b(?:last|geçen|letzte[nrs]?|vorige[nrs]?|(?:el|la|los|las)?\s*\w+\s+pasad[oa]|scors[oa]|passad[oa]|derni(?:er|ère)|vorige|zeszł\w+)\b(?!\s+mañana)|прошл|الماضي|पिछले",
    re.IGNORECASE,
)
_YEAR = re.compile(r"\d{4}")
_SPAN = re.compile(r"\d+\s*(?:min|hour|saat|stunde|hora|heure|or[ae]|час|godzin|uur)", re.IGNORECASE)
_NOON = re.compile(r"\b(?:noon|midday|öğlen|mediodía|midi|mezzogiorno|meio-dia)\b", re.IGNORECASE)


def _numbered_day(text: str, local: datetime) -> datetime | None:
    """“on the 25th”, “31.12.2026”, “5/12”: days that dateparser takes for weekdays or for nothing. Day before month, as most write."""
    if match := _FULL_DATE.search(text):
        day, month, written = int(match["day"]), int(match["month"]), match["year"]
        if written:
            return _next(local, lambda _: (int(written) % 100 + 2000, month, day), 1)
        return _next(local, lambda ahead: (local.year + ahead, month, day), 2)
    if match := _ORDINAL.search(text):
        number = int(match["day"])
        months = local.year * 12 + local.month - 1
        return _next(local, lambda ahead: ((months + ahead) // 12, (months + ahead) % 12 + 1, number), 3)
    return None


def _next(local: datetime, at: Callable[[int], tuple[int, int, int]], most: int) -> datetime | None:
    """The first of some days that is there and has not passed."""
    for ahead in range(most):
        try:
            found = datetime(*at(ahead), tzinfo=local.tzinfo)
        except ValueError:
            continue
        if found.date() >= local.date():
            return found
    return None


def find_due(text: str, *, language: str, at: datetime, zone: ZoneInfo) -> Due | None:
    """The first moment that a text asks for, seen from when it was written, or None. Never earlier than that."""
    local = at.astimezone(zone)
    text = text[:LONGEST_TEXT]
    hour, is_exact = _hour(text)
    if _PAST.search(text):
        return None
    day = _after_tomorrow(text, local) or _numbered_day(text, local)
    if day is None and not _ORDINAL.search(text) and not _FULL_DATE.search(text):
        day = _spoken_day(_DIGITS.sub(" ", text), language, local)
    if day is None:
        found = _dated(text, language, local)
        if found is not None and _SPAN.search(found[0]):
            return Due(at=found[1], is_all_day=False)
        day = found[1] if found is not None else None
    if day is None and is_exact and not _UNREAD.search(_CLOCK.sub(" ", text)):
        # “Call me at 17:30”: today. Not beside other numbers, which may be a date that was not read.
        day = local
    if day is None:
        return None
    moment = datetime.combine(day, time(23, 59, 59) if hour is None else hour, tzinfo=zone)
    return Due(at=moment, is_all_day=hour is None) if moment >= local else None


def _after_tomorrow(text: str, local: datetime) -> datetime | None:
    return local + timedelta(days=2) if _AFTER_TOMORROW.search(text) else None


def _spoken_day(text: str, language: str, local: datetime) -> datetime | None:
    named = _search(text, language, local)
    later = dict(_search(text, language, local + WEEKS)) if named else {}
    for words, found in named:
        moved = later.get(words, found) - found - WEEKS
        if _is_believed(words) and abs(moved) <= OF_A_MONTH and found - local <= SPOKEN:
            return found
    return None


def _dated(text: str, language: str, local: datetime) -> tuple[str, datetime] | None:
    if not _DIGITS.search(text):
        return None
    for words, found in _search(text, language, local):
        ahead = found - local
        # A day without its year that has just passed is not meant for the next year.
        is_meant = ahead <= (DATED if _YEAR.search(words) else WITHOUT_YEAR)
        if _DIGITS.search(words) and _is_believed(words) and is_meant:
            return words, found
    return None


def _search(text: str, language: str, local: datetime) -> list[tuple[str, datetime]]:
    settings = {
        "RELATIVE_BASE": local.replace(tzinfo=None),
        "PREFER_DATES_FROM": "future",
        "RETURN_AS_TIMEZONE_AWARE": False,
    }
    try:
        found = search_dates(text, languages=[language.split("-", maxsplit=1)[0].lower()], settings=settings)
    except (ValueError, SettingValidationError):
        # A language that it does not know.
        return []
    return [(words, moment.replace(tzinfo=local.tzinfo)) for words, moment in found or ()]


def _is_believed(words: str) -> bool:
    """Short words are rather other words: “sun”, “sat”, “mar”; a number alone is rather an order's."""
    return len(words.strip()) >= SHORTEST and any(character.isalpha() for character in words)


def _hour(text: str) -> tuple[time | None, bool]:
    """The hour, and whether it can be nothing else."""
    if clock := _CLOCK.search(text):
        return time(int(clock[1]), int(clock[2])), True
    if _NOON.search(text):
        return time(12), False
    for match in _HOUR.finditer(text):
        mark = (match["mark"] or "").lower().replace(".", "")
        hour = int(match["hour"])
        if mark == "am":
            return time(hour % 12), True
        if mark or match["said"]:
            is_afternoon = mark == "pm" or (mark in {"", "बजे"} and 0 < hour < EVENING)
            return time(hour % 12 + 12 if is_afternoon else hour), bool(mark)
    return None, False
