"""``POST /tools/{name}``: what an agent looks up while it writes an answer."""

from aiohttp import web

from frontdesk.channels.whatsapp_web import read_json
from frontdesk.domain.errors import InvalidInputError
from frontdesk.web.api.bodies import read_body
from frontdesk.web.auth import bearer
from frontdesk.web.desk import DESK


async def use(request: web.Request) -> web.Response:
    """Look something up in the conversation that the token is good for; nothing is changed."""
    desk = request.app[DESK]
    conversation_id = desk.tools.conversation_of(bearer(request), desk.clock())
    arguments, _ = read_json(await read_body(request))
    if not isinstance(arguments, dict):
        raise InvalidInputError("the arguments must be a JSON object")
    return web.json_response(await desk.tools.use(request.match_info["name"], arguments, conversation_id))
