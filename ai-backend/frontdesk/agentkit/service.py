"""The HTTP face of an agent: ``POST /process``, ``GET /health``, ``GET /capabilities``."""

import asyncio
from collections import OrderedDict
from typing import Protocol

import structlog
from aiohttp import web
from pydantic import ValidationError

from frontdesk.agentkit.hub import Hub
from frontdesk.domain.agents import PROTOCOL, AgentReply, AgentRequest, Manifest
from frontdesk.domain.errors import FrontdeskError
from frontdesk.wire.signing import verify

log = structlog.get_logger(__name__)

REMEMBERED_REPLIES = 512
MAX_BODY_BYTES = 4 << 20


class Answering(Protocol):
    """An agent or the hub."""

    @property
    def manifest(self) -> Manifest:
        """What it says of itself."""
        ...

    async def answer(self, request: AgentRequest) -> AgentReply:
        """A draft and actions for a message."""
        ...


class AgentService:
    """Serves one agent; a call repeated with its idempotency key is answered once and told twice."""

    def __init__(self, agent: Answering, *, secret: str) -> None:
        self._agent = agent
        self._secret = secret
        self._replies: OrderedDict[str, asyncio.Task[AgentReply]] = OrderedDict()

    def app(self) -> web.Application:
        """The application to serve."""
        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_post("/process", self._process)
        app.router.add_get("/health", self._health)
        app.router.add_get("/capabilities", self._capabilities)
        return app

    async def _process(self, request: web.Request) -> web.Response:
        body = await request.read()
        try:
            verify(self._secret, request.headers, body)
        except FrontdeskError as error:
            return web.json_response({"code": error.code, "detail": error.detail}, status=401)
        try:
            asked = AgentRequest.model_validate_json(body)
        except ValidationError as error:
            first = error.errors(include_input=False)[0]
            detail = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
            return web.json_response({"code": "invalid_input", "detail": detail}, status=422)
        if asked.protocol != PROTOCOL:
            detail = f"this agent speaks protocol {PROTOCOL}"
            return web.json_response({"code": "unknown_protocol", "detail": detail}, status=422)
        reply = await asyncio.shield(self._once(asked))
        return web.json_response(reply.model_dump(mode="json"))

    def _once(self, asked: AgentRequest) -> asyncio.Task[AgentReply]:
        key = asked.idempotency_key
        task = self._replies.get(key)
        if task is None or (task.done() and task.exception() is not None):
            task = asyncio.create_task(self._agent.answer(asked))
            self._replies[key] = task
            while len(self._replies) > REMEMBERED_REPLIES:
                self._replies.popitem(last=False)
        return task

    async def _health(self, _: web.Request) -> web.Response:
        document: dict[str, object] = {"status": "ok", "agent": self._agent.manifest.name}
        if isinstance(self._agent, Hub):
            document["agents"] = await self._agent.who_is_up()
        return web.json_response(document)

    async def _capabilities(self, _: web.Request) -> web.Response:
        return web.json_response(
            {"protocol": PROTOCOL, **self._agent.manifest.model_dump(mode="json", exclude={"url"})}
        )
