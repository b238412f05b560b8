"""What people keep for themselves and each other: notes on contacts, ready-made answers, filters with a name."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from frontdesk.domain.errors import NotFoundError
from frontdesk.domain.inbox import Filter
from frontdesk.store import jottings
from frontdesk.web.api.bodies import MAX_ID, read_body, read_document
from frontdesk.web.desk import DESK
from frontdesk.web.inbox_documents import CannedRepliesDocument, NotesDocument, SavedFiltersDocument

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]


class NoteDraft(BaseModel):
    """The body of ``POST /contacts/{id}/notes``."""

    model_config = ConfigDict(extra="forbid")

    text: Text


class CannedReplyDraft(BaseModel):
    """The body of ``POST /canned-replies`` and ``PUT /canned-replies/{id}``."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    text: Text = Field(description="{name}, {business} and {me} stand for the customer, the business and who answers")


class SavedFilterDraft(BaseModel):
    """The body of ``POST /filters``."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    filter: Filter
    is_shared: bool = Field(default=False, strict=True, description="Everybody's, and not only yours")


async def notes(request: web.Request) -> web.Response:
    """``GET /contacts/{id}/notes``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    document = NotesDocument(notes=await jottings.notes_of(desk.database, _number(request)))
    return web.json_response(text=document.model_dump_json())


async def write_note(request: web.Request) -> web.Response:
    """``POST /contacts/{id}/notes``."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "write")
    draft = read_document(NoteDraft, await read_body(request))
    made = await jottings.write_note(
        desk.database, _number(request), draft.text, person=caller.name, now=desk.clock()
    )  # fmt: skip
    desk.feed.announce()
    return web.json_response(text=made.model_dump_json(), status=201)


async def remove_note(request: web.Request) -> web.Response:
    """``DELETE /notes/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    if not await jottings.remove_note(desk.database, _number(request), now=desk.clock()):
        raise NotFoundError("there is no such note")
    desk.feed.announce()
    return web.Response(status=204)


async def replies(request: web.Request) -> web.Response:
    """``GET /canned-replies``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    document = CannedRepliesDocument(replies=await jottings.replies(desk.database))
    return web.json_response(text=document.model_dump_json())


async def add_reply(request: web.Request) -> web.Response:
    """``POST /canned-replies``."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(CannedReplyDraft, await read_body(request))
    made = await jottings.keep_reply(desk.database, None, draft.name, draft.text, now=desk.clock())
    return web.json_response(text=made.model_dump_json(), status=201)


async def change_reply(request: web.Request) -> web.Response:
    """``PUT /canned-replies/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(CannedReplyDraft, await read_body(request))
    made = await jottings.keep_reply(desk.database, _number(request), draft.name, draft.text, now=desk.clock())
    return web.json_response(text=made.model_dump_json())


async def remove_reply(request: web.Request) -> web.Response:
    """``DELETE /canned-replies/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    if not await jottings.remove_reply(desk.database, _number(request)):
        raise NotFoundError("there is no such answer")
    return web.Response(status=204)


async def filters(request: web.Request) -> web.Response:
    """``GET /filters``."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "read")
    person_id = caller.person.id if caller.person else None
    document = SavedFiltersDocument(filters=await jottings.filters(desk.database, person_id=person_id))
    return web.json_response(text=document.model_dump_json())


async def save_filter(request: web.Request) -> web.Response:
    """``POST /filters``."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "write")
    draft = read_document(SavedFilterDraft, await read_body(request))
    person_id = caller.person.id if caller.person and not draft.is_shared else None
    made = await jottings.save_filter(desk.database, draft.name, draft.filter, person_id=person_id, now=desk.clock())
    return web.json_response(text=made.model_dump_json(), status=201)


async def remove_filter(request: web.Request) -> web.Response:
    """``DELETE /filters/{id}``."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "write")
    person_id = caller.person.id if caller.person else None
    if not await jottings.remove_filter(desk.database, _number(request), person_id=person_id):
        raise NotFoundError("there is no such filter")
    return web.Response(status=204)


def _number(request: web.Request) -> int:
    number = int(request.match_info["id"])
    if number > MAX_ID:
        raise NotFoundError("there is nothing at this address")
    return number
