"""What a voice note, a picture or a document says, once somebody has listened or looked."""

from typing import Literal

from pydantic import BaseModel, ConfigDict

UnderstandingKind = Literal["voice", "image", "document"]
UnderstandingStatus = Literal["pending", "processing", "completed", "failed"]
"""``pending``: it will be tried, perhaps again; ``processing``: somebody is at it; ``failed``: it will not be tried again."""

_OF_TYPES: tuple[tuple[str, UnderstandingKind], ...] = (
    ("audio/", "voice"), ("image/", "image"), ("application/pdf", "document"),
)  # fmt: skip
_OF_KINDS: dict[str, UnderstandingKind] = {
    "voice": "voice", "ptt": "voice", "audio": "voice", "image": "image", "document": "document",
}  # fmt: skip


class Understood(BaseModel):
    """What became of listening or looking. ``text`` is what it says, ``error`` why that is not known."""

    model_config = ConfigDict(frozen=True)

    kind: UnderstandingKind
    status: UnderstandingStatus
    text: str = ""
    language: str | None = None
    error: str | None = None


def kind_of_file(mimetype: str) -> UnderstandingKind | None:
    """What there is to understand of a file, by its content's type; None where there is nothing."""
    return next((kind for beginning, kind in _OF_TYPES if mimetype.startswith(beginning)), None)


def kind_of_media(kind: str) -> UnderstandingKind | None:
    """What there may be to understand of an attachment that is only announced."""
    return _OF_KINDS.get(kind)


def together_with(caption: str, understood: Understood | None) -> str:
    """What a message says: what was written, and what was said or shown."""
    if understood is None or not understood.text:
        return caption
    said = understood.text if understood.kind == "voice" else f"[{understood.kind}] {understood.text}"
    return f"{caption}\n{said}" if caption else said
