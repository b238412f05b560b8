"""``GET /connector/settings``: what a connector has to know and people change here."""

from aiohttp import web

from frontdesk.store import directory
from frontdesk.web.desk import DESK


async def settings(request: web.Request) -> web.Response:
    """The critical groups, for a connector with its account's secret."""
    desk = request.app[DESK]
    desk.gate.check_connector(request)
    return web.json_response({"critical_groups": await directory.list_groups(desk.database)})
