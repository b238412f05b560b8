"""The connector as its users run it, in front of a phone, with a backend that records and checks what it is told."""

import asyncio
import contextlib
import os
import shutil
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import aiohttp
from aiohttp import web
from tests.support.desk import SECRETS
from tests.support.processes import end, free_port, running
from tests.support.whatsapp import Phone

from frontdesk.channels.whatsapp_web import parse
from frontdesk.cli.serve import serving
from frontdesk.domain.messages import IncomingMessage
from frontdesk.settings import ROOT
from frontdesk.web.api.bodies import read_document
from frontdesk.web.api.connector import ChangeDraft, SessionDraft
from frontdesk.web.api.sending import Acknowledgement
from frontdesk.wire.signing import verify

NODE = shutil.which("node") or "node"
MAIN = ROOT / "connector-node" / "src" / "main.js"


class RecordingBackend:
    """Takes what the contract allows and remembers it in the order of arrival; ``answer`` can make it refuse."""

    def __init__(self) -> None:
        self.port = free_port()
        self.messages: list[IncomingMessage] = []
        self.posts: list[str] = []
        self.traces: list[str] = []
        self.changes: list[ChangeDraft] = []
        self.acknowledgements: list[Acknowledgement] = []
        self.states: list[SessionDraft] = []
        self.files: dict[str, bytes] = {}
        self.groups: list[str] = []
        self.answer: Callable[[IncomingMessage], int] = lambda _: 202
        self._news = asyncio.Condition()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["RecordingBackend"]:
        """Listen, always on the same port."""
        app = web.Application(client_max_size=2**26)
        app.router.add_post("/webhook", self._message)
        app.router.add_post("/webhook/changes", self._change)
        app.router.add_post("/outbox/acknowledgements", self._acknowledgement)
        app.router.add_post("/connector/status", self._state)
        app.router.add_get("/connector/settings", self._settings)
        app.router.add_put("/media/{message_id}", self._file)
        async with serving([(app, "127.0.0.1", self.port)]):
            yield self

    async def until(self, found: Callable[[], Any], what: str, *, timeout_s: float = 30) -> Any:
        """Wait until something holds of what was told."""
        try:
            async with asyncio.timeout(timeout_s), self._news:
                await self._news.wait_for(found)
        except TimeoutError:
            raise AssertionError(f"waited {timeout_s:g} s for {what}") from None
        return found()

    async def received(self, *message_ids: str, timeout_s: float = 30) -> list[IncomingMessage]:
        """Wait for messages; them, in the order asked for."""
        await self.until(lambda: set(message_ids) <= self.ids, f"{message_ids}", timeout_s=timeout_s)
        by_id = {message.message_id: message for message in self.messages}
        return [by_id[message_id] for message_id in message_ids]

    @property
    def ids(self) -> set[str]:
        """What was accepted."""
        return {message.message_id for message in self.messages}

    async def _checked(self, request: web.Request) -> bytes:
        body = await request.read()
        verify(SECRETS["webhook_secret"], request.headers, body)
        return body

    async def _message(self, request: web.Request) -> web.Response:
        body = await self._checked(request)
        message = parse(body, account="main", now=datetime.now(UTC), region=None, max_history_items=100)
        self.traces.append(request.headers["traceparent"])
        status = self.answer(message)
        if status == 0:
            # Taken, and the answer is lost.
            await self._add(self.messages, message)
            assert request.transport is not None
            request.transport.abort()
        elif status < 300:
            await self._add(self.messages, message)
        async with self._news:
            self.posts.append(message.message_id)
            self._news.notify_all()
        return web.json_response({"success": status < 300}, status=status or 202)

    async def _change(self, request: web.Request) -> web.Response:
        await self._add(self.changes, read_document(ChangeDraft, await self._checked(request)))
        return web.json_response({})

    async def _acknowledgement(self, request: web.Request) -> web.Response:
        await self._add(self.acknowledgements, read_document(Acknowledgement, await self._checked(request)))
        return web.json_response({})

    async def _state(self, request: web.Request) -> web.Response:
        await self._add(self.states, read_document(SessionDraft, await self._checked(request)))
        return web.json_response({})

    async def _settings(self, _: web.Request) -> web.Response:
        return web.json_response({"critical_groups": self.groups})

    async def _file(self, request: web.Request) -> web.Response:
        assert request.headers["authorization"] == f"Bearer {SECRETS['webhook_secret']}"
        content = await request.read()
        async with self._news:
            self.files[unquote(request.match_info["message_id"])] = content
            self._news.notify_all()
        return web.json_response({}, status=201)

    async def _add(self, items: list[Any], item: Any) -> None:
        async with self._news:
            items.append(item)
            self._news.notify_all()


class Connector:
    """One connector process at a time, always with the same data."""

    def __init__(self, directory: Path, phone: Phone, backend: RecordingBackend, **changes: str) -> None:
        self.directory = directory
        self.port = free_port()
        self.environment = {
            **{name.upper(): value for name, value in SECRETS.items()},
            "VAR_DIR": str(directory / "var"),
            "BACKEND_URL": f"http://127.0.0.1:{backend.port}",
            "CONNECTOR_PORT": str(self.port),
            "WA_CHROMIUM_ARGS": phone.browser_arguments,
            "WA_TYPING": "false",
            "WA_PROBE_MS": "300",
            "FRONTDESK_NO_ENV_FILE": "1",
            **changes,
        }
        self.data = directory / "var" / "connector" / self.environment.get("WA_ACCOUNT", "main")
        self.process: asyncio.subprocess.Process | None = None
        self._phone = phone
        self._stack = AsyncExitStack()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Connector"]:
        """Start it; end it when left, and print its log where something was wrong."""
        async with self._stack:
            self._session = await self._stack.enter_async_context(
                aiohttp.ClientSession(
                    f"http://127.0.0.1:{self.port}",
                    headers={"authorization": f"Bearer {self.environment['CONNECTOR_TOKEN']}"},
                )
            )
            await self.start()
            try:
                yield self
            except BaseException:
                print(self.log[-8000:])  # noqa: T201 (pytest shows it with the failure)
                raise

    @property
    def log(self) -> str:
        """What it has logged."""
        return (self.directory / "connector.log").read_text(encoding="utf-8")

    async def start(self) -> None:
        """Start it, as after it had been stopped."""
        self.process = await self._stack.enter_async_context(
            running(
                NODE, str(MAIN), log=self.directory / "connector.log", environment=self.environment, cwd=self.directory
            )
        )

    async def stop(self, number: int = signal.SIGTERM) -> None:
        """Stop it, politely or not."""
        assert self.process is not None
        await end(self.process, number)

    async def call(self, method: str, path: str, document: Any = None, **headers: str) -> tuple[int, Any]:
        """Ask its API."""
        async with self._session.request(method, path, json=document, headers=headers) as response:
            is_json = "json" in response.content_type
            return response.status, await response.json(content_type=None) if is_json else await response.read()

    def asked(self, method: str, path: str, document: Any = None) -> Any:
        """Ask its API, for the whole response."""
        return self._session.request(method, path, json=document)

    async def send(self, chat: str, text: str, key: str, **more: Any) -> tuple[int, Any]:
        """Send a message under a key."""
        document = {"chat_id": chat, "text": text, **more}
        return await self.call("POST", "/messages", document, **{"idempotency-key": key})

    async def status(self) -> dict[str, Any]:
        """``/status``, or nothing while it does not answer."""
        try:
            _, document = await self.call("GET", "/status")
        except aiohttp.ClientError:
            return {"state": None}
        result: dict[str, Any] = document
        return result

    async def until(
        self, found: Callable[[dict[str, Any]], Any], what: str, *, timeout_s: float = 40
    ) -> dict[str, Any]:
        """Ask again and again, the connector being another process, until its status is as it should be."""
        try:
            async with asyncio.timeout(timeout_s):
                while True:
                    status = await self.status()
                    if status["state"] and found(status):
                        return status
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise AssertionError(f"waited {timeout_s:g} s for {what}; it is {status}") from None

    async def state(self, state: str, **details: Any) -> dict[str, Any]:
        """Wait for a state of the session."""
        return await self.until(lambda status: status["state"] == state, f"the state {state}", **details)

    async def link(self) -> None:
        """Wait for the code, scan it, and wait until the account is linked and nothing is missed."""
        await self.state("SCAN_QR_CODE")
        await self._phone.scan()
        await self.caught_up()

    async def caught_up(self, after: str | None = None) -> str:
        """Wait until it has looked for what was missed, later than ``after``; when that was."""

        def done(status: dict[str, Any]) -> bool:
            progress = status["backfill"]
            return status["state"] == "WORKING" and progress["finished_at"] not in {None, after}

        status = await self.until(done, "the look for what was missed")
        result: str = status["backfill"]["finished_at"]
        return result

    def browsers(self) -> list[int]:
        """The processes of the browser that uses this connector's profile, the main one first."""
        profile = str(self.data / "whatsapp")
        found = []
        for entry in sorted(Path("/proc").glob("[0-9]*"), key=lambda path: int(path.name)):
            with contextlib.suppress(OSError):
                command = (entry / "cmdline").read_bytes().decode(errors="replace")
                if profile in command and "main.js" not in command and (entry / "stat").read_text().split()[2] != "Z":
                    found.append(int(entry.name))
        return found

    def kill_browser(self) -> None:
        """What the kernel does when memory runs out."""
        os.kill(self.browsers()[0], signal.SIGKILL)

    def kill_page(self) -> None:
        """Only the process that runs the page."""
        for pid in self.browsers():
            with contextlib.suppress(OSError):
                if "--type=renderer" in Path(f"/proc/{pid}/cmdline").read_bytes().decode():
                    os.kill(pid, signal.SIGKILL)

    def spooled(self) -> list[Path]:
        """What waits on disk."""
        return sorted((self.data / "spool").glob("*.json"))


@asynccontextmanager
async def linked(
    directory: Path, phone: Phone, *, link: bool = True, **changes: str
) -> AsyncIterator[tuple[Connector, RecordingBackend]]:
    """A connector that is linked, and its backend."""
    async with phone.serving(), RecordingBackend().serving() as backend:
        connector = Connector(directory, phone, backend, **changes)
        async with connector.running():
            if link:
                await connector.link()
            yield connector, backend
