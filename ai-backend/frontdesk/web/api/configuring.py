"""How the desk works: who matters, which agent gets what, and how the agents are."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from frontdesk.domain.analysis import Analysis, Category
from frontdesk.domain.contacts import parse_identity
from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError
from frontdesk.domain.ports import Subject
from frontdesk.domain.routing import Rule
from frontdesk.store import directory
from frontdesk.web.api.bodies import read_body, read_document
from frontdesk.web.configuration_documents import (
    AgentDocument,
    AgentsDocument,
    CustomerDocument,
    CustomersDocument,
    GroupsDocument,
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
