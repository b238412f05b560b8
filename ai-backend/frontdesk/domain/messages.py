"""A received message and the chat that led to it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Literal

from pydantic import BaseModel, ConfigDict

from frontdesk.domain.analysis import Analysis
from frontdesk.domain.contacts import Identity
from frontdesk.domain.routing import Route
from frontdesk.domain.understanding import Understood, together_with

MessageState = Literal["pending", "settling", "unrouted", "processed", "failed"]
"""``pending``: to be analysed and routed; ``settling``: analysed, and more may follow at once; ``unrouted``: analysed, no agent
reached, retried when due; the rest are ends."""

EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
"""WhatsApp began in 2009: nothing can be older."""
FUTURE_TOLERANCE = timedelta(days=1)
"""Clocks of phones are wrong by hours, not by days."""

DIGEST_BYTES = 16


class Value(BaseModel):
    """A frozen value that refuses unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryItem:
    """One earlier message of the chat, as it was seen when the new one arrived. ``sent_at`` is aware or absent."""

    sender: str
    content: str
    sent_at: datetime | None
    type: str = "chat"
    from_us: bool = False


MediaStatus = Literal["pending", "unavailable", "view_once"]


class Media(Value):
    """What is told of an attachment; ``size`` in bytes, ``duration_s`` in seconds.

    ``pending``: the file follows; ``view_once``: it is shown on the phone only.
    """

    kind: str
    mimetype: str | None = None
    filename: str | None = None
    size: int | None = None
    duration_s: float | None = None
    status: MediaStatus = "unavailable"


class Quoted(Value):
    """The message that this one answers."""

    message_id: str | None = None
    sender: str | None = None
    content: str = ""


class IncomingMessage(Value):
    """One message as a channel delivered it, before anything is known about it.

    ``chat_id`` is the channel's id of a group and None in a direct chat, where the conversation is the contact's.
    ``sent_at`` is the sender's clock in UTC; ``repaired`` says that unstorable characters were replaced. With ``from_us``
    somebody of the business wrote it on the phone, and the identities are those of the person it was written to.
    With ``is_past`` it was said before the desk knew of it: kept as of then, and judged by whoever brings it.
    ``trace`` is the W3C traceparent of the request that brought it.
    """

    account: str
    message_id: str
    sent_at: datetime
    chat_name: str
    text: str
    type: str = "chat"
    identities: tuple[Identity, ...]
    sender_id: str | None = None
    sender_name: str | None = None
    chat_id: str | None = None
    history: tuple[HistoryItem, ...] = ()
    media: Media | None = None
    quoted: Quoted | None = None
    repaired: bool = False
    from_us: bool = False
    forwarded: bool = False
    is_past: bool = False
    trace: str | None = None

    @property
    def phone_number(self) -> str | None:
        """The sender's number in E.164, or None where it is not known."""
        return next((identity.value for identity in self.identities if identity.kind == "phone"), None)

    @property
    def is_group(self) -> bool:
        """Whether the message was written in a group."""
        return self.chat_id is not None


class Record(Value):
    """A message in the store, with what the stages made of it so far. ``analysis`` and ``route`` are None until then.

    ``due_at`` is when it is to be worked on again, ``response_due_at`` the deadline of its answer, where it needs one.
    """

    id: int
    account_id: int
    conversation_id: int
    contact_id: int
    message: IncomingMessage
    is_vip_customer: bool
    is_critical_group: bool
    state: MessageState
    attempts: int
    error: str | None
    created_at: datetime
    processed_at: datetime | None
    due_at: datetime | None = None
    response_due_at: datetime | None = None
    analysis: Analysis | None = None
    route: Route | None = None
    understood: Understood | None = None

    @property
    def spoken(self) -> IncomingMessage:
        """The message with what its voice note, picture or document says in its text, where that is known."""
        if self.understood is None or not self.understood.text:
            return self.message
        return self.message.model_copy(update={"text": together_with(self.message.text, self.understood)})

    @property
    def key(self) -> str:
        """Names the message to other services: the same after a restart, another in another database."""
        origin = f"{self.message.account}\x1f{self.message.message_id}\x1f{self.created_at.isoformat()}"
        return f"{self.id}-{blake2b(origin.encode(), digest_size=6).hexdigest()}"

    @property
    def waits_since(self) -> datetime:
        """Since when its sender waits: since it was written, as far as the sender's clock is believed."""
        return min(self.message.sent_at, self.created_at)

    @property
    def is_important(self) -> bool:
        """Whether the sender or the group is one of those that matter."""
        return self.is_vip_customer or self.is_critical_group


def check_time(moment: datetime, *, now: datetime) -> str | None:
    """Why a time cannot be a message's, or None where it can."""
    if moment.tzinfo is None or moment.utcoffset() is None:
        return "must name its offset from UTC, as in 2026-01-31T12:00:00+03:00 or …Z"
    try:
        utc = moment.astimezone(UTC)
    except OverflowError:
        return "is outside the range of times"
    if utc < EARLIEST:
        return f"is before {EARLIEST.year}"
    if utc > now + FUTURE_TOLERANCE:
        return "lies in the future"
    return None


def history_digests(history: tuple[HistoryItem, ...]) -> tuple[bytes, ...]:
    """A digest of :data:`DIGEST_BYTES` for each item: equal items are told apart by how often they occurred before.

    The same window sent again, or moved on by some messages, gives the same digests for the same items, so each is
    stored once a conversation.
    """
    seen: dict[tuple[str, datetime | None, str, str], int] = {}
    digests: list[bytes] = []
    for item in history:
        key = (item.sender, item.sent_at, item.type, item.content)
        occurrence = seen.get(key, 0)
        seen[key] = occurrence + 1
        moment = item.sent_at.astimezone(UTC).isoformat() if item.sent_at else ""
        # With its length each part is told from the next, whatever is written in it.
        text = f"{occurrence}:{len(item.sender)}:{len(item.type)}:{moment}\x1f{item.sender}{item.type}{item.content}"
        digests.append(blake2b(text.encode(), digest_size=DIGEST_BYTES).digest())
    return tuple(digests)
