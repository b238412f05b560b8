"""Group commit: what many ask for at the same moment goes into one transaction, and each learns of it after the commit.

A small fixed number of writers take what waits, first come first served. Nothing is held back to make a batch larger: while
one transaction commits, the next batch gathers by itself.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

from frontdesk.domain.errors import UnavailableError
from frontdesk.store.database import StatementRefusedError

Item = TypeVar("Item")
Result = TypeVar("Result")

Commit = Callable[[Sequence[Item]], Awaitable[Sequence[Result]]]


class GroupCommit(Generic[Item, Result]):
    """Coalesces items into batches.

    ``commit`` stores a batch in one transaction and returns a result for each item, in order. ``weigh`` tells an item's
    size in bytes: a batch must fit into one packet of the server, and what waits into memory.
    """

    def __init__(
        self,
        commit: Commit[Item, Result],
        *,
        writers: int,
        most_items: int,
        most_bytes: int = 4 << 20,
        most_waiting: int = 10_000,
        most_waiting_bytes: int = 64 << 20,
        weigh: Callable[[Item], int] = lambda _: 0,
    ) -> None:
        self._commit = commit
        self._writers = writers
        self._most_items = most_items
        self._most_bytes = most_bytes
        self._most_waiting = most_waiting
        self._most_waiting_bytes = most_waiting_bytes
        self._weigh = weigh
        self._waiting: deque[tuple[Item, int, asyncio.Future[Result]]] = deque()
        self._waiting_bytes = 0
        self._writing: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """How many items wait for a writer."""
        return len(self._waiting)

    async def submit(self, item: Item) -> Result:
        """Store an item; it is committed when this returns.

        Raises:
            UnavailableError: too much waits already (said at once), or the store does not commit.
        """
        size = self._weigh(item)
        if len(self._waiting) >= self._most_waiting or (
            self._waiting and self._waiting_bytes + size > self._most_waiting_bytes
        ):
            raise UnavailableError("too much is waiting to be stored; try again soon")
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, size, future))
        self._waiting_bytes += size
        if len(self._writing) < self._writers:
            self._writing.add(asyncio.create_task(self._write()))
        return await future

    async def close(self) -> None:
        """Wait until all that was submitted is stored, or has failed."""
        while self._writing:
            await asyncio.gather(*self._writing)

    async def _write(self) -> None:
        try:
            while self._waiting:
                await self._store(self._batch())
        finally:
            # Here and not in a callback: nothing may be submitted between the last look and the end.
            self._writing.discard(asyncio.current_task())

    def _batch(self) -> list[tuple[Item, asyncio.Future[Result]]]:
        batch: list[tuple[Item, asyncio.Future[Result]]] = []
        taken = 0
        while self._waiting and len(batch) < self._most_items:
            item, size, future = self._waiting[0]
            if batch and taken + size > self._most_bytes:
                break
            self._waiting.popleft()
            self._waiting_bytes -= size
            taken += size
            batch.append((item, future))
        return batch

    async def _store(self, batch: list[tuple[Item, asyncio.Future[Result]]]) -> None:
        try:
            results = await self._commit([item for item, _ in batch])
            if len(results) != len(batch):
                raise RuntimeError("a batch needs a result for each item")  # noqa: TRY301 (to those who asked, like others)
        except Exception as error:  # noqa: BLE001 (handed to those who asked)
            if len(batch) > 1 and (isinstance(error, StatementRefusedError) or not isinstance(error, UnavailableError)):
                # One of them is bad: its neighbours must not suffer for it.
                middle = len(batch) // 2
                await self._store(batch[:middle])
                await self._store(batch[middle:])
                return
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
        else:
            for (_, future), result in zip(batch, results, strict=False):
                if not future.done():
                    future.set_result(result)
