"""The HTTP of a worker: its metrics and a sign of life, for whoever looks after it."""

from collections.abc import Callable, Mapping

from aiohttp import web

from frontdesk import telemetry
from frontdesk.web.auth import Gate, recognising
from frontdesk.web.problems import problems_middleware


def build_worker_app(gate: Gate, left_alone: Callable[[], Mapping[str, bool]]) -> web.Application:
    """``GET /metrics`` with the API token, ``GET /health`` without. ``left_alone`` tells the breakers' states."""

    async def metrics(request: web.Request) -> web.Response:
        gate.check(request, "read")
        telemetry.set_breakers(dict(left_alone()))
        return web.Response(body=telemetry.exposition(), headers={"Content-Type": telemetry.CONTENT_TYPE_LATEST})

    async def health(_: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    app = web.Application(middlewares=[problems_middleware, recognising(gate)])
    app.router.add_get("/metrics", metrics)
    app.router.add_get("/health", health)
    return app
