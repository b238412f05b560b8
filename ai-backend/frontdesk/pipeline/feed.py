"""The feed of what happened: numbers new events and tells those who wait for them, in this process and in others."""

import asyncio
import contextlib
from collections.abc import Iterator

import structlog

from frontdesk.domain.errors import FrontdeskError
from frontdesk.domain.events import Event
from frontdesk.pipeline.completions import Completions
from frontdesk.store import events
from frontdesk.store.database import Database

log = structlog.get_logger(__name__)

READ_AT_ONCE = 500
# A pass takes a few milliseconds: under load it numbers many events instead of running all the time.
LEAST_PAUSE_S = 0.1
WATCHED_PAUSE_S = 0.25
RESTING_PAUSE_S = 2
ENDS = frozenset({"message.routed", "message.unrouted", "message.failed"})


class Feed:
    """The events of the store. Readers see each committed event once, in the order of its number."""

    def __init__(self, *, database: Database, completions: Completions) -> None:
        self._database = database
        self._completions = completions
        self._woken = asyncio.Event()
        self._stopped = False
        self._last: int | None = None
        self._moved = asyncio.Condition()
        self._watching = 0

    def announce(self) -> None:
        """Something was committed in this process: do not wait for the clock."""
        self._woken.set()

    def stop(self) -> None:
        """End :meth:`run` and let go of all who wait."""
        self._stopped = True
        self._woken.set()

    async def run(self) -> None:
        """Number and tell until stopped. A store that is away is waited for."""
        while not self._stopped:
            self._woken.clear()
            try:
                await self._pass()
            except FrontdeskError as error:
                log.warning("feed_waits", reason=error.detail)
            except Exception:
                log.exception("feed_failed")
            await asyncio.sleep(LEAST_PAUSE_S)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(WATCHED_PAUSE_S if self._is_watched else RESTING_PAUSE_S):
                    await self._woken.wait()
        async with self._moved:
            self._moved.notify_all()

    async def after(self, number: int, *, limit: int, wait_s: float = 0) -> list[Event]:
        """Events later than ``number``, the oldest first; where there are none they are waited for that long."""
        found = await events.after(self._database, number, limit=limit)
        if found or wait_s <= 0:
            return found
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self.moved_beyond(number)
        return await events.after(self._database, number, limit=limit)

    async def moved_beyond(self, number: int) -> None:
        """Wait until there is a later event than this, or the feed is stopped."""
        with self._watched():
            async with self._moved:
                await self._moved.wait_for(lambda: self._stopped or (self._last or 0) > number)

    async def last_number(self) -> int:
        """The number of the latest event, or 0."""
        return await events.last_number(self._database)

    @property
    def is_stopped(self) -> bool:
        """Whether readers should go."""
        return self._stopped

    @property
    def _is_watched(self) -> bool:
        return self._watching > 0 or self._completions.is_watched

    @contextlib.contextmanager
    def _watched(self) -> Iterator[None]:
        self._watching += 1
        if self._watching == 1:
            # The pause may be the long one.
            self._woken.set()
        try:
            yield
        finally:
            self._watching -= 1

    async def _pass(self) -> None:
        while await events.number_new(self._database) == events.BATCH:
            pass
        if self._last is None or not self._is_watched:
            last = await events.last_number(self._database)
            # Who has begun to watch meanwhile is told what came since the pass before.
            if self._last is None or not self._is_watched:
                self._last = last
                async with self._moved:
                    self._moved.notify_all()
                return
        while found := await events.after(self._database, self._last, limit=READ_AT_ONCE):
            self._last = found[-1].number
            for event in found:
                if event.type in ENDS and event.message_id is not None:
                    self._completions.finish(event.message_id)
            async with self._moved:
                self._moved.notify_all()
