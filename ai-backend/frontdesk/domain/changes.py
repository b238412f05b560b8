"""What happens after a message was written, and to the account that it came by."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.messages import Media

ChangeKind = Literal["edited", "deleted", "reaction", "poll_vote", "decrypted", "media"]
REPLACING: tuple[ChangeKind, ...] = ("edited", "decrypted")
"""These bring a new text, which is judged in place of the old one."""

SessionState = Literal["STARTING", "SCAN_QR_CODE", "WORKING", "DISCONNECTED", "FAILED", "STOPPED"]


class MessageChange(BaseModel):
    """Something that happened to a message; ``at`` is the channel's clock, in UTC.

    ``text`` is the new text, the reaction (empty where it was taken back), the chosen options of a poll, or why there is no
    file (``unavailable``, ``too_large``).
    """

    model_config = ConfigDict(frozen=True)

    message_id: str
    kind: ChangeKind
    at: datetime
    text: str | None = None
    replaced: str | None = Field(default=None, description="The text that an edit has replaced")
    sender_id: str | None = None
    from_us: bool = False
    type: str | None = Field(default=None, description="The message's type, known since it was decrypted")
    media: Media | None = None


class Attachment(BaseModel):
    """A file that a message brought; ``size`` in bytes, ``mimetype`` by its content and never by its sender's word."""

    model_config = ConfigDict(frozen=True)

    sha256: str
    size: int
    mimetype: str
    filename: str | None = None
