"""Writing to people: rows first, in order, at a pace, each message once."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.support.clock import NOW, Clock
from tests.support.desk import webhook
from tests.support.recording import RecordingChannel

from frontdesk.channels.whatsapp_web import parse
from frontdesk.domain.business import Business
from frontdesk.domain.errors import (
    ChannelError,
    ChannelRejectedError,
    ConflictError,
    UnknownOutcomeError,
)
from frontdesk.domain.outgoing import Outgoing, OutgoingState
from frontdesk.pipeline.deliver import Deliverer
from frontdesk.store import addresses, duties, events, intake, outbox
from frontdesk.store.database import Database

ALWAYS = Business(name="Example")


class Post:
    """An outbox, its deliverer and a recording channel."""

    def __init__(
        self, database: Database, business: Business = ALWAYS, *, max_attempts: int = 3, lease_s: float = 20
    ) -> None:
        self.database, self.clock, self.channel = database, Clock(), RecordingChannel()
        self.deliverer = Deliverer(
            database=database, channel=self.channel, calendar_of=business.calendar_of, send_per_minute=60, max_attempts=max_attempts,
            retry_base_s=1, lease_s=lease_s, expires_after=timedelta(hours=24), announce=lambda: None, clock=self.clock,
        )  # fmt: skip

    async def conversation(self, phone: str = "+15550100111") -> addresses.Chat:
        """A conversation that somebody began."""
        body = json.dumps(webhook(phone_number=phone, chat_time=NOW.isoformat(), history=[])).encode()
        message = parse(body, account="main", now=NOW, region=None, max_history_items=100)
        (accepted,) = await intake.Intake(self.database).accept([message], now=NOW)
        chat = await addresses.chat_of(self.database, accepted.conversation_id)
        assert chat is not None
        return chat

    async def write(
        self, chat: addresses.Chat, text: str, *, key: str | None = None, is_automatic: bool = False
    ) -> int:
        """Queue a text."""
        id_, _ = await outbox.enqueue(
            self.database, chat, recipient="15550100111@c.us", text=text, key=key or text, is_automatic=is_automatic,
            trace=None, now=self.clock(),
        )  # fmt: skip
        return id_

    async def deliver(self) -> list[str]:
        """Send what is due now; the texts that have left so far."""
        await self.deliverer.deliver_due(asyncio.Event())
        return [item.text for item in self.channel.sent]

    async def begun_elsewhere(self) -> tuple[duties.Duty, Outgoing]:
        """Another process has noted that it sends the next message, and is not heard of again."""
        (duty,) = await duties.claim(self.database, outbox.SENDING, 1, now=NOW, lease=timedelta(seconds=20))
        outgoing = await outbox.next_to_send(self.database, int(duty.name.partition(":")[2]), now=NOW)
        assert outgoing is not None
        assert await outbox.mark(self.database, duty, outgoing, "sending", now=NOW, attempts=1)
        return duty, outgoing

    async def channel_key(self, id_: int) -> str:
        """What a message is called to the channel."""
        found = await outbox.fetch(self.database, id_)
        assert found is not None
        return found.channel_key

    async def state(self, id_: int) -> OutgoingState:
        """The state of a message."""
        found = await outbox.fetch(self.database, id_)
        assert found is not None
        return found.state


async def test_messages_leave_in_order_and_at_the_accounts_pace(database: Database) -> None:
    """A burst is what gets accounts banned."""
    post = Post(database)
    chat = await post.conversation()
    ids = [await post.write(chat, text) for text in ("one", "two", "three")]
    assert await post.deliver() == ["one"]
    assert [await post.state(id_) for id_ in ids] == ["sent", "queued", "queued"]
    post.clock.pass_by(seconds=1.3)
    assert await post.deliver() == ["one", "two"]
    post.clock.pass_by(seconds=1.3)
    assert await post.deliver() == ["one", "two", "three"]


async def test_the_same_key_is_the_same_message_and_another_text_a_conflict(database: Database) -> None:
    """A caller who is not sure may ask again."""
    post = Post(database)
    chat = await post.conversation()
    assert await post.write(chat, "hello", key="k") == await post.write(chat, "hello", key="k")
    with pytest.raises(ConflictError):
        await post.write(chat, "something else", key="k")
    assert await post.deliver() == ["hello"]


async def test_who_takes_over_a_message_that_was_being_sent_asks_first(database: Database) -> None:
    """The sender died between sending and noting it: nobody gets the message twice."""
    post = Post(database)
    id_ = await post.write(await post.conversation(), "hello")
    _, outgoing = await post.begun_elsewhere()
    await post.channel.send(outgoing)
    assert await post.deliver() == ["hello"]  # the dead one's lease
    post.clock.pass_by(seconds=21)
    assert await post.deliver() == ["hello"]
    assert [item.key for item in post.channel.asked] == ["hello"]
    assert await post.state(id_) == "sent"


async def test_who_takes_over_a_message_that_never_left_sends_it(database: Database) -> None:
    """The sender died between noting and sending: somebody gets the message."""
    post = Post(database)
    id_ = await post.write(await post.conversation(), "hello")
    duty, outgoing = await post.begun_elsewhere()
    post.clock.pass_by(seconds=21)
    assert await post.deliver() == ["hello"]
    assert await post.state(id_) == "sent"
    assert not await outbox.mark(database, duty, outgoing, "failed", now=post.clock())


async def test_who_slept_through_half_a_lease_does_not_send(database: Database) -> None:
    """The next one may have asked the channel in the meantime, and have been told that nothing was sent."""
    post = Post(database, lease_s=0.4)
    id_ = await post.write(await post.conversation(), "hello")
    duty, _ = await post.begun_elsewhere()
    post.clock.pass_by(seconds=21)
    stopped = asyncio.Event()

    async def keep_waiting(connection: AsyncConnection) -> None:
        await duties.is_held(connection, duty)
        locked.set()
        await asyncio.sleep(0.3)

    async def find(_: Outgoing) -> str | None:
        blocking.append(asyncio.create_task(database.write(keep_waiting)))
        await locked.wait()
        stopped.set()
        return None

    locked = asyncio.Event()
    blocking: list[asyncio.Task[None]] = []
    post.channel.find = find  # type: ignore[method-assign,assignment]
    await post.deliverer.deliver_due(stopped)
    await asyncio.gather(*blocking)
    assert post.channel.sent == []
    assert await post.state(id_) == "sending"


async def test_what_was_sent_again_has_all_its_time_again(database: Database) -> None:
    """And when it was written stays as it was."""
    post = Post(database)
    id_ = await post.write(await post.conversation(), "hello")
    post.clock.pass_by(hours=25)
    post.channel.failures = [ChannelError("away")] * 2
    await post.deliver()
    assert await post.state(id_) == "failed"
    assert await outbox.send_again(database, id_, now=post.clock())
    post.clock.pass_by(seconds=2)
    await post.deliver()
    assert await post.state(id_) == "queued"
    found = await outbox.fetch(database, id_)
    assert found is not None
    assert found.created_at == NOW


async def test_what_the_channel_denies_and_cannot_send_in_time_has_failed(database: Database) -> None:
    """Its outcome is known: it was not sent."""
    post = Post(database)
    post.channel.failures = [UnknownOutcomeError(), ChannelError("away")]
    id_ = await post.write(await post.conversation(), "hello")
    await post.deliver()
    assert await post.state(id_) == "sending"
    post.clock.pass_by(hours=25)
    await post.deliver()
    assert await post.state(id_) == "failed"


async def test_a_channel_that_breaks_keeps_nothing_behind_it_from_leaving(database: Database) -> None:
    """Also an answer that no code foresaw ends with a person, and the others go on."""
    post = Post(database)
    id_ = await post.write(await post.conversation("+15550100112"), "hello")
    send = post.channel.send

    async def breaks(outgoing: Outgoing) -> str | None:
        raise KeyError(outgoing.id)

    post.channel.send = post.channel.find = breaks  # type: ignore[method-assign,assignment]
    await post.deliver()
    post.channel.send = send  # type: ignore[method-assign]
    await post.write(await post.conversation("+15550100113"), "another")
    for _ in range(4):
        post.clock.pass_by(seconds=30)
        await post.deliver()
    assert await post.deliver() == ["another"]
    assert await post.state(id_) == "unknown"


async def test_a_person_is_not_kept_waiting_by_what_a_machine_put_off(database: Database) -> None:
    """And what was put off has all its time from when the doors open."""
    post = Post(database, Business(name="Example", timezone="Europe/Istanbul", hours={"wednesday": "09:00-18:00"}))
    chat = await post.conversation()
    await post.write(chat, "robot", is_automatic=True)
    assert await post.deliver() == []
    await post.write(chat, "robot again", is_automatic=True)
    await post.write(chat, "person")
    assert await post.deliver() == ["person"]
    post.clock.now = datetime(2026, 3, 4, 6, 0, 1, tzinfo=UTC)  # 09:00:01 in Istanbul, two days later
    post.channel.failures = [ChannelError("patience")]
    assert await post.deliver() == ["person"]
    for _ in range(2):
        post.clock.pass_by(seconds=2)
        await post.deliver()
    assert await post.deliver() == ["person", "robot", "robot again"]


async def test_what_could_not_leave_in_time_does_not_leave_later(database: Database) -> None:
    """After days in which nothing ran nobody waits for it."""
    post = Post(database)
    id_ = await post.write(await post.conversation(), "hello")
    post.clock.pass_by(hours=25)
    assert await post.deliver() == []
    assert await post.state(id_) == "failed"


async def test_what_a_person_sends_again_is_another_sending_to_the_channel(database: Database) -> None:
    """The channel would answer the old key with what it knows of the old one."""
    post = Post(database, max_attempts=1)
    id_ = await post.write(await post.conversation(), "hello")
    first = await post.channel_key(id_)

    async def does_not_know(_: Outgoing) -> str | None:
        raise UnknownOutcomeError

    post.channel.lost_answers, post.channel.find = [UnknownOutcomeError()], does_not_know  # type: ignore[method-assign,assignment]
    await post.deliver()
    post.clock.pass_by(seconds=5)
    await post.deliver()
    assert await post.state(id_) == "unknown"
    assert await outbox.send_again(database, id_, recipient="15550100222@c.us", now=post.clock())
    await post.deliver()
    assert await post.state(id_) == "sent"
    assert [item.channel_key == first for item in post.channel.sent] == [True, False]
    assert [item.recipient for item in post.channel.sent] == ["15550100111@c.us", "15550100222@c.us"]


async def test_an_acknowledgement_lets_what_is_behind_go_on(database: Database) -> None:
    """It waited until the first would have been asked about again."""
    post = Post(database)
    chat = await post.conversation()
    first, _ = await post.write(chat, "first"), await post.write(chat, "second")
    post.channel.failures = [UnknownOutcomeError()]
    await post.deliver()
    post.clock.pass_by(seconds=0.4)
    key = await post.channel_key(first)
    await outbox.acknowledge(
        database,
        account="main",
        state="delivered",
        channel_key=key,
        channel_message_id="id",
        error=None,
        now=post.clock(),
    )
    post.clock.pass_by(seconds=1)
    assert (await post.deliverer.next_due() or post.clock()) <= post.clock()
    assert await post.deliver() == ["second"]


async def test_a_transition_whose_commit_was_answered_by_nobody_happens_once(database: Database) -> None:
    """The transaction is repeated, and finds its work done."""
    post = Post(database)
    await post.write(await post.conversation(), "hello")
    (duty,) = await duties.claim(database, outbox.SENDING, 1, now=NOW, lease=timedelta(seconds=20))
    outgoing = await outbox.next_to_send(database, int(duty.name.partition(":")[2]), now=NOW)
    assert outgoing is not None
    for _ in range(2):
        assert await outbox.mark(database, duty, outgoing, "sending", now=NOW, attempts=1)
    assert await outbox.mark(database, duty, outgoing, "sent", now=NOW)
    assert not await outbox.mark(database, duty, outgoing, "sending", now=NOW)
    await events.number_new(database)
    happened = [item.type for item in await events.after(database, 0, limit=10)]
    assert happened.count("outbox.sending") == happened.count("outbox.sent") == 1


async def test_an_answer_that_got_lost_is_asked_for(database: Database) -> None:
    """It was sent, and only the confirmation did not arrive."""
    post = Post(database)
    post.channel.lost_answers = [UnknownOutcomeError()]
    id_ = await post.write(await post.conversation(), "hello")
    await post.deliver()
    assert await post.state(id_) == "sending"
    post.clock.pass_by(seconds=5)
    assert await post.deliver() == ["hello"]
    assert await post.state(id_) == "sent"


async def test_what_nobody_can_tell_is_left_to_a_person(database: Database) -> None:
    """Sending twice is worse than asking once."""
    post = Post(database)
    chat = await post.conversation()
    id_, behind = await post.write(chat, "hello"), await post.write(chat, "and more")

    async def does_not_know(_: Outgoing) -> str:
        raise UnknownOutcomeError

    post.channel.send = post.channel.find = does_not_know  # type: ignore[method-assign,assignment]
    for _ in range(4):
        await post.deliver()
        post.clock.pass_by(seconds=30)
    assert await post.state(id_) == "unknown"
    assert await outbox.send_again(database, id_, now=post.clock())
    assert not await outbox.send_again(database, behind, now=post.clock())


async def test_a_channel_that_is_away_is_waited_for_and_holds_up_only_its_own(database: Database) -> None:
    """However often it says no; after a day nobody waits for the answer any more."""
    post = Post(database)
    id_ = await post.write(await post.conversation(), "hello")
    for _ in range(10):
        post.channel.failures = [ChannelError("away")]
        await post.deliver()
        assert await post.state(id_) == "queued"
        post.clock.pass_by(seconds=61)
    assert await post.deliver() == ["hello"]
    late = await post.write(await post.conversation(), "too late")
    post.clock.pass_by(hours=25)
    post.channel.failures = [ChannelError("away")]
    await post.deliver()
    assert await post.state(late) == "failed"


async def test_a_message_that_is_refused_does_not_hold_up_the_next(database: Database) -> None:
    """A number that is not on WhatsApp, say."""
    post = Post(database)
    chat = await post.conversation()
    refused, next_ = await post.write(chat, "one"), await post.write(chat, "two")
    post.channel.failures = [ChannelRejectedError("no such number")]
    await post.deliver()
    post.clock.pass_by(seconds=2)
    assert await post.deliver() == ["two"]
    assert [await post.state(refused), await post.state(next_)] == ["failed", "sent"]


async def test_automatic_messages_wait_for_working_hours_and_people_do_not(database: Database) -> None:
    """Nobody wants a robot at night."""
    post = Post(database, Business(name="Example", timezone="Europe/Istanbul", hours={"tuesday": "09:00-18:00"}))
    robot = await post.write(await post.conversation("+15550100112"), "robot", is_automatic=True)
    await post.write(await post.conversation("+15550100113"), "person")
    await post.deliver()
    post.clock.pass_by(seconds=2)
    assert await post.deliver() == ["person"]
    assert await post.state(robot) == "queued"
    post.clock.now = datetime(2026, 3, 3, 6, 0, 1, tzinfo=UTC)  # 09:00:01 in Istanbul
    assert await post.deliver() == ["person", "robot"]


async def test_acknowledgements_never_go_back(database: Database) -> None:
    """They come twice, late, and in any order."""
    post = Post(database)
    id_ = await post.write(await post.conversation(), "hello", key="k")

    key = await post.channel_key(id_)

    async def told(state: OutgoingState, **names: str) -> int | None:
        return await outbox.acknowledge(
            database, account="main", state=state, channel_key=names.get("key"), channel_message_id=names.get("id_"),
            error=None, now=NOW,
        )  # fmt: skip

    assert await told("delivered", key=key) == id_
    assert await told("sent", key=key) == id_
    assert await post.state(id_) == "delivered"
    assert await told("read", key=key, id_="id-1") == id_
    assert await told("failed", id_="id-1") == id_
    assert await post.state(id_) == "read"
    assert await told("read", id_="id-2") is None
    assert await post.deliver() == []
