"""The people who answer, and how the desk speaks for each account."""

from typing import Annotated, Any

from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from frontdesk.domain.contacts import normalise_phone
from frontdesk.domain.errors import NotFoundError
from frontdesk.domain.people import LONGEST_NAME, QUIET_PATTERN, AlertChannel, Person, Role
from frontdesk.domain.replies import Bot, Personality, ReplyMode
from frontdesk.store import dialogues, people
from frontdesk.web.api.bodies import read_body, read_document
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.reply_documents import BotDocument, BotsDocument, PeopleDocument, PersonDocument

MAX_PERSON = 2**31 - 1
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]
Email = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=255, pattern=r"^[^@\s,;<>]+@[^@\s,;<>]+\.[^@\s,;<>]+$")
]


def _is_phone(value: str) -> str:
    number = normalise_phone(value)
    if number is None:
        raise ValueError("must be a number with its country code, as +15550100111")
    return number


Phone = Annotated[str, StringConstraints(max_length=32), AfterValidator(_is_phone)]
Quiet = Annotated[str, StringConstraints(pattern=f"^{QUIET_PATTERN.pattern}$")]


class PersonChanges(BaseModel):
    """The body of ``PATCH /people/{id}``: what is left out stays, null removes."""

    model_config = ConfigDict(extra="forbid")

    name: Name = ""
    email: Email | None = None
    phone: Phone | None = None
    is_available: bool = Field(default=True, strict=True, description="Whether conversations are assigned to them")
    alerts: list[AlertChannel] = Field(default=[], max_length=2, description="How they are reached in urgent cases")
    quiet: Quiet | None = Field(default=None, description="When they are not to be reached, as 22:00-07:00")
    role: Role = Field(default="agent", description="viewer looks, agent answers too, admin decides how the desk works")


class PersonDraft(PersonChanges):
    """The body of ``POST /people``."""

    name: Name


class BotChanges(BaseModel):
    """The body of ``PATCH /bots/{account}``: what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    reply_mode: ReplyMode | None = Field(default=None, description="null follows the settings")
    name: str = Field(default="", max_length=LONGEST_NAME)
    personality: Personality = "professional"
    languages: list[Annotated[str, StringConstraints(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]] = Field(
        default=[], max_length=20, description="BCP 47; none means the customer's"
    )
    model: str | None = Field(default=None, max_length=128, description="null follows the settings")
    system_prompt: str = Field(default="", max_length=10_000)
    handover_below: float | None = Field(default=None, ge=0, le=1, description="null follows the settings")


async def everybody(request: web.Request) -> web.Response:
    """``GET /people``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    document = PeopleDocument(people=[_shown(person) for person in await people.find(desk.database)])
    return web.json_response(text=document.model_dump_json())


async def create(request: web.Request) -> web.Response:
    """``POST /people``: add somebody."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(PersonDraft, await read_body(request))
    made = await people.create(desk.database, draft.model_dump(), now=desk.clock())
    return web.json_response(
        text=_shown(made).model_dump_json(), status=201, headers={"Location": f"/people/{made.id}"}
    )


async def one(request: web.Request) -> web.Response:
    """``GET /people/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    found = await people.fetch(desk.database, _number(request))
    if found is None:
        raise NotFoundError("there is no such person")
    return web.json_response(text=_shown(found).model_dump_json())


async def change(request: web.Request) -> web.Response:
    """``PATCH /people/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(PersonChanges, await read_body(request))
    changed = await people.change(desk.database, _number(request), draft.model_dump(exclude_unset=True))
    return web.json_response(text=_shown(changed).model_dump_json())


async def remove(request: web.Request) -> web.Response:
    """``DELETE /people/{id}``: what was theirs is nobody's."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    if not await people.remove(desk.database, _number(request)):
        raise NotFoundError("there is no such person")
    return web.Response(status=204)


async def bots(request: web.Request) -> web.Response:
    """``GET /bots``: how the desk speaks for each account."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    found = await dialogues.list_bots(desk.database, list(desk.settings.accounts))
    document = BotsDocument(bots=[_shown_bot(bot, desk) for bot in found])
    return web.json_response(text=document.model_dump_json())


async def one_bot(request: web.Request) -> web.Response:
    """``GET /bots/{account}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    return web.json_response(text=_shown_bot(await _bot(request, desk), desk).model_dump_json())


async def change_bot(request: web.Request) -> web.Response:
    """``PATCH /bots/{account}``: takes effect with the next message."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(BotChanges, await read_body(request))
    given: dict[str, Any] = draft.model_dump(exclude_unset=True)
    changed = Bot.model_validate((await _bot(request, desk)).model_dump() | given)
    await dialogues.keep_bot(desk.database, changed, now=desk.clock())
    desk.feed.announce()
    return web.json_response(text=_shown_bot(changed, desk).model_dump_json())


async def _bot(request: web.Request, desk: Desk) -> Bot:
    account = request.match_info["account"]
    if account not in desk.settings.accounts:
        raise NotFoundError("there is no such account")
    return (await dialogues.list_bots(desk.database, [account]))[0]


def _number(request: web.Request) -> int:
    number = int(request.match_info["id"])
    if number > MAX_PERSON:
        raise NotFoundError("there is no such person")
    return number


def _shown(person: Person) -> PersonDocument:
    return PersonDocument(person_id=person.id, **person.model_dump(exclude={"id"}))


def _shown_bot(bot: Bot, desk: Desk) -> BotDocument:
    return BotDocument(**bot.model_dump(), effective_mode=bot.reply_mode or desk.limits.mode)
