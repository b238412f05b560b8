"""How the desk works: who matters, which agent gets what, and how the agents are."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from frontdesk.channels.whatsapp_web import problems_of
from frontdesk.domain.analysis import Analysis, Category
from frontdesk.domain.business import Keeping, Opening
from frontdesk.domain.contacts import parse_identity
from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError
from frontdesk.domain.hours import CLOSED
from frontdesk.domain.ports import Subject
from frontdesk.domain.routing import Rule
from frontdesk.store import directory, preferences
from frontdesk.web.api.bodies import read_body, read_document
from frontdesk.web.configuration_documents import (
    AgentDocument,
    AgentsDocument,
    BusinessDocument,
    CustomerDocument,
    CustomersDocument,
    GroupsDocument,
    OpeningDocument,
    RulesDocument,
    TrialDocument,
)
from frontdesk.web.desk import DESK, Desk

MAX_RULE = 2**31 - 1
Who = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


class CustomerDraft(BaseModel):
    """The body of ``POST`` and ``DELETE /important-customers``."""

    model_config = ConfigDict(extra="forbid")

    who: Who = Field(description="A number with its country code, or an id as WhatsApp has it")
    name: Annotated[str, StringConstraints(strip_whitespace=True, max_length=255)] | None = None


class GroupDraft(BaseModel):
    """The body of ``POST`` and ``DELETE /critical-groups``."""

    model_config = ConfigDict(extra="forbid")

    who: Who = Field(description="A group's name or id")


class RuleDraft(BaseModel):
    """The body of ``POST /routing-rules``: all that is given must hold."""

    model_config = ConfigDict(extra="forbid")

    agent: str = Field(max_length=64)
    position: int = Field(default=100, ge=0, le=10_000, description="The lowest that holds decides")
    category: Category | None = None
    keyword: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)] | None = None
    minimum_urgency: int | None = Field(default=None, ge=1, le=10)
    vip_only: bool = False
    group_only: bool = False


class OpeningDraft(BaseModel):
    """The body of ``PUT /opening-hours``."""

    model_config = ConfigDict(extra="forbid")

    timezone: str | None = Field(
        default=None, max_length=64, description="Such as Europe/Istanbul; null as in the file"
    )
    hours: dict[str, Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]] = Field(
        max_length=7, description="Day → “09:00-12:30, 14:00-18:00” or “closed”; an empty one is closed"
    )
    holidays: dict[str, Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)]] = Field(
        default={},
        max_length=400,
        description="“2026-12-24”, or “12-25” for each year → hours of that day, or “closed”",
    )


class TrialDraft(BaseModel):
    """The body of ``POST /agents/{name}/trials``."""

    model_config = ConfigDict(extra="forbid")

    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=10_000)]


async def customers(request: web.Request) -> web.Response:
    """``GET /important-customers``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    found = await directory.list_customers(desk.database)
    document = CustomersDocument(
        customers=[
            CustomerDocument(kind=identity.kind, value=identity.value, name=name, since=since)
            for identity, name, since in found
        ]
    )
    return web.json_response(text=document.model_dump_json())


async def add_customer(request: web.Request) -> web.Response:
    """``POST /important-customers``: always first, from the next message on."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(CustomerDraft, await read_body(request))
    identity = parse_identity(draft.who, region=desk.settings.default_region)
    await directory.add_customer(desk.database, identity, draft.name or None, now=desk.clock())
    return web.Response(status=204)


async def remove_customer(request: web.Request) -> web.Response:
    """``DELETE /important-customers``."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(CustomerDraft, await read_body(request))
    identity = parse_identity(draft.who, region=desk.settings.default_region)
    if not await directory.remove_customer(desk.database, identity):
        raise NotFoundError("they are not on the list")
    return web.Response(status=204)


async def groups(request: web.Request) -> web.Response:
    """``GET /critical-groups``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    document = GroupsDocument(groups=await directory.list_groups(desk.database))
    return web.json_response(text=document.model_dump_json())


async def add_group(request: web.Request) -> web.Response:
    """``POST /critical-groups``."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(GroupDraft, await read_body(request))
    await directory.add_group(desk.database, draft.who, now=desk.clock())
    return web.Response(status=204)


async def remove_group(request: web.Request) -> web.Response:
    """``DELETE /critical-groups``."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(GroupDraft, await read_body(request))
    if not await directory.remove_group(desk.database, draft.who):
        raise NotFoundError("it is not on the list")
    return web.Response(status=204)


async def rules(request: web.Request) -> web.Response:
    """``GET /routing-rules``: in the order in which they are tried."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    document = RulesDocument(rules=list(await directory.list_rules(desk.database)))
    return web.json_response(text=document.model_dump_json())


async def add_rule(request: web.Request) -> web.Response:
    """``POST /routing-rules``."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(RuleDraft, await read_body(request))
    if draft.agent not in desk.dispatcher.names():
        problem = FieldProblem(pointer="/agent", detail=f"must be among {', '.join(desk.dispatcher.names())}")
        raise InvalidInputError("there is no such agent", (problem,))
    if draft.model_dump(exclude={"agent", "position"}) == RuleDraft(agent=draft.agent).model_dump(
        exclude={"agent", "position"}
    ):
        raise InvalidInputError("a rule without a condition would take every message")
    rule = Rule(id=0, **draft.model_dump())
    number = await directory.add_rule(desk.database, rule)
    return web.json_response(text=rule.model_copy(update={"id": number}).model_dump_json(), status=201)


async def remove_rule(request: web.Request) -> web.Response:
    """``DELETE /routing-rules/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    number = int(request.match_info["id"])
    if number > MAX_RULE or not await directory.remove_rule(desk.database, number):
        raise NotFoundError("there is no such rule")
    return web.Response(status=204)


async def opening_hours(request: web.Request) -> web.Response:
    """``GET /opening-hours``: those that count."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    return _opening(desk)


async def business(request: web.Request) -> web.Response:
    """``GET /business``: the facts that are answered with."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    return web.json_response(text=business_of(desk).model_dump_json())


def business_of(desk: Desk) -> BusinessDocument:
    """What the business is, and where that is written."""
    file = desk.settings.business_file
    return BusinessDocument(file=file.name, is_example=not file.exists(), **desk.business.model_dump())


async def set_opening_hours(request: web.Request) -> web.Response:
    """``PUT /opening-hours``: from now on; deadlines that are set already stay."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(OpeningDraft, await read_body(request))
    given = draft.model_dump() | {"hours": {day: spans or CLOSED for day, spans in draft.hours.items()}}
    try:
        opening = Opening.model_validate(given)
    except ValidationError as error:
        raise InvalidInputError("the hours do not fit", problems_of(error)) from None
    await desk.opening.change(opening, now=desk.clock())
    desk.feed.announce()
    return _opening(desk)


async def forget_opening_hours(request: web.Request) -> web.Response:
    """``DELETE /opening-hours``: those of the business's file count again."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    await desk.opening.change(None, now=desk.clock())
    desk.feed.announce()
    return _opening(desk)


def _opening(desk: Desk) -> web.Response:
    document = OpeningDocument(is_set=desk.opening.is_set, **desk.opening.current.model_dump())
    return web.json_response(text=document.model_dump_json())


async def keeping(request: web.Request) -> web.Response:
    """``GET /retention``: for how many days things are kept."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    return web.json_response(text=(await desk.retention.keeping()).model_dump_json())


async def set_keeping(request: web.Request) -> web.Response:
    """``PUT /retention``: what is older is erased within the hour."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(Keeping, await read_body(request))
    await preferences.keep(desk.database, preferences.KEEPING, draft, now=desk.clock())
    desk.feed.announce()
    return web.json_response(text=draft.model_dump_json())


async def agents(request: web.Request) -> web.Response:
    """``GET /agents``: who they are, and how."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    document = AgentsDocument(agents=await agents_of(desk))
    return web.json_response(text=document.model_dump_json())


async def try_agent(request: web.Request) -> web.Response:
    """``POST /agents/{name}/trials``: what it would answer to a message; nothing is stored or sent."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(TrialDraft, await read_body(request))
    assessment = await desk.assessor.assess(Subject(text=draft.text), is_important=False, is_plain=False)
    analysis: Analysis = assessment.analysis
    reply = await desk.dispatcher.try_out(request.match_info["name"], draft.text, analysis)
    document = TrialDocument(analysis=analysis, reply=reply)
    return web.json_response(text=document.model_dump_json())


async def agents_of(desk: Desk) -> list[AgentDocument]:
    """The agents with their states."""
    states = await desk.dispatcher.health()
    return [
        AgentDocument(state=states[manifest.name], **manifest.model_dump(include=set(AgentDocument.model_fields)))
        for manifest in desk.dispatcher.manifests
    ]
