"""Several accounts, one trace, and the whole way from a phone's picture to the desk's disk."""

import base64
from pathlib import Path

import pytest
from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from tests.support.connector import linked
from tests.support.processes import free_port
from tests.support.system import System
from tests.support.whatsapp import Phone

from frontdesk.cli.serve import serving

pytestmark = pytest.mark.browser

ADA = "15550100111@c.us"
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()


async def test_two_accounts_have_nothing_in_common(tmp_path: Path) -> None:
    """Each has its profile, spool, port and secret; a message is of the account that it came by, and answered there."""
    first, second = Phone(me="15550100001@c.us"), Phone(me="15550100002@c.us")
    for phone in (first, second):
        phone.know(ADA, "Ada")
    async with first.serving(), second.serving():
        system = System(tmp_path, first, EXTRA_ACCOUNTS=f"clinic={OTHER}", WA_TYPING="false")
        async with system.running():
            await system.start_connector(WA_ACCOUNT="clinic", WA_CHROMIUM_ARGS=second.browser_arguments)
            for phone, place in ((first, 0), (second, 1)):
                await system.connection("SCAN_QR_CODE", place=place)
                await phone.scan()
                await system.connection("WORKING", place=place)
            one = await system.processed(await first.receive(ADA, "how much is it?"))
            # The same id as the first phone's, in another account.
            await second.receive(ADA, "hello")
            other = await system.processed(await second.receive(ADA, "are you open?"))
            assert (await system.get("/stats"))["received"] == 3
            assert one["conversation_id"] != other["conversation_id"]
            path = f"{system.url}/conversations/{other['conversation_id']}/messages"
            async with system.session.post(path, json={"text": "until six"}) as response:
                assert response.status == 202
            await second.reported("sent")
            assert not first.sent
            links = (await system.get("/connections"))["connections"]
            assert [(link["account"], link["me"]) for link in links] == [
                ("main", "+15550100001"),
                ("clinic", "+15550100002"),
            ]
            assert {path.name for path in (tmp_path / "var" / "connector").iterdir()} == {"main", "clinic"}


async def test_a_picture_comes_all_the_way(tmp_path: Path) -> None:
    """From the phone, through the page and both processes, to the disk of the desk."""
    phone = Phone()
    picture = b"\x89PNG\r\n\x1a\n" + bytes(200_000)
    phone.files["it"] = picture
    async with phone.serving():
        system = System(tmp_path, phone)
        async with system.running():
            await system.link()
            details = {
                "directPath": "/file/it",
                "mimetype": "image/png",
                "size": len(picture),
                "caption": "how much is this?",
            }
            message = await system.processed(await phone.receive(ADA, "", type="image", extra=details))
            number = message["database_id"]

            async def stored() -> bool:
                media = (await system.get(f"/messages/{number}"))["media"]
                return bool(media["status"] == "stored")

            await system.until(stored, "the picture")
            async with system.session.get(f"{system.url}/messages/{number}/media") as response:
                assert await response.read() == picture


async def test_one_trace_from_the_connector_to_the_backend_and_back(tmp_path: Path) -> None:
    """The delivery is the trace's first span; what is sent is a span of the trace that asked for it."""
    exported: list[ExportTraceServiceRequest] = []

    async def collect(request: web.Request) -> web.Response:
        exported.append(ExportTraceServiceRequest.FromString(await request.read()))
        return web.Response()

    app = web.Application()
    app.router.add_post("/v1/traces", collect)
    port = free_port()
    phone = Phone()
    phone.know(ADA, "Ada")
    async with serving([(app, "127.0.0.1", port)]):
        endpoint = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
        async with linked(tmp_path, phone, link=True, **endpoint) as (connector, backend):
            await backend.received(await phone.receive(ADA, "a secret"))
            trace = "4bf92f3577b34da6a3ce929d0e0e4736"
            document = {"chat_id": ADA, "text": "hello"}
            headers = {"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
            assert (await connector.call("POST", "/messages", document, **headers))[0] == 201
            await connector.stop()
    spans = {
        span.name: span
        for request in exported
        for part in request.resource_spans
        for scope in part.scope_spans
        for span in scope.spans
    }
    assert spans["send by WhatsApp"].trace_id.hex() == trace
    assert spans["deliver message"].trace_id.hex() in {parent.split("-")[1] for parent in backend.traces}
    assert b"secret" not in b"".join(request.SerializeToString() for request in exported)
