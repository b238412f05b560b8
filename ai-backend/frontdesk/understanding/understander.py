"""Listening, looking and reading: one file in, what it says out."""

import asyncio
from collections.abc import Sequence

from frontdesk.domain.errors import AnalyserError
from frontdesk.domain.text import repair
from frontdesk.domain.understanding import UnderstandingKind, Understood
from frontdesk.domain.usage import Usage
from frontdesk.model.client import ModelClient
from frontdesk.model.perceiving import listen, look
from frontdesk.understanding.documents import DocumentError, text_of
from frontdesk.understanding.sound import SoundError, as_wav

MOST_SOUND_BYTES = 25 * 1024 * 1024
"""OpenAI takes no more in one file."""
MOST_PICTURE_BYTES = 15 * 1024 * 1024
LONGEST_TEXT = 20_000
EXTENSIONS = {
    "audio/ogg": "ogg", "audio/mpeg": "mp3", "audio/mp4": "m4a", "audio/x-m4a": "m4a", "audio/wav": "wav", "audio/x-wav": "wav",
    "audio/webm": "webm", "audio/flac": "flac", "audio/aac": "", "audio/amr": "",
}  # fmt: skip
PICTURES = ("image/jpeg", "image/png", "image/webp", "image/gif")


class CannotUnderstandError(Exception):
    """Trying again would not help: the file is too large, damaged, or of a kind that nobody knows."""


class Understander:
    """Understands files, as far as it is set up for. Without a model documents only are read."""

    def __init__(
        self,
        client: ModelClient | None,
        *,
        listener_model: str,
        viewer_model: str,
        listens: bool,
        looks: bool,
        reads: bool,
    ) -> None:
        self._client = client
        self._listener_model = listener_model
        self._viewer_model = viewer_model
        self._does: dict[UnderstandingKind, bool] = {
            "voice": listens and client is not None, "image": looks and client is not None, "document": reads,
        }  # fmt: skip

    def understands(self, kind: UnderstandingKind | None) -> bool:
        """Whether files of a kind are listened to, looked at or read here."""
        return kind is not None and self._does[kind]

    async def understand(
        self,
        kind: UnderstandingKind,
        file: bytes,
        mimetype: str,
        *,
        caption: str,
        languages: Sequence[str],
        key: str,
    ) -> tuple[Understood, Usage, str | None]:
        """What a file says, what that took, and which model told it.

        Raises:
            AnalyserError: the provider gave no answer; it may later. CannotUnderstandError: it never will.
        """
        match kind:
            case "voice":
                text, language, usage = await self._listen(file, mimetype, languages, key)
                model: str | None = self._listener_model
            case "image":
                text, usage = await self._look(file, mimetype, caption, key)
                language, model = None, self._viewer_model
            case "document":
                text, language, usage, model = await self._read(file), None, Usage(), None
        text, _ = repair(text.strip()[:LONGEST_TEXT])
        return Understood(kind=kind, status="completed", text=text, language=language), usage, model

    async def _listen(
        self, sound: bytes, mimetype: str, languages: Sequence[str], key: str
    ) -> tuple[str, str | None, Usage]:
        if self._client is None:
            raise AnalyserError("there is no model to listen")
        extension = EXTENSIONS.get(mimetype, "")
        if not extension or (self._client.style == "chat" and extension not in {"wav", "mp3"}):
            try:
                sound, extension = await asyncio.to_thread(as_wav, sound), "wav"
            except SoundError as error:
                raise CannotUnderstandError(f"the sound {error}") from error
        if len(sound) > MOST_SOUND_BYTES:
            raise CannotUnderstandError("the sound is larger than 25 MiB")
        short = tuple(dict.fromkeys(language.partition("-")[0] for language in languages))
        return await listen(self._client, self._listener_model, sound, f"voice.{extension}", languages=short, key=key)

    async def _look(self, picture: bytes, mimetype: str, caption: str, key: str) -> tuple[str, Usage]:
        if self._client is None:
            raise AnalyserError("there is no model to look")
        if mimetype not in PICTURES:
            raise CannotUnderstandError(f"pictures of the type {mimetype} are not looked at")
        if len(picture) > MOST_PICTURE_BYTES:
            raise CannotUnderstandError("the picture is larger than 15 MiB")
        return await look(self._client, self._viewer_model, picture, mimetype, caption=caption, key=key)

    async def _read(self, pdf: bytes) -> str:
        try:
            return await text_of(pdf)
        except DocumentError as error:
            raise CannotUnderstandError(f"the document {error}") from error
