"""Instant agents and, after a pause, a model: ``python -m benchmarks.surroundings PAUSE_S MODEL_PORT AGENT_PORT…``.

The answers are made once and not checked against anything: what is measured is the desk.
"""

import asyncio
import json
import sys
from typing import Any

from aiohttp import web
from tests.support.openai_server import FakeOpenAI

_made: dict[int, str] = {}


async def main(pause_s: float, model_port: int, agent_ports: list[int]) -> None:
    """Serve until killed."""
    fake = FakeOpenAI()
    # A message that is rated and needs no words: one call to the model.
    fake.ratings |= {"urgency_score": 3, "action_required": False, "needs_task": False}

    async def decide(request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json()
        key = len(body["questions"])
        if key not in _made:
            _made[key] = fake._decision(body).model_dump_json()  # noqa: SLF001 (the answer, without the checks)
        if pause_s:
            await asyncio.sleep(pause_s)
        return web.Response(text=_made[key], content_type="application/json")

    async def write(request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json()
        if 0 not in _made:
            _made[0] = fake._response(body).model_dump_json()  # noqa: SLF001 (the same)
        if pause_s:
            await asyncio.sleep(pause_s)
        return web.Response(text=_made[0], content_type="application/json")

    async def process(request: web.Request) -> web.Response:
        asked = await request.json()
        return web.Response(
            text=json.dumps({"agent": asked["agent"], "reply": "yes", "confidence": 1, "answered_by": "bench"}),
            content_type="application/json",
        )

    app = web.Application(client_max_size=8 << 20)
    app.router.add_post("/v1/decisions", decide)
    app.router.add_post("/v1/responses", write)
    app.router.add_post("/process", process)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    for port in (model_port, *agent_ports):
        await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), int(sys.argv[2]), [int(port) for port in sys.argv[3:]]))
