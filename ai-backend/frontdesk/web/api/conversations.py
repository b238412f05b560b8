"""Conversations: whom to answer first, and what is done."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError
from frontdesk.domain.replies import ReplyMode
from frontdesk.domain.tasks import LONGEST_TAG
from frontdesk.store import dialogues, inbox, turns, waits
from frontdesk.web.api.bodies import MAX_ID, is_near, read_body, read_document, whole_number
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.desk_documents import ConversationsDocument, conversation_of
from frontdesk.web.reply_documents import dialogue_of, turn_of

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MOST_LABELS = 20

Label = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TAG)]


class ConversationDraft(BaseModel):
    """The body of ``PATCH /conversations/{id}``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    status: Literal["done"] | None = Field(
        default=None, description="Nobody waits any more; what comes next begins anew, and is the robot's again"
    )
    mode: ReplyMode | None = Field(default=None, description="Of this conversation; null follows the account's")
    handed_over: bool = Field(
        default=False, description="Whether a person is to answer; false gives it back to the robot"
    )
    assignee_id: int | None = Field(default=None, ge=1, le=2**31 - 1, description="Whose it is; null is nobody's")
    is_stopped: bool = Field(default=False, description="Whether the customer gets no automatic messages")
    labels: Annotated[list[Label], Field(max_length=MOST_LABELS)] = []


async def waiting(request: web.Request) -> web.Response:
    """``GET /conversations?limit=&after=``: where somebody waits for an answer, the first due first."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
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
    desk.gate.check(request, "read")
    return await _shown(desk, int(request.match_info["id"]))


async def change(request: web.Request) -> web.Response:
    """``PATCH /conversations/{id}``: a person says that it is done, or how it goes on."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(ConversationDraft, await read_body(request))
    given = draft.model_dump(exclude_unset=True)
    number = int(request.match_info["id"])
    if number > MAX_ID:
        raise NotFoundError("there is no such conversation")
    if given.pop("status", None) == "done" and not await waits.finish(desk.database, number, now=desk.clock()):
        raise NotFoundError("there is no such conversation")
    if given:
        await dialogues.edit(desk.database, number, given, now=desk.clock())
    desk.feed.announce()
    return await _shown(desk, number)


async def _shown(desk: Desk, number: int) -> web.Response:
    found = await inbox.fetch(desk.database, number) if number <= MAX_ID else None
    dialogue = await dialogues.fetch(desk.database, number) if found is not None else None
    if found is None or dialogue is None:
        raise NotFoundError("there is no such conversation")
    now = desk.clock()
    shown = conversation_of(found, now=now)
    drafts = await turns.find(desk.database, state="suggested", conversation_id=number, limit=1)
    reply = dialogue_of(dialogue, desk.limits, now=now)
    document = shown.model_copy(update={"reply": reply, "draft": turn_of(drafts[0]) if drafts else None})
    return web.json_response(text=document.model_dump_json())


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
