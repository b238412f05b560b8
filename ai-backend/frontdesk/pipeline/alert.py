"""Reaching people who are not looking: by WhatsApp or e-mail, when something is critical, overdue or handed over to a person."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog

from frontdesk.domain.alerts import Alert, AlertKind, kind_of
from frontdesk.domain.errors import ChannelError, ChannelRejectedError, UnknownOutcomeError
from frontdesk.domain.events import Event
from frontdesk.domain.outgoing import Outgoing
from frontdesk.domain.people import Person
from frontdesk.domain.ports import Channel
from frontdesk.domain.text import shorten
from frontdesk.pipeline.pauses import Patience
from frontdesk.store import alerts, events, inbox, people
from frontdesk.store.database import Database
from frontdesk.store.inbox import Conversation
from frontdesk.wire.mail import Mailer

log = structlog.get_logger(__name__)

BATCH = 200
AT_ONCE = 20
TEXT_CHARACTERS = 160
HEADINGS: dict[AlertKind, str] = {
    "critical": "Critical message",
    "overdue": "Nobody has answered in time",
    "handed_over": "A person is to answer",
}


class Alerter:
    """Makes alerts of events and sends them. ``after`` is the time that somebody has to answer by themselves."""

    def __init__(
        self,
        *,
        database: Database,
        channel: Channel,
        mailer: Mailer | None,
        zone_of: Callable[[str], ZoneInfo],
        patience: Patience,
        after: timedelta,
        page: str | None,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._channel = channel
        self._mailer = mailer
        self._zone_of = zone_of
        self._patience = patience
        self._after = after
        self._page = page
        self._clock = clock

    async def has_work(self) -> bool:
        """Whether something happened since the last time, or is due: cheap to ask."""
        last = await events.last_number(self._database)
        return last > await alerts.position(self._database) or bool(
            await alerts.due(self._database, now=self._clock(), limit=1)
        )

    async def alert(self) -> int:
        """Look at what happened since the last time, and send what is due; how much was sent or tried."""
        await self._look()
        found = await alerts.due(self._database, now=self._clock(), limit=AT_ONCE)
        for alert in found:
            await self._take_on(alert)
        return len(found)

    async def _look(self) -> None:
        position = await alerts.position(self._database)
        while news := await events.after(self._database, position, limit=BATCH):
            wanted = [item for event in news for item in await self._wanted(event)]
            position = news[-1].number
            await alerts.move(self._database, position, wanted, now=self._clock())

    async def _wanted(self, event: Event) -> Sequence[alerts.Wanted]:
        kind = kind_of(event)
        if kind is None or event.conversation_id is None:
            return ()
        conversation = await inbox.fetch(self._database, event.conversation_id)
        if conversation is None:
            return ()
        zone = self._zone_of(conversation.account)
        # Whose deadline has passed had time enough.
        moment = event.at + (timedelta() if kind == "overdue" else self._after)
        return [
            alerts.Wanted(
                event_number=event.number,
                kind=kind,
                conversation_id=event.conversation_id,
                person_id=person.id,
                channel=channel,
                due_at=person.reachable_at(moment, zone),
            )
            for person in await self._whom(event.conversation_id)
            for channel in person.alerts
        ]

    async def _whom(self, conversation_id: int) -> Sequence[Person]:
        """Whose conversation it is, where they can be reached; else everybody who is there and can be."""
        everybody = [person for person in await people.find(self._database) if person.alerts and person.is_available]
        assignee = await alerts.assignee_of(self._database, conversation_id)
        return [person for person in everybody if person.id == assignee] or everybody

    async def _take_on(self, alert: Alert) -> None:
        now = self._clock()
        conversation = await inbox.fetch(self._database, alert.conversation_id)
        if conversation is None or not await alerts.is_needed(self._database, alert):
            await alerts.mark(self._database, alert.id, "dropped", now=now)
            return
        attempts = alert.attempts + 1
        is_unsure = alert.state == "sending"
        soon = now + self._patience.pause(attempts)
        await alerts.mark(self._database, alert.id, "sending", now=now, due_at=soon, attempts=attempts)
        try:
            await self._send(alert, conversation, is_unsure=is_unsure)
        except ChannelError as error:
            await self._note_failure(alert, error, attempts)
            return
        await alerts.mark(self._database, alert.id, "sent", now=self._clock(), attempts=attempts)
        log.info("alert_sent", alert=alert.id, kind=alert.kind, channel=alert.channel, person=alert.person.id)

    async def _note_failure(self, alert: Alert, error: ChannelError, attempts: int) -> None:
        now = self._clock()
        log.warning("alert_not_sent", alert=alert.id, channel=alert.channel, attempt=attempts, reason=error.detail)
        if isinstance(error, ChannelRejectedError) or self._patience.is_over(attempts):
            await alerts.mark(self._database, alert.id, "failed", now=now, error=error.detail)
            return
        may_be_sent = isinstance(error, UnknownOutcomeError)
        pause = max(self._patience.pause(attempts), timedelta(seconds=error.retry_after_s or 0))
        await alerts.mark(
            self._database,
            alert.id,
            "sending" if may_be_sent else "queued",
            now=now,
            due_at=now + pause,
            error=error.detail,
        )

    async def _send(self, alert: Alert, conversation: Conversation, *, is_unsure: bool) -> None:
        subject, text = told(alert.kind, conversation, page=self._page)
        await self.tell(
            alert.person, alert.channel, subject, text, account=alert.account, account_id=alert.account_id,
            key=alert.channel_key, is_unsure=is_unsure, now=alert.created_at,
        )  # fmt: skip

    async def tell(
        self, person: Person, channel: str, subject: str, text: str, *, account: str, account_id: int, key: str,
        is_unsure: bool, now: datetime,
    ) -> None:  # fmt: skip
        """Tell a person something. ``is_unsure``: it may have been sent under this key before, which is asked first.

        Raises:
            ChannelError: it was not sent; ChannelRejectedError: and never will be.
        """
        if channel == "email":
            if self._mailer is None:
                raise ChannelRejectedError("there is no mail server (SMTP_HOST)")
            if person.email is None:
                raise ChannelRejectedError("this person has no e-mail address")
            await self._mailer.send(person.email, subject, text, key=key)
            return
        if person.phone is None:
            raise ChannelRejectedError("this person has no phone number")
        outgoing = Outgoing(
            id=0, account_id=account_id, account=account, conversation_id=0, key=key, channel_key=key,
            recipient=f"{person.phone.removeprefix('+')}@c.us", text=f"{subject}\n\n{text}", is_automatic=True,
            state="sending", attempts=0, due_at=None, error=None, channel_message_id=None, trace=None, created_at=now,
            queued_at=now, sent_at=None,
        )  # fmt: skip
        if not is_unsure or await self._channel.find(outgoing) is None:
            await self._channel.send(outgoing)


def told(kind: AlertKind, conversation: Conversation, *, page: str | None) -> tuple[str, str]:
    """The subject and the text of an alert."""
    subject = f"{HEADINGS[kind]}: {shorten(conversation.title, 60)}"
    lines = [f"{conversation.title}, account {conversation.account}, conversation {conversation.id}"]
    if conversation.wait is not None:
        wait = conversation.wait
        lines.append(f"Urgency {wait.analysis.urgency_score}/10, {wait.analysis.category}, {wait.analysis.sentiment}")
        lines.append(f"“{shorten(wait.text, TEXT_CHARACTERS)}”")
    if page is not None:
        lines.append(page)
    return subject, "\n".join(lines)
