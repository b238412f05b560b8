"""What voice notes, pictures and documents say is known before their message is judged, or made up for later."""

import asyncio
import io
import math
import struct
import wave
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import av
import pytest
import pytest_asyncio
from aiohttp import web
from pypdf import PdfWriter
from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject
from tests.support.clock import Ahead
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI
from tests.support.s3 import ACCESS_KEY, BUCKET, REGION, SECRET_KEY, FakeS3

from frontdesk.domain.changes import Attachment
from frontdesk.domain.errors import StorageFullError
from frontdesk.domain.ports import FilePlace
from frontdesk.media.places import Bucket, Directory
from frontdesk.store import changes
from frontdesk.store.changes import Key
from frontdesk.store.database import Database
from frontdesk.understanding.documents import DocumentError, text_of
from frontdesk.understanding.sound import SoundError, as_wav

KEY = {"openai_api_key": "sk-test"}
DECISIONS = {**KEY, "analyser": "decisions", "sweep_interval_s": 0.1}
CHAT = {**KEY, "analyser": "chat", "sweep_interval_s": 0.1}
VOICE = {"kind": "voice", "mimetype": "audio/ogg; codecs=opus", "duration_s": 1.0, "status": "pending"}
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc00000030101009f3eb0c20000000049454e44ae426082"
)


def tone(form: str = "ogg", codec: str = "libopus") -> bytes:
    """A second of a tone, as a phone records it."""
    target = io.BytesIO()
    with av.open(target, "w", format=form) as sink:
        stream = sink.add_stream(codec, rate=48_000, layout="mono")
        assert isinstance(stream, av.AudioStream)
        samples = struct.pack("<48000h", *(int(8000 * math.sin(n / 17)) for n in range(48_000)))
        frame = av.AudioFrame(format="s16", layout="mono", samples=48_000)
        frame.planes[0].update(samples)
        frame.sample_rate = 48_000
        sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return target.getvalue()


def pdf(text: str) -> bytes:
    """A PDF of one page that says something."""
    writer = PdfWriter()
    page = writer.add_blank_page(300, 300)
    font = DictionaryObject(
        {
            NameObject("/Type"): NameObject("/Font"),
            NameObject("/Subtype"): NameObject("/Type1"),
            NameObject("/BaseFont"): NameObject("/Helvetica"),
        }
    )
    page[NameObject("/Resources")] = DictionaryObject(
        {NameObject("/Font"): DictionaryObject({NameObject("/F1"): font})}
    )
    stream = DecodedStreamObject()
    stream.set_data(f"BT /F1 12 Tf 20 200 Td ({text}) Tj ET".encode())
    page[NameObject("/Contents")] = writer._add_object(stream)
    target = io.BytesIO()
    writer.write(target)
    return target.getvalue()


async def bring(desk: RunningDesk, message_id: str, file: bytes) -> int:
    """The connector brings the file of a message."""
    headers = {"authorization": f"Bearer {desk.settings.webhook_secret}"}
    async with desk.session.put(f"{desk.url}/media/{message_id}", data=file, headers=headers) as response:
        return response.status


async def received(desk: RunningDesk, type_: str, *, number: int = 1) -> None:
    """Wait for an event of a type, or a later one."""
    last = 0
    async with asyncio.timeout(20):
        while number > 0:
            document = (await desk.get(f"/events?after={last}&wait=5&limit=500")).document
            last = document["last"]
            number -= sum(event["type"] == type_ for event in document["events"])


async def test_a_voice_note_is_judged_by_what_it_says(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """The message waits for its file and for the transcript; agents and the thread know it, too."""
    desk: RunningDesk = await start_desk(**DECISIONS, openai_base_url=openai.base_url)
    await desk.post(webhook("Good morning"))
    body = webhook("", media=VOICE, message_type="ptt")
    waiting = asyncio.create_task(desk.post(body))
    await received(desk, "message.received", number=2)
    sound = tone()
    assert await bring(desk, body["message_id"], sound) == 201
    result = (await waiting).document
    shown = (await desk.get(f"/messages/{result['database_id']}")).document
    assert shown["media"]["understood"] == {
        "kind": "voice", "status": "completed", "text": "Please call me back tomorrow.", "language": "en", "error": None,
    }  # fmt: skip
    (heard,) = [sent for path, sent, _ in openai.calls if path == "/audio/transcriptions"]
    assert (heard["model"], heard["languages"], heard["file"][0]) == ("gpt-transcribe", ["en"], "voice.ogg")
    assert heard["file"][1] == sound
    judged = [sent for path, sent, _ in openai.calls if path == "/decisions"][-1]
    assert "Please call me back tomorrow." in judged["input"][1]["content"]
    assert "Please call me back tomorrow." in openai.calls[-1][1]["input"]
    (task,) = (
        await desk.get("/tasks", params={"conversation_id": str(result["conversation_id"]), "limit": "1"})
    ).document["tasks"]
    assert "Please call me back" in task["description"] or task["title"] == "Track order"
    await desk.post(webhook("And what about it?"))
    assert "Please call me back tomorrow." in openai.calls[-1][1]["input"]


async def test_a_file_that_comes_before_its_message_is_known_when_the_message_comes(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """Connectors do not promise an order."""
    desk: RunningDesk = await start_desk(**DECISIONS, openai_base_url=openai.base_url)
    body = webhook("", media=VOICE, message_type="ptt")
    await bring(desk, body["message_id"], tone())
    result = (await desk.post(body)).document
    shown = (await desk.get(f"/messages/{result['database_id']}")).document
    assert shown["media"]["understood"]["status"] == "completed"
    assert openai.paths()[0] == "/audio/transcriptions"


async def test_a_file_that_comes_while_its_message_is_looked_at_is_heard(
    start_desk: DeskFactory, openai: FakeOpenAI, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the message was read from the store, and before anybody looks whether its file is there."""
    desk: RunningDesk = await start_desk(**DECISIONS, openai_base_url=openai.base_url)
    body = webhook("", media=VOICE, message_type="ptt")
    look, brought = changes.attachments_of, list[int]()

    async def bring_and_look(database: Database, keys: Iterable[Key]) -> dict[Key, Attachment]:
        if not brought:
            brought.append(0)
            brought[0] = await bring(desk, body["message_id"], tone())
        return await look(database, keys)

    monkeypatch.setattr(changes, "attachments_of", bring_and_look)
    result = (await desk.post(body)).document
    assert brought == [201]
    judged = [sent for path, sent, _ in openai.calls if path == "/decisions"]
    assert ["Please call me back tomorrow." in sent["input"][1]["content"] for sent in judged] == [True]
    shown = (await desk.get(f"/messages/{result['database_id']}")).document
    assert shown["media"]["understood"]["status"] == "completed"


async def test_a_message_waits_so_long_and_is_judged_again_when_the_transcript_comes(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """Nobody waits for ever; nothing is lost."""
    clock = Ahead()
    desk: RunningDesk = await start_desk(**DECISIONS, openai_base_url=openai.base_url, clock=clock)
    body = webhook("", media=VOICE, message_type="ptt")
    waiting = asyncio.create_task(desk.post(body))
    await received(desk, "message.received")
    clock.pass_by(seconds=31)
    result = (await waiting).document
    assert result["analysis"] is not None
    assert openai.paths().count("/audio/transcriptions") == 0
    await bring(desk, body["message_id"], tone())
    await received(desk, "message.analysed", number=2)
    shown = (await desk.get(f"/messages/{result['database_id']}")).document
    assert shown["media"]["understood"]["text"] == "Please call me back tomorrow."
    assert "call me back" in [sent for path, sent, _ in openai.calls if path == "/decisions"][-1]["input"][1]["content"]


async def test_a_provider_that_fails_is_asked_again_and_the_error_is_kept(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """The message is judged without; later with."""
    openai.failure = lambda path: web.Response(status=500) if path == "/audio/transcriptions" else None
    clock = Ahead()
    desk: RunningDesk = await start_desk(
        **DECISIONS, openai_base_url=openai.base_url, model_max_retries=0, clock=clock, max_attempts=3
    )
    body = webhook("", media=VOICE, message_type="ptt")
    await bring(desk, body["message_id"], tone())
    result = (await desk.post(body)).document
    path = f"/messages/{result['database_id']}"
    understood = (await desk.get(path)).document["media"]["understood"]
    assert (understood["status"], understood["error"]) == ("pending", "the provider answered 500")
    openai.failure = lambda _: None
    clock.pass_by(hours=1)
    await received(desk, "message.analysed", number=2)
    assert (await desk.get(path)).document["media"]["understood"]["status"] == "completed"


async def test_after_so_many_attempts_it_has_failed(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """And what was wrong can be read."""
    openai.failure = lambda path: web.Response(status=400) if path == "/audio/transcriptions" else None
    desk: RunningDesk = await start_desk(**DECISIONS, openai_base_url=openai.base_url, max_attempts=1)
    body = webhook("", media=VOICE, message_type="ptt")
    await bring(desk, body["message_id"], tone())
    result = (await desk.post(body)).document
    understood = (await desk.get(f"/messages/{result['database_id']}")).document["media"]["understood"]
    assert (understood["status"], understood["error"]) == ("failed", "the provider answered 400")


async def test_a_file_that_will_not_come_is_not_waited_for(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """The connector says so."""
    desk: RunningDesk = await start_desk(**DECISIONS, openai_base_url=openai.base_url, transcription_timeout_s=600)
    body = webhook("", media=VOICE, message_type="ptt")
    waiting = asyncio.create_task(desk.post(body))
    await received(desk, "message.received")
    change = {"message_id": body["message_id"], "change": "media", "at": body["chat_time"], "text": "too_large"}
    headers = {"authorization": f"Bearer {desk.settings.webhook_secret}"}
    async with desk.session.post(f"{desk.url}/webhook/changes", json=change, headers=headers) as response:
        assert response.status == 200
    assert (await waiting).status == 200


async def test_other_providers_hear_wav_in_a_chat(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Where there is no endpoint for transcriptions."""
    desk: RunningDesk = await start_desk(**CHAT, openai_base_url=openai.base_url)
    body = webhook("", media=VOICE, message_type="ptt")
    await bring(desk, body["message_id"], tone())
    result = (await desk.post(body)).document
    assert (await desk.get(f"/messages/{result['database_id']}")).document["media"]["understood"][
        "status"
    ] == "completed"
    path, sent, _ = openai.calls[0]
    sound = sent["messages"][1]["content"][1]
    assert (path, sound["type"], sound["input_audio"]["format"]) == ("/chat/completions", "input_audio", "wav")


@pytest.mark.parametrize("way", [DECISIONS, CHAT])
async def test_pictures_are_described(start_desk: DeskFactory, openai: FakeOpenAI, way: dict[str, Any]) -> None:
    """With their caption."""
    desk: RunningDesk = await start_desk(**way, openai_base_url=openai.base_url)
    body = webhook("look at this", media={"kind": "image", "status": "pending"}, message_type="image")
    await bring(desk, body["message_id"], PNG)
    result = (await desk.post(body)).document
    assert "data:image/png;base64," in str(openai.calls[0][1])
    assert "[image] A bicycle with a bent wheel." in str(openai.calls[1][1])
    shown = (await desk.get(f"/messages/{result['database_id']}")).document
    assert shown["media"]["understood"]["text"] == "A bicycle with a bent wheel."
    assert shown["current_message"] == "look at this"


async def test_documents_are_read_without_a_model(desk: RunningDesk) -> None:
    """Their text counts as the message's own."""
    body = webhook("", media={"kind": "document", "status": "pending"}, message_type="document")
    await bring(desk, body["message_id"], pdf("Invoice 4711: please repair my bicycle"))
    result = (await desk.post(body)).document
    assert "Invoice 4711" in result["analysis"]["summary"]


async def test_what_is_switched_off_is_not_sent(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """And not waited for."""
    desk: RunningDesk = await start_desk(
        **DECISIONS, openai_base_url=openai.base_url, transcribe_voice=False, describe_images=False, read_documents=False,
        transcription_timeout_s=600,
    )  # fmt: skip
    for kind, file in (("voice", tone()), ("image", PNG), ("document", pdf("x"))):
        body = webhook("", media={"kind": kind, "status": "pending"})
        result = (await desk.post(body)).document
        await bring(desk, body["message_id"], file)
        assert (await desk.get(f"/messages/{result['database_id']}")).document["media"]["understood"] is None
    assert "/audio/transcriptions" not in openai.paths()


def test_sound_of_any_kind_becomes_wav_and_other_files_do_not() -> None:
    """Mono, 16 kHz, 16 bit."""
    with wave.open(io.BytesIO(as_wav(tone("adts", "aac")))) as sound:
        assert (sound.getnchannels(), sound.getframerate(), sound.getsampwidth()) == (1, 16_000, 2)
        assert 15_000 < sound.getnframes() < 19_000
    for broken in (b"", b"not a sound", PNG, tone()[:40]):
        with pytest.raises(SoundError):
            as_wav(broken)


async def test_documents_that_are_damaged_are_refused() -> None:
    """With our own error, whatever the library raises."""
    assert await text_of(pdf("Hello there")) == "Hello there"
    for broken in (b"", b"%PDF-1.7 nonsense", pdf("x")[:200], PNG):
        with pytest.raises(DocumentError, match="cannot be read"):
            await text_of(broken)


async def test_a_document_that_keeps_its_reader_busy_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two kilobytes can take minutes; they take nobody else's time."""
    monkeypatch.setattr("frontdesk.understanding.documents.PATIENCE_S", 3)
    with pytest.raises(DocumentError, match="takes too long"):
        await text_of(pdf("x) Tj ET " + "BT (y) Tj ET " * 2_000_000 + "BT (z"))


@pytest_asyncio.fixture
async def s3() -> AsyncIterator[FakeS3]:
    """Storage that checks signatures."""
    async with FakeS3().serving() as server:
        yield server


def _bucket(s3: FakeS3, secret: str = SECRET_KEY) -> Bucket:
    return Bucket(BUCKET, endpoint=s3.url, region=REGION, access_key=ACCESS_KEY, secret_key=secret, prefix="files")


@pytest.mark.parametrize("kind", ["disk", "s3"])
async def test_files_lie_on_disk_or_in_a_bucket(kind: str, s3: FakeS3, tmp_path: Path) -> None:
    """Both places keep the same promises."""
    place: FilePlace = Directory(tmp_path / "files") if kind == "disk" else _bucket(s3)
    digest = "ab" * 32
    source = tmp_path / "arriving"
    source.write_bytes(b"0123456789" * 100_000)
    assert await place.size(digest) is None
    await place.put(source, digest)
    assert not source.exists()
    assert await place.size(digest) == 1_000_000
    assert b"".join([chunk async for chunk in place.chunks(digest, 10, 25)]) == b"012345678901234"
    assert len(b"".join([chunk async for chunk in place.chunks(digest, 0, 1_000_000)])) == 1_000_000
    await place.remove(digest)
    await place.remove(digest)
    assert await place.size(digest) is None


async def test_a_bucket_that_refuses_keeps_nothing_and_says_so(s3: FakeS3, tmp_path: Path) -> None:
    """The connector tries again later; the file is still where it was."""
    source = tmp_path / "arriving"
    source.write_bytes(b"x")
    with pytest.raises(StorageFullError):
        await _bucket(s3, "another key").put(source, "ab" * 32)
    assert source.exists()
    assert s3.objects == {}


async def test_files_are_served_from_a_bucket_as_from_disk(start_desk: DeskFactory, s3: FakeS3) -> None:
    """Whole, in parts, and only to those who may."""
    desk: RunningDesk = await start_desk(
        s3_bucket=BUCKET, s3_endpoint=s3.url, s3_region=REGION, s3_access_key=ACCESS_KEY, s3_secret_key=SECRET_KEY
    )
    body = webhook("", media={"kind": "image", "status": "pending"})
    assert await bring(desk, body["message_id"], PNG) == 201
    number = (await desk.post(body)).document["database_id"]
    assert list(s3.objects.values()) == [PNG]
    headers = {"authorization": f"Bearer {desk.settings.api_token}"}
    url = f"{desk.url}/messages/{number}/media"
    async with desk.session.get(url, headers=headers) as response:
        assert (response.status, await response.read()) == (200, PNG)
        assert response.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    async with desk.session.get(url, headers=headers | {"range": "bytes=2-9"}) as response:
        assert (response.status, await response.read()) == (206, PNG[2:10])
        assert response.headers["Content-Range"] == f"bytes 2-9/{len(PNG)}"
    async with desk.session.get(url, headers=headers | {"range": "bytes=900-"}) as response:
        assert response.status == 416
    assert (await desk.get(f"/messages/{number}/media", token=None)).status == 401
