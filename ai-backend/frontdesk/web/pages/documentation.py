"""The description of the API, for programs and to read."""

from aiohttp import web

from frontdesk.web.desk import DESK
from frontdesk.web.openapi import document
from frontdesk.web.pages.entrance import entered
from frontdesk.web.pages.rendering import page


@entered()
async def api_docs(request: web.Request) -> web.Response:
    """``GET /docs``: the API description to read."""
    return page(request, "docs.html", api=document(), section="docs")


async def openapi(request: web.Request) -> web.Response:
    """``GET /openapi.json``."""
    request.app[DESK].gate.check(request, "read")
    return web.json_response(document())
