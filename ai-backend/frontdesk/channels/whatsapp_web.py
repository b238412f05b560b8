"""WhatsApp Web by the connector: what it posts to us."""

import contextlib
import json
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontdesk.domain.contacts import identities_of
from frontdesk.domain.errors import (
    FieldProblem,
    InvalidInputError,
    NotJsonError,
    UnsupportedEncodingError,
)
from frontdesk.domain.messages import HistoryItem, IncomingMessage, Media, MediaStatus, Quoted, check_time
from frontdesk.domain.text import repair_all

OURS = frozenset({"me", "us", "business", "agent", "assistant", "bot", "frontdesk"})
OUTGOING = frozenset({"outgoing", "sent", "out"})
MAX_TEXT_CHARACTERS = 262_144
_MAY_NEED_REPAIR = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])|NaN|Infinity")
_ADDRESS = re.compile(r"\d[\d-]*@(c\.us|lid|g\.us)")

Name = Annotated[str, Field(max_length=255)]
MessageText = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)]


class HistoryEntry(BaseModel):
    """One earlier message of the chat."""

    model_config = ConfigDict(extra="ignore", strict=True)

    sender: Name = Field(description="Who wrote it: a name, an id, or “me” for the business itself")
    content: MessageText
    timestamp: str | None = Field(default=None, json_schema_extra={"format": "date-time"})
    type: str = Field(default="chat", max_length=32, description="WhatsApp's type of message, or incoming/outgoing")
    from_me: bool | None = Field(default=None, description="Whether the business wrote it, where the channel knows")


class MediaEntry(BaseModel):
    """An attachment."""

    model_config = ConfigDict(extra="ignore", strict=True)

    kind: str = Field(max_length=32)
    mimetype: Name | None = None
    filename: Name | None = None
    size: int | None = Field(default=None, ge=0, le=2**53)
    duration_s: float | None = Field(default=None, ge=0, le=1e7, allow_inf_nan=False)
    status: MediaStatus = Field(
        default="unavailable", description="pending: the file follows by PUT /media/{message_id}"
    )


class QuotedEntry(BaseModel):
    """The message that this one answers."""

    model_config = ConfigDict(extra="ignore", strict=True)

    message_id: Name | None = None
    sender: Name | None = None
    content: MessageText = ""


class WebhookPayload(BaseModel):
    """The body of ``POST /webhook``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    message_id: str = Field(min_length=1, max_length=255, description="The channel's id; the same id is one message")
    chat_time: str = Field(
        json_schema_extra={"format": "date-time"}, description="When it was sent, ISO 8601 with an offset"
    )
    chat_name: Name
    phone_number: Name | None = Field(
        default=None, description="The sender's number; may be null where sender_id is given"
    )
    current_message: MessageText
    history: list[HistoryEntry] = Field(description="Earlier messages of the chat, oldest first")
    sender_id: str | None = Field(default=None, max_length=255, description="The channel's id of the sender")
    sender_name: Name | None = None
    lid: str | None = Field(default=None, max_length=255, description="The sender's LID, where there is one")
    chat_id: str | None = Field(default=None, max_length=255, description="The channel's id of the chat")
    is_group: bool = False
    from_me: bool = Field(default=False, description="The business wrote it on the phone: kept, never judged")
    message_type: str = Field(default="chat", max_length=32)
    media: MediaEntry | None = None
    quoted: QuotedEntry | None = None
    forwarded: bool = False


def read_json(body: bytes) -> tuple[Any, bool]:
    """The document in a body, with unstorable characters replaced; the flag says whether there were any.

    Raises:
        UnsupportedEncodingError: not UTF-8. NotJsonError: not JSON, or nested out of all reason.
    """
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnsupportedEncodingError(f"the body is not UTF-8 (byte {error.start})") from None
    try:
        return repair_all(json.loads(text, parse_constant=_refuse_constant))
    except (ValueError, RecursionError) as error:
        raise NotJsonError(f"the body is not JSON: {str(error)[:120]}") from None


def parse(
    body: bytes,
    *,
    account: str,
    now: datetime,
    region: str | None,
    max_history_items: int,
    trace: str | None = None,
) -> IncomingMessage:
    """A webhook's body as a message.

    Raises:
        NotJsonError, UnsupportedEncodingError: it cannot be read.
        InvalidInputError: it does not fit the contract; every problem is named.
    """
    payload, repaired = _payload(body)
    message = _message(payload, account, now, region, max_history_items, repaired=repaired)
    return message.model_copy(update={"trace": trace}) if trace else message


def _payload(body: bytes) -> tuple[WebhookPayload, bool]:
    # Nearly all bodies are well-formed and hold nothing to repair: those are read in one go. Whatever is wrong with the
    # others is found, and told, the long way.
    if not _MAY_NEED_REPAIR.search(body):
        try:
            return WebhookPayload.model_validate_json(body), False
        except ValidationError:
            pass
    document, repaired = read_json(body)
    if not isinstance(document, dict):
        raise InvalidInputError("the body must be a JSON object")
    try:
        return WebhookPayload.model_validate(document), repaired
    except ValidationError as error:
        raise InvalidInputError("the body does not fit the contract", problems_of(error)) from None


def problems_of(error: ValidationError) -> tuple[FieldProblem, ...]:
    """What does not fit, for the caller: never what was sent."""
    return tuple(
        FieldProblem(pointer="/" + "/".join(map(str, item["loc"])), detail=item["msg"].removeprefix("Value error, "))
        for item in error.errors(include_input=False, include_url=False)[:20]
    )


def _message(
    payload: WebhookPayload, account: str, now: datetime, region: str | None, max_items: int, *, repaired: bool
) -> IncomingMessage:
    problems: list[FieldProblem] = []
    if len(payload.history) > max_items:
        problems.append(
            FieldProblem(pointer="/history", detail=f"has {len(payload.history)} items; at most {max_items}")
        )
    identities = identities_of(
        phone_number=payload.phone_number, sender_id=payload.sender_id, lid=payload.lid, region=region
    )
    if not identities:
        problems.append(FieldProblem(pointer="/phone_number", detail="must be given where sender_id is not"))
    if any(len(identity.value.encode()) > 255 for identity in identities) or len(payload.message_id.encode()) > 255:
        problems.append(FieldProblem(pointer="", detail="ids may take at most 255 bytes"))
    if payload.is_group and not payload.chat_id:
        problems.append(FieldProblem(pointer="/chat_id", detail="must be given for a group"))
    if payload.chat_id and len(payload.chat_id.encode()) > 240:
        problems.append(FieldProblem(pointer="/chat_id", detail="may take at most 240 bytes"))
    sent_at = _moment(payload.chat_time, "/chat_time", now, problems)
    history = tuple(
        HistoryItem(
            sender=entry.sender,
            content=entry.content,
            sent_at=_moment(entry.timestamp, f"/history/{index}/timestamp", now, problems) if entry.timestamp else None,
            type=entry.type,
            from_us=_is_ours(entry),
        )
        for index, entry in enumerate(payload.history[:max_items])
    )
    if problems or sent_at is None:
        raise InvalidInputError("the body does not fit the contract", tuple(problems[:20]))
    no_phone = identities[0].kind != "phone"
    return IncomingMessage(
        account=account,
        message_id=payload.message_id,
        sent_at=sent_at,
        chat_name=payload.chat_name,
        text=payload.current_message,
        type=payload.message_type,
        identities=identities,
        sender_id=(payload.sender_id or "").strip()
        or ((payload.phone_number or "").strip() if no_phone else None)
        or None,
        sender_name=payload.sender_name,
        chat_id=payload.chat_id if payload.is_group else None,
        history=history,
        media=Media(**payload.media.model_dump()) if payload.media else None,
        quoted=Quoted(**payload.quoted.model_dump()) if payload.quoted else None,
        repaired=repaired,
        from_us=payload.from_me,
        forwarded=payload.forwarded,
    )


def _moment(text: str, pointer: str, now: datetime, problems: list[FieldProblem]) -> datetime | None:
    try:
        moment = _parsed(text)
    except ValueError:
        problems.append(FieldProblem(pointer=pointer, detail="is not a time in ISO 8601"))
        return None
    wrong = check_time(moment, now=now)
    if wrong:
        problems.append(FieldProblem(pointer=pointer, detail=wrong))
        return None
    return moment.astimezone(UTC)


@lru_cache(maxsize=20_000)
def _parsed(text: str) -> datetime:
    """The same lines of a chat come with every message of it."""
    moment = datetime.fromisoformat(text)
    # What has no place on the calendar in UTC is refused by its check.
    with contextlib.suppress(OverflowError):
        return moment.astimezone(UTC) if moment.tzinfo else moment
    return moment


def _is_ours(entry: HistoryEntry) -> bool:
    if entry.from_me is not None:
        return entry.from_me
    return entry.sender.strip().casefold() in OURS or entry.type.casefold() in OUTGOING


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def address_of(*, group_id: str | None, sender_ids: Iterable[str], phone_number: str | None) -> str | None:
    """Where to write to a chat: the group, the id that its contact wrote from last, or the number; None without any."""
    if group_id is not None:
        return group_id if _ADDRESS.fullmatch(group_id) else None
    known = next((sender_id for sender_id in sender_ids if _ADDRESS.fullmatch(sender_id)), None)
    return known or (f"{phone_number.removeprefix('+')}@c.us" if phone_number else None)
