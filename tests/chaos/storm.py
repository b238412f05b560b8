"""A storm: load through the real interface while everything around and within the desk is killed, cut, stopped and misled."""

import asyncio
import contextlib
import itertools
import json
import os
import random
import shutil
import signal
import sys
from collections import defaultdict
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import aiohttp
from aiohttp import web
from tests.chaos.fakes import RecordingAgent, RecordingConnector
from tests.support.desk import SECRETS, with_free_ports
from tests.support.mariadb import MariaDB, new_mysql_database
from tests.support.misled import clock_from
from tests.support.openai_server import FakeOpenAI
from tests.support.processes import free_port
from tests.support.proxy import Proxy
from tests.support.rabbitmq import RabbitMQNode

from frontdesk.config.manifests import load_manifests
from frontdesk.settings import ROOT
from frontdesk.wire.signing import sign

NURSERY = Path(__file__).with_name("nursery.py")
LEASE_S = 2
WEBS, WORKERS = 2, 2


class Supervised:
    """A process of the desk that is started again whenever it ends, as PM2 would."""

    def __init__(self, name: str, command: str, directory: Path, environment: dict[str, str]) -> None:
        self.name = name
        self.pid: int | None = None
        self.starts = 0
        self._command = command
        self._environment = environment
        self._log = directory / f"{name}.log"
        self._silence = 0

    async def run(self) -> None:
        """Keep it running until cancelled."""
        with self._log.open("ab") as log:
            nursery = await asyncio.create_subprocess_exec(
                sys.executable, str(NURSERY), self._command, env={**os.environ, **self._environment},
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip
        assert nursery.stdin
        assert nursery.stdout
        try:
            while True:
                nursery.stdin.write(json.dumps(self._environment).encode() + b"\n")
                self.pid = int(await nursery.stdout.readline())
                self.starts += 1
                await nursery.stdout.readline()
                self.pid, self._silence = None, self._log.stat().st_size
        finally:
            self.signal(signal.SIGKILL)
            nursery.kill()
            await nursery.wait()

    @property
    def is_at_work(self) -> bool:
        """Whether it has said anything since it started: before, there is nothing that it could lose or double."""
        return self.pid is not None and self._log.stat().st_size > self._silence

    def calm(self) -> None:
        """From its next start on it has no reason to die."""
        self._environment = {**self._environment, "FAILPOINTS": ""}

    def signal(self, number: int) -> None:
        """Send a signal, if it runs."""
        if self.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    @property
    def open_files(self) -> int:
        """How many files and connections it has open."""
        return len(list(Path(f"/proc/{self.pid}/fd").iterdir())) if self.pid else 0


@dataclass
class Storm:
    """The system under test, its surroundings, and what its callers know."""

    directory: Path
    agent: RecordingAgent
    connector: RecordingConnector
    openai: FakeOpenAI
    mariadb: MariaDB
    rabbitmq: RabbitMQNode
    database_proxy: Proxy
    rabbitmq_proxy: Proxy
    database_url: str
    webs: list[Supervised]
    workers: list[Supervised]
    urls: list[str]
    session: aiohttp.ClientSession
    clock_files: list[Path]
    acknowledged: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    queued: dict[int, list[str]] = field(default_factory=lambda: defaultdict(list))
    outbox_ids: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    conversations: dict[str, int] = field(default_factory=dict)
    deeds: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    wrongs: list[str] = field(default_factory=list)
    is_over: bool = False

    async def until_up(self) -> None:
        """Wait until all web processes take messages and the workers are at work."""
        async with asyncio.timeout(180):
            while not all(worker.is_at_work for worker in self.workers):  # noqa: ASYNC110 (they tell nobody here)
                await asyncio.sleep(0.1)
            for url in self.urls:
                while True:
                    with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                        async with self.session.get(f"{url}/ready") as response:
                            if response.ok:
                                break
                    await asyncio.sleep(0.1)

    async def rage(self, *, seconds: float, conversations: int, pause_s: float) -> None:
        """Load and trouble for so long; then the trouble ends and the load comes to its end."""
        loads = [asyncio.create_task(self._chat(number, pause_s)) for number in range(conversations)]
        troubles = [asyncio.create_task(task) for task in (self._trouble(), self._step_clocks())]
        await asyncio.sleep(seconds)
        self.is_over = True
        for trouble in troubles:
            trouble.cancel()
        await asyncio.gather(*troubles, return_exceptions=True)
        await self._calm_down()
        await asyncio.gather(*loads)

    async def _chat(self, number: int, pause_s: float) -> None:
        """One contact: one message after the other, each until it is acknowledged, as the connector does it."""
        phone = f"+1555010{number:04}"
        for count in itertools.count():
            if self.is_over:
                return
            message_id = f"false_{number}@c.us_{count:05}"
            now = datetime.now(UTC).isoformat()
            history = [{"sender": "Ada", "content": f"line {n}", "timestamp": "2026-01-01T00:00:00Z", "type": "chat"}
                       for n in range(max(0, count - 5), count)]  # fmt: skip
            text = random.choice(["how much is a full service?", "where is my order?", "ok", "please call me back"])  # noqa: S311
            body = json.dumps(
                {"message_id": message_id, "chat_time": now, "chat_name": f"Contact {number}", "phone_number": phone,
                 "current_message": text, "history": history}
            ).encode()  # fmt: skip
            # The connector may deliver twice, also at the same moment and through another process.
            posts = [self._until_acknowledged(body)]
            if random.random() < 0.2:  # noqa: S311
                posts.append(self._until_acknowledged(body))
            document, *_ = await asyncio.gather(*posts)
            self.acknowledged[phone].append(message_id)
            self.conversations[phone] = document["conversation_id"]
            if random.random() < 0.1:  # noqa: S311
                await self._write(document["conversation_id"], f"{number}-{count}")
            await asyncio.sleep(random.uniform(0, 2 * pause_s))  # noqa: S311

    async def _until_acknowledged(self, body: bytes) -> dict[str, int]:
        headers = {"content-type": "application/json", "prefer": "respond-async"}

        def signed() -> dict[str, str]:
            return headers | sign(SECRETS["webhook_secret"], body, message_id="storm")

        return await self._insist("/webhook", body, signed)

    async def _write(self, conversation_id: int, key: str) -> None:
        body = json.dumps({"text": key}).encode()
        headers = {"authorization": f"Bearer {SECRETS['api_token']}", "idempotency-key": key}
        document = await self._insist(f"/conversations/{conversation_id}/messages", body, lambda: headers)
        if "outbox_id" not in document:
            self.wrongs.append(f"conversation {conversation_id}, which was acknowledged, is not there")
            return
        self.queued[conversation_id].append(key)
        self.outbox_ids[key].add(document["outbox_id"])

    async def _insist(self, path: str, body: bytes, headers: Callable[[], dict[str, str]]) -> dict[str, int]:
        """Ask again and again until it is done: what a well-behaved caller does."""
        while True:
            url = random.choice(self.urls) + path  # noqa: S311
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with self.session.post(url, data=body, headers=headers()) as response:
                    if response.status < 300 or response.status == 404:
                        document: dict[str, int] = await response.json()
                        return document
                    if response.status != 503:
                        self.wrongs.append(f"{path} answered {response.status}")
                    self.deeds[f"refused with {response.status}"] += 1
            await asyncio.sleep(random.uniform(0.05, 0.4))  # noqa: S311

    async def _trouble(self) -> None:
        while True:
            await asyncio.sleep(random.uniform(1, 3))  # noqa: S311
            deed = random.choices(  # noqa: S311
                [self._kill_web, self._kill_worker, self._stop_worker, self._cut_database, self._cut_queue,
                 self._kill_database, self._kill_queue, self._end_worker_politely],
                weights=[3, 4, 5, 3, 2, 1, 0.5, 2],
            )[0]  # fmt: skip
            self.deeds[deed.__name__.strip("_")] += 1
            await deed()

    async def _kill_web(self) -> None:
        _one_of(self.webs).signal(signal.SIGKILL)

    async def _kill_worker(self) -> None:
        _one_of(self.workers).signal(signal.SIGKILL)

    async def _end_worker_politely(self) -> None:
        _one_of(self.workers).signal(signal.SIGTERM)

    async def _stop_worker(self) -> None:
        """A process that sleeps through its lease, as under a paused virtual machine, and goes on as if nothing were."""
        worker = _one_of(self.workers)
        pid = worker.pid
        if pid is None:
            return
        worker.signal(signal.SIGSTOP)
        try:
            await asyncio.sleep(LEASE_S + random.uniform(0.5, 2))  # noqa: S311
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    async def _cut_database(self) -> None:
        self.database_proxy.cut()

    async def _cut_queue(self) -> None:
        self.rabbitmq_proxy.cut()
        if random.random() < 0.3:  # noqa: S311
            await asyncio.to_thread(self.rabbitmq.control, "purge_queue", "incoming_messages", check=False)

    async def _kill_database(self) -> None:
        await asyncio.to_thread(self.mariadb.kill)
        await asyncio.sleep(random.uniform(0, 1))  # noqa: S311
        await asyncio.to_thread(self.mariadb.start)

    async def _kill_queue(self) -> None:
        await asyncio.to_thread(self.rabbitmq.kill)
        await asyncio.to_thread(self.rabbitmq.launch)

    async def _step_clocks(self) -> None:
        """The clock of one worker after the other is set, forward and back, by up to forty-five leases."""
        while True:
            await asyncio.sleep(random.uniform(2, 5))  # noqa: S311
            file = random.choice(self.clock_files)  # noqa: S311
            file.write_text(f"{random.randint(-90, 90):+d}s", encoding="ascii")  # noqa: S311
            self.deeds["step_clock"] += 1

    async def _calm_down(self) -> None:
        for moods in (self.agent.moods, self.connector.moods):
            moods.calm_down()
        self.openai.failure = lambda _: None
        for file in self.clock_files:
            file.write_text("+0s", encoding="ascii")
        if self.mariadb.is_down:
            await asyncio.to_thread(self.mariadb.start)
        # Whoever still has a reason to die is replaced by a process that has none.
        for process in [*self.webs, *self.workers]:
            process.calm()
            process.signal(signal.SIGCONT)
            process.signal(signal.SIGKILL)


@asynccontextmanager
async def storm(directory: Path, *, failpoints: str, send_per_minute: int = 600) -> AsyncIterator[Storm]:
    """A desk of two web processes and two workers, and its surroundings, all of them unreliable."""
    async with AsyncExitStack() as stack:
        connector = await stack.enter_async_context(RecordingConnector().serving())
        openai = await stack.enter_async_context(FakeOpenAI().serving())
        openai.failure = _unwell
        mariadb = MariaDB(directory / "mariadb")
        stack.callback(mariadb.close)
        mariadb.start()
        rabbitmq = RabbitMQNode(directory, epmd_port=free_port())
        stack.callback(rabbitmq.close)
        rabbitmq.launch()
        await asyncio.to_thread(rabbitmq.await_serving)
        database_proxy = await stack.enter_async_context(Proxy(mariadb.port).serving())
        rabbitmq_proxy = await stack.enter_async_context(Proxy(rabbitmq.port).serving())
        name = new_mysql_database(mariadb.url).rpartition("/")[2]
        agents = directory / "agents"
        shutil.copytree(ROOT / "agents", agents, ignore=shutil.ignore_patterns("__pycache__"))
        with_free_ports(agents)
        ports = [manifest.port for manifest in load_manifests(agents)]
        agent = await stack.enter_async_context(RecordingAgent().serving(ports))
        environment = {
            **{key.upper(): value for key, value in SECRETS.items()},
            "FRONTDESK_NO_ENV_FILE": "1",
            "DATABASE_URL": f"mysql://root@127.0.0.1:{database_proxy.port}/{name}",
            "RABBITMQ_URL": f"amqp://guest:guest@127.0.0.1:{rabbitmq_proxy.port}/",
            "CONNECTOR_URL": f"http://127.0.0.1:{connector.port}",
            "OPENAI_API_KEY": "none-of-your-business",
            "OPENAI_BASE_URL": openai.base_url,
            "ANALYSER": "decisions",
            "MODEL_TIMEOUT_S": "2",
            "AGENTS_DIR": str(agents),
            "BUSINESS_FILE": str(ROOT / "business.example.toml"),
            "VAR_DIR": str(directory / "var"),
            "WORKER_CONCURRENCY": "64",
            "LEASE_S": str(LEASE_S),
            "SWEEP_INTERVAL_S": "0.5",
            "RETRY_BASE_S": "0.1",
            "RETRY_MAX_S": "1",
            "MAX_ATTEMPTS": "100",
            "BREAKER_PAUSE_S": "0.3",
            "AGENT_TIMEOUT_S": "2",
            "SEND_PER_MINUTE": str(send_per_minute),
            # Bursts are answered together, some of them by themselves, also where a person wrote.
            "REPLY_SETTLE_S": "0.5",
            "REPLY_SETTLE_MAX_S": "2",
            "REPLY_MODE": "auto",
            "AUTO_MIN_CONFIDENCE": "0.75",
            "AUTO_MAX_RISK": "1",
            "AUTO_PER_HOUR": "100000",
            "AUTO_OUTSIDE_HOURS": "true",
            "HANDOVER_BELOW_CONFIDENCE": "0",
            "HUMAN_PAUSE_HOURS": "0",
            "FAILPOINTS": failpoints,
            "LOG_LEVEL": "info",
        }
        ports = [free_port() for _ in range(WEBS)]
        webs = [
            Supervised(
                f"web-{n}", "serve", directory, environment | {"BACKEND_PORT": str(port), "EMBEDDED_WORKER": "false"}
            )
            for n, port in enumerate(ports)
        ]
        clock_files = [directory / f"clock-{n}" for n in range(WORKERS)]
        workers = []
        for n, file in enumerate(clock_files):
            file.write_text("+0s", encoding="ascii")
            workers.append(Supervised(f"worker-{n}", "worker", directory, environment | clock_from(file)))
        for process in [*webs, *workers]:
            running = asyncio.create_task(process.run())
            stack.push_async_callback(_cancelled, running)
        session = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=aiohttp.ClientTimeout(total=10))
        )
        yield Storm(
            directory=directory, agent=agent, connector=connector, openai=openai, mariadb=mariadb, rabbitmq=rabbitmq,
            database_proxy=database_proxy, rabbitmq_proxy=rabbitmq_proxy, database_url=f"{mariadb.url}/{name}",
            webs=webs, workers=workers, urls=[f"http://127.0.0.1:{port}" for port in ports], session=session,
            clock_files=clock_files,
        )  # fmt: skip


def _one_of(processes: list[Supervised]) -> Supervised:
    """One of those at work, if any is."""
    return random.choice([process for process in processes if process.is_at_work] or processes)  # noqa: S311


async def _cancelled(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def _unwell(_: str) -> web.Response | None:
    """One call in ten fails, some of them with more to wait for than there is time."""
    if random.random() < 0.9:  # noqa: S311
        return None
    return web.json_response({"error": {"message": "no"}}, status=random.choice([500, 429, 404]))  # noqa: S311
