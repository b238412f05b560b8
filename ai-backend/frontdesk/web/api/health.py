"""``GET /health`` and ``GET /ready``: open to all without details, with details for those who have a key."""

import asyncio
from typing import Any

from aiohttp import web

from frontdesk import __version__
from frontdesk.domain.errors import FrontdeskError
from frontdesk.store import outbox, stats
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.documents import HealthDocument

PATIENCE_S = 3


async def health(request: web.Request) -> web.Response:
    """200 where messages are taken, 503 where not."""
    desk = request.app[DESK]
    reachable = await _database_answers(desk)
    document = HealthDocument(status="ok" if reachable else "unavailable")
    if desk.gate.is_known(request):
        document = document.model_copy(update=await _details(desk, reachable=reachable))
    return _response(document, reachable=reachable)


async def ready(request: web.Request) -> web.Response:
    """For load balancers: 503 also while stopping, or while so much is in hand that more would be refused."""
    desk = request.app[DESK]
    is_ready = not desk.is_stopping and desk.webhooks_in_hand < desk.settings.max_waiting
    reachable = is_ready and await _database_answers(desk)
    return _response(HealthDocument(status="ok" if reachable else "unavailable"), reachable=reachable)


def _response(document: HealthDocument, *, reachable: bool) -> web.Response:
    headers = {"Cache-Control": "no-store"} | ({} if reachable else {"Retry-After": "5"})
    return web.json_response(
        text=document.model_dump_json(exclude_none=True), status=200 if reachable else 503, headers=headers
    )


async def _database_answers(desk: Desk) -> bool:
    try:
        async with asyncio.timeout(PATIENCE_S):
            await desk.database.ping()
    except (FrontdeskError, TimeoutError):
        return False
    return True


async def _details(desk: Desk, *, reachable: bool) -> dict[str, Any]:
    connectors, agents = await asyncio.gather(desk.connectors.statuses(), desk.dispatcher.health())
    links = [link.model_dump(exclude={"qr", "pairing_code", "history"}) for link in connectors]
    return {
        "version": __version__,
        "database": {"reachable": reachable, "store": desk.database.description},
        "connector": links[0],
        "connectors": links,
        "agents": agents,
        "analyser": {
            "name": desk.assessor.description,
            "state": "left alone, rules answer" if desk.assessor.is_degraded else "ok",
        },
        "waiting": await stats.waiting(desk.database) if reachable else None,
        "outbox": await outbox.waiting(desk.database) if reachable else None,
    }
