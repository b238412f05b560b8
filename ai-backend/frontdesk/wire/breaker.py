"""A circuit breaker: a service that keeps failing is left alone for a while, then tried with one call."""

import time
from collections.abc import Callable

from frontdesk.domain.errors import BreakerOpenError


class Breaker:
    """Closed (calls pass), open (none do), half-open (one probe passes and decides)."""

    def __init__(
        self, name: str, *, failures: int, pause_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.name = name
        self._limit = failures
        self._pause_s = pause_s
        self._clock = clock
        self._failed = 0
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether a call would be refused now."""
        return self._open_until is not None and (self._probing or self._clock() < self._open_until)

    @property
    def has_tripped(self) -> bool:
        """Whether it opened and no call has worked since; after its pause the next call may pass all the same."""
        return self._open_until is not None

    @property
    def reopens_in_s(self) -> float:
        """How long calls will be refused, at least a second while they are."""
        if not self.is_open or self._open_until is None:
            return 0
        return max(self._open_until - self._clock(), 1)

    def enter(self) -> None:
        """Ask to make a call.

        Raises:
            BreakerOpenError: the service is left alone at the moment.
        """
        if self.is_open:
            raise BreakerOpenError(f"{self.name} is left alone after {self._failed} failures")
        self._probing = self._open_until is not None

    def succeeded(self) -> None:
        """The call worked: all is well again."""
        self._failed = 0
        self._open_until = None
        self._probing = False

    def failed(self, *, retry_after_s: float | None = None) -> None:
        """The call failed; a service that says when to come back is believed."""
        self._failed += 1
        if self._probing or self._failed >= self._limit or retry_after_s is not None:
            self._open_until = self._clock() + max(self._pause_s, retry_after_s or 0)
        self._probing = False

    def abandoned(self) -> None:
        """The call ended without telling anything about the service (it was cancelled)."""
        self._probing = False
