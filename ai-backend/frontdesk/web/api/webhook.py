"""``POST /webhook``: take a message, commit it, and answer with what was made of it if that is ready in time."""

import contextlib
import re

from aiohttp import web

from frontdesk import telemetry
from frontdesk.channels.whatsapp_web import parse
from frontdesk.domain.errors import UnavailableError, UnsupportedEncodingError
from frontdesk.domain.messages import IncomingMessage
from frontdesk.store import messages
from frontdesk.web.api.bodies import read_body, traceparent
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.documents import AcceptedDocument, result_of

_WAIT = re.compile(r"^wait\s*=\s*\"?(\d{1,6})\"?$", re.IGNORECASE)
KNOWN_ENCODINGS = frozenset({"", "identity", "gzip", "deflate"})


async def receive(request: web.Request) -> web.Response:
    """Commit, then acknowledge. The same message again gets the first result."""
    desk = request.app[DESK]
    body = await read_body(request)
    account = desk.gate.account_of(request, body)
    # Only callers who may add messages take a place.
    if desk.webhooks_in_hand >= desk.settings.max_waiting:
        raise UnavailableError("too many messages are in hand; try again soon")
    desk.webhooks_in_hand += 1
    try:
        return await _receive(request, desk, body, account)
    finally:
        desk.webhooks_in_hand -= 1


async def _receive(request: web.Request, desk: Desk, body: bytes, account: str) -> web.Response:
    charset = (request.charset or "utf-8").lower().replace("_", "-")
    encoding = request.headers.get("Content-Encoding", "").strip().lower()
    if charset not in {"utf-8", "utf8", "us-ascii", "ascii"} or encoding not in KNOWN_ENCODINGS:
        raise UnsupportedEncodingError
    with telemetry.span("receive message", parent=traceparent(request)) as span:
        message = parse(
            body,
            account=account,
            now=desk.clock(),
            region=desk.settings.default_region,
            max_history_items=desk.settings.max_history_items,
            trace=span.traceparent,
        )
    wait_s, applied = patience(
        request.headers.getall("Prefer", []), default_s=desk.settings.default_wait_s, longest_s=desk.settings.max_wait_s
    )
    with desk.completions.expecting() if wait_s > 0 else contextlib.nullcontext():
        return await _accepted(desk, message, wait_s, applied)


async def _accepted(desk: Desk, message: IncomingMessage, wait_s: float, applied: str | None) -> web.Response:
    accepted = await desk.acceptor.accept(message)
    headers = {"Preference-Applied": applied} if applied else {}
    if wait_s > 0:
        # What is new has to be worked on first, unless there is nothing to work on.
        may_be_done = not accepted.is_new or message.from_us
        record = await messages.fetch(desk.database, accepted.id) if may_be_done else None
        if record is None or record.processed_at is None:
            await desk.completions.wait(accepted.id, timeout_s=wait_s)
            record = await messages.fetch(desk.database, accepted.id)
        if record is not None and record.processed_at is not None:
            return web.json_response(text=result_of(record).model_dump_json(), headers=headers)
    document = AcceptedDocument(
        success=True,
        message_id=message.message_id,
        database_id=accepted.id,
        conversation_id=accepted.conversation_id,
        status="accepted",
    )
    headers["Location"] = f"/messages/{accepted.id}"
    return web.json_response(text=document.model_dump_json(), status=202, headers=headers)


def patience(prefer: list[str], *, default_s: float, longest_s: float) -> tuple[float, str | None]:
    """How long the caller waits, by RFC 7240, and the preference that was honoured. The first of a kind counts."""
    preferences = [part.strip() for header in prefer for part in header.split(",")]
    if any(part.lower() == "respond-async" for part in preferences):
        wait = next((match for part in preferences if (match := _WAIT.match(part))), None)
        # RFC 7240 4.3: with both, wait that long before answering asynchronously.
        return (min(float(wait[1]), longest_s) if wait else 0.0), "respond-async"
    for part in preferences:
        if match := _WAIT.match(part):
            seconds = min(float(match[1]), longest_s)
            return seconds, f"wait={seconds:g}"
    return default_s, None
