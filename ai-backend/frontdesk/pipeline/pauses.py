"""How long to wait before something is tried again."""

import random
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class Patience:
    """Exponential backoff with jitter in its upper half, from ``base_s`` to ``max_s``; after ``max_attempts`` it ends."""

    base_s: float
    max_s: float
    max_attempts: int

    def pause(self, attempts: int) -> timedelta:
        """The pause after so many attempts."""
        longest = min(self.base_s * 2.0 ** min(attempts - 1, 30), self.max_s)
        return timedelta(seconds=longest * random.uniform(0.5, 1))  # noqa: S311 (jitter)

    def is_over(self, attempts: int) -> bool:
        """Whether it is not to be tried again."""
        return attempts >= self.max_attempts

    def pause_of_left_alone(self, attempts: int, *, age: timedelta, left_alone_s: float) -> timedelta:
        """The pause of one for whom nobody could be asked.

        Those who wait come back one after the other, and more rarely the longer it takes.
        """
        longest = max(
            self.pause(attempts), timedelta(seconds=left_alone_s), min(age / 8, timedelta(seconds=self.max_s))
        )
        return longest * random.uniform(1, 2)  # noqa: S311 (jitter)
