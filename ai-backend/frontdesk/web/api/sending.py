"""Writing to a conversation, what became of it, and what the channel reports of it."""

import uuid
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from frontdesk import telemetry
from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError
from frontdesk.store import outbox
from frontdesk.web.api.bodies import MAX_ID, read_body, read_document, traceparent
from frontdesk.web.desk import DESK
from frontdesk.web.documents import QueuedDocument, outgoing_of

KEY_HEADER = "Idempotency-Key"
MAX_KEY_BYTES = 128
MAX_MESSAGE_ID_BYTES = 255


class OutgoingMessageDraft(BaseModel):
    """The body of ``POST /conversations/{id}/messages``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str = Field(min_length=1, max_length=65_536, pattern=r"\S")
    automatic: bool = Field(default=False, description="Not written by a person: sent in working hours only")


class Acknowledgement(BaseModel):
    """The body of ``POST /outbox/acknowledgements``: the message by the key it was sent under, or by the channel's id."""

    model_config = ConfigDict(extra="forbid", strict=True)

    state: Literal["sent", "delivered", "read", "failed"]
    channel_key: str | None = Field(default=None, max_length=64)
    message_id: str | None = Field(default=None, max_length=255)
    error: str | None = Field(default=None, max_length=500)


async def write_to_conversation(request: web.Request) -> web.Response:
    """``POST /conversations/{id}/messages``: 202, and where to look for what becomes of it."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(OutgoingMessageDraft, await read_body(request))
    key = request.headers.get(KEY_HEADER, "").strip() or uuid.uuid4().hex
    if len(key.encode("utf-8", "surrogateescape")) > MAX_KEY_BYTES or not key.isprintable() or not key.isascii():
        problem = FieldProblem(
            pointer=KEY_HEADER, detail=f"must have at most {MAX_KEY_BYTES} printable ASCII characters"
        )
        raise InvalidInputError("the request does not fit the contract", (problem,))
    number = int(request.match_info["id"])
    if number > MAX_ID:
        raise NotFoundError("there is no such conversation")
    with telemetry.span("queue message", parent=traceparent(request)) as span:
        id_, _ = await desk.sender.send(
            number, draft.text, key=key, is_automatic=draft.automatic, trace=span.traceparent
        )
    document = QueuedDocument(outbox_id=id_, idempotency_key=key)
    return web.json_response(text=document.model_dump_json(), status=202, headers={"Location": f"/outbox/{id_}"})


async def one_outgoing(request: web.Request) -> web.Response:
    """``GET /outbox/{id}``: a message of ours and its state."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    number = int(request.match_info["id"])
    found = await outbox.fetch(desk.database, number) if number <= MAX_ID else None
    if found is None:
        raise NotFoundError("there is no such message")
    return web.json_response(text=outgoing_of(found).model_dump_json())


async def send_again(request: web.Request) -> web.Response:
    """``POST /outbox/{id}/resend``: what failed, or is of unknown outcome, is queued again."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    number = int(request.match_info["id"])
    if number > MAX_ID:
        raise NotFoundError("there is no such message")
    document = outgoing_of(await desk.sender.send_again(number))
    return web.json_response(text=document.model_dump_json(), status=202, headers={"Location": f"/outbox/{number}"})


async def acknowledge(request: web.Request) -> web.Response:
    """``POST /outbox/acknowledgements``: a connector tells what became of a message. Repeats and old news change nothing."""
    desk = request.app[DESK]
    body = await read_body(request)
    account = desk.gate.account_of(request, body)
    ack = read_document(Acknowledgement, body)
    if not ack.channel_key and not ack.message_id:
        raise InvalidInputError("channel_key or message_id must be given")
    if len((ack.message_id or "").encode()) > MAX_MESSAGE_ID_BYTES:
        problem = FieldProblem(pointer="/message_id", detail=f"must have at most {MAX_MESSAGE_ID_BYTES} bytes")
        raise InvalidInputError("the body does not fit the contract", (problem,))
    found = await outbox.acknowledge(
        desk.database,
        account=account,
        state=ack.state,
        channel_key=ack.channel_key,
        channel_message_id=ack.message_id,
        error=ack.error,
        now=desk.clock(),
    )
    desk.feed.announce()
    return web.json_response({"outbox_id": found})
