"""The documents of the inbox: threads, what was found, and what people keep there."""

from datetime import datetime

from pydantic import BaseModel, Field

from frontdesk.domain.analysis import Correction
from frontdesk.domain.inbox import CannedReply, Note, SavedFilter
from frontdesk.web.documents import MessageDocument, OutgoingDocument


class EntryDocument(BaseModel):
    """One message of a thread: received (or typed on the phone), or sent by the desk; the other is null."""

    at: datetime
    received: MessageDocument | None
    corrections: list[Correction] = Field(description="What people said of how the received one was judged")
    sent: OutgoingDocument | None


class ThreadDocument(BaseModel):
    """A part of a thread, the oldest first; ask again with ``before`` for what was said before it."""

    entries: list[EntryDocument]
    before: str | None


class FoundChatDocument(BaseModel):
    """A chat whose contact or group has the words."""

    conversation_id: int
    title: str
    is_group: bool
    last_message_at: datetime


class FoundMessageDocument(BaseModel):
    """A message that has the words."""

    kind: str = Field(description="received (or typed on the phone) or sent")
    conversation_id: int
    title: str
    is_group: bool
    message_id: int | None = Field(description="The database_id of a received one")
    outbox_id: int | None
    text: str
    at: datetime
    from_us: bool


class SearchDocument(BaseModel):
    """What was found, the newest first; ask again with ``before`` for older messages."""

    chats: list[FoundChatDocument]
    messages: list[FoundMessageDocument]
    before: int | None


class NotesDocument(BaseModel):
    """What is written down about a contact, the newest first."""

    notes: list[Note]


class CannedRepliesDocument(BaseModel):
    """All ready-made answers, by name."""

    replies: list[CannedReply]


class SavedFiltersDocument(BaseModel):
    """Everybody's filters, and those of who asks."""

    filters: list[SavedFilter]
