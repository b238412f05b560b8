"""The connector under a storm: what was written to the phone is in the database, once, in order.

Short by default; ``make soak`` lets it run for half an hour. The browser is killed, the page's network cut, the backend
stopped and the connector killed, at random, while customers write.
"""

import asyncio
import random
import re
import signal
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from sqlalchemy import select
from tests.support.connector import Connector, RecordingBackend
from tests.support.desk import SECRETS
from tests.support.mariadb import async_url, new_mysql_database
from tests.support.processes import end, free_port, running
from tests.support.whatsapp import Phone

from frontdesk.store.database import Database, open_database
from frontdesk.store.schema import migrate
from frontdesk.store.tables import webhook_messages

pytestmark = [pytest.mark.browser, pytest.mark.soak, pytest.mark.timeout(0)]

CHATS = 40
LONG_MESSAGES = 20_000
LONG_S = 1800


class Soak:
    """The storm over one connector and one backend, and what it did."""

    def __init__(self, phone: Phone, connector: Connector, backend: list[str], directory: Path, *, seed: int) -> None:
        self.phone = phone
        self.connector = connector
        self.random = random.Random(seed)  # noqa: S311 (any will do, if it can be repeated)
        self.sent: defaultdict[str, list[str]] = defaultdict(list)
        self.done: defaultdict[str, int] = defaultdict(int)
        self.stack = AsyncExitStack()
        self._command = backend
        self._directory = directory
        self._backend: asyncio.subprocess.Process | None = None

    async def start_backend(self) -> None:
        """Start the backend, as after it had been stopped."""
        self._backend = await self.stack.enter_async_context(
            running(
                *self._command, log=self._directory / "backend.log", environment=self.connector.environment, cwd=self._directory
            )
        )  # fmt: skip

    async def write(self, messages: int, seconds: float) -> None:
        """Customers write, evenly over the time, and now and then somebody answers on the phone."""
        started = time.monotonic()
        for number in range(messages):
            chat = f"1555{self.random.randrange(CHATS):07}@c.us"
            details = {"fromMe": True} if self.random.random() < 0.05 else {}
            if self.random.random() < 0.1:
                details["twice"] = True
            self.sent[chat].append(await self.phone.receive(chat, f"message {number}", **details))
            await asyncio.sleep(max(0, started + (number + 1) * seconds / messages - time.monotonic()))

    async def rage(self, seconds: float) -> None:
        """Break something, let it be broken for a moment, and go on."""
        trouble: dict[str, Callable[[], Awaitable[None]]] = {
            "browser killed": self._kill_browser,
            "network cut": self._cut,
            "backend stopped": self._stop_backend,
            "connector killed": self._kill_connector,
        }
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            await asyncio.sleep(self.random.uniform(2, 8))
            name = self.random.choice(sorted(trouble))
            await trouble[name]()
            self.done[name] += 1

    async def _kill_browser(self) -> None:
        if self.connector.browsers():
            self.connector.kill_browser()

    async def _cut(self) -> None:
        async with self.phone.cut_off():
            await asyncio.sleep(self.random.uniform(0.5, 4))

    async def _stop_backend(self) -> None:
        assert self._backend is not None
        await end(self._backend, self.random.choice((signal.SIGKILL, signal.SIGTERM)))
        await asyncio.sleep(self.random.uniform(0, 4))
        await self.start_backend()

    async def _kill_connector(self) -> None:
        await self.connector.stop(signal.SIGKILL)
        await asyncio.sleep(self.random.uniform(0, 2))
        await self.connector.start()


async def _stored(database: Database) -> list[str]:
    async with database.read() as connection:
        return list(await connection.scalars(select(webhook_messages.c.message_id).order_by(webhook_messages.c.id)))


async def test_every_message_is_in_the_database_once_and_in_order(
    tmp_path: Path, mysql_server: str, pytestconfig: pytest.Config
) -> None:
    """Whatever breaks, as often as it breaks."""
    seconds = float(pytestconfig.getoption("--soak-seconds"))
    seed = int(pytestconfig.getoption("--soak-seed") or time.time())
    messages = round(LONG_MESSAGES * seconds / LONG_S)
    url = new_mysql_database(mysql_server)
    database = open_database(async_url(url))
    await migrate(database)
    phone = Phone()
    backend_port = free_port()
    changes = {
        "DATABASE_URL": url, "BACKEND_PORT": str(backend_port), "BACKEND_URL": f"http://127.0.0.1:{backend_port}", "EMBEDDED_WORKER": "false",
        "WA_CALL_TIMEOUT_MS": "3000", "WA_OFFLINE_TIMEOUT_S": "10", "LOG_LEVEL": "info", "AGENT_SECRET": SECRETS["agent_secret"],
    }  # fmt: skip
    print(f"soak: {messages} messages in {seconds:g} s, seed {seed}")  # noqa: T201 (how it went, for who watches)
    async with phone.serving():
        connector = Connector(tmp_path, phone, RecordingBackend(), **changes)
        command = [sys.executable, "-m", "frontdesk", "serve"]
        soak = Soak(phone, connector, command, tmp_path, seed=seed)
        async with soak.stack, connector.running():
            await soak.start_backend()
            await connector.link()
            await asyncio.gather(soak.write(messages, seconds), soak.rage(seconds))
            expected = {message_id for ids in soak.sent.values() for message_id in ids}
            settled = time.monotonic() + float(pytestconfig.getoption("--soak-settles"))
            while len(found := await _stored(database)) < len(expected) and time.monotonic() < settled:  # noqa: ASYNC110 (another process writes there)
                await asyncio.sleep(0.5)
            assert not expected - set(found), f"{len(expected - set(found))} of {len(expected)} are lost, seed {seed}"
            assert sorted(found) == sorted(expected)
            by_chat: defaultdict[str, list[str]] = defaultdict(list)
            for message_id in found:
                by_chat[message_id.split("_")[1]].append(message_id)
            for chat, ids in soak.sent.items():
                assert by_chat[chat] == ids, f"the order in {chat}, seed {seed}"
            for life in connector.log.split('"msg":"serving"'):
                # What was acknowledged may come again after a crash, and never within one life.
                delivered = Counter(re.findall(r'"message":"(\w+)","msg":"message_delivered"', life))
                assert not [item for item, times in delivered.items() if times > 1], f"delivered twice, seed {seed}"
            status = await connector.until(lambda status: status["spooled"] == 0, "an empty spool")
            assert status["refused"] == 0
            print(f"soak: {len(found)} stored once and in order; {dict(soak.done)}")  # noqa: T201 (how it went, for who watches)
    await database.close()
