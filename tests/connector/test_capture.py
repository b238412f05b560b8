"""What arrives on the phone reaches the backend: each message once, in order, whatever breaks in between."""

import asyncio
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from tests.support.connector import linked
from tests.support.whatsapp import Phone

pytestmark = pytest.mark.browser

ADA = "15550100111@c.us"
BOB = "15550100122@c.us"
LID = "122999491567856@lid"
GROUP = "120363421596195995@g.us"


async def test_message_event_fired_twice_is_delivered_once(tmp_path: Path) -> None:
    """The library fires more than once for some messages."""
    phone = Phone()
    async with linked(tmp_path, phone) as (_, backend):
        first = await phone.receive(ADA, "how much is it?", twice=True)
        last = await phone.receive(ADA, "and tomorrow?")
        await backend.received(first, last)
        assert backend.posts == [first, last]


@pytest.mark.parametrize("shape", ["serialized", "$1", "parts"])
async def test_id_without_serialized_is_built_from_its_parts(tmp_path: Path, shape: str) -> None:
    """Since July 2026 the whole id can be missing, or sit in another place."""
    phone = Phone()
    async with linked(tmp_path, phone, WA_GROUPS="all") as (_, backend):
        direct = await phone.receive(ADA, "hello", idShape=shape)
        grouped = await phone.receive(GROUP, "hello all", author=BOB, idShape=shape)
        one, other = await backend.received(direct, grouped)
        assert one.phone_number == "+15550100111"
        assert other.chat_id == GROUP


async def test_missed_while_offline_is_fetched_on_ready_oldest_first(tmp_path: Path) -> None:
    """Messages that came while the connector was off have no event; they are in their chats."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        now = int(time.time())
        known = await phone.receive(ADA, "before", t=now)
        await backend.received(known)
        await connector.stop()
        missed = [await phone.receive(ADA, f"missed {n}", is_live=False, t=now + n // 2) for n in range(5)]
        other = await phone.receive(BOB, "nobody there?", is_live=False)
        own = await phone.receive(ADA, "I will look", is_live=False, fromMe=True, t=now + 5)
        await connector.start()
        found = await backend.received(*missed, other, own)
        assert [id_ for id_ in backend.posts if id_ in missed] == missed
        assert backend.posts.count(known) == 1
        assert [item.content for item in found[4].history] == ["before", *(f"missed {n}" for n in range(4))]
        assert found[-1].from_us
        status = await connector.until(lambda status: not status["backfill"]["running"], "the end")
        assert status["backfill"] == status["backfill"] | {"chats": 2, "done": 2, "messages": 7, "left": 0}


async def test_first_link_leaves_history_alone_unless_asked(tmp_path: Path) -> None:
    """Nobody wants answers to last year's questions; who does, can have them."""
    for number, (asked, expected) in enumerate({"false": 0, "true": 2}.items()):
        phone = Phone()
        now = int(time.time())
        old = [{"id": f"OLD{n}", "body": f"old {n}", "t": now - age} for n, age in enumerate((80 * 3600, 7200, 60))]
        phone.chat(ADA, "Ada", older=old, t=now - 60, unread=3)
        directory = tmp_path / str(number)
        directory.mkdir()
        async with linked(directory, phone, WA_BACKFILL_ON_FIRST_LINK=asked) as (connector, backend):
            await connector.caught_up()
            marker = await phone.receive(ADA, "new")
            await backend.received(marker)
            assert len(backend.ids) == expected + 1


async def test_backfill_keeps_to_its_limits(tmp_path: Path) -> None:
    """Age, chats and messages of a chat are bounded, and what is left out is told."""
    phone = Phone()
    limits: dict[str, Any] = {"WA_BACKFILL_CHATS": "1", "WA_BACKFILL_MESSAGES": "2"}
    async with linked(tmp_path, phone, **limits) as (connector, backend):
        await connector.stop()
        now = int(time.time())
        await phone.receive(BOB, "an older chat", is_live=False, t=now + 1)
        ids = [await phone.receive(ADA, f"missed {n}", is_live=False, t=now + 2 + n) for n in range(4)]
        await connector.start()
        await backend.received(*ids[2:])
        status = await connector.until(lambda status: not status["backfill"]["running"], "the end")
        assert backend.ids == set(ids[2:])
        assert status["backfill"]["left"] == 3


async def test_message_during_catch_up_comes_after_what_was_missed(tmp_path: Path) -> None:
    """Order within a chat holds although the newer one is heard of first."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        await connector.stop()
        now = int(time.time())
        missed = [await phone.receive(ADA, f"missed {n}", is_live=False, t=now + 1) for n in range(30)]
        await connector.start()
        await phone.reported("connected", count=2)
        live = [await phone.receive(ADA, f"live {n}", t=now + 1) for n in range(3)]
        await backend.received(*missed, *live)
        assert backend.posts == [*missed, *live]


async def test_network_of_the_page_is_cut_and_comes_back(tmp_path: Path) -> None:
    """The page reconnects by itself and tells of nothing that it missed."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        async with phone.cut_off():
            await connector.state("DISCONNECTED")
            missed = [await phone.receive(ADA, f"missed {n}", is_live=False) for n in range(3)]
        await connector.state("WORKING")
        live = await phone.receive(ADA, "live")
        await backend.received(*missed, live)
        assert backend.posts == [*missed, live]


@pytest.mark.parametrize("when", ["before it is committed", "after it is committed"])
async def test_answer_of_the_backend_is_lost(tmp_path: Path, when: str) -> None:
    """A message is repeated until it is acknowledged, and nothing of its chat overtakes it."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        answers = iter([503, 500, 0] if when.startswith("before") else [0, 0])
        backend.answer = lambda _: next(answers, 202)
        first = await phone.receive(ADA, "one")
        second = await phone.receive(ADA, "two")
        await backend.received(second)
        assert backend.posts[-2:] == [first, second]
        await connector.until(lambda status: status["spooled"] == 0, "an empty spool")
        assert not connector.spooled()


async def test_refused_for_good_is_put_aside_and_blocks_nobody(tmp_path: Path) -> None:
    """A 4xx that cannot end: the message is kept with the reason, shows in /status, and its chat goes on."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        backend.answer = lambda message: 422 if message.text == "poison" else 202
        poison = await phone.receive(ADA, "poison")
        after = await phone.receive(ADA, "after it")
        await backend.received(after)
        await connector.until(
            lambda status: (status["refused"], status["spooled"]) == (1, 0), "one refused, none waiting"
        )
        (file,) = (connector.data / "spool" / "refused").glob("*.json")
        assert poison in file.read_text()
        assert "422" in file.read_text()


@pytest.mark.parametrize("status", [401, 408, 409, 425, 429])
async def test_refusal_that_can_end_is_waited_for(tmp_path: Path, status: int) -> None:
    """A secret that is being changed, or a backend under load, costs no message."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        answers = iter([status, status])
        backend.answer = lambda _: next(answers, 202)
        sent = await phone.receive(ADA, "hello")
        await backend.received(sent)
        assert (await connector.status())["refused"] == 0


async def test_sigkill_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Killed again and again while messages come in: each is there once in effect, and in order."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        sent: list[str] = []
        for round_ in range(3):
            sent += [await phone.receive(ADA, f"{round_}-{n}") for n in range(4)]
            await asyncio.sleep(0.05 * round_)
            await connector.stop(signal.SIGKILL)
            sent += [await phone.receive(ADA, f"{round_}-off-{n}", is_live=False) for n in range(2)]
            await connector.start()
            await connector.state("WORKING")
        sent.append(await phone.receive(ADA, "last"))
        await backend.received(*sent)
        order = list(dict.fromkeys(message.message_id for message in backend.messages))
        assert order == sent


async def test_disk_that_refuses_is_waited_for(tmp_path: Path) -> None:
    """A full disk keeps messages in memory until there is room again."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        spool = connector.data / "spool"
        spool.rename(spool.with_name("gone"))
        sent = await phone.receive(ADA, "hello")
        await connector.until(lambda _: "disk_refuses" in connector.log, "a refusal of the disk")
        spool.with_name("gone").rename(spool)
        await backend.received(sent)


async def test_empty_ciphertext_is_waited_for(tmp_path: Path) -> None:
    """A message that is not decrypted yet has no text; it is delivered when it has one."""
    phone = Phone()
    async with linked(tmp_path, phone) as (_, backend):
        sent = await phone.receive(ADA, "", type="ciphertext")
        await phone.command("decrypt", key=sent, body="what I wrote")
        (message,) = await backend.received(sent)
        assert message.text == "what I wrote"


async def test_ciphertext_that_stays_one_is_told_and_corrected_later(tmp_path: Path) -> None:
    """After the library gives up, people at the desk learn that there is something on the phone."""
    phone = Phone()
    async with linked(tmp_path, phone) as (_, backend):
        sent = await phone.receive(ADA, "", type="ciphertext")
        (message,) = await backend.received(sent)
        assert (message.type, message.text) == (
            "unreadable",
            "[message that could not be read here: it is on the phone]",
        )
        await phone.command("decrypt", key=sent, body="what I wrote")
        await backend.until(lambda: backend.changes, "a change")
        assert (backend.changes[0].change, backend.changes[0].text) == ("decrypted", "what I wrote")


async def test_lid_sender_is_no_phone_number(tmp_path: Path) -> None:
    """Digits of a privacy id are never taken for a number; the number is told where WhatsApp knows it."""
    phone = Phone()
    phone.know(LID, "Lin", phone=BOB)
    async with linked(tmp_path, phone) as (_, backend):
        known = await phone.receive(LID, "hello")
        unknown = await phone.receive("987654321098765@lid", "hello, too")
        one, other = await backend.received(known, unknown)
        assert one.phone_number == "+15550100122"
        assert {identity.kind for identity in one.identities} == {"phone", "lid"}
        assert other.phone_number is None
        assert {(identity.kind, identity.value) for identity in other.identities} == {("lid", "987654321098765")}


async def test_what_happens_to_a_message_later_is_told(tmp_path: Path) -> None:
    """Edited, deleted, reacted to, voted on: each in its chat's order, after its message."""
    phone = Phone()
    async with linked(tmp_path, phone) as (_, backend):
        message = await phone.receive(ADA, "tomorow")
        await phone.command("edit", key=message, body="tomorrow")
        await phone.command("react", key=message, chat=ADA, author=ADA, emoji="👍")
        await phone.command("react", key=message, chat=ADA, author=ADA, emoji="")
        options = [{"name": "red", "localId": 0}, {"name": "blue", "localId": 1}]
        poll = await phone.receive(
            ADA, "", type="poll_creation", extra={"pollName": "Which one?", "pollOptions": options}
        )
        await phone.command("vote", key=poll, author=ADA, chosen=[1])
        await phone.command("revoke", key=message)
        await backend.until(lambda: len(backend.changes) == 5, "five changes")
        told = [(change.change, change.message_id, change.text) for change in backend.changes]
        assert told == [
            ("edited", message, "tomorrow"),
            ("reaction", message, "👍"),
            ("reaction", message, ""),
            ("poll_vote", poll, "blue"),
            ("deleted", message, None),
        ]
        assert backend.messages[1].text == "[poll: Which one?\n– red\n– blue]"


async def test_own_words_on_the_phone_are_delivered_as_ours(tmp_path: Path) -> None:
    """The inbox needs both sides, and a person's own answer must be known."""
    phone = Phone()
    async with linked(tmp_path, phone) as (_, backend):
        asked = await phone.receive(ADA, "are you open?")
        own = await phone.receive(ADA, "until six", fromMe=True)
        _, ours = await backend.received(asked, own)
        assert ours.from_us
        assert next(identity.value for identity in ours.identities) == "+15550100111"


async def test_nothing_is_marked_as_read(tmp_path: Path) -> None:
    """Blue ticks are for people and agents to give; the library gives them when it sends."""
    phone = Phone()
    phone.know(ADA, "Ada")
    async with linked(tmp_path, phone) as (connector, backend):
        await backend.received(await phone.receive(ADA, "are you open?"))
        assert (await connector.send(ADA, "until six", "key-1"))[0] == 201
        assert not [report for report in phone.reports if report["event"] == "seen"]
