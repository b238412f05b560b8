"""Coming in: logging in, and choosing a password by a one-time link."""

from collections.abc import Awaitable, Callable
from urllib.parse import quote

from aiohttp import web

from frontdesk.domain.access import SHORTEST_PASSWORD, Right, digest_of
from frontdesk.domain.errors import NotFoundError
from frontdesk.store import access
from frontdesk.web.desk import DESK
from frontdesk.web.pages.rendering import SECURITY_HEADERS, page

Page = Callable[[web.Request], Awaitable[web.StreamResponse]]


def entered(right: Right = "read") -> Callable[[Page], Page]:
    """A page for those who have a right; others are shown the way in."""

    def decorate(handler: Page) -> Page:
        async def guarded(request: web.Request) -> web.StreamResponse:
            caller = request.app[DESK].gate.caller(request)
            if caller is None:
                return _elsewhere(f"/login?next={quote(request.path_qs, safe='')}")
            if not caller.may(right):
                return page(request, "refused.html", status=403, right=right)
            try:
                return await handler(request)
            except NotFoundError:
                return page(request, "missing.html", status=404, section="missing")

        return guarded

    return decorate


async def login(request: web.Request) -> web.Response:
    """``GET /login``."""
    desk = request.app[DESK]
    if desk.gate.caller(request) is not None:
        return _elsewhere("/")
    return page(request, "login.html", is_set_up=await access.is_set_up(desk.database))


async def setup(request: web.Request) -> web.Response:
    """``GET /setup?token=``: choose a password."""
    desk = request.app[DESK]
    invited = await access.invited(desk.database, digest_of(request.query.get("token", "")), now=desk.clock())
    if invited is None:
        return page(request, "login.html", status=404, is_set_up=await access.is_set_up(desk.database), is_void=True)
    return page(request, "setup.html", person=invited[0], shortest=SHORTEST_PASSWORD)


def _elsewhere(place: str) -> web.Response:
    return web.Response(status=303, headers={"Location": place, **SECURITY_HEADERS})
