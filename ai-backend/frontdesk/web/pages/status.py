"""How the desk is doing, and the rendered API description."""

from datetime import datetime
from typing import Any

import segno
from aiohttp import web

from frontdesk.store import messages
from frontdesk.web.api.reading import day_of
from frontdesk.web.desk import DESK
from frontdesk.web.openapi import document
from frontdesk.web.pages.entrance import entered
from frontdesk.web.pages.rendering import page

SHOWN = 30


def since(moment: datetime, now: datetime) -> str:
    """How long ago, in the two largest words that a glance needs."""
    seconds = int((now - moment).total_seconds())
    if seconds < 60:
        return "just now"
    for size, name in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds // size} {name} ago"
    return "just now"


@entered()
async def home(request: web.Request) -> web.Response:
    """``GET /``: the status page."""
    return page(request, "status.html", **await _status(request))


async def fragment(request: web.Request) -> web.Response:
    """``GET /status``: the part of the page that changes."""
    request.app[DESK].gate.check(request, "read")
    return page(request, "status_body.html", **await _status(request))


@entered()
async def api_docs(request: web.Request) -> web.Response:
    """``GET /docs``: the API description to read."""
    return page(request, "docs.html", api=document())


async def openapi(request: web.Request) -> web.Response:
    """``GET /openapi.json``."""
    request.app[DESK].gate.check(request, "read")
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
