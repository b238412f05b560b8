"""WhatsApp Web by the connector: what it posts to us, and what we ask of it."""

import contextlib
import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, Any, Literal
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontdesk.domain.contacts import identities_of
from frontdesk.domain.errors import (
    ChannelError,
    ChannelRejectedError,
    FieldProblem,
    InvalidInputError,
    NotJsonError,
    UnknownOutcomeError,
    UnsupportedEncodingError,
)
from frontdesk.domain.messages import HistoryItem, IncomingMessage, Media, Quoted, check_time
from frontdesk.domain.outgoing import Outgoing
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
        FieldProblem(pointer="/" + "/".join(map(str, item["loc"])), detail=item["msg"])
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


ConnectionState = Literal["starting", "qr", "authenticated", "ready", "disconnected", "auth_failure", "away"]


class ConnectorStatus(BaseModel):
    """What the connector says of itself; ``away`` where it says nothing. ``qr`` is the text to draw."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: ConnectionState = "away"
    qr: str | None = None
    me: str | None = None
    since: str | None = None
    spooled: int = 0
    refused: int = 0
    reason: str | None = None


class _NotConnectedError(Exception):
    """Nothing of the request has left this machine."""


class _CutOffError(Exception):
    """The request may have arrived."""


SEND_TIMEOUT = aiohttp.ClientTimeout(total=45, sock_connect=3)
MAX_ID_BYTES = 255
# The connector's own words for “the text did not leave”; other failures of a send tell nothing.
NOT_SENT = frozenset({"not_ready", "not_sent", "too_many"})


def _answer(status: int, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UnknownOutcomeError(f"the connector answered {status} with something that is no JSON object")
    if status < 300 and ("message_id" in document or "state" in document):
        return document
    detail = f"the connector answered {status}: {document.get('detail', '')}"[:300]
    if document.get("code") in NOT_SENT:
        try:
            after = float(headers.get("retry-after", ""))
        except ValueError:
            after = None
        raise ChannelError(detail, retry_after_s=after)
    if status == 401:
        raise ChannelError(detail)
    if 400 <= status < 500:
        raise ChannelRejectedError(detail)
    raise UnknownOutcomeError(detail)


def _message_id(document: dict[str, Any]) -> str:
    id_ = document.get("message_id")
    if not isinstance(id_, str) or not 0 < len(id_.encode()) <= MAX_ID_BYTES:
        raise UnknownOutcomeError("the connector answered without an id of WhatsApp's")
    return id_


def address_of(*, group_id: str | None, sender_ids: Iterable[str], phone_number: str | None) -> str | None:
    """Where to write to a chat: the group, the id that its contact wrote from last, or the number; None without any."""
    if group_id is not None:
        return group_id if _ADDRESS.fullmatch(group_id) else None
    known = next((sender_id for sender_id in sender_ids if _ADDRESS.fullmatch(sender_id)), None)
    return known or (f"{phone_number.removeprefix('+')}@c.us" if phone_number else None)


class Connector:
    """The connector's own API."""

    def __init__(self, *, url: str, token: str, timeout_s: float = 2) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def send(self, outgoing: Outgoing) -> str:
        """Send a text; the id that WhatsApp gave it. See :class:`frontdesk.domain.ports.Channel`."""
        body = {"chat_id": outgoing.recipient, "text": outgoing.text}
        headers = {"idempotency-key": outgoing.channel_key}
        try:
            document = await self._call("POST", "/messages", headers, outgoing.trace, body)
        except _NotConnectedError as error:
            raise ChannelError("the connector cannot be reached") from error
        except _CutOffError as error:
            raise UnknownOutcomeError("the connector did not confirm") from error
        return _message_id(document)

    async def find(self, outgoing: Outgoing) -> str | None:
        """What became of a text that may have been sent. See :class:`frontdesk.domain.ports.Channel`."""
        try:
            document = await self._call(
                "GET", f"/messages/{quote(outgoing.channel_key, safe='')}", {}, outgoing.trace, None
            )
        except (_NotConnectedError, _CutOffError) as error:
            raise ChannelError("the connector cannot be reached") from error
        match document.get("state"):
            case "sent":
                return _message_id(document)
            case "not_sent":
                return None
            case _:
                raise UnknownOutcomeError

    async def _call(
        self, method: str, path: str, headers: dict[str, str], trace: str | None, body: dict[str, str] | None
    ) -> dict[str, Any]:
        more = headers | ({"traceparent": trace} if trace else {})
        try:
            async with self._opened().request(
                method, self._url + path, headers=self._headers | more, json=body, timeout=SEND_TIMEOUT
            ) as response:
                return _answer(response.status, response.headers, await response.read())
        except aiohttp.ClientConnectorError as error:
            raise _NotConnectedError from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _CutOffError from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session

    async def status(self) -> ConnectorStatus:
        """The state of the WhatsApp connection. Never fails: a connector that cannot be asked is away."""
        try:
            async with self._opened().get(f"{self._url}/status", headers=self._headers) as response:
                if response.status != 200:
                    return ConnectorStatus(reason=f"the connector answered {response.status}")
                return ConnectorStatus.model_validate_json(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError) as error:
            return ConnectorStatus(reason=type(error).__name__)
