"""What time it is for everybody who shares a store: the server's time, carried on between two looks at it.

Leases are compared between machines. With the machines' own clocks a step of one, or a difference between two, makes a
lease that is held look as if it were over, and its work is done twice. So all of them go by the one clock that they share.
"""

import math
import time
from datetime import UTC, datetime, timedelta

LOOK_AGAIN_S = 10
ROUND_TRIP_S = 0.1
# It goes on while the machine sleeps, where the system has such a clock.
_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def elapsed() -> float:
    """Seconds since some moment, whatever is done to the clock on the wall."""
    return time.clock_gettime(_ELAPSED)


class SharedClock:
    """The server's time, as far as it was heard; before that, this machine's."""

    def __init__(self) -> None:
        self._heard: datetime | None = None
        self._heard_at = -math.inf

    def now(self) -> datetime:
        """The moment, aware, in UTC."""
        if self._heard is None:
            return datetime.now(UTC)
        return self._heard + timedelta(seconds=elapsed() - self._heard_at)

    @property
    def is_stale(self) -> bool:
        """Whether it is time to ask the server again."""
        return elapsed() - self._heard_at > LOOK_AGAIN_S

    def hear(self, moment: datetime, *, asked_at: float) -> None:
        """The server said that it is ``moment`` (UTC) somewhen since ``asked_at`` (as :func:`elapsed` counts).

        An answer that took long says little about now: it counts only where there is no better one.
        """
        at = elapsed()
        if self._heard is None or at - asked_at < ROUND_TRIP_S:
            self._heard, self._heard_at = moment.replace(tzinfo=UTC), (asked_at + at) / 2
