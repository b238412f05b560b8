"""Conversations: whom to answer first, and what is done."""

from datetime import UTC, datetime
from typing import Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError
from frontdesk.store import inbox, waits
from frontdesk.web.api.bodies import MAX_ID, is_near, read_body, read_document, whole_number
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.desk_documents import ConversationsDocument, conversation_of

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


class ConversationDraft(BaseModel):
    """The body of ``PATCH /conversations/{id}``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    status: Literal["done"] = Field(description="Nobody waits any more; what comes next begins anew")


async def waiting(request: web.Request) -> web.Response:
    """``GET /conversations?limit=&after=``: where somebody waits for an answer, the first due first."""
    desk = request.app[DESK]
    desk.gate.check_person(request)
    limit = whole_number("limit", request.query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    found = await inbox.waiting(desk.database, limit=limit, after=_place(request.query.get("after")))
    last = found[-1] if len(found) == limit else None
    document = ConversationsDocument(
        conversations=[conversation_of(item, now=desk.clock()) for item in found],
        next=f"{last.wait.due_at.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}_{last.id}" if last and last.wait else None,
    )
    return web.json_response(text=document.model_dump_json())


async def one(request: web.Request) -> web.Response:
    """``GET /conversations/{id}``: a chat, and who waits in it."""
    desk = request.app[DESK]
    desk.gate.check_person(request)
    return await _shown(desk, int(request.match_info["id"]))


async def change(request: web.Request) -> web.Response:
    """``PATCH /conversations/{id}``: a person says that it is done."""
    desk = request.app[DESK]
    desk.gate.check_token(request)
    read_document(ConversationDraft, await read_body(request))
    number = int(request.match_info["id"])
    if number > MAX_ID or not await waits.finish(desk.database, number, now=desk.clock()):
        raise NotFoundError("there is no such conversation")
    desk.feed.announce()
    return await _shown(desk, number)


async def _shown(desk: Desk, number: int) -> web.Response:
    found = await inbox.fetch(desk.database, number) if number <= MAX_ID else None
    if found is None:
        raise NotFoundError("there is no such conversation")
    return web.json_response(text=conversation_of(found, now=desk.clock()).model_dump_json())


def _place(text: str | None) -> tuple[datetime, int] | None:
    """Where a page of conversations ended: the last one's deadline and id."""
    if text is None:
        return None
    moment, _, number = text.partition("_")
    try:
        due_at = is_near(datetime.strptime(moment, "%Y%m%dT%H%M%S.%f%z"))
        id_ = int(number)
    except ValueError:
        id_ = -1
    if not 0 <= id_ <= MAX_ID:
        raise InvalidInputError(
            "the query does not fit", (FieldProblem(pointer="after", detail="must be the next of an earlier answer"),)
        )
    return due_at, id_
