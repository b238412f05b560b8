"""Endpoints of others: added, changed and looked at without a restart."""

from typing import Annotated, Any
from urllib.parse import urlsplit

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError
from frontdesk.domain.webhooks import MOST_FILTERS, Endpoint
from frontdesk.store import events, webhooks
from frontdesk.web.api.bodies import MAX_ID, read_body, read_document, whole_number
from frontdesk.web.desk import DESK
from frontdesk.web.desk_documents import DeadLettersDocument, EndpointDocument, EndpointsDocument
from frontdesk.wire.signing import new_secret

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
MAX_ENDPOINT = 2**31 - 1


def _is_address(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be an address such as https://example.org/hook")
    return value


Address = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000), AfterValidator(_is_address)]
Filter = Annotated[str, StringConstraints(pattern=r"^[a-z]+\.([a-z_]+|\*)$", max_length=32)]


class EndpointChanges(BaseModel):
    """The body of ``PATCH /webhooks/{id}``: what is left out stays."""

    model_config = ConfigDict(extra="forbid", strict=True)

    url: Address = ""
    description: str = Field(default="", max_length=255)
    events: list[Filter] = Field(
        default=[], max_length=MOST_FILTERS, description="Types, or as “task.*”; none means all"
    )
    with_content: bool = Field(default=False, description="Tell a message's text and sender with it")
    is_enabled: bool = True


class EndpointDraft(EndpointChanges):
    """The body of ``POST /webhooks``."""

    url: Address


class RewindDraft(BaseModel):
    """The body of ``POST /webhooks/{id}/replay``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    after: int = Field(ge=0, le=MAX_ID, description="Everything after the event with this number is told again")


async def all_endpoints(request: web.Request) -> web.Response:
    """``GET /webhooks``: who is told, and how far each is."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    found = [_shown(item) for item in await webhooks.find(desk.database)]
    return web.json_response(text=EndpointsDocument(webhooks=found).model_dump_json())


async def create(request: web.Request) -> web.Response:
    """``POST /webhooks``: tell somebody what happens from now on. The secret is shown this once."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(EndpointDraft, await read_body(request))
    made = await webhooks.create(desk.database, draft.model_dump(), secret=new_secret(), now=desk.clock())
    document = _shown(made).model_copy(update={"secret": made.secret})
    return web.json_response(
        text=document.model_dump_json(),
        status=201,
        headers={"Location": f"/webhooks/{made.id}", "Cache-Control": "no-store"},
    )


async def one(request: web.Request) -> web.Response:
    """``GET /webhooks/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    found = await webhooks.fetch(desk.database, _number(request))
    if found is None:
        raise NotFoundError("there is no such endpoint")
    return _answer(found)


async def change(request: web.Request) -> web.Response:
    """``PATCH /webhooks/{id}``: change it; what waits is tried again at once."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(EndpointChanges, await read_body(request))
    return _answer(await webhooks.change(desk.database, _number(request), draft.model_dump(exclude_unset=True)))


async def remove(request: web.Request) -> web.Response:
    """``DELETE /webhooks/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    if not await webhooks.remove(desk.database, _number(request)):
        raise NotFoundError("there is no such endpoint")
    return web.Response(status=204)


async def replay(request: web.Request) -> web.Response:
    """``POST /webhooks/{id}/replay``: tell it again what came after an event."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(RewindDraft, await read_body(request))
    last = await events.last_number(desk.database)
    if draft.after > last:
        problem = FieldProblem(pointer="/after", detail=f"must be at most {last}, the number of the last event")
        raise InvalidInputError("the body does not fit the contract", (problem,))
    return _answer(await webhooks.rewind(desk.database, _number(request), after=draft.after))


async def dead_letters(request: web.Request) -> web.Response:
    """``GET /webhooks/{id}/dead-letters?after=&limit=``: what it did not take for three days."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    number = _number(request)
    after = whole_number("after", request.query.get("after"), default=0, least=0, most=MAX_ID)
    limit = whole_number("limit", request.query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    if await webhooks.fetch(desk.database, number) is None:
        raise NotFoundError("there is no such endpoint")
    found = await webhooks.dead_letters(desk.database, number, after=after, limit=limit)
    document = DeadLettersDocument(dead_letters=found, next=found[-1].event_number if len(found) == limit else None)
    return web.json_response(text=document.model_dump_json())


def _number(request: web.Request) -> int:
    number = int(request.match_info["id"])
    if number > MAX_ENDPOINT:
        raise NotFoundError("there is no such endpoint")
    return number


def _answer(endpoint: Endpoint) -> web.Response:
    return web.json_response(text=_shown(endpoint).model_dump_json())


def _shown(endpoint: Endpoint) -> EndpointDocument:
    known: dict[str, Any] = endpoint.model_dump(exclude={"id", "secret"})
    return EndpointDocument(webhook_id=endpoint.id, **known)
