"""The phone behind the stand-in for WhatsApp Web: it scans the code, and its owner's customers write to it.

The connector talks to it by the unmodified whatsapp-web.js in a real Chromium, through the arguments that
:meth:`Phone.browser_arguments` gives.
"""

import asyncio
import itertools
import json
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trustme
from aiohttp import web

PAGES = Path(__file__).parent.parent / "whatsapp"


class Phone:
    """Serves the page over HTTPS, sends it commands, and remembers what it reported."""

    def __init__(self, *, me: str = "15550100999@c.us", pushname: str = "The shop") -> None:
        self.state: dict[str, Any] = {
            "me": me,
            "pushname": pushname,
            "pairing": "first",
            "contacts": [],
            "chats": [],
            "settings": {"syncDelayMs": 800},
        }
        self.files: dict[str, bytes] = {}
        self.sent: list[dict[str, Any]] = []
        self.reports: list[dict[str, Any]] = []
        self.port = 0
        self._runner: web.AppRunner | None = None
        self._site: web.TCPSite | None = None
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._pages: set[asyncio.Queue[dict[str, Any]]] = set()
        self._news = asyncio.Condition()
        self._ids = itertools.count(1)

    @property
    def browser_arguments(self) -> str:
        """What Chromium needs to find this phone where it looks for WhatsApp, and nothing else anywhere."""
        rules = f"MAP web.whatsapp.com:443 127.0.0.1:{self.port},MAP * ~NOTFOUND,EXCLUDE 127.0.0.1"
        return f"--host-resolver-rules={rules}|--ignore-certificate-errors"

    async def command(self, command: str, **details: Any) -> None:
        """Tell every open page to do something."""
        for page in self._pages:
            page.put_nowait({"command": command, **details})

    async def scan(self) -> None:
        """Scan the code that the page shows."""
        await self.command("scan")

    async def receive(self, chat: str, body: str, *, is_live: bool = True, **details: Any) -> str:
        """Somebody writes: deliver a message to the page and return its id, as the connector should report it.

        The phone keeps it, so that a page that is opened later finds it in its chat. With ``is_live`` false it is only there.
        """
        message = {"id": f"3EB0{next(self._ids):016X}", "body": body, "t": int(time.time()), **details}
        self._keep(chat, message)
        if is_live:
            await self.command("message", chat=chat, **message)
        author = details.get("author")
        from_me = "true" if details.get("fromMe") else "false"
        return "_".join([from_me, chat, message["id"], *([author] if author else [])])

    def _keep(self, chat: str, message: dict[str, Any]) -> None:
        known = next((item for item in self.state["chats"] if item["id"] == chat), None)
        if known is None:
            known = {"id": chat, "older": []}
            self.state["chats"].append(known)
        known["older"].append({**message, "twice": False})
        known["t"] = message["t"]
        if not message.get("fromMe"):
            known["unread"] = known.get("unread", 0) + 1

    async def acknowledge(self, key: str, ack: int, *, is_live: bool = True) -> None:
        """The other phone tells how far one of our messages has come."""
        for chat in self.state["chats"]:
            for message in chat["older"]:
                if key.split("_")[2] == message["id"]:
                    message["ack"] = ack
        if is_live:
            await self.command("ack", key=key, ack=ack)

    @asynccontextmanager
    async def cut_off(self) -> AsyncIterator[None]:
        """The page has lost the network until this is left: what happens meanwhile, it is not told."""
        assert self._site is not None
        assert self._runner is not None
        await self._site.stop()
        assert self._runner.server is not None
        await self._runner.server.shutdown(0.1)
        try:
            yield
        finally:
            await self._listen()

    def know(self, contact: str, name: str, *, phone: str | None = None) -> None:
        """Put a contact into the address book, before the page is opened."""
        self.state["contacts"].append({"id": contact, "name": name, "phone": phone})

    def chat(self, chat: str, title: str, *, older: list[dict[str, Any]] | None = None, **details: Any) -> None:
        """Add a chat with older messages, before the page is opened."""
        self.state["chats"].append({"id": chat, "title": title, "older": older or [], **details})

    async def reported(self, event: str, *, count: int = 1, timeout_s: float = 30) -> list[dict[str, Any]]:
        """Wait until the page has reported an event so many times; all of those reports."""

        def found() -> list[dict[str, Any]]:
            return [item for item in self.reports if item["event"] == event]

        async with asyncio.timeout(timeout_s), self._news:
            await self._news.wait_for(lambda: len(found()) >= count)
        return found()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Phone"]:
        """Serve the page on a free port of this machine."""
        authority = trustme.CA()
        authority.issue_cert("web.whatsapp.com").configure_cert(self._context)
        app = web.Application()
        app.router.add_get("/", _file("page.html", "text/html"))
        app.router.add_get("/page.js", _file("page.js", "text/javascript"))
        app.router.add_get("/phone", self._phone)
        app.router.add_get("/commands", self._commands)
        app.router.add_get("/file/{name}", self._file_of)
        app.router.add_post("/report", self._report)
        self._runner = runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        await self._listen()
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _listen(self) -> None:
        assert self._runner is not None
        self._site = web.TCPSite(self._runner, "127.0.0.1", self.port, ssl_context=self._context)
        await self._site.start()
        self.port = self.port or self._runner.addresses[0][1]

    async def _file_of(self, request: web.Request) -> web.Response:
        found = self.files.get(request.match_info["name"])
        return web.Response(status=404) if found is None else web.Response(body=found)

    async def _phone(self, _: web.Request) -> web.Response:
        return web.json_response(self.state)

    async def _commands(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
        await response.prepare(request)
        page: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._pages.add(page)
        try:
            await response.write(b": hello\n\n")
            while True:
                command = await page.get()
                await response.write(f"data: {json.dumps(command)}\n\n".encode())
        except (ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._pages.discard(page)
        return response

    async def _report(self, request: web.Request) -> web.Response:
        report = json.loads(await request.read())
        async with self._news:
            self.reports.append(report)
            if report["event"] == "sent":
                self.sent.append(report)
                _, chat, id_, *_ = report["key"].split("_")
                kept = {"id": id_, "body": report["body"], "t": report["t"], "fromMe": True, "type": report["type"]}
                self._keep(chat, kept)
            self._news.notify_all()
        return web.Response(status=204)


def _file(name: str, content_type: str) -> Callable[[web.Request], Any]:
    async def serve(_: web.Request) -> web.Response:
        return web.Response(text=(PAGES / name).read_text(encoding="utf-8"), content_type=content_type)

    return serve
