"""How the desk works, as people set it: who matters, who gets what, who may come in."""

from collections.abc import Awaitable, Callable
from typing import Any, get_args
from zoneinfo import available_timezones

from aiohttp import web

from frontdesk.domain.access import SHORTEST_PASSWORD, Right
from frontdesk.domain.analysis import Category
from frontdesk.domain.errors import NotFoundError
from frontdesk.domain.hours import DAYS
from frontdesk.domain.inbox import Filter
from frontdesk.domain.people import Role
from frontdesk.domain.replies import Personality, ReplyMode
from frontdesk.store import access, dialogues, directory, inbox, jottings, people
from frontdesk.web.api.configuring import agents_of, business_of
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.pages.entrance import entered
from frontdesk.web.pages.rendering import page

Values = Awaitable[dict[str, Any]]


async def _answers(desk: Desk) -> dict[str, Any]:
    return {"replies": await jottings.replies(desk.database)}


async def _important(desk: Desk) -> dict[str, Any]:
    blocked = await inbox.find(desk.database, Filter(view="blocked"), limit=200)
    return {
        "customers": await directory.list_customers(desk.database),
        "groups": await directory.list_groups(desk.database),
        "blocked": blocked,
    }


async def _routing(desk: Desk) -> dict[str, Any]:
    return {
        "rules": await directory.list_rules(desk.database),
        "agents": await agents_of(desk),
        "categories": get_args(Category),
    }


async def _robot(desk: Desk) -> dict[str, Any]:
    return {
        "bots": await dialogues.list_bots(desk.database, list(desk.settings.accounts)),
        "modes": get_args(ReplyMode),
        "personalities": get_args(Personality),
        "default_mode": desk.limits.mode,
    }


async def _people(desk: Desk) -> dict[str, Any]:
    return {
        "people": await people.find(desk.database),
        "roles": get_args(Role),
        "tokens": await access.tokens(desk.database),
        "rights": get_args(Right),
    }


async def _hours(desk: Desk) -> dict[str, Any]:
    opening = desk.opening.current
    return {
        "days": DAYS,
        "opening": opening,
        "is_set": desk.opening.is_set,
        "zones": sorted(available_timezones()),
        "own": desk.business.accounts,
        "file": desk.settings.business_file.name,
        "keeping": await desk.retention.keeping(),
    }


async def _business(desk: Desk) -> dict[str, Any]:
    return {"facts": business_of(desk)}


async def _you(_: Desk) -> dict[str, Any]:
    return {"shortest": SHORTEST_PASSWORD}


TABS: dict[str, tuple[Right, Callable[[Desk], Values]]] = {
    "answers": ("read", _answers),
    "important": ("read", _important),
    "routing": ("read", _routing),
    "robot": ("read", _robot),
    "business": ("read", _business),
    "hours": ("read", _hours),
    "people": ("manage", _people),
    "you": ("read", _you),
}


@entered()
async def home(_: web.Request) -> web.Response:
    """``GET /settings``."""
    return web.Response(status=303, headers={"Location": "/settings/answers"})


@entered()
async def show(request: web.Request) -> web.StreamResponse:
    """``GET /settings/{tab}``."""
    tab = request.match_info["tab"]
    if tab not in TABS:
        raise NotFoundError
    right, values = TABS[tab]

    async def shown(request: web.Request) -> web.StreamResponse:
        return page(
            request, f"settings/{tab}.html", section="settings", tab=tab, tabs=TABS, **await values(request.app[DESK])
        )

    return await entered(right)(shown)(request)
