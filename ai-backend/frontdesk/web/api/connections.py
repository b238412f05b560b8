"""The links to WhatsApp: how they are, and linking anew."""

from typing import Any

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field

from frontdesk.channels.connector import ConnectorStatus
from frontdesk.web.api.bodies import read_body, read_document
from frontdesk.web.desk import DESK


class PairingDraft(BaseModel):
    """The body of ``POST /connections/{account}/pairing-code``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    phone_number: str = Field(
        min_length=7, max_length=32, description="The account's own number, with its country code"
    )


class ConnectionsDocument(BaseModel):
    """How each account is linked, the main one first."""

    connections: list[ConnectorStatus]


async def all_connections(request: web.Request) -> web.Response:
    """``GET /connections``: state, history and code of each account."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    document = ConnectionsDocument(connections=await desk.connectors.statuses())
    return web.json_response(text=document.model_dump_json(), headers={"Cache-Control": "no-store"})


async def restart(request: web.Request) -> web.Response:
    """``POST /connections/{account}/restart``: a new browser, and a new code where the account is not linked."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    await desk.connectors.of(request.match_info["account"]).restart()
    return _done(request, {"status": "restarting"})


async def log_out(request: web.Request) -> web.Response:
    """``POST /connections/{account}/logout``: unlink the account."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    await desk.connectors.of(request.match_info["account"]).log_out()
    return _done(request, {"status": "unlinked"})


async def pairing_code(request: web.Request) -> web.Response:
    """``POST /connections/{account}/pairing-code``: a code to type in on the phone, instead of scanning."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    draft = read_document(PairingDraft, await read_body(request))
    code = await desk.connectors.of(request.match_info["account"]).pairing_code(draft.phone_number)
    return web.json_response({"code": code})


def _done(request: web.Request, document: dict[str, Any]) -> web.Response:
    # A browser that sent a form wants its page back.
    if "text/html" in request.headers.get("Accept", ""):
        return web.Response(status=303, headers={"Location": "/"})
    return web.json_response(document, status=202)
