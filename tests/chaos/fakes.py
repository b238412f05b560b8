"""The desk's surroundings in a storm: agents, a connector and a model's provider that answer late, wrong or not at all.

They keep account of every effect by its idempotency key, and never make one twice for the same key by themselves: what is
counted twice was asked for twice.
"""

import asyncio
import json
import random
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web
from tests.support.processes import free_port

from frontdesk.cli.serve import serving

KEYS = "idempotency-key"
ONE_IN = 3


@dataclass
class Moods:
    """How often a service misbehaves, in each way. Calm, it never does."""

    late: float = 0.1
    wrong: float = 0.1
    cut: float = 0.1

    def calm_down(self) -> None:
        """From now on all is well."""
        self.late = self.wrong = self.cut = 0


@dataclass
class RecordingAgent:
    """Answers for all agents; the answer under a key is always the same."""

    # Often late: a worker that is stopped then sleeps in the middle of a call.
    moods: Moods = field(default_factory=lambda: Moods(late=0.25))
    answers: dict[str, str] = field(default_factory=dict)

    async def process(self, request: web.Request) -> web.StreamResponse:
        """``POST /process``."""
        asked = await request.json()
        key = request.headers[KEYS]
        reply = self.answers.setdefault(key, f"answer {len(self.answers)}")
        # Some of the answers are sure enough to leave by themselves, the same ones each time.
        confidence = 0.95 if zlib.crc32(key.encode()) % ONE_IN == 0 else 0.5
        return await misbehaving(
            request,
            self.moods,
            {"agent": asked["agent"], "reply": reply, "confidence": confidence, "answered_by": "recording"},
        )

    @asynccontextmanager
    async def serving(self, ports: Iterable[int]) -> AsyncIterator["RecordingAgent"]:
        """Serve at the ports of all agents until left."""
        async with serving([(self._app(), "127.0.0.1", port) for port in ports]):
            yield self

    def _app(self) -> web.Application:
        app = web.Application(client_max_size=8 << 20)
        app.router.add_post("/process", self.process)
        return app


@dataclass
class RecordingConnector:
    """Sends to nobody and remembers each sending; the same key twice is two sendings."""

    port: int = field(default_factory=free_port)
    moods: Moods = field(default_factory=lambda: Moods(late=0.03))
    sendings: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    order: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    async def send(self, request: web.Request) -> web.StreamResponse:
        """``POST /messages``."""
        body = await request.json()
        roll = random.random()  # noqa: S311 (any will do)
        if roll < self.moods.wrong / 2:
            return web.json_response({"code": "not_ready"}, status=503, headers={"retry-after": "0.2"})
        if roll < self.moods.wrong:
            return web.json_response({"code": "too_many"}, status=429, headers={"retry-after": "0.3"})
        key = request.headers[KEYS]
        id_ = f"true_{key}"
        self.sendings[key].append(id_)
        self.order[body["chat_id"]].append(body["text"])
        return await misbehaving(request, self.moods, {"message_id": id_}, status=201, may_be_wrong=False)

    async def find(self, request: web.Request) -> web.StreamResponse:
        """``GET /messages/{key}``."""
        found = self.sendings.get(request.match_info["key"])
        document = {"state": "sent", "message_id": found[0]} if found else {"state": "not_sent"}
        return await misbehaving(request, self.moods, document)

    async def status(self, _: web.Request) -> web.Response:
        """``GET /status``."""
        return web.json_response({"state": "WORKING"})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["RecordingConnector"]:
        """Serve until left."""
        app = web.Application()
        app.router.add_post("/messages", self.send)
        app.router.add_get("/messages/{key}", self.find)
        app.router.add_get("/status", self.status)
        async with serving([(app, "127.0.0.1", self.port)]):
            yield self


async def misbehaving(
    request: web.Request, moods: Moods, document: object, *, status: int = 200, may_be_wrong: bool = True
) -> web.StreamResponse:
    """The answer; or the answer after a while, or another one, or none although the work was done."""
    if random.random() < moods.late:  # noqa: S311 (any will do)
        await asyncio.sleep(random.uniform(0.2, 3))  # noqa: S311
    if may_be_wrong and random.random() < moods.wrong:  # noqa: S311
        return random.choice(  # noqa: S311
            [web.Response(status=500), web.Response(text="not JSON"), web.json_response([1]), web.json_response({})]
        )
    if random.random() < moods.cut and request.transport is not None:  # noqa: S311
        request.transport.abort()
    return web.Response(text=json.dumps(document), content_type="application/json", status=status)
