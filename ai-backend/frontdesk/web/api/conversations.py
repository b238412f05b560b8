"""Conversations: whom to answer first, and what is done."""

from datetime import UTC, datetime
from typing import Annotated, Literal

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from frontdesk.channels.whatsapp_web import problems_of
from frontdesk.desk.reading import read_thread
from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError
from frontdesk.domain.inbox import Filter
from frontdesk.domain.replies import ReplyMode
from frontdesk.domain.tasks import LONGEST_TAG
from frontdesk.store import dialogues, glance, inbox, turns, waits
from frontdesk.triage.policy import HIGHEST_URGENCY
from frontdesk.web.api.bodies import MAX_ID, is_near, read_body, read_document, whole_number
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.desk_documents import ConversationsDocument, conversation_of
from frontdesk.web.documents import message_of, outgoing_of
from frontdesk.web.inbox_documents import EntryDocument, ThreadDocument
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
    is_read: bool = Field(default=True, description="Whether somebody has looked; false marks it as unread")
    is_archived: bool = Field(default=False, description="Out of the way until something new comes")
    is_blocked: bool = Field(default=False, description="What comes is kept, and nothing follows from it")


async def find(request: web.Request) -> web.Response:
    """``GET /conversations?view=&limit=&after=``: where somebody waits for an answer, the first due first; or another view."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "read")
    wanted = filter_of(request)
    limit = whole_number("limit", request.query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    me = caller.person.id if caller.person else None
    found = await inbox.find(desk.database, wanted, limit=limit, after=place_of(request.query.get("after")), me=me)
    document = ConversationsDocument(
        conversations=[conversation_of(item, now=desk.clock()) for item in found],
        next=written(inbox.place_of(found[-1], wanted)) if len(found) == limit else None,
    )
    return web.json_response(text=document.model_dump_json())


async def counts(request: web.Request) -> web.Response:
    """``GET /conversations/counts``: how many there are to look at, counted up to 1,000."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "read")
    me = caller.person.id if caller.person else None
    found = await inbox.counts(desk.database, me=me, now=desk.clock())
    return web.json_response(text=found.model_dump_json())


async def thread(request: web.Request) -> web.Response:
    """``GET /conversations/{id}/thread?before=&limit=``: both sides, the newest part or that before a moment, the oldest first."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    number = int(request.match_info["id"])
    limit = whole_number("limit", request.query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    before = place_of(request.query.get("before"))
    if number > MAX_ID or await inbox.fetch(desk.database, number) is None:
        raise NotFoundError("there is no such conversation")
    found = await read_thread(desk.database, number, before=before[0] if before else None, limit=limit)
    document = ThreadDocument(
        entries=[
            EntryDocument(
                at=entry.at,
                received=message_of(entry.received, entry.changes, entry.attachment) if entry.received else None,
                corrections=list(entry.corrections),
                sent=outgoing_of(entry.sent) if entry.sent else None,
            )
            for entry in found.entries
        ],
        before=written(inbox.Place(found.before)) if found.before else None,
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
    caller = desk.gate.check(request, "write")
    draft = read_document(ConversationDraft, await read_body(request))
    given = draft.model_dump(exclude_unset=True)
    number = int(request.match_info["id"])
    if number > MAX_ID:
        raise NotFoundError("there is no such conversation")
    if given.pop("status", None) == "done" and not await waits.finish(desk.database, number, now=desk.clock()):
        raise NotFoundError("there is no such conversation")
    marks = {name: given.pop(name) for name in ("is_read", "is_archived", "is_blocked") if name in given}
    if marks:
        await glance.mark(desk.database, number, now=desk.clock(), **marks)
    if given:
        await dialogues.edit(
            desk.database, number, given, by=caller.person.id if caller.person else None, now=desk.clock()
        )  # fmt: skip
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


def filter_of(request: web.Request) -> Filter:
    """The filter that a query asks for.

    Raises:
        InvalidInputError: there is no such view, or a value does not fit.
    """
    given = {name: value for name in Filter.model_fields if (value := request.query.get(name))}
    try:
        return Filter.model_validate(given)
    except ValidationError as error:
        raise InvalidInputError("the query does not fit", problems_of(error)) from None


def written(place: inbox.Place) -> str:
    """Where a page of conversations ended, as the next one is asked for."""
    urgency = f"_{place.urgency}" if place.urgency else ""
    return f"{place.moment.astimezone(UTC):%Y%m%dT%H%M%S.%fZ}_{place.id}{urgency}"


def place_of(text: str | None) -> inbox.Place | None:
    """Where a page of conversations ended.

    Raises:
        InvalidInputError: it is no such place.
    """
    if text is None:
        return None
    try:
        moment, id_, *urgency = text.split("_")
        due_at = is_near(datetime.strptime(moment, "%Y%m%dT%H%M%S.%f%z"))
        place = inbox.Place(due_at, int(id_), *map(int, urgency))
    except (ValueError, TypeError):
        place = None
    if place is None or not 0 <= place.id <= MAX_ID or not 0 <= place.urgency <= HIGHEST_URGENCY:
        raise InvalidInputError(
            "the query does not fit", (FieldProblem(pointer="after", detail="must be the next of an earlier answer"),)
        )
    return place
