"""People who are not looking are reached: in time, once, by their own ways, and not in their quiet hours."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from tests.support.clock import Ahead
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.processes import free_port
from tests.support.recording import RecordingChannel
from tests.support.replies import call

from frontdesk.domain.errors import ChannelError, ChannelRejectedError, UnknownOutcomeError
from frontdesk.domain.people import Person
from frontdesk.pipeline.alert import Alerter
from frontdesk.pipeline.pauses import Patience
from frontdesk.wire.mail import Mailer

URGENT = "URGENT: my friend is bleeding, the brakes failed, help us now!!"


class Mailbox:
    """Takes mail, or refuses it."""

    def __init__(self) -> None:
        self.letters: list[str] = []
        self.refuses = False
        self.arrived = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    async def handle_RCPT(  # noqa: N802 (the library's name)
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        """One recipient."""
        if self.refuses:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        """One letter."""
        assert isinstance(envelope.content, bytes)
        self.letters.append(envelope.content.decode())
        self._loop.call_soon_threadsafe(self.arrived.set)
        return "250 OK"


@asynccontextmanager
async def serving(mailbox: Mailbox) -> AsyncIterator[int]:
    """A mail server on a free port."""
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    await asyncio.to_thread(controller.start)
    try:
        yield controller.port
    finally:
        await asyncio.to_thread(controller.stop)


@pytest_asyncio.fixture
async def mailbox() -> Mailbox:
    """Empty."""
    return Mailbox()


class Watch:
    """A desk without a worker of its own time, an alerter on a clock that the test moves, and a channel that records."""

    def __init__(self, desk: RunningDesk, clock: Ahead, mailer: Mailer | None = None) -> None:
        self.desk, self.clock, self.channel = desk, clock, RecordingChannel()
        calendar_of = desk.backend.desk.calendar_of
        self.alerter = Alerter(
            database=desk.backend.desk.database, channel=self.channel, mailer=mailer,
            zone_of=lambda account: calendar_of(account).zone, patience=Patience(base_s=1, max_s=5, max_attempts=3),
            after=timedelta(seconds=60), page="https://desk.example.org", clock=clock,
        )  # fmt: skip

    async def sent(self, **span: float) -> list[str]:
        """What was sent by WhatsApp when so much time has passed."""
        self.clock.pass_by(**span)
        await self.desk.backend.pipeline.feed.after(0, limit=1, wait_s=0)
        while await self.alerter.alert():
            pass
        return [f"{item.recipient}: {item.text}" for item in self.channel.sent]


@pytest_asyncio.fixture
async def watch(start_desk: DeskFactory, monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Nobody is alerted but by the test."""
    monkeypatch.setattr("frontdesk.pipeline.worker.ALERT_S", 3600)
    clock = Ahead()
    desk: RunningDesk = await start_desk(clock=clock)
    watch = Watch(desk, clock)
    assert await watch.sent() == []
    return watch


async def told(desk: RunningDesk) -> None:
    """Wait until what happened has its number."""
    async with asyncio.timeout(10):
        last = 0
        while True:
            document = (await desk.get(f"/events?after={last}&wait=5&limit=500")).document
            last = document["last"]
            if any(event["type"] in {"message.routed", "message.failed"} for event in document["events"]):
                return


async def _person(desk: RunningDesk, name: str, **more: Any) -> int:
    number: int = (await call(desk, "POST", "/people", name=name, **more)).document["person_id"]
    return number


async def test_a_critical_message_that_nobody_answers_reaches_people(watch: Watch) -> None:
    """After a minute, each of those who are there, once; what is in it says what it is about."""
    await _person(watch.desk, "Bo", phone="+15550100177", alerts=["whatsapp"])
    await _person(watch.desk, "Cy", phone="+15550100178", alerts=["whatsapp"], is_available=False)
    await _person(watch.desk, "Di", phone="+15550100179")
    await watch.desk.post(webhook(URGENT))
    await told(watch.desk)
    assert await watch.sent(seconds=30) == []
    (alert,) = await watch.sent(seconds=31)
    assert alert.startswith("15550100177@c.us: Critical message: Ada Example")
    assert "bleeding" in alert
    assert "https://desk.example.org" in alert
    # More of the same is not told again at once.
    await watch.desk.post(webhook(URGENT))
    await told(watch.desk)
    assert len(await watch.sent(seconds=90)) == 1


async def test_who_was_answered_alerts_nobody(watch: Watch) -> None:
    """Somebody was looking."""
    await _person(watch.desk, "Bo", phone="+15550100177", alerts=["whatsapp"])
    await watch.desk.post(webhook(URGENT))
    await told(watch.desk)
    await watch.desk.post(webhook("I am coming!", from_me=True))
    assert await watch.sent(minutes=5) == []


async def test_who_is_asked_for_is_told_and_the_others_are_left_alone(watch: Watch) -> None:
    """A conversation that was handed over to somebody."""
    bo = await _person(watch.desk, "Bo", phone="+15550100177", alerts=["whatsapp"])
    await _person(watch.desk, "Cy", phone="+15550100178", alerts=["whatsapp"])
    result = (await watch.desk.post(webhook("I want to talk to a real person"))).document
    shown = (await watch.desk.get(f"/conversations/{result['conversation_id']}")).document
    assert shown["reply"]["assignee_id"] == bo
    await told(watch.desk)
    assert [line.partition(":")[0] for line in await watch.sent(seconds=61)] == ["15550100177@c.us"]


async def test_a_deadline_that_passes_is_told(watch: Watch) -> None:
    """At once: there was time enough."""
    await _person(watch.desk, "Bo", phone="+15550100177", alerts=["whatsapp"])
    await watch.desk.post(webhook("How much is a full service?"))
    await told(watch.desk)
    watch.clock.pass_by(days=9)
    async with asyncio.timeout(20):
        last, types = 0, set[str]()
        while "deadline.missed" not in types:
            document = (await watch.desk.get(f"/events?after={last}&wait=5&limit=500")).document
            last = document["last"]
            types |= {event["type"] for event in document["events"]}
    (alert,) = await watch.sent()
    assert "Nobody has answered in time" in alert


async def test_quiet_hours_are_kept(watch: Watch) -> None:
    """It is told when they end."""
    zone = watch.desk.backend.desk.calendar_of("main").zone
    now = watch.clock().astimezone(zone)
    begin, end = (now - timedelta(hours=1), now + timedelta(hours=2))
    quiet = f"{begin:%H}:00-{end:%H}:30"
    await _person(watch.desk, "Bo", phone="+15550100177", alerts=["whatsapp"], quiet=quiet)
    await watch.desk.post(webhook(URGENT))
    await told(watch.desk)
    assert await watch.sent(minutes=5) == []
    assert len(await watch.sent(hours=3)) == 1


async def test_an_alert_that_may_have_been_sent_is_asked_about_first(watch: Watch) -> None:
    """Nobody is told twice by a process that died, and nobody is forgotten by a channel that was away."""
    await _person(watch.desk, "Bo", phone="+15550100177", alerts=["whatsapp"])
    await watch.desk.post(webhook(URGENT))
    await told(watch.desk)
    watch.channel.failures = [ChannelError("away")]
    watch.channel.lost_answers = [UnknownOutcomeError("the answer was lost")]
    assert await watch.sent(seconds=61) == []
    assert len(await watch.sent(seconds=10)) == 1
    assert len(await watch.sent(seconds=10)) == 1
    assert len(watch.channel.asked) == 1


async def test_after_so_many_attempts_it_is_given_up_and_told(watch: Watch) -> None:
    """An event says so; the inbox of who looks still shows it."""
    await _person(watch.desk, "Bo", phone="+15550100177", alerts=["whatsapp"])
    await watch.desk.post(webhook(URGENT))
    await told(watch.desk)
    watch.channel.failures = [ChannelError("away")] * 9
    for seconds in (61, 10, 10, 10):
        await watch.sent(seconds=seconds)
    assert len(watch.channel.failures) == 6
    async with asyncio.timeout(10):
        while not any(
            event["type"] == "alert.failed"
            for event in (await watch.desk.get("/events?after=0&limit=500")).document["events"]
        ):
            pass


async def test_mail_reaches_people_too(start_desk: DeskFactory, mailbox: Mailbox) -> None:
    """By the worker itself, over SMTP."""
    async with serving(mailbox) as port:
        desk: RunningDesk = await start_desk(
            smtp_host="127.0.0.1",
            smtp_port=port,
            smtp_security="none",
            smtp_from="Desk <desk@example.org>",
            alert_after_s=0,
        )
        await _person(desk, "Bo", email="bo@example.org", alerts=["email"])
        await desk.backend.pipeline.worker._alerter.alert()
        await desk.post(webhook(URGENT))
        async with asyncio.timeout(20):
            await mailbox.arrived.wait()
    (letter,) = mailbox.letters
    assert "To: bo@example.org" in letter
    assert "Subject: Critical message: Ada Example" in letter
    assert "Auto-Submitted: auto-generated" in letter


async def test_what_a_mail_server_says_is_understood(mailbox: Mailbox) -> None:
    """An address that it refuses is refused for good; a server that is away is tried again."""
    async with serving(mailbox) as port:
        mailer = Mailer(
            host="127.0.0.1", port=port, user=None, password=None, sender="desk@example.org", security="none"
        )
        mailbox.refuses = True
        with pytest.raises(ChannelRejectedError):
            await mailer.send("bo@example.org", "x", "y", key="k")
    with pytest.raises(ChannelError, match="did not take it"):
        await mailer.send("bo@example.org", "x\nBcc: all@example.org", "y", key="k")


async def test_who_cannot_be_reached_that_way_is_told_to_whoever_asks(watch: Watch) -> None:
    """Before it is needed."""
    person = Person(
        id=1,
        name="Bo",
        email=None,
        phone=None,
        is_available=True,
        alerts=("email",),
        quiet=None,
        created_at=datetime.now(UTC),
    )
    for channel in ("email", "whatsapp"):
        with pytest.raises(ChannelRejectedError):
            await watch.alerter.tell(
                person, channel, "x", "y", account="main", account_id=1, key="k", is_unsure=False, now=datetime.now(UTC)
            )
