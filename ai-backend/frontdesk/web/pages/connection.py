"""How each account is linked to WhatsApp, and linking it."""

from typing import Any

import segno
from aiohttp import web

from frontdesk.web.desk import DESK
from frontdesk.web.pages.entrance import entered
from frontdesk.web.pages.rendering import page


@entered()
async def show(request: web.Request) -> web.Response:
    """``GET /connection``."""
    return page(request, "connection/connection.html", section="connection", **await _links(request))


async def state(request: web.Request) -> web.Response:
    """``GET /connection/state``: the part of the page that changes."""
    request.app[DESK].gate.check(request, "read")
    return page(request, "connection/state.html", **await _links(request))


async def _links(request: web.Request) -> dict[str, Any]:
    return {
        "links": await request.app[DESK].connectors.statuses(),
        "drawn": lambda code: segno.make(code, error="l").svg_inline(scale=5, border=2, light="#fff"),
    }
