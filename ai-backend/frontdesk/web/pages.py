"""The status page and the rendered API description. Everything they show is served from here."""

from datetime import datetime
from pathlib import Path
from typing import Any

import segno
from aiohttp import web
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from frontdesk import __version__
from frontdesk.store import messages
from frontdesk.web.api.reading import day_of
from frontdesk.web.auth import COOKIE
from frontdesk.web.desk import DESK
from frontdesk.web.openapi import document

STATIC = Path(__file__).parent / "static"
SHOWN = 30
COOKIE_AGE_S = 90 * 24 * 3600
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}

_templates = Environment(
    loader=PackageLoader("frontdesk.web"), autoescape=select_autoescape(), undefined=StrictUndefined, trim_blocks=True,
    lstrip_blocks=True,
)  # fmt: skip


def since(moment: datetime, now: datetime) -> str:
    """How long ago, in the two largest words that a glance needs."""
    seconds = int((now - moment).total_seconds())
    if seconds < 60:
        return "just now"
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name} ago"
    return "just now"


async def home(request: web.Request) -> web.Response:
    """``GET /``: the status page; with ``?token=`` it sets the cookie and shows itself without the token."""
    desk = request.app[DESK]
    token = request.query.get("token")
    if token is not None and desk.gate.is_page_token(token):
        response = web.Response(status=303, headers={"Location": "/", **SECURITY_HEADERS})
        response.set_cookie(
            COOKIE, desk.gate.cookie, max_age=COOKIE_AGE_S, httponly=True, samesite="Strict", path="/",
            secure=request.secure,
        )  # fmt: skip
        return response
    if not desk.gate.is_person(request):
        return _page("locked.html", status=401, business=desk.business_name)
    return _page("status.html", business=desk.business_name, version=__version__, **await _status(request))


async def fragment(request: web.Request) -> web.Response:
    """``GET /status``: the part of the page that changes."""
    request.app[DESK].gate.check_person(request)
    return _page("status_body.html", **await _status(request))


async def api_docs(request: web.Request) -> web.Response:
    """``GET /docs``: the API description to read."""
    if not request.app[DESK].gate.is_person(request):
        return _page("locked.html", status=401, business=request.app[DESK].business_name)
    return _page("docs.html", api=document(), version=__version__)


async def openapi(request: web.Request) -> web.Response:
    """``GET /openapi.json``."""
    request.app[DESK].gate.check_person(request)
    return web.json_response(document())


async def _status(request: web.Request) -> dict[str, Any]:
    desk = request.app[DESK]
    connections = await desk.connectors.statuses()
    now = desk.clock()
    return {
        "connections": connections,
        "drawn": lambda code: segno.make(code, error="l").svg_inline(scale=5, border=2, light="#fff"),
        "records": await messages.fetch_latest(desk.database, limit=SHOWN),
        "stats": await day_of(desk),
        "analyser": desk.assessor.description,
        "store": desk.database.description.partition(" ")[0],
        "since": lambda moment: since(moment, now),
        "now": now,
    }


def _page(template: str, *, status: int = 200, **values: Any) -> web.Response:
    text = _templates.get_template(template).render(**values)
    return web.Response(text=text, status=status, content_type="text/html", headers=SECURITY_HEADERS)
