"""Traces: what happened to one message, in one piece, from the webhook to the agent and to the outbox."""

import asyncio
from contextlib import ExitStack

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.desk import SECRETS, DeskFactory, RunningDesk, webhook
from tests.support.processes import free_port

from frontdesk.cli.serve import serving
from frontdesk.telemetry import configure_traces

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


async def test_one_trace_from_the_webhook_to_the_agent_and_to_the_outbox(start_desk: DeskFactory) -> None:
    """Each stage is a span of the trace that the caller began, and no span tells what anybody wrote."""
    exported: list[ExportTraceServiceRequest] = []

    async def collect(request: web.Request) -> web.Response:
        exported.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    seen: asyncio.Queue[str] = asyncio.Queue()

    async def connector(request: web.Request) -> web.Response:
        seen.put_nowait(request.headers["traceparent"])
        return web.json_response({"message_id": "true_1"}, status=201)

    app = web.Application()
    app.router.add_post("/v1/traces", collect)
    app.router.add_post("/messages", connector)
    port = free_port()
    async with serving([(app, "127.0.0.1", port)]):
        tracing = ExitStack()
        tracing.enter_context(configure_traces(f"http://127.0.0.1:{port}", service="frontdesk"))
        desk: RunningDesk = await start_desk(connector_url=f"http://127.0.0.1:{port}")
        reply = await desk.post(webhook("my name is Ada"), headers={"traceparent": PARENT})
        number = reply.document["conversation_id"]
        headers = {"authorization": f"Bearer {SECRETS['api_token']}", "traceparent": PARENT}
        path = f"{desk.url}/conversations/{number}/messages"
        async with desk.session.post(path, json={"text": "hello"}, headers=headers) as response:
            assert response.status == 202
        async with asyncio.timeout(20):
            traceparent = await seen.get()
            # The span ends after its event.
            while (await desk.get(response.headers["Location"])).document["state"] != "sent":
                await desk.get("/events?wait=1&after=999999")
        # What is left is sent while this loop takes it.
        await asyncio.to_thread(tracing.close)
    spans = [
        span
        for request in exported
        for part in request.resource_spans
        for scope in part.scope_spans
        for span in scope.spans
    ]
    mine = {span.name for span in spans if span.trace_id.hex() == TRACE}
    assert mine >= {"receive message", "process message", "assess", "route", "queue message", "send message"}
    assert TRACE in traceparent
    assert b"Ada" not in b"".join(request.SerializeToString() for request in exported)
