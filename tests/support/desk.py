"""A desk inside the test's process, and what its callers do."""

import base64
import itertools
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.processes import free_port

from frontdesk.bootstrap import Backend, agent_services, backend
from frontdesk.cli.serve import serving
from frontdesk.settings import Settings
from frontdesk.store.database import open_database
from frontdesk.store.schema import migrate
from frontdesk.wire.signing import sign

SECRETS = {
    "webhook_secret": "whsec_" + base64.b64encode(b"w" * 24).decode(),
    "agent_secret": "whsec_" + base64.b64encode(b"a" * 24).decode(),
    "api_token": "an-api-token-for-tests",
    "connector_token": "a-connector-token-for-tests",
}
AT_ONCE = {"reply_settle_s": 0}
"""Each message is answered by itself, without waiting for what may follow."""
_ids = itertools.count(1)

DeskFactory = Callable[..., Any]


def webhook(text: str = "Hello, how much is a full service?", **changes: Any) -> dict[str, Any]:
    """A webhook's body with an id of its own."""
    now = datetime.now(UTC)
    return {
        "message_id": f"false_15550100111@c.us_{next(_ids):08}",
        "chat_time": now.isoformat(),
        "chat_name": "Ada Example",
        "phone_number": "+15550100111",
        "current_message": text,
        "history": [
            {
                "sender": "Ada Example",
                "content": "Good morning",
                "timestamp": (now - timedelta(hours=1)).isoformat(),
                "type": "chat",
            }
        ],
        **changes,
    }


@dataclass
class Reply:
    """An answer of the desk."""

    status: int
    document: Any
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(kw_only=True)
class RunningDesk:
    """A desk that listens, and a session to call it with."""

    url: str
    settings: Settings
    backend: Backend
    session: aiohttp.ClientSession

    async def post(
        self, body: dict[str, Any] | bytes, *, headers: dict[str, str] | None = None, signed: bool = True
    ) -> Reply:
        """Post a webhook, signed as the connector does."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        all_headers = {"content-type": "application/json", **(headers or {})}
        if signed:
            all_headers |= sign(self.settings.webhook_secret, raw, message_id="msg_test")
        async with self.session.post(f"{self.url}/webhook", data=raw, headers=all_headers) as response:
            return await _reply(response)

    async def get(self, path: str, *, token: str | None = SECRETS["api_token"], **options: Any) -> Reply:
        """Get something with the API token, another token, or none."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        async with self.session.get(self.url + path, headers=headers, allow_redirects=False, **options) as response:
            return await _reply(response)


async def _reply(response: aiohttp.ClientResponse) -> Reply:
    text = await response.text()
    document = json.loads(text) if "json" in response.content_type else text
    return Reply(response.status, document, dict(response.headers))


@asynccontextmanager
async def running_desk(
    settings: Settings, *, with_agents: bool = True, clock: Callable[[], datetime] | None = None
) -> AsyncIterator[RunningDesk]:
    """Serve backend and agents on free ports until left."""
    port = settings.backend_port if "backend_port" in settings.model_fields_set else free_port()
    async with AsyncExitStack() as stack:
        database = open_database(settings.store_url)
        await migrate(database)
        await database.close()
        if with_agents:
            services = await stack.enter_async_context(agent_services(settings))
            await stack.enter_async_context(
                serving([(app, settings.agents_host, manifest.port) for manifest, app in services])
            )
        built = await stack.enter_async_context(backend(settings, clock=clock))
        await stack.enter_async_context(serving([(built.app, "127.0.0.1", port)]))
        session = await stack.enter_async_context(aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()))
        yield RunningDesk(url=f"http://127.0.0.1:{port}", settings=settings, backend=built, session=session)


def with_free_ports(agents_dir: Path) -> None:
    """Give each agent in a folder a free port."""
    for path in agents_dir.glob("*/agent.toml"):
        text = path.read_text(encoding="utf-8")
        path.write_text(re.sub(r"^port = \d+$", f"port = {free_port()}", text, flags=re.MULTILINE), encoding="utf-8")
