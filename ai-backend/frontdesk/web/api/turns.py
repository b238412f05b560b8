"""Drafts: what agents wrote, for people to send, to change or to throw away."""

from typing import get_args

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from frontdesk import telemetry
from frontdesk.domain.errors import ConflictError, FieldProblem, InvalidInputError, NotFoundError
from frontdesk.domain.replies import Turn, TurnState
from frontdesk.store import turns
from frontdesk.web.api.bodies import MAX_ID, read_body, read_document, traceparent, whole_number
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.documents import QueuedDocument
from frontdesk.web.reply_documents import TurnsDocument, turn_of

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
STATES: tuple[TurnState, ...] = get_args(TurnState)


class AcceptDraft(BaseModel):
    """The body of ``POST /turns/{id}/accept``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    text: str | None = Field(
        default=None, min_length=1, max_length=65_536, pattern=r"\S", description="Your own words in place of the draft"
    )


async def all_turns(request: web.Request) -> web.Response:
    """``GET /turns?state=&conversation_id=&before=&limit=``: what was drafted, the newest first."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    query = request.query
    state = query.get("state", "suggested")
    if state not in (*STATES, "all"):
        problem = FieldProblem(pointer="state", detail=f"must be one of {', '.join(STATES)} or all")
        raise InvalidInputError("the query does not fit", (problem,))
    limit = whole_number("limit", query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    conversation = whole_number("conversation_id", query.get("conversation_id"), default=0, least=0, most=MAX_ID)
    before = whole_number("before", query.get("before"), default=MAX_ID, least=1, most=MAX_ID)
    found = await turns.find(
        desk.database,
        state=next((item for item in STATES if item == state), None),
        conversation_id=conversation or None,
        before=before,
        limit=limit,
    )
    document = TurnsDocument(turns=[turn_of(turn) for turn in found])
    return web.json_response(text=document.model_dump_json())


async def one(request: web.Request) -> web.Response:
    """``GET /turns/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    return web.json_response(text=turn_of(await _asked_for(request, desk)).model_dump_json())


async def accept(request: web.Request) -> web.Response:
    """``POST /turns/{id}/accept``: send it, as it is or in other words; 202. The same again is the same message."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    body = await read_body(request)
    draft = read_document(AcceptDraft, body) if body.strip() else AcceptDraft()
    turn = await _asked_for(request, desk)
    if turn.state in {"dismissed", "superseded"}:
        raise ConflictError(f"this turn is {turn.state} already")
    with telemetry.span("accept turn", parent=traceparent(request)) as span:
        id_, _ = await desk.sender.accept(turn, text=draft.text, trace=span.traceparent)
    document = QueuedDocument(outbox_id=id_, idempotency_key=turn.key)
    return web.json_response(text=document.model_dump_json(), status=202, headers={"Location": f"/outbox/{id_}"})


async def suggest(request: web.Request) -> web.Response:
    """``POST /conversations/{id}/drafts``: have an agent write one, now."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    number = int(request.match_info["id"])
    if number > MAX_ID:
        raise NotFoundError("there is no such conversation")
    turn = await desk.suggest(number)
    desk.feed.announce()
    return web.json_response(
        text=turn_of(turn).model_dump_json(), status=201, headers={"Location": f"/turns/{turn.id}"}
    )


async def dismiss(request: web.Request) -> web.Response:
    """``POST /turns/{id}/dismiss``: throw it away."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    turn = await turns.dismiss(desk.database, (await _asked_for(request, desk)).id, now=desk.clock())
    return web.json_response(text=turn_of(turn).model_dump_json())


async def _asked_for(request: web.Request, desk: Desk) -> Turn:
    number = int(request.match_info["id"])
    found = await turns.fetch(desk.database, number) if number <= MAX_ID else None
    if found is None:
        raise NotFoundError("there is no such turn")
    return found
