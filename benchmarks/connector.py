"""The connector against the library that it is made of: messages a second, and memory."""

import asyncio
import contextlib
import shutil
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import aiohttp
from sqlalchemy import func, select
from tests.support.connector import NODE, Connector, RecordingBackend
from tests.support.mariadb import async_url, new_mysql_database
from tests.support.processes import free_port, running
from tests.support.whatsapp import Phone

from benchmarks.harness import served
from frontdesk.settings import ROOT
from frontdesk.store.database import open_database
from frontdesk.store.schema import migrate
from frontdesk.store.tables import webhook_messages

CHATS = 40
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"


async def measure(directory: Path, server: str, *, count: int) -> list[tuple[str, str, str]]:
    """Rows of what, figure and target: ``count`` messages over forty chats, all at once."""
    bare_rate, bare_mib = await _bare(directory, count)
    rate, mib = await _connector(directory, server, count)
    return [
        (
            "connector, phone to database",
            f"{rate:.0f}/s; the library alone hears {bare_rate:.0f}/s ({rate / bare_rate:.2f} ×)",
            "–",
        ),
        (
            "connector, PSS with Chromium",
            f"{mib:.0f} MiB; the library alone {bare_mib:.0f} MiB ({mib / bare_mib:.2f} ×)",
            "–",
        ),
    ]


async def _bare(directory: Path, count: int) -> tuple[float, float]:
    phone = Phone()
    port = free_port()
    data = directory / "bare-library"
    async with phone.serving():
        command = [NODE, str(ROOT / "benchmarks" / "bare_library.mjs"), str(port), str(data), BROWSER]
        arguments = phone.browser_arguments.split("|")
        log = directory / "bare-library.log"
        async with running(*command, *arguments, log=log) as process, aiohttp.ClientSession() as session:

            async def told() -> dict[str, object]:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(f"http://127.0.0.1:{port}/") as response:
                        document: dict[str, object] = await response.json(content_type=None)
                        return document
                return {}

            async def is_in(state: str) -> bool:
                return (await told()).get("state") == state

            async def all_heard() -> bool:
                return (await told()).get("count") == count

            await _until(lambda: is_in("SCAN_QR_CODE"))
            await phone.scan()
            await _until(lambda: is_in("WORKING"))
            rate = await _rate(phone, count, all_heard)
            return rate, _pss_mib(process.pid)


async def _connector(directory: Path, server: str, count: int) -> tuple[float, float]:
    url = new_mysql_database(server)
    database = open_database(async_url(url))
    await migrate(database)
    phone = Phone()
    port = free_port()
    data = directory / "connector"
    data.mkdir()

    async def all_stored() -> bool:
        async with database.read() as connection:
            return await connection.scalar(select(func.count()).select_from(webhook_messages)) == count

    try:
        async with (
            phone.serving(),
            served(directory, port, "-m", "frontdesk", "serve", DATABASE_URL=url, EMBEDDED_WORKER="false"),
        ):
            connector = Connector(
                data, phone, RecordingBackend(), BACKEND_URL=f"http://127.0.0.1:{port}", WA_PROBE_MS="5000"
            )
            async with connector.running():
                await connector.link()
                rate = await _rate(phone, count, all_stored)
                assert connector.process is not None
                return rate, _pss_mib(connector.process.pid)
    finally:
        await database.close()


async def _rate(phone: Phone, count: int, is_done: Callable[[], Awaitable[bool]]) -> float:
    began = time.perf_counter()
    for number in range(count):
        await phone.receive(f"1555{number % CHATS:07}@c.us", f"message {number}")
    await _until(is_done)
    return count / (time.perf_counter() - began)


async def _until(is_so: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(120):
        while not await is_so():  # noqa: ASYNC110 (other processes are asked)
            await asyncio.sleep(0.02)


def _pss_mib(pid: int) -> float:
    """What a process and all that it started take, shared pages by their share. Linux only."""
    if sys.platform != "linux":
        return float("nan")
    parents: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    family = {pid}
    while more := {child for child, parent in parents.items() if parent in family} - family:
        family |= more
    total = 0
    for member in family:
        with contextlib.suppress(OSError):
            rollup = Path(f"/proc/{member}/smaps_rollup").read_text()
            total += int(rollup.partition("\nPss:")[2].split()[0])
    return total / 1024
