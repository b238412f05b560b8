"""Opening hours and deadlines: much depends on them, and clocks are full of traps."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from frontdesk.domain.analysis import blank
from frontdesk.domain.business import Business
from frontdesk.domain.deadlines import deadline_of
from frontdesk.domain.hours import DAYS, Calendar
from frontdesk.triage.policy import conclude

SHOP = Business.model_validate(
    {
        "name": "Example",
        "timezone": "Europe/Istanbul",
        "hours": {
            "monday": "09:00-12:00, 13:00-18:00", "tuesday": "closed", "wednesday": "09:00-18:00", "friday": "20:00-02:00"
        },
        "holidays": {"2026-03-11": "closed", "03-04": "10:00-11:00"},
        "accounts": {"branch": {"hours": {"sunday": "10:00-12:00"}}},
    }
)  # fmt: skip
CALENDAR = SHOP.calendar_of("main")
ALWAYS = Business(name="x").calendar_of("main")


def at(text: str) -> datetime:
    """A moment, in Istanbul where nothing else is said."""
    return datetime.fromisoformat(text if "+" in text else f"{text}+03:00")


@pytest.mark.parametrize(
    ("moment", "opens"),
    [
        ("2026-03-02T10:00", "2026-03-02T10:00"), ("2026-03-02T12:30", "2026-03-02T13:00"),
        ("2026-03-02T18:00", "2026-03-04T10:00"), ("2026-03-07T01:59", "2026-03-07T01:59"),
        ("2026-03-07T02:00", "2026-03-09T09:00"), ("2026-03-09T18:00", "2026-03-13T20:00"),
    ],
)  # fmt: skip
def test_working_hours_have_breaks_nights_holidays_and_closed_days(moment: str, opens: str) -> None:
    """In the business's own time zone; a day of the list of holidays has its own hours."""
    assert CALENDAR.opens_at(at(moment)) == at(opens)
    assert CALENDAR.is_open(at(opens))
    assert ALWAYS.opens_at(at(moment)) == at(moment)


def test_an_account_may_have_hours_of_its_own() -> None:
    """What it leaves out is the business's: here the time zone and the days with hours of their own."""
    assert SHOP.calendar_of("branch").opens_at(at("2026-03-02T10:00")) == at("2026-03-04T10:00")
    assert SHOP.calendar_of("branch").opens_at(at("2026-03-04T11:00")) == at("2026-03-08T10:00")
    assert SHOP.calendar_of("another").opens_at(at("2026-03-02T10:00")) == at("2026-03-02T10:00")


@pytest.mark.parametrize(
    ("day", "problem"), [("2026-13-01", "is not a day such as"), ("02-30", "is not a day such as"), ("someday", "is not a day such as")]
)  # fmt: skip
def test_a_holiday_that_is_no_day_is_named(day: str, problem: str) -> None:
    """A holiday that is never kept is found when it is too late."""
    with pytest.raises(ValueError, match=problem):
        Business.model_validate({"name": "x", "holidays": {day: "closed"}})
    assert Business.model_validate({"name": "x", "holidays": {"02-29": "closed"}})
    with pytest.raises(ValueError, match="must be “closed”, or hours"):
        Business.model_validate({"name": "x", "holidays": {"02-28": "noon"}})


@pytest.mark.parametrize(
    ("moment", "minutes", "passed"),
    [
        ("2026-03-02T09:00", 60, "2026-03-02T10:00"), ("2026-03-02T11:30", 60, "2026-03-02T13:30"),
        ("2026-03-02T17:30", 60, "2026-03-04T10:30"), ("2026-03-01T08:00", 0, "2026-03-02T09:00"),
        ("2026-03-02T17:00", 60, "2026-03-02T18:00"), ("2026-03-06T23:00", 240, "2026-03-09T10:00"),
    ],
)  # fmt: skip
def test_opening_time_passes_only_while_it_is_open(moment: str, minutes: int, passed: str) -> None:
    """An hour from half an hour before closing time ends on the next day that it is open."""
    assert CALENDAR.after(at(moment), timedelta(minutes=minutes)) == at(passed)


def test_a_day_of_23_hours_opens_by_the_clock_on_the_wall() -> None:
    """In Berlin clocks go from 2 to 3 on 29 March 2026."""
    night = Calendar(timezone="Europe/Berlin", hours=dict.fromkeys(DAYS, "01:00-04:00"), holidays={})
    assert night.between(at("2026-03-29T00:00+00:00"), at("2026-03-29T12:00+00:00")) == timedelta(hours=2)
    assert night.between(at("2026-03-30T00:00+02:00"), at("2026-03-30T12:00+02:00")) == timedelta(hours=3)


def test_a_place_that_is_closed_for_ever_is_taken_to_be_open() -> None:
    """A list of holidays for every day of every year must not stop the clock."""
    every_day = {f"{month:02}-{day:02}": "closed" for month in range(1, 13) for day in range(1, 32)}
    closed = Calendar(timezone="UTC", hours={"monday": "09:00-18:00"}, holidays=every_day)
    start = datetime(2026, 3, 2, 9, tzinfo=UTC)
    assert start + timedelta(days=300) < closed.after(start, timedelta(hours=1)) < start + timedelta(days=500)


# At least an hour each: who is open for minutes a week only is taken to be open after a year.
_SPANS = st.tuples(st.integers(0, 23), st.integers(0, 59), st.integers(1, 23)).map(
    lambda span: f"{span[0]:02}:{span[1]:02}-{(span[0] + span[2]) % 24:02}:{span[1]:02}"
)
_HOURS = st.lists(_SPANS, min_size=1, max_size=3).map(", ".join)


@given(
    hours=st.dictionaries(st.sampled_from(DAYS), _HOURS, min_size=1),
    zone=st.sampled_from(["UTC", "Europe/Berlin", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"]),
    begin=st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31), timezones=st.just(UTC)),  # noqa: DTZ001
    minutes=st.integers(0, 3000),
)
def test_what_has_passed_is_what_was_waited_for(
    hours: dict[str, str], zone: str, begin: datetime, minutes: int
) -> None:
    """Adding opening time and measuring it are one thing, whatever the hours and wherever the place."""
    calendar = Calendar(timezone=zone, hours=hours, holidays={})
    end = calendar.after(begin, timedelta(minutes=minutes))
    assert calendar.between(begin, end) == timedelta(minutes=minutes)
    assert end >= begin
    assert calendar.is_open(end) or calendar.is_open(end - timedelta(microseconds=1))


@pytest.mark.parametrize(
    ("urgency", "important", "since", "near", "due"),
    [
        (9, False, "2026-03-02T10:00", "2026-03-02T10:12", "2026-03-02T10:15"),
        (2, True, "2026-03-02T10:00", "2026-03-02T10:12", "2026-03-02T10:15"),
        (7, False, "2026-03-02T17:30", "2026-03-04T10:18", "2026-03-04T10:30"),
        (5, False, "2026-03-02T09:00", "2026-03-02T13:12", "2026-03-02T14:00"),
        # The next day is closed: when it opens after that.
        (3, False, "2026-03-02T12:00", "2026-03-02T17:00", "2026-03-04T10:00"),
    ],
)  # fmt: skip
def test_deadlines_are_opening_time(urgency: int, important: bool, since: str, near: str, due: str) -> None:  # noqa: FBT001
    """15 minutes, one hour, four hours; and a day that ends when the business opens."""
    values = blank() | {"urgency_score": urgency, "action_required": True}
    analysis = conclude(values, {}, analyser="rules", is_important=important)
    found = deadline_of(analysis, since=at(since), calendar=CALENDAR)
    assert found is not None
    assert (found.near_at, found.due_at) == (at(near), at(due))


def test_what_needs_no_answer_has_no_deadline() -> None:
    """An “ok” of somebody important neither."""
    analysis = conclude(blank(), {}, analyser="rules", is_important=True)
    assert deadline_of(analysis, since=at("2026-03-02T10:00"), calendar=ALWAYS) is None
