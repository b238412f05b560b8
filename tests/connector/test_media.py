"""Attachments follow their text: fetched with patience, bounded, and told of where there is none."""

import signal
from pathlib import Path
from typing import Any

import pytest
from tests.support.connector import linked
from tests.support.whatsapp import Phone

pytestmark = pytest.mark.browser

ADA = "15550100111@c.us"


def attached(name: str, **extra: Any) -> dict[str, Any]:
    """What makes a message one with a file of the phone."""
    return {"extra": {"directPath": f"/file/{name}", "mimetype": "image/jpeg", "size": 5, **extra}}


async def test_picture_and_voice_note_reach_the_backend(tmp_path: Path) -> None:
    """The text goes first and is not held up; a voice note is marked as one, with its length."""
    phone = Phone()
    phone.files = {"one": b"\xff\xd8\xff\xe0 a picture", "two": b"OggS a voice"}
    async with linked(tmp_path, phone) as (connector, backend):
        picture = await phone.receive(ADA, "", type="image", **attached("one", caption="look"))
        voice = await phone.receive(
            ADA, "", type="ptt", **attached("two", mimetype="audio/ogg; codecs=opus", duration=7)
        )
        first, second = await backend.received(picture, voice)
        assert first.text == "look"
        assert first.media is not None
        assert second.media is not None
        assert (first.media.kind, first.media.status) == ("image", "pending")
        assert (second.media.kind, second.media.duration_s) == ("voice", 7)
        await backend.until(lambda: len(backend.files) == 2, "two files")
        assert backend.files == {picture: phone.files["one"], voice: phone.files["two"]}
        await connector.until(lambda status: status["media_waiting"] == 0, "nothing left")
        assert not list((connector.data / "media").iterdir())


@pytest.mark.parametrize(
    ("extra", "outcome"), [({}, "unavailable"), ({"size": 2_000_000}, "too_large")], ids=["404", "too large"]
)
async def test_media_undefined_is_told_and_the_text_is_there(
    tmp_path: Path, extra: dict[str, Any], outcome: str
) -> None:
    """What WhatsApp no longer has, or nobody wants on this disk, is “media unavailable”; the message is there at once."""
    phone = Phone()
    async with linked(tmp_path, phone, WA_MAX_MEDIA_BYTES="1000000", WA_MEDIA_PAUSES_MS="50,50") as (_, backend):
        sent = await phone.receive(ADA, "", type="image", **attached("gone", caption="look", **extra))
        (message,) = await backend.received(sent)
        assert message.text == "look"
        await backend.until(lambda: backend.changes, "the news that there is no file")
        change = backend.changes[0]
        assert (change.message_id, change.change, change.text) == (sent, "media", outcome)


async def test_file_that_is_larger_than_it_says_is_not_kept(tmp_path: Path) -> None:
    """A sender's word for a size counts for nothing."""
    phone = Phone()
    phone.files["big"] = b"x" * 2000
    async with linked(tmp_path, phone, WA_MAX_MEDIA_BYTES="1000") as (_, backend):
        sent = await phone.receive(ADA, "", type="document", **attached("big", filename="big.pdf"))
        await backend.until(lambda: backend.changes, "the news that it is too large")
        assert (backend.changes[0].message_id, backend.changes[0].text) == (sent, "too_large")
        assert not backend.files


async def test_media_that_is_being_uploaded_again_is_tried_again(tmp_path: Path) -> None:
    """The phone has to put an expired file up again, which takes a while."""
    phone = Phone()
    async with linked(tmp_path, phone, WA_MEDIA_PAUSES_MS="100,100,100,100,100,100,100,100,100,100") as (
        connector,
        backend,
    ):
        sent = await phone.receive(ADA, "", type="image", **attached("late"))
        await backend.received(sent)
        await connector.until(lambda status: status["media_waiting"] == 1, "a waiting file")
        phone.files["late"] = b"at last"
        await backend.until(lambda: backend.files, "the file")
        assert backend.files == {sent: b"at last"}


async def test_sigkill_while_fetching_fetches_it_again(tmp_path: Path) -> None:
    """A file is a job on disk until the backend has it."""
    phone = Phone()
    async with linked(tmp_path, phone, WA_MEDIA_PAUSES_MS="60000") as (connector, backend):
        sent = await phone.receive(ADA, "", type="image", **attached("late"))
        await backend.received(sent)
        await connector.until(lambda status: status["media_waiting"] == 1, "a waiting file")
        await connector.stop(signal.SIGKILL)
        phone.files["late"] = b"at last"
        await connector.start()
        await backend.until(lambda: backend.files, "the file")
        assert backend.files == {sent: b"at last"}


async def test_view_once_is_named_and_not_fetched(tmp_path: Path) -> None:
    """Linked devices do not get what may be seen once."""
    phone = Phone()
    async with linked(tmp_path, phone) as (_, backend):
        sent = await phone.receive(ADA, "", type="image", **attached("secret", isViewOnce=True))
        (message,) = await backend.received(sent)
        assert message.media is not None
        assert message.media.status == "view_once"
        assert message.text == "[to be seen once: it is on the phone]"


async def test_message_that_the_library_cannot_read_is_fetched_by_the_next_look(tmp_path: Path) -> None:
    """The library dies of some shapes; what it should have told is found where it is, and stops nothing behind it."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        odd = await phone.receive(ADA, "Large", type="list_response", extra={"listResponse": {"title": "Large"}})
        await backend.received(await phone.receive(ADA, "hello?"))
        await connector.stop()
        after = await phone.receive(ADA, "are you there?", is_live=False)
        await connector.start()
        await backend.received(odd, after)


async def test_what_is_no_text_is_told_in_words(tmp_path: Path) -> None:
    """Locations, contact cards, answers to buttons and lists, invitations, forwarded and quoted messages."""
    phone = Phone()
    card = "BEGIN:VCARD\nVERSION:3.0\nFN:Bo Example\nEND:VCARD"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"type": "location", "extra": {"lat": 41.0, "lng": 29.0, "loc": "Shop\nStreet 1"}}, "[location: Shop, Street 1, 41,29]"),
        ({"type": "vcard", "body": card}, "[contact: Bo Example]"),
        ({"type": "buttons_response", "body": "Yes", "extra": {"selectedDisplayText": "Yes, please"}}, "Yes, please"),
        ({"type": "list_response", "extra": {"listResponse": {"title": "Large", "description": "30 cm", "singleSelectReply": {"selectedRowId": "1"}}}}, "Large\n30 cm"),
        ({"type": "groups_v4_invite", "extra": {"inviteGrpName": "Neighbours"}}, "[group invitation: Neighbours]"),
    ]  # fmt: skip
    async with linked(tmp_path, phone) as (_, backend):
        for details, expected in cases:
            body = details.pop("body", "")
            (message,) = await backend.received(await phone.receive(ADA, body, **details))
            assert message.text == expected
        forwarded = await phone.receive(ADA, "read this", extra={"isForwarded": True})
        quoted = {"quotedMsg": {"body": "are you open?", "type": "chat"}, "quotedStanzaID": "3EB0AA"}
        answer = await phone.receive(ADA, "until six", extra=quoted)
        ignored = await phone.receive(ADA, "", type="e2e_notification")
        one, other = await backend.received(forwarded, answer)
        assert one.forwarded
        assert other.quoted is not None
        assert other.quoted.content == "are you open?"
        assert ignored not in backend.ids
