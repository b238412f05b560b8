"""Sending what is in the outbox: in order within a conversation, paced within an account, each message once."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta

import structlog

from frontdesk import telemetry
from frontdesk.domain.errors import ChannelError, ChannelRejectedError, UnavailableError, UnknownOutcomeError
from frontdesk.domain.hours import Calendar
from frontdesk.domain.outgoing import OPEN_STATES, Outgoing, OutgoingState
from frontdesk.domain.ports import Channel
from frontdesk.failpoints import failpoint
from frontdesk.store import duties, outbox, turns
from frontdesk.store.clock import elapsed
from frontdesk.store.database import Database
from frontdesk.store.duties import Duty, Held

log = structlog.get_logger(__name__)

ACCOUNTS_AT_ONCE = 8
LONGEST_PAUSE_S = 60


class Deliverer:
    """Serves the accounts that have something to send, one message of each at a time.

    One process at a time sends for an account: that keeps the order and the pace without anything shared but the store.
    ``at_any_hour``: what is automatic leaves outside of opening hours, too.
    """

    def __init__(
        self,
        *,
        database: Database,
        channel: Channel,
        calendar_of: Callable[[str], Calendar],
        send_per_minute: float,
        max_attempts: int,
        retry_base_s: float,
        lease_s: float,
        expires_after: timedelta,
        announce: Callable[[], None],
        clock: Callable[[], datetime],
        at_any_hour: bool = False,
    ) -> None:
        self._database = database
        self._at_any_hour = at_any_hour
        self._channel = channel
        self._calendar_of = calendar_of
        self._interval = timedelta(seconds=60 / send_per_minute)
        self._max_attempts = max_attempts
        self._lease = timedelta(seconds=lease_s)
        self._retry_base_s = retry_base_s
        self._expires_after = expires_after
        self._announce = announce
        self._clock = clock

    async def deliver_due(self, stopped: asyncio.Event) -> None:
        """Send until no account has anything that is due now."""
        while not stopped.is_set():
            lease = self._lease
            held = await duties.claim(self._database, outbox.SENDING, ACCOUNTS_AT_ONCE, now=self._clock(), lease=lease)
            if not held:
                return
            await asyncio.gather(*(self._serve(duty) for duty in held))

    async def next_due(self) -> datetime | None:
        """When an account has something to send again, or None."""
        return await duties.next_ready_at(self._database, outbox.SENDING)

    async def _serve(self, duty: Duty) -> None:
        account_id = int(duty.name.partition(":")[2])
        try:
            now = self._clock()
            if duty.paced_until is None or duty.paced_until <= now:
                outgoing = await outbox.next_to_send(self._database, account_id, now=now)
                if outgoing is not None:
                    async with self._held(duty):
                        await self._take_on_whatever_it_is(duty, outgoing)
            now = self._clock()
            due = await outbox.next_due(self._database, account_id, now=now)
            await duties.release(self._database, duty, now=now, next_due=due)
        except UnavailableError as error:
            # The lease ends by itself.
            log.warning("store_away", duty=duty.name, reason=error.detail)

    @contextlib.asynccontextmanager
    async def _held(self, duty: Duty) -> AsyncIterator[None]:
        """Renew the lease three times within its length. Where that fails the next one takes over, and asks first."""

        async def beat() -> None:
            while True:
                await asyncio.sleep(self._lease.total_seconds() / 3)
                with contextlib.suppress(UnavailableError):
                    await duties.renew(self._database, duty, now=self._clock(), lease=self._lease)

        beating = asyncio.create_task(beat())
        try:
            yield
        finally:
            beating.cancel()
            await asyncio.gather(beating, return_exceptions=True)

    async def _take_on_whatever_it_is(self, duty: Duty, outgoing: Outgoing) -> None:
        """No message may keep those behind it from leaving for ever."""
        try:
            await self._take_on(duty, outgoing)
        except UnavailableError:
            raise
        except Exception as error:
            log.exception("sending_broke", outbox=outgoing.id)
            unclear = UnknownOutcomeError(type(error).__name__)
            await self._note_failure(duty, outgoing, unclear, was_asked=outgoing.state == "sending")

    async def _take_on(self, duty: Duty, outgoing: Outgoing) -> None:
        now = self._clock()
        # Whoever was sending it is gone: it may have been sent, and only the channel can know.
        if outgoing.state == "queued" and not await self._may_leave(duty, outgoing):
            return
        with telemetry.span("send message", parent=outgoing.trace, outbox=outgoing.id) as span:
            outgoing = outgoing.model_copy(update={"trace": span.traceparent})
            is_asking = outgoing.state == "sending"
            try:
                sent = await self._channel.find(outgoing) if is_asking else None
                if sent is None:
                    if is_asking and not await self._may_leave(duty, outgoing):
                        return
                    is_asking = False
                    sent = await self._send(duty, outgoing)
            except ChannelError as error:
                await self._note_failure(duty, outgoing, error, was_asked=is_asking)
                return
            if sent is not None:
                failpoint("sent")
                now = self._clock()
                await outbox.mark(self._database, duty, outgoing, "sent", now=now, channel_message_id=sent)
                self._announce()
                telemetry.sent("sent")
                log.info(
                    "message_sent",
                    outbox=outgoing.id,
                    conversation=outgoing.conversation_id,
                    account=outgoing.account_id,
                    attempt=outgoing.attempts + 1,
                    waited_ms=round((now - outgoing.queued_at).total_seconds() * 1000),
                )

    async def _may_leave(self, duty: Duty, outgoing: Outgoing) -> bool:
        """Whether an automatic message is still wanted, and now; else it is withdrawn, or waits for opening hours."""
        if not outgoing.is_automatic:
            return True
        now = self._clock()
        standing = await turns.standing_of(self._database, outgoing)
        if standing.overtaken is not None:
            await outbox.mark(self._database, duty, outgoing, "withdrawn", now=now, error=standing.overtaken)
            telemetry.sent("withdrawn")
            self._announce()
            return False
        # Who asks the desk itself something is answered at once.
        if self._at_any_hour or standing.is_command:
            return True
        opens = self._calendar_of(outgoing.account).opens_at(now)
        if opens > now:
            # Its time to leave begins when the doors open.
            await outbox.mark(self._database, duty, outgoing, "queued", now=now, due_at=opens, queued_at=opens)
            return False
        return True

    async def _send(self, duty: Duty, outgoing: Outgoing) -> str | None:
        """Note that it is being sent, and send it; None where the duty is no longer ours, or may soon be another's."""
        began = elapsed()
        now = self._clock()
        if self._is_too_late(outgoing, now):
            raise ChannelError("it could not be sent in time")
        pace = self._interval * random.uniform(0.8, 1.2)  # noqa: S311 (like a person)
        held = Held(until=now + self._lease, paced_until=now + pace)
        if not await outbox.mark(
            self._database, duty, outgoing, "sending", now=now, attempts=outgoing.attempts + 1, held=held
        ):
            return None
        # A process that slept since then must not send any more: the next one may have asked, and have been told no.
        if elapsed() - began > self._lease.total_seconds() / 2:
            log.warning("slept_before_sending", outbox=outgoing.id)
            return None
        self._announce()
        return await self._channel.send(outgoing)

    async def _note_failure(self, duty: Duty, outgoing: Outgoing, error: ChannelError, *, was_asked: bool) -> None:
        """Not sent: queued again. Perhaps sent: asked about again. At last a person has to look.

        ``was_asked``: the channel failed to tell whether it was sent, rather than to send it.
        """
        now = self._clock()
        attempts = outgoing.attempts + 1
        log.warning("message_not_sent", outbox=outgoing.id, attempt=attempts, code=error.code, reason=error.detail)
        may_be_sent = was_asked or isinstance(error, UnknownOutcomeError)
        # A channel that is away or asks for patience says nothing about the message: it waits, until its time is over.
        is_over = self._is_too_late(outgoing, now) or (
            was_asked and isinstance(error, UnknownOutcomeError) and attempts >= self._max_attempts
        )
        state: OutgoingState = "sending" if may_be_sent else "queued"
        if isinstance(error, ChannelRejectedError):
            state = "failed"
        elif is_over:
            state = "unknown" if may_be_sent else "failed"
        is_open = state in OPEN_STATES
        pause_s = max(self._pause_s(attempts), error.retry_after_s or 0)
        await outbox.mark(
            self._database, duty, outgoing, state,
            now=now, error=error.detail, attempts=attempts, due_at=now + timedelta(seconds=pause_s) if is_open else None,
        )  # fmt: skip
        if not is_open:
            telemetry.sent(state)
        self._announce()

    def _is_too_late(self, outgoing: Outgoing, now: datetime) -> bool:
        return now - outgoing.queued_at > self._expires_after

    def _pause_s(self, attempts: int) -> float:
        longest = min(self._retry_base_s * 2.0 ** min(attempts - 1, 30), LONGEST_PAUSE_S)
        return longest * random.uniform(0.5, 1)  # noqa: S311 (jitter)
