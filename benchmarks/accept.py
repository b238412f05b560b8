"""How fast messages are accepted: ``POST /webhook`` with 20 history items, as a ratio to a bare aiohttp handler.

Client and servers share this machine's cores, so read the ratios, not the absolutes. SQLite, and MariaDB where it is
installed; both commit to disk before they answer.
"""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from tests.support.desk import SECRETS, running_desk, webhook
from tests.support.mariadb import mariadb, new_mysql_database
from tests.support.processes import free_port

from frontdesk.cli.serve import serving
from frontdesk.logs import configure_logs
from frontdesk.settings import ROOT, load_settings

REQUESTS = 3000
CONNECTIONS = 64
ROUNDS = 3


async def bare(request: web.Request) -> web.Response:
    """The floor: read JSON, answer JSON."""
    await request.json()
    return web.json_response({"success": True})


async def rate(post: Callable[[int], Awaitable[None]]) -> float:
    """Requests a second over some connections."""
    numbers = iter(range(REQUESTS))

    async def client() -> None:
        for number in numbers:
            await post(number)

    started = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))
    return REQUESTS / (time.perf_counter() - started)


def body(run: str, number: int) -> bytes:
    """A message of one of a hundred chats, with a window of twenty that moves on."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    history: list[dict[str, Any]] = [
        {"sender": "Ada", "content": f"line {number // 100 * 2 + n} " + "x" * 60,
         "timestamp": (start + timedelta(minutes=number // 100 * 2 + n)).isoformat(), "type": "chat"}
        for n in range(20)
    ]  # fmt: skip
    message = webhook(
        "thanks", message_id=f"{run}-{number}", phone_number=f"+1555010{number % 100:04}", history=history
    )
    return json.dumps(message).encode()


async def measured(url: str, run: str) -> float:
    """Accepted messages a second at a URL."""
    headers = {
        "authorization": f"Bearer {SECRETS['webhook_secret']}",
        "prefer": "respond-async",
        "content-type": "application/json",
    }
    bodies = [body(run, number) for number in range(REQUESTS)]
    async with aiohttp.ClientSession(headers=headers, connector=aiohttp.TCPConnector(limit=CONNECTIONS)) as session:

        async def post(number: int) -> None:
            async with session.post(url, data=bodies[number]) as response:
                assert response.status in {200, 202}, await response.text()
                await response.read()

        return await rate(post)


async def main() -> None:
    """Measure in interleaved rounds and print the medians."""
    configure_logs("error")
    with tempfile.TemporaryDirectory() as directory, mariadb(Path(directory) / "mariadb") as server:
        stores = {"SQLite": f"sqlite:///{directory}/desk.db", "MariaDB": new_mysql_database(server)}
        results: dict[str, list[float]] = {"bare aiohttp handler": [], **{name: [] for name in stores}}
        for turn in range(ROUNDS):
            app = web.Application()
            app.router.add_post("/webhook", bare)
            port = free_port()
            async with serving([(app, "127.0.0.1", port)]):
                results["bare aiohttp handler"].append(await measured(f"http://127.0.0.1:{port}/webhook", "bare"))
            for name, url in stores.items():
                settings = load_settings(
                    Path(directory) / "none", **SECRETS, database_url=url, log_level="error", embedded_worker=False,
                    business_file=ROOT / "business.example.toml", var_dir=Path(directory),
                )  # fmt: skip
                async with running_desk(settings, with_agents=False) as desk:
                    pass
                    results[name].append(await measured(f"{desk.url}/webhook", f"{name}-{turn}"))
    floor = statistics.median(results["bare aiohttp handler"])
    print(f"| path | ratio | a second |\n|---|---|---|  ({CONNECTIONS} connections, median of {ROUNDS} rounds)")
    for name, rates in results.items():
        print(f"| {name} | {statistics.median(rates) / floor:.3f} | {statistics.median(rates):,.0f} |")


if __name__ == "__main__":
    asyncio.run(main())
