"""How fast messages are accepted: ``POST /webhook`` with 20 history items over 64 connections, against a bare handler."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.desk import SECRETS, webhook
from tests.support.mariadb import new_mysql_database

from benchmarks.harness import Load, cpu_s, free_port, load, median, peak_mib, rendered, served

CONNECTIONS = 64
CHATS = 100


def bodies(run: str, count: int, *, first: int = 0) -> list[bytes]:
    """Messages of a hundred chats, each with a window of twenty lines that moves on by two."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    made = []
    for number in range(first, first + count):
        chat, turn = number % CHATS, number // CHATS * 2
        history: list[dict[str, Any]] = [
            {"sender": "Ada", "content": f"{run} line {turn + n} " + "x" * 60,
             "timestamp": (start + timedelta(minutes=turn + n)).isoformat(), "type": "chat"}
            for n in range(20)
        ]  # fmt: skip
        message = webhook(
            "thanks", message_id=f"{run}-{number}", chat_name=f"Contact {chat}", phone_number=f"+1555010{chat:04}",
            history=history,
        )  # fmt: skip
        made.append(json.dumps(message, ensure_ascii=False).encode())
    return made


def requests(run: str, count: int, *, first: int = 0) -> list[bytes]:
    """The same as rendered requests with the secret."""
    secret = SECRETS["webhook_secret"]
    return [
        rendered("/webhook", body, Authorization=f"Bearer {secret}", Prefer="respond-async")
        for body in bodies(run, count, first=first)
    ]


@asynccontextmanager
async def backends(directory: Path, mysql: str) -> AsyncIterator[dict[str, tuple[int, int]]]:
    """Name → port and process of the bare handler and of a web process on each store."""
    async with AsyncExitStack() as stack:
        found: dict[str, tuple[int, int]] = {}
        port = free_port()
        pid = await stack.enter_async_context(served(directory, port, "-m", "benchmarks.bare", str(port)))
        found["bare aiohttp handler"] = (port, pid)
        stores = {"MariaDB": new_mysql_database(mysql), "SQLite": f"sqlite:///{directory}/accept.db"}
        for name, url in stores.items():
            port = free_port()
            serve = served(directory, port, "-m", "frontdesk", "serve", DATABASE_URL=url, EMBEDDED_WORKER="false")
            found[name] = (port, await stack.enter_async_context(serve))
        yield found


async def measure(directory: Path, mysql: str, *, count: int, rounds: int) -> list[tuple[str, str, str]]:
    """Interleaved rounds; rows of what, figure and target."""
    loads: dict[str, list[Load]] = {}
    cpu: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    async with backends(directory, mysql) as found:
        for turn in range(rounds + 1):
            for name, (port, pid) in found.items():
                before = cpu_s(pid)
                done = await load(port, requests(name, count, first=turn * count), connections=CONNECTIONS)
                memory[name] = peak_mib(pid)
                if turn:  # the first round warms up
                    loads.setdefault(name, []).append(done)
                    cpu.setdefault(name, []).append((cpu_s(pid) - before) / count * 1e6)
    floor = median([item.rate for item in loads["bare aiohttp handler"]])
    slowest = median([item.percentile(0.99) for item in loads["bare aiohttp handler"]])
    rows = []
    for name, items in loads.items():
        p99 = median([item.percentile(0.99) for item in items])
        rate = median([item.rate for item in items])
        figure = (
            f"{rate / floor:.3f} of the floor ({rate:,.0f}/s), p50 {median([item.percentile(0.5) for item in items]) * 1e3:.1f} "
            f"ms, p99 {p99 * 1e3:.1f} ms ({p99 / slowest:.1f} × the floor's), CPU {median(cpu[name]):.0f} µs, "
            f"peak {memory[name]:.0f} MiB"
        )
        target = "floor" if name.startswith("bare") else "≥ 0.15, p99 ≤ 25 ×"
        rows.append((f"accept, {name}", figure, target))
    return rows
