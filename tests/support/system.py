"""The whole desk as its users run it: three processes, configured by the environment alone."""

import asyncio
import shutil
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.desk import SECRETS, with_free_ports
from tests.support.mariadb import async_url
from tests.support.processes import end, free_port, running
from tests.support.visitors import link_for
from tests.support.whatsapp import Phone

from frontdesk.settings import ROOT
from frontdesk.store.database import open_database

NODE = shutil.which("node") or "node"


class System:
    """Backend, agents and connector in ``directory``, in front of a phone. Nothing is read from the checkout's .env."""

    def __init__(self, directory: Path, phone: Phone, *, database_url: str | None = None, **changes: str) -> None:
        self.directory = directory
        self.phone = phone
        self.backend_port, self.connector_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.backend_port}"
        agents = directory / "agents"
        shutil.copytree(ROOT / "agents", agents, ignore=shutil.ignore_patterns("__pycache__"))
        with_free_ports(agents)
        self.environment = {
            **{name.upper(): value for name, value in SECRETS.items()},
            "DATABASE_URL": database_url or f"sqlite:///{directory / 'desk.db'}",
            "VAR_DIR": str(directory / "var"),
            "AGENTS_DIR": str(agents),
            "BUSINESS_FILE": str(ROOT / "business.example.toml"),
            "BACKEND_PORT": str(self.backend_port),
            "CONNECTOR_PORT": str(self.connector_port),
            "CONNECTOR_URL": f"http://127.0.0.1:{self.connector_port}",
            "WA_CHROMIUM_ARGS": phone.browser_arguments,
            "FRONTDESK_NO_ENV_FILE": "1",
            "REPLY_SETTLE_S": "0",
            **changes,
        }
        self._stack = AsyncExitStack()
        self._connector: asyncio.subprocess.Process | None = None

    @asynccontextmanager
    async def running(self) -> AsyncIterator["System"]:
        """Start everything; end it when left. On an error the logs are printed."""
        async with self._stack:
            self.session = await self._stack.enter_async_context(
                aiohttp.ClientSession(headers={"authorization": f"Bearer {SECRETS['api_token']}"})
            )
            await self._start("agents", sys.executable, "-m", "frontdesk", "agents")
            await self._start("backend", sys.executable, "-m", "frontdesk", "serve")
            await self.start_connector()
            try:
                await self.until(lambda: self._answers("/health"), "the backend to answer")
                yield self
            except BaseException:
                for log in sorted(self.directory.glob("*.log")):
                    sys.stderr.write(f"--- {log.name}\n{log.read_text(encoding='utf-8')[-6000:]}\n")
                raise

    async def entrance(self) -> str:
        """The address by which the first person comes in, once."""
        database = open_database(async_url(self.environment["DATABASE_URL"]))
        try:
            return self.url + await link_for(database)
        finally:
            await database.close()

    async def start_connector(self, **changes: str) -> None:
        """Start the connector, as after it had been stopped, or one of another account."""
        name = "-".join(["connector", *filter(None, [changes.get("WA_ACCOUNT")])])
        script = str(ROOT / "connector-node" / "src" / "main.js")
        self._connector = await self._start(name, NODE, script, **changes)

    async def stop_connector(self, number: int = signal.SIGTERM) -> None:
        """Stop only the connector, politely or not."""
        assert self._connector is not None
        await end(self._connector, number)

    async def get(self, path: str) -> Any:
        """A JSON document of the backend."""
        async with self.session.get(self.url + path) as response:
            return await response.json()

    async def ask(self, method: str, path: str, **body: Any) -> Any:
        """Change something at the backend; its answer."""
        async with self.session.request(method, self.url + path, json=body) as response:
            assert response.ok, await response.text()
            return await response.json()

    async def until(self, found: Callable[[], Awaitable[Any]], what: str, *, timeout_s: float = 60) -> Any:
        """Ask again and again, the processes being others, until there is an answer that counts."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    value = await found()
                    if value:
                        return value
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"waited {timeout_s:g} s for {what}") from None

    async def connection(self, state: str, *, place: int = 0) -> dict[str, Any]:
        """Wait for the WhatsApp connection of an account, the main one by default, to be in a state."""

        async def found() -> dict[str, Any] | None:
            health = await self.get("/health")
            connector: dict[str, Any] = health["connectors"][place]
            return connector if connector["state"] == state else None

        result: dict[str, Any] = await self.until(found, f"the connection to be {state}")
        return result

    async def link(self) -> dict[str, Any]:
        """Wait for the code, scan it, and wait until the account is linked."""
        await self.connection("SCAN_QR_CODE")
        await self.phone.scan()
        return await self.connection("WORKING")

    async def processed(self, message_id: str) -> dict[str, Any]:
        """Wait until a message is processed; the message as the API gives it, history included."""

        async def found() -> Any:
            listed = (await self.get("/messages?limit=200"))["messages"]
            number = next(
                (item["database_id"] for item in listed if item["message_id"] == message_id and item["processed_at"]),
                None,
            )
            return number and await self.get(f"/messages/{number}")

        document: dict[str, Any] = await self.until(found, f"{message_id} to be processed")
        return document

    async def _answers(self, path: str) -> bool:
        try:
            async with self.session.get(self.url + path) as response:
                return response.ok
        except aiohttp.ClientError:
            return False

    async def _start(self, name: str, *command: str, **changes: str) -> asyncio.subprocess.Process:
        log = self.directory / f"{name}.log"
        return await self._stack.enter_async_context(
            running(*command, log=log, environment=self.environment | changes, cwd=self.directory)
        )
