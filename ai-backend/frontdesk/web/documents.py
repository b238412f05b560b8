"""The documents that the API gives out, as models: what OpenAPI describes is what is sent."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.analysis import Analysis
from frontdesk.domain.changes import Attachment, MessageChange
from frontdesk.domain.events import Event
from frontdesk.domain.messages import Media, Quoted, Record
from frontdesk.domain.outgoing import Outgoing
from frontdesk.domain.understanding import UnderstandingKind, UnderstandingStatus


class RoutingDocument(BaseModel):
    """Which agent answered, why it was chosen, and its draft."""

    success: bool
    agent: str | None
    reason: str
    response: dict[str, Any] | None = Field(description="The agent's reply, actions, confidence and note")


class ResultDocument(BaseModel):
    """What became of a message; ``analysis`` and ``routing`` are null while it is being worked on."""

    success: bool = Field(description="Whether the message is in the store and analysed")
    message_id: str
    database_id: int
    conversation_id: int
    analysis: Analysis | None
    routing: RoutingDocument | None
    processed_at: datetime | None


class AcceptedDocument(BaseModel):
    """The message is safe; its result will be at ``Location``."""

    success: bool
    message_id: str
    database_id: int
    conversation_id: int
    status: str


class UnderstoodDocument(BaseModel):
    """What a voice note, a picture or a document says."""

    kind: UnderstandingKind
    status: UnderstandingStatus
    text: str
    language: str | None
    error: str | None


class MediaDocument(Media):
    """An attachment. ``pending``: it is on its way; ``stored``: it lies at ``url``, and its type is that of its content."""

    status: str = Field(description="pending, stored, unavailable, too_large or view_once")  # type: ignore[assignment]
    url: str | None = None
    sha256: str | None = None
    understood: UnderstoodDocument | None = Field(default=None, description="What it says, where that is found out")


class ChangeDocument(BaseModel):
    """Something that happened to a message after it was written."""

    change: str
    at: datetime
    text: str | None = Field(description="The new text, the reaction (empty where it was taken back), chosen options")
    replaced: str | None = Field(description="The text before an edit")
    sender_id: str | None
    from_me: bool


class MessageDocument(ResultDocument):
    """A message of the store with its result."""

    state: str
    chat_name: str
    sender_name: str | None
    phone_number: str | None
    sender_id: str | None
    current_message: str
    message_type: str
    media: MediaDocument | None
    quoted: Quoted | None
    is_forwarded: bool
    changes: list[ChangeDocument] = Field(description="What happened to it later: edited, deleted, reactions, votes")
    is_vip_customer: bool
    is_critical_group: bool
    is_group: bool
    is_from_us: bool
    is_repaired: bool
    attempts: int
    error: str | None
    chat_time: datetime
    created_at: datetime
    response_due_at: datetime | None = Field(description="Until when it is to be answered; null where it need not be")
    history: list[dict[str, Any]]


class MessagesDocument(BaseModel):
    """The newest messages, newest first, without their histories."""

    messages: list[MessageDocument]


class ProblemDocument(BaseModel):
    """An error by RFC 9457; ``code`` is stable."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, str]] = Field(default_factory=list)


class HealthDocument(BaseModel):
    """Whether the desk takes messages; the rest only for callers with a key."""

    status: str
    version: str | None = None
    database: dict[str, Any] | None = None
    connector: dict[str, Any] | None = Field(default=None, description="That of the main account")
    connectors: list[dict[str, Any]] | None = Field(default=None, description="Those of all accounts")
    agents: dict[str, str] | None = None
    analyser: dict[str, Any] | None = None
    waiting: dict[str, int] | None = None
    outbox: dict[str, int] | None = None


class QueuedDocument(BaseModel):
    """A message is in the outbox; what becomes of it will be at ``Location``."""

    outbox_id: int
    idempotency_key: str


class OutgoingDocument(BaseModel):
    """A message of ours."""

    outbox_id: int
    conversation_id: int
    state: str = Field(description="queued, sending, sent, delivered, read, failed or unknown")
    text: str
    recipient: str
    automatic: bool
    attempts: int
    error: str | None
    message_id: str | None = Field(description="The channel's id, once it was sent")
    idempotency_key: str
    due_at: datetime | None = Field(description="Not before then, where it has to wait")
    created_at: datetime
    sent_at: datetime | None


class AnswersDocument(BaseModel):
    """How answering went in the last 24 hours, and who waits now."""

    open: int = Field(description="Conversations in which somebody waits")
    overdue: int = Field(description="Those of them whose deadline has passed")
    answered: int
    in_time: int
    share_in_time: float | None
    response_seconds: dict[str, float | None] = Field(description="From the first message that waited: p50, p90, p99")
    first_response_seconds: dict[str, float | None] = Field(description="Of conversations that began")
    resolution_seconds: dict[str, float | None] = Field(description="Until somebody said that it is done")


class EventsDocument(BaseModel):
    """Events in the order of their numbers; ask again with ``after`` = ``last``."""

    events: list[Event]
    last: int


class StatsDocument(BaseModel):
    """The last 24 hours."""

    since: datetime
    received: int
    processed: int
    pending: int
    unrouted: int
    failed: int
    by_category: dict[str, int]
    by_sentiment: dict[str, int]
    by_priority: dict[str, int]
    by_agent: dict[str, int]
    by_analyser: dict[str, int]
    response_time_seconds: dict[str, float | None] = Field(description="From acceptance to routing: p50, p90, p99")
    tokens: dict[str, int]
    model_calls: int
    cost_usd: float
    waiting: dict[str, int] = Field(description="Of any age: pending, unrouted, failed, to_rerate")
    outbox: dict[str, int] = Field(description="Of any age: queued, sending, unknown")
    answers: AnswersDocument


def result_of(record: Record) -> ResultDocument:
    """The result of a message: the answer of ``POST /webhook``."""
    return ResultDocument(
        success=record.analysis is not None or record.message.from_us,
        message_id=record.message.message_id,
        database_id=record.id,
        conversation_id=record.conversation_id,
        analysis=record.analysis,
        routing=_routing(record),
        processed_at=record.processed_at,
    )


def outgoing_of(outgoing: Outgoing) -> OutgoingDocument:
    """A message of the outbox as the API shows it."""
    return OutgoingDocument(
        outbox_id=outgoing.id,
        conversation_id=outgoing.conversation_id,
        state=outgoing.state,
        text=outgoing.text,
        recipient=outgoing.recipient,
        automatic=outgoing.is_automatic,
        attempts=outgoing.attempts,
        error=outgoing.error,
        message_id=outgoing.channel_message_id,
        idempotency_key=outgoing.key,
        due_at=outgoing.due_at,
        created_at=outgoing.created_at,
        sent_at=outgoing.sent_at,
    )


def message_of(
    record: Record, changes: Sequence[MessageChange] = (), attachment: Attachment | None = None
) -> MessageDocument:
    """A message as the API shows it, with what happened to it since and the file that it brought."""
    message = record.message
    return MessageDocument(
        **result_of(record).model_dump(),
        state=record.state,
        chat_name=message.chat_name,
        sender_name=message.sender_name,
        phone_number=message.phone_number,
        sender_id=message.sender_id,
        current_message=message.text,
        message_type=message.type,
        media=_media(record, changes, attachment),
        quoted=message.quoted,
        is_forwarded=message.forwarded,
        changes=[
            ChangeDocument(
                change=item.kind,
                at=item.at,
                text=item.text,
                replaced=item.replaced,
                sender_id=item.sender_id,
                from_me=item.from_us,
            )
            for item in changes
            if item.kind != "media"
        ],
        is_vip_customer=record.is_vip_customer,
        is_critical_group=record.is_critical_group,
        is_group=message.is_group,
        is_from_us=message.from_us,
        is_repaired=message.repaired,
        attempts=record.attempts,
        error=record.error,
        chat_time=message.sent_at,
        created_at=record.created_at,
        response_due_at=record.response_due_at,
        history=[
            {
                "sender": item.sender,
                "content": item.content,
                "timestamp": item.sent_at.isoformat() if item.sent_at else None,
                "type": item.type,
                "from_me": item.from_us,
            }
            for item in message.history
        ],
    )


def _media(record: Record, changes: Sequence[MessageChange], attachment: Attachment | None) -> MediaDocument | None:
    told = record.message.media
    if told is None:
        return None
    understood = UnderstoodDocument(**record.understood.model_dump()) if record.understood is not None else None
    if attachment is None:
        ended = next((item.text for item in reversed(changes) if item.kind == "media"), None)
        return MediaDocument(**told.model_dump() | {"status": ended or told.status})
    known = attachment.model_dump(exclude={"filename"}) | {"filename": attachment.filename or told.filename}
    return MediaDocument(
        **told.model_dump() | known | {"status": "stored", "url": f"/messages/{record.id}/media"}, understood=understood
    )


def _routing(record: Record) -> RoutingDocument | None:
    if record.route is not None:
        return RoutingDocument(**record.route.model_dump())
    if record.state == "failed":
        return RoutingDocument(success=False, agent=None, reason=record.error or "failed", response=None)
    return None
