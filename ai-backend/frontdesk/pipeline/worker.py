"""The worker: claims conversations that are due and works on several at once, each in order."""

import asyncio
import contextlib
import math
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta

import structlog

from frontdesk import telemetry
from frontdesk.desk.privacy import Retention
from frontdesk.desk.sending import Sender
from frontdesk.domain.errors import LeaseLostError, UnavailableError
from frontdesk.domain.routing import Rule
from frontdesk.failpoints import failpoint
from frontdesk.pipeline.alert import Alerter
from frontdesk.pipeline.deliver import Deliverer
from frontdesk.pipeline.process import Processor
from frontdesk.store import conversations, directory, duties, messages, stats, waits
from frontdesk.store.conversations import Claim
from frontdesk.store.database import Database
from frontdesk.webhooks.telling import Teller

log = structlog.get_logger(__name__)

BATCH = 20
MOST_IN_A_ROW = 60
"""Messages of one conversation before others have their turn."""
GATHER_S = 0.01
DEADLINES_S = 5
LATE_S = 2
ALERT_S = 5
TELL_S = 1
EXPIRE_S = 3600
RULES_S = 1
ROLL_UP_INTERVAL_S = 300
STOP_PATIENCE_S = 7
GIVE_BACK_S = 2
DUTY_LEASE_S = 300


class Worker:
    """Drives the pipeline. Woken after a commit, and by the clock for what was left behind or is due again."""

    def __init__(
        self,
        *,
        database: Database,
        processor: Processor,
        deliverer: Deliverer,
        concurrency: int,
        lease_s: float,
        sweep_interval_s: float,
        rerate_interval_s: float,
        rerate_per_minute: float,
        teller: Teller,
        alerter: Alerter,
        sender: Sender,
        retention: Retention,
        announce: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._teller = teller
        self._alerter = alerter
        self._sender = sender
        self._retention = retention
        self._announce = announce
        self._processor = processor
        self._deliverer = deliverer
        self._concurrency = concurrency
        self._lease = timedelta(seconds=lease_s)
        self._sweep_interval_s = sweep_interval_s
        self._rerate_interval_s = rerate_interval_s
        self._rerate_pause_s = 60 / rerate_per_minute
        self._clock = clock
        self._woken = asyncio.Event()
        self._woken_to_send = asyncio.Event()
        self._free = asyncio.Event()
        self._active: dict[asyncio.Task[None], Claim] = {}
        self._reserved = 0
        self._stopped = asyncio.Event()
        self._rules: tuple[Rule, ...] = ()
        self._rules_read_at = -math.inf

    @property
    def active(self) -> int:
        """How many conversations are in hand."""
        return len(self._active)

    def wake(self) -> None:
        """There is work: do not wait for the clock."""
        self._woken.set()

    def wake_to_send(self) -> None:
        """There is something to send: do not wait for the clock."""
        self._woken_to_send.set()

    def stop(self) -> None:
        """Claim nothing more; :meth:`run` ends when what is in hand is finished or given back."""
        for event in (self._stopped, self._woken, self._woken_to_send, self._free):
            event.set()

    async def run(self) -> None:
        """Work until stopped. A store that is away is waited for; what takes too long to finish is given back."""
        async with asyncio.TaskGroup() as group:
            jobs = [
                group.create_task(job)
                for job in (
                    self._rerate_regularly(), self._roll_up_regularly(), self._watch_deadlines(), self._hear_late(), self._alert_regularly(), self._tell(), self._expire_regularly(), self._send()
                )
            ]  # fmt: skip
            holding = group.create_task(self._hold())
            await self._claim_until_stopped()
            await self._finish(jobs)
            holding.cancel()

    async def work_on_one(self) -> None:
        """What a wake-up from a queue asks for: claim what is due longest, if anything is, and work on it to the end.

        Waits for a free place first, so that a queue gives a worker no more than it can do.
        """
        while self._places <= 0 and not self._stopped.is_set():
            self._free.clear()
            await self._free.wait()
        if self._stopped.is_set():
            return
        # Also where the queue goes away meanwhile: what was claimed has to be worked on.
        if started := await asyncio.shield(self._claim_and_start(1)):
            await asyncio.wait(started)

    async def _claim_until_stopped(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                places = self._places
                is_full = places > 0 and len(await self._claim_and_start(places)) == places
                pause_s = 0.0 if is_full and self._places else await self._until_next()
                if self._active:
                    # Places become free one by one: a moment later one claim fills several.
                    await asyncio.sleep(GATHER_S)
            except UnavailableError as error:
                log.warning("store_away", reason=error.detail)
                pause_s = self._sweep_interval_s
            except Exception:
                # Whatever it is, the messages are safe in the store, and giving up would leave them there.
                log.exception("claim_failed")
                pause_s = self._sweep_interval_s
            if pause_s:
                await _happens(self._woken, within_s=pause_s)

    @property
    def _places(self) -> int:
        """How many more conversations can be taken in hand."""
        return self._concurrency - len(self._active) - self._reserved

    def _claim_and_start(self, places: int) -> asyncio.Task[list[asyncio.Task[None]]]:
        """Start what can be claimed, at most so many. The places are taken from now on, before the store has answered."""
        self._reserved += places
        return asyncio.create_task(self._claim(places))

    async def _claim(self, places: int) -> list[asyncio.Task[None]]:
        try:
            with telemetry.stage("claim"):
                claims = await conversations.claim(self._database, places, now=self._clock(), lease=self._lease)
            if claims:
                failpoint("claimed")
            return [self._start(claim) for claim in claims]
        finally:
            self._reserved -= places
            self._free.set()

    def _start(self, claim: Claim) -> asyncio.Task[None]:
        task = asyncio.create_task(self._work(claim))
        self._active[task] = claim
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._active.pop(task, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("conversation_abandoned", reason=type(error).__name__, exc_info=error)
        self._free.set()
        self._woken.set()

    async def _until_next(self) -> float:
        if self._places <= 0:
            return self._sweep_interval_s
        due = await conversations.next_ready_at(self._database)
        if due is None:
            return self._sweep_interval_s
        return min(max((due - self._clock()).total_seconds(), 0.01), self._sweep_interval_s)

    async def _work(self, claim: Claim) -> None:
        try:
            await self._drain(claim)
        except LeaseLostError:
            log.warning("conversation_lost", conversation=claim.conversation_id)
        except UnavailableError as error:
            # The lease ends by itself, and the sweep finds the conversation again.
            log.warning("store_away", conversation=claim.conversation_id, reason=error.detail)

    async def _drain(self, claim: Claim) -> None:
        rules = await self._current_rules()
        for _ in range(MOST_IN_A_ROW // BATCH):
            due = await messages.load_due(self._database, claim.conversation_id, now=self._clock(), limit=BATCH)
            goes_on = await self._processor.work(claim, due, rules, is_stopped=self._stopped.is_set)
            if not goes_on or len(due) < BATCH:
                break
        await self._processor.release(claim)

    async def _current_rules(self) -> tuple[Rule, ...]:
        """The operator's rules; a change takes effect within a second."""
        now = time.monotonic()
        if now - self._rules_read_at > RULES_S:
            self._rules = await directory.list_rules(self._database)
            self._rules_read_at = now
        return self._rules

    async def _finish(self, jobs: Iterable[asyncio.Task[None]]) -> None:
        """Wait a little for what is in hand; give back what takes longer, for others to take up at once."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_PATIENCE_S):
                # A claim may still have been under way.
                while unfinished := [task for task in (*self._active, *jobs) if not task.done()]:
                    await asyncio.wait(unfinished)
        late = [task for task in (*self._active, *jobs) if not task.done()]
        claims = list(self._active.values())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        with _logged("give_back"):
            async with asyncio.timeout(GIVE_BACK_S):
                await asyncio.gather(*(self._processor.release(claim) for claim in claims))

    async def _hold(self) -> None:
        """Renew the leases of what is in hand three times within their length; work whose lease was lost is stopped.

        Until cancelled: also while what is in hand is being finished.
        """
        while True:
            await asyncio.sleep(self._lease.total_seconds() / 3)
            held = dict(self._active)
            if not held:
                continue
            # What cannot be renewed now may be at the next beat; without a lease no result is stored.
            with _logged("renew"):
                still = await conversations.renew(self._database, held.values(), now=self._clock(), lease=self._lease)
                for task, claim in held.items():
                    if claim not in still and task in self._active:
                        task.cancel()
                        log.warning("conversation_lost", conversation=claim.conversation_id)

    async def _send(self) -> None:
        while not self._stopped.is_set():
            self._woken_to_send.clear()
            pause_s = self._sweep_interval_s
            with _logged("send"):
                # What was chosen by a process that died before it was in the outbox.
                await self._sender.send_chosen()
                await self._deliverer.deliver_due(self._stopped)
                due = await self._deliverer.next_due()
                if due is not None:
                    pause_s = min(max((due - self._clock()).total_seconds(), 0.01), pause_s)
            await _happens(self._woken_to_send, within_s=pause_s)

    async def _rerate_regularly(self) -> None:
        """One process at a time, the oldest first, at a rate that leaves the provider to what is new."""
        while not await _happens(self._stopped, within_s=self._rerate_interval_s):
            with _logged("rerate"):
                await self._if_ours("rerate", self._rerate, pause_s=0)

    async def _if_ours(self, name: str, work: Callable[[datetime], Awaitable[None]], *, pause_s: float) -> None:
        """Do what one process at a time does, if it is due and nobody else is at it; due again after a pause.

        ``work`` is told until when it is ours to do.
        """
        lease = timedelta(seconds=DUTY_LEASE_S)
        await duties.ensure(self._database, name, now=self._clock())
        for duty in await duties.claim(self._database, name, 1, now=self._clock(), lease=lease):
            try:
                await work(duty.until - lease / 2)
            finally:
                now = self._clock()
                await duties.release(self._database, duty, now=now, next_due=now + timedelta(seconds=pause_s))

    async def _rerate(self, until: datetime) -> None:
        done = 0
        processor = self._processor
        while not self._stopped.is_set() and self._clock() < until:
            if not (await processor.rejudge_oldest() or await processor.rerate_oldest()):
                break
            done += 1
            await _happens(self._stopped, within_s=self._rerate_pause_s)
        if done:
            log.info("messages_rerated", count=done)

    async def _watch_deadlines(self) -> None:
        """Tell of deadlines that come near or pass, within five seconds."""
        while not await _happens(self._stopped, within_s=DEADLINES_S):
            with _logged("deadlines"):
                while await waits.raise_due(self._database, now=self._clock()):
                    self._announce()
                await self._retention.forget_who_asked()

    async def _hear_late(self) -> None:
        """Understand files whose messages did not wait for them."""
        while not await _happens(self._stopped, within_s=LATE_S):
            with _logged("hear"):
                while not self._stopped.is_set() and await self._processor.hear_late():
                    self._announce()

    async def _alert_regularly(self) -> None:
        """One process at a time reaches people who are not looking."""

        async def alert(until: datetime) -> None:
            while not self._stopped.is_set() and self._clock() < until and await self._alerter.alert():
                self._announce()

        while not await _happens(self._stopped, within_s=ALERT_S):
            with _logged("alert"):
                if await self._alerter.has_work():
                    await self._if_ours("alert", alert, pause_s=0)

    async def _tell(self) -> None:
        """Tell others what happens, within a second."""
        while not await _happens(self._stopped, within_s=TELL_S):
            with _logged("tell"):
                await self._teller.tell_due(self._stopped)
        await self._teller.settled()

    async def _expire_regularly(self) -> None:
        """One process at a time."""

        async def expire(_: datetime) -> None:
            await self._retention.expire()

        while not await _happens(self._stopped, within_s=EXPIRE_S):
            with _logged("expire"):
                await self._if_ours("expire", expire, pause_s=EXPIRE_S / 2)

    async def _roll_up_regularly(self) -> None:
        # The first time also for the hours of a day in which nothing ran.
        hours = 24

        async def roll_up(_: datetime) -> None:
            nonlocal hours
            for back in range(hours, -1, -1):
                await stats.roll_up(self._database, self._clock() - timedelta(hours=back))
            hours = 1

        while True:
            with _logged("roll_up"):
                await self._if_ours("roll_up", roll_up, pause_s=ROLL_UP_INTERVAL_S / 2)
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
