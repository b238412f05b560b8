"""Passwords: hashed with Argon2, and tried at most so often."""

import asyncio
import time
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError
from limits import RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from frontdesk.domain.errors import TooManyError

PER_NAME_AND_ADDRESS = RateLimitItemPerMinute(8, 10)
PER_NAME = RateLimitItemPerHour(40)
PER_ADDRESS = RateLimitItemPerHour(100)
AT_ONCE = 2
"""Hashing takes a core and 64 MiB each: more of it at once would keep messages waiting."""


class Passwords:
    """Hashes and checks, in threads. Attempts that fail are counted, within this process."""

    def __init__(self) -> None:
        self._hasher = PasswordHasher()
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._of_nobody: str | None = None

    async def hashed(self, password: str) -> str:
        """What is kept of a password."""
        async with self._turn:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def is_right(self, password: str, kept: str | None) -> bool:
        """Whether a password is the one that was hashed. That there is none takes as long to find out."""
        if kept is None and self._of_nobody is None:
            self._of_nobody = await self.hashed("of nobody")
        async with self._turn:
            is_right = await asyncio.to_thread(self._verified, kept or self._of_nobody or "", password)
        return is_right and kept is not None

    def check_attempt(self, name: str, address: str) -> None:
        """Let another attempt through.

        Raises:
            TooManyError: there have been too many that failed.
        """
        now = time.time()
        for item, *key in self._counted(name, address):
            if not self._limiter.test(item, *key):
                reset = self._limiter.get_window_stats(item, *key).reset_time
                raise TooManyError(retry_after_s=max(1, round(reset - now)))

    def note_failure(self, name: str, address: str) -> None:
        """An attempt failed."""
        for item, *key in self._counted(name, address):
            self._limiter.hit(item, *key)

    def _counted(self, name: str, address: str) -> tuple[tuple[Any, ...], ...]:
        who = name.strip().casefold()
        here = (PER_NAME_AND_ADDRESS, who, address), (PER_ADDRESS, address)
        # A link has no name: strangers who guess at links elsewhere must not keep out who has one.
        return (*here, (PER_NAME, who)) if who else here

    def _verified(self, kept: str, password: str) -> bool:
        try:
            return self._hasher.verify(kept, password)
        except (Argon2Error, InvalidHashError):
            return False
