"""The worker: claims conversations that are due and works on several at once, each in order."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import structlog

from frontdesk.domain.errors import UnavailableError
from frontdesk.pipeline.process import Processor
from frontdesk.store import conversations, messages, stats
from frontdesk.store.conversations import Claim
from frontdesk.store.database import Database

log = structlog.get_logger(__name__)

BATCH = 20
ROLL_UP_INTERVAL_S = 300
STOP_PATIENCE_S = 20


class Worker:
    """Drives the pipeline. Woken after a commit, and by the clock for what was left behind or is due again."""

    def __init__(
        self,
        *,
        database: Database,
        processor: Processor,
        concurrency: int,
        lease_s: float,
        sweep_interval_s: float,
        rerate_interval_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._processor = processor
        self._concurrency = concurrency
        self._lease = timedelta(seconds=lease_s)
        self._sweep_interval_s = sweep_interval_s
        self._rerate_interval_s = rerate_interval_s
        self._clock = clock
        self._woken = asyncio.Event()
        self._active: set[asyncio.Task[None]] = set()
        self._stopped = asyncio.Event()

    def wake(self) -> None:
        """There is work: do not wait for the clock."""
        self._woken.set()

    def stop(self) -> None:
        """Claim nothing more; :meth:`run` ends when what is in hand is finished."""
        self._stopped.set()
        self._woken.set()

    async def run(self) -> None:
        """Work until stopped. A store that is away is waited for; what takes too long to finish is left to its lease."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._rerate_regularly())
            group.create_task(self._roll_up_regularly())
            while not self._stopped.is_set():
                self._woken.clear()
                try:
                    pause_s = 0.0 if await self._claim_and_start() else await self._until_next()
                except UnavailableError as error:
                    log.warning("store_away", reason=error.detail)
                    pause_s = self._sweep_interval_s
                except Exception:
                    # Whatever it is, the messages are safe in the store, and giving up would leave them there.
                    log.exception("claim_failed")
                    pause_s = self._sweep_interval_s
                if pause_s:
                    await _happens(self._woken, within_s=pause_s)
        if self._active:
            _, late = await asyncio.wait(self._active, timeout=STOP_PATIENCE_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _claim_and_start(self) -> bool:
        """Start what can be claimed; True where there may be more at once."""
        places = self._concurrency - len(self._active)
        if places <= 0:
            return False
        claims = await conversations.claim(self._database, places, now=self._clock(), lease=self._lease)
        for claim in claims:
            task = asyncio.create_task(self._work(claim))
            self._active.add(task)
            task.add_done_callback(self._finished)
        return len(claims) == places and len(self._active) < self._concurrency

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._active.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("conversation_abandoned", reason=type(error).__name__, exc_info=error)
        self._woken.set()

    async def _until_next(self) -> float:
        due = await conversations.next_ready_at(self._database)
        if due is None or len(self._active) >= self._concurrency:
            return self._sweep_interval_s
        return min(max((due - self._clock()).total_seconds(), 0.01), self._sweep_interval_s)

    async def _work(self, claim: Claim) -> None:
        work = asyncio.create_task(self._drain(claim))
        finished = asyncio.Event()
        heartbeat = asyncio.create_task(self._hold(claim, work, finished))
        try:
            await work
        except asyncio.CancelledError:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            log.warning("conversation_lost", conversation=claim.conversation_id)
        except UnavailableError as error:
            # The lease ends by itself, and the sweep finds the conversation again.
            log.warning("store_away", conversation=claim.conversation_id, reason=error.detail)
        finally:
            # Ended by an event: a connection whose query is cancelled cannot go back to the pool.
            finished.set()
            await heartbeat

    async def _drain(self, claim: Claim) -> None:
        while not self._stopped.is_set():
            ids = await messages.due_in_conversation(
                self._database, claim.conversation_id, now=self._clock(), limit=BATCH
            )
            if not ids:
                break
            for message_id in ids:
                if self._stopped.is_set() or not await self._processor.process(message_id):
                    break
        now = self._clock()
        due = await messages.next_due(self._database, claim.conversation_id, now=now)
        await conversations.release(self._database, claim, now=now, next_due=due)

    async def _hold(self, claim: Claim, work: asyncio.Task[None], finished: asyncio.Event) -> None:
        """Renew the lease three times within its length; work whose lease was lost is stopped."""
        while not await _happens(finished, within_s=self._lease.total_seconds() / 3):
            try:
                if not await conversations.renew(self._database, claim, now=self._clock(), lease=self._lease):
                    work.cancel()
                    return
            except Exception as error:  # noqa: BLE001 (the next beat may succeed, and work without a lease must not go on)
                log.warning("lease_not_renewed", conversation=claim.conversation_id, reason=type(error).__name__)

    async def _rerate_regularly(self) -> None:
        while not await _happens(self._stopped, within_s=self._rerate_interval_s):
            with _logged("rerate"):
                if done := await self._processor.rerate(is_stopping=self._stopped.is_set):
                    log.info("messages_rerated", count=done)

    async def _roll_up_regularly(self) -> None:
        # The first time also for the hours of a day in which nothing ran.
        hours = 24
        while True:
            with _logged("roll_up"):
                now = self._clock()
                for back in range(hours, -1, -1):
                    await stats.roll_up(self._database, now - timedelta(hours=back))
                hours = 1
            if await _happens(self._stopped, within_s=ROLL_UP_INTERVAL_S):
                return


async def _happens(event: asyncio.Event, *, within_s: float) -> bool:
    """Whether an event happens within the time."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within_s):
            await event.wait()
    return event.is_set()


@contextlib.contextmanager
def _logged(job: str) -> Iterator[None]:
    """A regular job that fails once is tried again the next time."""
    try:
        yield
    except Exception as error:  # noqa: BLE001 (logged, and the job runs again)
        log.warning("job_failed", job=job, reason=f"{type(error).__name__}: {error}"[:200])
