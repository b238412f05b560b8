"""Committing what stages made: the results of all conversations that are worked on at the same moment in one transaction."""

from collections.abc import Callable, Sequence
from datetime import datetime

from frontdesk.domain.errors import LeaseLostError
from frontdesk.store import progress
from frontdesk.store.database import Database
from frontdesk.store.group_commit import GroupCommit
from frontdesk.store.progress import Released, Step

STEPS_AT_ONCE = 64


class Steps:
    """Stores steps; one that comes without its lease is refused."""

    def __init__(self, database: Database, *, announce: Callable[[], None], clock: Callable[[], datetime]) -> None:
        self._database = database
        self._announce = announce
        self._clock = clock
        self._queue: GroupCommit[Step, bool] = GroupCommit(
            self._commit, writers=1, most_items=STEPS_AT_ONCE, weigh=_bytes
        )

    async def store(self, step: Step) -> None:
        """Commit a step.

        Raises:
            LeaseLostError: another worker has the conversation. UnavailableError: the store is away.
        """
        if not await self._queue.submit(step):
            raise LeaseLostError

    async def release(self, step: Released) -> None:
        """Give a conversation back, if it is still ours."""
        await self._queue.submit(step)

    async def _commit(self, steps: Sequence[Step]) -> list[bool]:
        held = await progress.store(self._database, steps, now=self._clock())
        self._announce()
        return held


def _bytes(step: Step) -> int:
    return 100 if isinstance(step, Released) else 4096
