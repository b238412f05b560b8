"""Who may call what."""

import json
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from tests.support.desk import SECRETS, DeskFactory, RunningDesk, webhook
from tests.support.processes import free_port
from tests.support.visitors import come_in

from frontdesk.cli.serve import serving
from frontdesk.web.auth import Gate
from frontdesk.web.worker import build_worker_app
from frontdesk.wire.signing import sign

CLOSED = (
    "/stats",
    "/messages",
    "/messages/1",
    "/metrics",
    "/inbox/list",
    "/inbox/views",
    "/inbox/1/chat",
    "/inbox/1/beside",
    "/connection/state",
    "/search",
    "/connector/settings",
    "/openapi.json",
    "/me",
    "/tokens",
)


async def test_unsigned_webhooks_are_refused(desk: RunningDesk) -> None:
    """Nobody but a connector may add messages."""
    for headers in (
        {},
        {"authorization": "Bearer wrong"},
        {"authorization": "Basic eDp4"},
        {"authorization": "Bearer \xff"},
    ):
        reply = await desk.post(webhook(), headers=headers, signed=False)
        assert reply.status == 401
        assert reply.document["code"] == "unauthenticated"


async def test_a_signature_of_another_body_another_time_or_another_secret_is_refused(desk: RunningDesk) -> None:
    """An HMAC over id, timestamp and the raw body."""
    raw = json.dumps(webhook()).encode()
    secret = SECRETS["webhook_secret"]
    old = datetime.now(UTC) - timedelta(minutes=10)
    for headers in (
        sign(secret, raw + b" ", message_id="x"),
        sign(secret, raw, message_id="x", now=old),
        sign(SECRETS["agent_secret"], raw, message_id="x"),
        {**sign(secret, raw, message_id="x"), "webhook-id": "y"},
        {**sign(secret, raw, message_id="x"), "webhook-signature": "v1"},
        {**sign(secret, raw, message_id="x"), "webhook-signature": "v1,%%%"},
    ):
        assert (await desk.post(raw, headers=headers, signed=False)).status == 401


async def test_each_account_has_its_own_secret(start_desk: DeskFactory) -> None:
    """Which account a message belongs to follows from who sent it: the same id in two accounts is two messages."""
    other = "whsec_" + "b" * 32
    desk: RunningDesk = await start_desk(extra_accounts=f"branch={other}")
    body = webhook()
    first = await desk.post(body)
    second = await desk.post(body, headers={"authorization": f"Bearer {other}"}, signed=False)
    assert first.document["database_id"] != second.document["database_id"]


@pytest.mark.parametrize("path", CLOSED)
async def test_everything_but_the_health_is_closed_without_a_key(desk: RunningDesk, path: str) -> None:
    """And a wrong key is no key."""
    for token in (None, "wrong", SECRETS["connector_token"]):
        assert (await desk.get(path, token=token)).status == 401


async def test_the_health_tells_strangers_nothing(desk: RunningDesk) -> None:
    """Alive or not is all that a stranger learns."""
    for path in ("/health", "/ready"):
        reply = await desk.get(path, token=None)
        assert reply.status == 200
        assert reply.document == {"status": "ok"}


async def test_message_text_never_becomes_markup(desk: RunningDesk) -> None:
    """What a stranger writes is shown, not run."""
    await desk.post(webhook("<script>alert(1)</script>", chat_name='"><img src=x onerror=alert(2)>'))
    page = (await (await come_in(desk)).call("GET", "/")).document
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert "&lt;script&gt;alert(1)" in page


async def test_a_connector_learns_the_critical_groups(start_desk: DeskFactory) -> None:
    """With its account's secret."""
    desk: RunningDesk = await start_desk(critical_groups="Suppliers, 1@g.us")
    reply = await desk.get("/connector/settings", token=SECRETS["webhook_secret"])
    assert reply.document == {"critical_groups": ["suppliers", "1@g.us"]}


async def test_a_worker_tells_its_metrics_to_who_may_know() -> None:
    """And a sign of life to everybody."""
    gate = Gate(api_token=SECRETS["api_token"], accounts={"main": SECRETS["webhook_secret"]})
    port = free_port()
    app = build_worker_app(gate, lambda: {"hub": True})
    async with serving([(app, "127.0.0.1", port)]), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.get("/health") as reply:
            assert (reply.status, await reply.json()) == (200, {"status": "ok"})
        async with session.get("/metrics") as reply:
            assert reply.status == 401
        async with session.get("/metrics", headers={"authorization": f"Bearer {SECRETS['api_token']}"}) as reply:
            assert 'frontdesk_breaker_open{service="hub"} 1.0' in await reply.text()
