"""When something is wanted, as customers say it."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from frontdesk.triage.dates import find_due

ISTANBUL = ZoneInfo("Europe/Istanbul")
SATURDAY = datetime(2026, 11, 21, 14, 30, tzinfo=ISTANBUL)


def due(text: str, language: str = "en", at: datetime = SATURDAY) -> str | None:
    """The day and, where it is known, the hour in Istanbul."""
    found = find_due(text, language=language, at=at, zone=ISTANBUL)
    if found is None:
        return None
    return (
        f"{found.at.astimezone(ISTANBUL):%Y-%m-%d}"
        if found.is_all_day
        else f"{found.at.astimezone(ISTANBUL):%Y-%m-%d %H:%M}"
    )


@pytest.mark.parametrize(
    ("language", "text", "wanted"),
    [
        ("en", "Can you fix my bike by next Tuesday?", "2026-11-24"), ("en", "please call me tomorrow at 3pm", "2026-11-22 15:00"),
        ("en", "call me tomorrow at 3", "2026-11-22 15:00"), ("en", "call me tomorrow at 9", "2026-11-22 09:00"),
        ("en", "call me tomorrow at 3 a.m.", "2026-11-22 03:00"), ("en", "I need 20 chairs for May 5", "2027-05-05"),
        ("en", "can you come on Monday between 9 and 12", "2026-11-23"), ("en", "in two weeks", "2026-12-05"),
        ("en", "call me back in 2 hours", "2026-11-21 16:30"), ("en", "the quote within 3 days please", "2026-11-24"),
        ("en", "the 25th of December", "2026-12-25"), ("en", "on 3 December at 10am", "2026-12-03 10:00"),
        ("en", "tomorrow at noon", "2026-11-22 12:00"), ("en", "ring me at 17:30", "2026-11-21 17:30"),
        ("en", "come on the 25th at 15:00", "2026-11-25 15:00"), ("en", "until the 20th", "2026-12-20"), ("en", "on the 1st", "2026-12-01"),
        ("en", "day after tomorrow", "2026-11-23"), ("es", "pasado mañana", "2026-11-23"), ("pt", "depois de amanhã", "2026-11-23"),
        ("en", "31.12.2026 15:00", "2026-12-31 15:00"), ("de", "am 25.12. um 15 Uhr", "2026-12-25 15:00"), ("en", "by 5/12", "2026-12-05"),
        ("en", "ring me at 14:00", "2026-11-22 14:00"), ("en", "on 21 November 2027", "2027-11-21"),
        ("tr", "yarın 15:00 gelebilir misiniz", "2026-11-22 15:00"), ("tr", "salı günü beni arayın", "2026-11-24"),
        ("tr", "bugün 17:30'da uğrayacağım", "2026-11-21 17:30"), ("tr", "3 saat içinde", "2026-11-21 17:30"),
        ("de", "Bitte rufen Sie mich morgen um 10 Uhr an", "2026-11-22 10:00"), ("de", "bis nächsten Freitag", "2026-11-27"),
        ("es", "el próximo lunes a las 9", "2026-11-23 09:00"), ("fr", "rappelez-moi demain à 14h", "2026-11-22 14:00"),
        ("it", "domani alle 16", "2026-11-22 16:00"), ("pt", "amanhã às 10h", "2026-11-22 10:00"),
        ("ru", "перезвоните завтра в 15:00", "2026-11-22 15:00"), ("ar", "اتصل بي غدا الساعة 3", "2026-11-22 15:00"),
        ("hi", "कल 5 बजे", "2026-11-22 17:00"),
    ],
)  # fmt: skip
def test_times_are_read_as_customers_say_them(language: str, text: str, wanted: str) -> None:
    """In their language, seen from when the message was written."""
    assert due(text, language) == wanted


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "my order 2291 has not arrived"), ("en", "The sun may shine, I march on"), ("en", "it costs 75 EUR, I paid 20 in cash"),
        ("en", "it costs 5.10 EUR"), ("tr", "geçen cuma"), ("es", "el lunes pasado"), ("fr", "lundi dernier"), ("ru", "в прошлую пятницу"),
        ("en", "invoice 12/2026 is missing"), ("en", "I have waited since yesterday"), ("en", "you promised it for 21 November at 9:00"), ("en", ""), ("xx", "tomorrow"), ("und", "tomorrow"),
    ],
)  # fmt: skip
def test_what_names_no_time_to_come_has_none(language: str, text: str) -> None:
    """A wrong time is worse than none."""
    assert due(text, language) is None


def test_the_day_is_that_of_the_account_not_of_the_machine() -> None:
    """Late in the evening in London it is tomorrow in Istanbul."""
    london = datetime(2026, 11, 21, 22, 30, tzinfo=ZoneInfo("Europe/London"))
    assert due("tomorrow", at=london) == "2026-11-23"


def test_a_message_of_any_length_is_read_in_time() -> None:
    """What stands after a thousand characters is no wish's time."""
    assert due("x" * 1_000_000 + " tomorrow") is None
