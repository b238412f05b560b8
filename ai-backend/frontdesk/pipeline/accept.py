"""Taking messages in: many requests at once become one transaction, and each is answered after its commit."""

from collections.abc import Callable, Sequence
from datetime import datetime

from frontdesk import telemetry
from frontdesk.domain.messages import IncomingMessage
from frontdesk.domain.ports import Wakeups
from frontdesk.failpoints import failpoint
from frontdesk.store.database import Database
from frontdesk.store.group_commit import GroupCommit
from frontdesk.store.intake import Accepted, Intake

# Measured: two writers keep MySQL busy while one of them commits; SQLite has one writer.
MYSQL_WRITERS, MYSQL_BATCH = 2, 32
SQLITE_WRITERS, SQLITE_BATCH = 1, 64
ROW_BYTES = 500


class Acceptor:
    """Commits messages and wakes the workers. What does not fit into its bounded queue is refused at once."""

    def __init__(
        self,
        *,
        database: Database,
        wakeups: Wakeups,
        most_waiting: int,
        announce: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._intake = Intake(database)
        self._wakeups = wakeups
        self._announce = announce
        self._clock = clock
        self._queue: GroupCommit[IncomingMessage, Accepted] = GroupCommit(
            self._commit,
            writers=SQLITE_WRITERS if database.is_sqlite else MYSQL_WRITERS,
            most_items=SQLITE_BATCH if database.is_sqlite else MYSQL_BATCH,
            most_waiting=most_waiting,
            weigh=_bytes,
        )

    async def accept(self, message: IncomingMessage) -> Accepted:
        """Commit a message; the same one again gets the first result.

        Raises:
            UnavailableError: too much is waiting, or the store does not commit.
        """
        accepted = await self._queue.submit(message)
        telemetry.received(is_new=accepted.is_new)
        return accepted

    async def close(self) -> None:
        """Wait for what is being committed."""
        await self._queue.close()

    async def _commit(self, messages: Sequence[IncomingMessage]) -> list[Accepted]:
        accepted = await self._intake.accept(messages, now=self._clock())
        # Also for those that were there: the answer to the commit that brought them may have been lost.
        ids = {item.conversation_id for item, message in zip(accepted, messages, strict=True) if not message.from_us}
        if ids:
            self._wakeups.incoming(ids)
            self._announce()
        failpoint("accepted")
        return accepted


def _bytes(message: IncomingMessage) -> int:
    """About how many bytes a message takes in memory and in a packet."""
    text = len(message.text) + sum(len(item.content) for item in message.history)
    return ROW_BYTES * (1 + len(message.history)) + 2 * text
