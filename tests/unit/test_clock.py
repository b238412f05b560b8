"""The clock that all who share a store go by."""

from datetime import UTC, datetime, timedelta

from frontdesk.store.clock import ROUND_TRIP_S, SharedClock, elapsed

NEAR = timedelta(seconds=2)


def test_before_anything_was_heard_it_is_this_machines() -> None:
    """There is nothing better."""
    clock = SharedClock()
    assert abs(clock.now() - datetime.now(UTC)) < NEAR
    assert clock.is_stale


def test_it_follows_the_server_and_not_this_machine() -> None:
    """Here the server is a day ahead."""
    clock = SharedClock()
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    clock.hear(tomorrow.replace(tzinfo=None), asked_at=elapsed())
    assert abs(clock.now() - tomorrow) < NEAR
    assert not clock.is_stale


def test_an_answer_that_took_long_counts_only_as_the_first() -> None:
    """A process that slept while it asked knows nothing about now."""
    clock = SharedClock()
    now = datetime.now(UTC).replace(tzinfo=None)
    clock.hear(now + timedelta(days=1), asked_at=elapsed() - 2 * ROUND_TRIP_S)
    assert clock.now() - datetime.now(UTC) > timedelta(hours=23)
    clock.hear(now + timedelta(days=2), asked_at=elapsed() - 2 * ROUND_TRIP_S)
    assert clock.now() - datetime.now(UTC) < timedelta(hours=25)
    clock.hear(now, asked_at=elapsed())
    assert abs(clock.now() - datetime.now(UTC)) < NEAR
