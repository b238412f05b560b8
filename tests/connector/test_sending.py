"""What the backend asks to send leaves once, also across crashes, and its way is told."""

import asyncio
import base64
import signal
from pathlib import Path
from typing import Any

import pytest
from tests.support.connector import RecordingBackend, linked
from tests.support.whatsapp import Phone

pytestmark = pytest.mark.browser

ADA = "15550100111@c.us"
LID = "122999491567856@lid"


def acquainted() -> Phone:
    """A phone with one contact."""
    phone = Phone()
    phone.know(ADA, "Ada")
    return phone


def told(backend: RecordingBackend) -> list[tuple[str, str | None]]:
    """State and key of each acknowledgement."""
    return [(ack.state, ack.channel_key) for ack in backend.acknowledgements]


async def test_same_key_sends_once_and_answers_the_same(tmp_path: Path) -> None:
    """Asked twice at once, later, and after a restart; with another text it is a conflict."""
    phone = acquainted()
    async with linked(tmp_path, phone) as (connector, _):
        answers = await asyncio.gather(*(connector.send(ADA, "until six", "key-1") for _ in range(3)))
        assert {status for status, _ in answers} == {201}
        await connector.stop()
        await connector.start()
        await connector.state("WORKING")
        answers.append(await connector.send(ADA, "until six", "key-1"))
        assert len({document["message_id"] for _, document in answers}) == 1
        assert len(phone.sent) == 1
        status, problem = await connector.send(ADA, "until seven", "key-1")
        assert (status, problem["code"]) == (409, "conflict")


async def test_sigkill_while_sending_does_not_send_twice(tmp_path: Path) -> None:
    """WhatsApp had it, we had no answer: before it is repeated, the chat is looked at."""
    phone = acquainted()
    phone.state["settings"]["sendDelayMs"] = 60_000
    async with linked(tmp_path, phone) as (connector, backend):
        asked = asyncio.create_task(connector.send(ADA, "until six", "key-1"))
        await phone.reported("sent")
        await connector.stop(signal.SIGKILL)
        await asyncio.gather(asked, return_exceptions=True)
        phone.state["settings"]["sendDelayMs"] = 0
        await connector.start()
        await connector.state("WORKING")
        status, document = await connector.send(ADA, "until six", "key-1")
        assert status == 201
        assert document["message_id"] == phone.sent[0]["key"]
        assert len(phone.sent) == 1
        # Nor is it taken for something that a person wrote on the phone.
        assert not backend.messages
        await backend.until(lambda: ("sent", "key-1") in told(backend), "an acknowledgement")


async def test_sigkill_before_sending_sends_after_it(tmp_path: Path) -> None:
    """What is not in the chat has not left."""
    phone = acquainted()
    async with linked(tmp_path, phone, WA_TYPING="true") as (connector, _):
        asked = asyncio.create_task(connector.send(ADA, "word " * 100, "key-1"))
        await phone.reported("typing")
        await connector.stop(signal.SIGKILL)
        await asyncio.gather(asked, return_exceptions=True)
        connector.environment["WA_TYPING"] = "false"
        await connector.start()
        await connector.state("WORKING")
        status, found = await connector.call("GET", "/messages/key-1")
        assert (status, found["state"]) == (200, "not_sent")
        assert (await connector.send(ADA, "word " * 100, "key-1"))[0] == 201
        assert len(phone.sent) == 1


async def test_own_message_heard_back_is_an_acknowledgement(tmp_path: Path) -> None:
    """The echo of what was sent from here is no person; the same words from the phone are one."""
    phone = acquainted()
    phone.state["settings"]["sendDelayMs"] = 500
    async with linked(tmp_path, phone) as (connector, backend):
        status, document = await connector.send(ADA, "until six", "key-1")
        assert status == 201
        typed = await phone.receive(ADA, "until six", fromMe=True)
        await backend.received(typed)
        assert backend.ids == {typed}
        await backend.until(lambda: ("sent", "key-1") in told(backend), "an acknowledgement")
        assert backend.acknowledgements[0].message_id == document["message_id"]


async def test_acknowledgements_are_told_as_they_come_and_after_reconnecting(tmp_path: Path) -> None:
    """Delivered and read; what happened while nobody listened is told on the next connection."""
    phone = acquainted()
    async with linked(tmp_path, phone) as (connector, backend):
        _, one = await connector.send(ADA, "one", "key-1")
        _, two = await connector.send(ADA, "two", "key-2")
        await phone.acknowledge(one["message_id"], 2)
        await backend.until(lambda: ("delivered", "key-1") in told(backend), "a delivery")
        await connector.stop()
        await phone.acknowledge(one["message_id"], 3, is_live=False)
        await phone.acknowledge(two["message_id"], 4, is_live=False)
        await connector.start()
        await backend.until(lambda: {("read", "key-1"), ("read", "key-2")} <= set(told(backend)), "two reads")
        assert len(set(told(backend))) == len(told(backend))


async def test_number_not_on_whatsapp_is_a_clear_error(tmp_path: Path) -> None:
    """An unknown number is refused before anything is sent, and so is nonsense."""
    phone = acquainted()
    async with linked(tmp_path, phone) as (connector, _):
        status, problem = await connector.send("15550100199@c.us", "hello", "key-1")
        assert (status, problem["code"]) == (422, "number_not_on_whatsapp")
        wrong: list[dict[str, Any]] = [
            {"chat_id": "nobody", "text": "x"}, {"chat_id": ADA, "text": " "}, {"chat_id": ADA, "text": "x", "reply_to": 7},
            {"chat_id": ADA, "media": {"mimetype": "x"}}, {"chat_id": ADA, "text": "x", "typing": "yes"},
        ]  # fmt: skip
        for document in wrong:
            status, problem = await connector.call("POST", "/messages", document)
            assert (status, problem["code"]) == (422, "invalid_input"), document
        assert not phone.sent


async def test_lid_chat_is_answered_where_it_came_from(tmp_path: Path) -> None:
    """“No LID for user” comes from answering at a number that was made of a LID's digits."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        asked = await phone.receive(LID, "are you open?")
        (message,) = await backend.received(asked)
        assert message.sender_id == LID
        assert (await connector.send(message.sender_id, "until six", "key-1"))[0] == 201
        assert phone.sent[0]["chat"] == LID


async def test_reply_and_media_are_sent(tmp_path: Path) -> None:
    """A quoted answer, a picture with its words, a voice note."""
    phone = acquainted()
    async with linked(tmp_path, phone) as (connector, backend):
        asked = await phone.receive(ADA, "how does it look?")
        await backend.received(asked)
        assert (await connector.send(ADA, "like this", "key-1", reply_to=asked))[0] == 201
        assert phone.sent[0]["quoted"] == asked.split("_")[2]
        picture = {"mimetype": "image/png", "data": base64.b64encode(b"png").decode(), "filename": "it.png"}
        assert (await connector.send(ADA, "red", "key-2", media=picture))[0] == 201
        voice = {"mimetype": "audio/ogg; codecs=opus", "data": base64.b64encode(b"ogg").decode(), "voice": True}
        status, document = await connector.send(ADA, "", "key-3", media=voice)
        assert status == 201, document
        assert [sent["type"] for sent in phone.sent] == ["chat", "image", "ptt"]
        assert phone.sent[1]["body"] == "red"


async def test_sending_takes_a_persons_time(tmp_path: Path) -> None:
    """The partner sees that somebody is typing before the text comes; bursts are refused by a fuse."""
    phone = acquainted()
    async with linked(tmp_path, phone, WA_TYPING="true", WA_SEND_PER_MINUTE="2") as (connector, _):
        assert (await connector.send(ADA, "ok", "key-1"))[0] == 201
        assert [report["event"] for report in phone.reports if report["event"] in {"typing", "sent"}] == [
            "typing",
            "sent",
        ]
        assert (await connector.send(ADA, "quick", "key-2", typing=False))[0] == 201
        document = {"chat_id": ADA, "text": "too much"}
        async with connector.asked("POST", "/messages", document) as response:
            assert response.status == 429
            assert 0 < int(response.headers["retry-after"]) <= 60
        assert len(phone.sent) == 2


async def test_not_connected_is_told_at_once(tmp_path: Path) -> None:
    """Whoever asks before the account is linked hears that nothing has left."""
    phone = acquainted()
    async with linked(tmp_path, phone, link=False) as (connector, _):
        await connector.state("SCAN_QR_CODE")
        status, problem = await connector.send(ADA, "hello", "key-1")
        assert (status, problem["code"]) == (503, "not_ready")
