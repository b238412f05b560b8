"""Telling those who wait that a message has been processed, inside one process."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Iterator

REMEMBERED = 4096


class Completions:
    """Waiters by message id. What finished a moment ago is remembered, so that nobody waits for what has happened."""

    def __init__(self) -> None:
        self._waiting: dict[int, set[asyncio.Future[None]]] = {}
        self._finished: OrderedDict[int, None] = OrderedDict()
        self._expecting = 0
        self._is_closed = False

    @property
    def is_watched(self) -> bool:
        """Whether anybody waits, or is about to."""
        return self._expecting > 0

    @contextlib.contextmanager
    def expecting(self) -> Iterator[None]:
        """Inside, what finishes is noted, also what another process finished."""
        self._expecting += 1
        try:
            yield
        finally:
            self._expecting -= 1

    def finish(self, message_id: int) -> None:
        """The message has been processed."""
        self._finished[message_id] = None
        if len(self._finished) > REMEMBERED:
            self._finished.popitem(last=False)
        for waiter in self._waiting.pop(message_id, ()):
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """Let go of all who wait: nothing more will be finished here."""
        self._is_closed = True
        for waiters in self._waiting.values():
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(None)

    async def wait(self, message_id: int, *, timeout_s: float) -> bool:
        """Whether the message was processed within the time, as far as is known."""
        if message_id in self._finished:
            return True
        if timeout_s <= 0 or self._is_closed:
            return False
        waiter = asyncio.get_running_loop().create_future()
        waiters = self._waiting.setdefault(message_id, set())
        waiters.add(waiter)
        try:
            async with asyncio.timeout(timeout_s):
                await waiter
        except TimeoutError:
            return False
        finally:
            waiters.discard(waiter)
            if not waiters and self._waiting.get(message_id) is waiters:
                del self._waiting[message_id]
        return not self._is_closed
