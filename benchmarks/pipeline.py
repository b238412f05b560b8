"""The whole pipeline with an instant model and instant agents, with a slow model, and over RabbitMQ with more workers."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymysql
from tests.support.desk import SECRETS, webhook, with_free_ports
from tests.support.mariadb import async_url, new_mysql_database
from tests.support.rabbitmq import RabbitMQNode

from benchmarks.harness import at_rest, cpu_s, free_port, load, median, peak_mib, rendered, served
from frontdesk.channels.whatsapp_web import parse
from frontdesk.config.manifests import load_manifests
from frontdesk.queues.local import LocalWakeups
from frontdesk.queues.rabbitmq import INCOMING, RabbitMQ
from frontdesk.settings import ROOT
from frontdesk.store import conversations
from frontdesk.store.database import open_database
from frontdesk.store.intake import Intake
from frontdesk.store.schema import migrate

CONNECTIONS = 32
WARM_UP = 100
WAKE_UPS = 200


def texts(count: int, chats: int) -> list[bytes]:
    """Messages of so many chats that need a model and an agent, with two lines of history each."""
    secret = SECRETS["webhook_secret"]
    made = []
    for number in range(count):
        chat = number % chats
        history = [{"sender": "Ada", "content": f"line {number // chats + n}", "timestamp": "2026-01-01T00:00:00Z", "type": "chat"}
                   for n in range(2)]  # fmt: skip
        message = webhook(f"When can I pick up my order {number}?", message_id=f"m-{number}", phone_number=f"+1555010{chat:04}",
                          chat_name=f"Contact {chat}", history=history)  # fmt: skip
        body = json.dumps(message).encode()
        made.append(rendered("/webhook", body, Authorization=f"Bearer {secret}", Prefer="respond-async"))
    return made


@asynccontextmanager
async def desk(
    directory: Path, url: str, *, pause_s: float, workers: int = 0, rabbitmq: str = "", concurrency: int = 16
) -> AsyncIterator[tuple[int, list[int]]]:
    """A desk between a model and agents; its port, and the processes that work."""
    async with AsyncExitStack() as stack:
        agents = directory / f"agents-{free_port()}"
        shutil.copytree(ROOT / "agents", agents, ignore=shutil.ignore_patterns("__pycache__"))
        with_free_ports(agents)
        model = free_port()
        ports = [str(manifest.port) for manifest in load_manifests(agents)]
        await stack.enter_async_context(
            served(directory, model, "-m", "benchmarks.surroundings", str(pause_s), str(model), *ports)
        )
        environment = {
            "DATABASE_URL": url, "AGENTS_DIR": str(agents), "OPENAI_API_KEY": "x", "ANALYSER": "decisions",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{model}/v1", "WORKER_CONCURRENCY": str(concurrency),
            "EMBEDDED_WORKER": "false" if workers else "true", "RABBITMQ_URL": rabbitmq, "CONNECTOR_URL": "http://127.0.0.1:9",
        }  # fmt: skip
        port = free_port()
        pids = [await stack.enter_async_context(served(directory, port, "-m", "frontdesk", "serve", **environment))]
        for _ in range(workers):
            command = ("-m", "frontdesk", "worker")
            # A worker listens nowhere: the web process, which is there already, answers in its place.
            pids.append(await stack.enter_async_context(served(directory, port, *command, **environment)))
        for pid in pids:
            await at_rest(pid)
        yield port, pids


async def run(
    directory: Path, mysql: str, *, count: int, chats: int, connections: int = CONNECTIONS, **options: Any
) -> tuple[float, float, float]:
    """Messages a second from the first request to the last stored route; CPU µs a message; peak MiB."""
    url = new_mysql_database(mysql)
    async with desk(directory, url, **options) as (port, pids):
        first = min(chats // 2 or 1, WARM_UP)
        await load(port, texts(count, chats)[:first], connections=1)
        await _until(url, "processed", first)
        before = sum(cpu_s(pid) for pid in pids)
        began = time.perf_counter()
        await load(port, texts(count, chats)[first:], connections=connections)
        await _until(url, "processed", count)
        took = time.perf_counter() - began
        _check(url)
        done = count - first
        return done / took, (sum(cpu_s(pid) for pid in pids) - before) / done * 1e6, max(peak_mib(pid) for pid in pids)


async def wake_ups(rabbitmq: str, mysql: str, count: int) -> list[float]:
    """Seconds from publishing to holding the conversation, one wake-up after the other."""
    database = open_database(async_url(new_mysql_database(mysql)))
    await migrate(database)
    intake, claimed = Intake(database), asyncio.Queue[float]()

    async def claim(_: int) -> None:
        await conversations.claim(database, 1, now=database.now(), lease=timedelta(seconds=60))
        claimed.put_nowait(time.perf_counter())

    nobody = LocalWakeups(incoming=lambda: None, outgoing=lambda: None)
    wakeups = RabbitMQ(rabbitmq, fallback=nobody)
    running = asyncio.create_task(wakeups.run([(INCOMING, claim, 16)]))
    await wakeups.connected.wait()
    took = []
    for number in range(count):
        body = json.dumps(webhook(phone_number=f"+1555010{number:04}", history=[])).encode()
        message = parse(body, account="main", now=database.now(), region=None, max_history_items=100)
        (accepted,) = await intake.accept([message], now=database.now())
        began = time.perf_counter()
        wakeups.incoming([accepted.conversation_id])
        took.append(await claimed.get() - began)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    await database.close()
    return took


def _check(url: str) -> None:
    """Figures of a desk whose model had failed would be those of the rules."""
    if _counted(url, "analytics_results", "rerate_due", 1):
        raise RuntimeError("rules stood in for the model: the figures would be theirs")


async def _until(url: str, state: str, count: int) -> None:
    while await asyncio.to_thread(_counted, url, "webhook_messages", "state", state) < count:  # noqa: ASYNC110 (other processes work)
        await asyncio.sleep(0.02)


def _counted(url: str, table: str, column: str, value: object) -> int:
    port, _, name = url.rpartition(":")[2].partition("/")
    connection = pymysql.connect(host="127.0.0.1", port=int(port), user="root", database=name, autocommit=True)
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT COUNT(*) FROM {table} WHERE {column} = %s", (value,))  # noqa: S608 (our own names)
            return int(cursor.fetchone()[0])
    finally:
        connection.close()


async def measure(directory: Path, mysql: str, *, is_tiny: bool) -> list[tuple[str, str, str]]:
    """Rows of what, figure and target."""
    rows = []
    count = 60 if is_tiny else 3000
    rate, cpu, memory = await run(
        directory, mysql, count=count, chats=20 if is_tiny else 300, pause_s=0, concurrency=32
    )
    embedded = rate
    rows.append(
        ("pipeline, one process", f"{rate:.0f}/s, CPU {cpu:.0f} µs a message, peak {memory:.0f} MiB", "≥ 300/s")
    )
    rate, cpu, memory = await run(
        directory, mysql, count=60 if is_tiny else 2000, chats=100, connections=100, pause_s=1.0, concurrency=100
    )
    rows.append(("a model that takes 1 s, 100 chats", f"{rate:.0f}/s, peak {memory:.0f} MiB", "≥ 90/s"))
    few = memory
    waiting = 80 if is_tiny else 5000
    rate, _, memory = await run(
        directory, mysql, count=waiting, chats=waiting, connections=64, pause_s=1.0, concurrency=100
    )
    figure = f"{rate:.0f}/s, peak {memory:.0f} MiB ({memory / few:.2f} ×)"
    rows.append((f"the same with {waiting:,} chats waiting at once", figure, "no growth"))
    node = RabbitMQNode(directory / "rabbitmq", epmd_port=free_port())
    try:
        node.launch()
        await asyncio.to_thread(node.await_serving)
        for workers in (1,) if is_tiny else (1, 2, 4):
            rate, cpu, _ = await run(
                directory, mysql, count=count, chats=20 if is_tiny else 300, pause_s=0, concurrency=32, workers=workers,
                rabbitmq=node.url,
            )  # fmt: skip
            figure = f"{rate:.0f}/s, {rate / embedded:.2f} × one process, CPU {cpu:.0f} µs a message"
            rows.append((f"pipeline, {workers} workers over RabbitMQ", figure, "–"))
        took = await wake_ups(node.url, mysql, 10 if is_tiny else WAKE_UPS)
        rows.append(
            (
                "from publishing a wake-up to the claim",
                f"{median(took) * 1e3:.1f} ms, p95 {sorted(took)[len(took) * 19 // 20] * 1e3:.1f} ms",
                "–",
            )
        )
    finally:
        node.close()
    return rows
