"""Processes among others: their clocks, their cancellations, and how they stop."""

import asyncio
import contextlib
import os
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web
from tests.support.desk import SECRETS, webhook
from tests.support.mariadb import async_url, new_mysql_database
from tests.support.misled import clock_from
from tests.support.processes import free_port, running
from tests.support.proxy import Proxy

from frontdesk.cli.serve import serving
from frontdesk.domain.errors import UnavailableError
from frontdesk.settings import ROOT
from frontdesk.store import conversations, directory
from frontdesk.store.database import open_database
from frontdesk.store.schema import migrate

pytestmark = pytest.mark.servers


def _now() -> datetime:
    return datetime.now(UTC)


async def test_a_machine_whose_clock_is_wrong_goes_by_the_servers(mysql_server: str, tmp_path: Path) -> None:
    """Or two machines would disagree about who holds a lease."""
    url = new_mysql_database(mysql_server)
    database = open_database(async_url(url))
    await migrate(database)
    (tmp_path / "clock").write_text("+5d", encoding="ascii")
    mine = {
        **{name.upper(): value for name, value in SECRETS.items()},
        "FRONTDESK_NO_ENV_FILE": "1",
        "DATABASE_URL": url,
    }
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "frontdesk", "vip", "add", "+15550100111",
        env=os.environ | mine | clock_from(tmp_path / "clock"),
    )  # fmt: skip
    assert await process.wait() == 0
    ((_, _, added_at),) = await directory.list_customers(database)
    assert abs(added_at - _now()) < timedelta(hours=1)
    await database.close()


async def test_who_is_cancelled_while_it_connects_ends(mysql_server: str) -> None:
    """A heartbeat that outlived its end once held the sending of an account for ever."""
    name = new_mysql_database(mysql_server).rpartition("/")[2]
    async with Proxy(int(mysql_server.rpartition(":")[2])).serving() as proxy:
        database = open_database(async_url(f"mysql://root@127.0.0.1:{proxy.port}/{name}"))

        async def beat() -> None:
            while True:
                with contextlib.suppress(UnavailableError):
                    await database.ping()

        for turn in range(300):
            proxy.cut()
            beating = asyncio.create_task(beat())
            await asyncio.sleep(turn % 60 * 0.0002)  # one of these moments is the one
            beating.cancel()
            await asyncio.wait([beating], timeout=2)
            assert beating.cancelled()
        await database.close()


async def test_a_stop_takes_less_than_ten_seconds_whoever_hangs(
    store_url: str, agents_dir: Path, tmp_path: Path
) -> None:
    """A model, an agent and a connector that do not answer; nothing is lost, and the process ends as it should."""
    asked = asyncio.Queue[str]()

    async def hang(request: web.Request) -> web.Response:
        asked.put_nowait(request.path)
        await asyncio.Event().wait()
        raise AssertionError

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", hang)
    silent, port = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **{name.upper(): value for name, value in SECRETS.items()}, "FRONTDESK_NO_ENV_FILE": "1", "DATABASE_URL": store_url,
        "VAR_DIR": str(tmp_path / "var"), "BUSINESS_FILE": str(ROOT / "business.example.toml"), "AGENTS_DIR": str(agents_dir),
        "BACKEND_PORT": str(port), "CONNECTOR_URL": f"http://127.0.0.1:{silent}", "OPENAI_API_KEY": "x",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{silent}/v1", "MODEL_TIMEOUT_S": "60",
    }  # fmt: skip
    token = {"authorization": f"Bearer {SECRETS['api_token']}"}
    log = tmp_path / "serve.log"
    async with (
        serving([(app, "127.0.0.1", silent)]),
        running(sys.executable, "-m", "frontdesk", "serve", log=log, environment=environment) as process,
        aiohttp.ClientSession(headers=token) as session,
    ):
        async with asyncio.timeout(60):
            while True:
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.post(
                        f"{url}/webhook", json=webhook(), headers={"prefer": "respond-async"}
                    ) as reply:
                        number = (await reply.json())["conversation_id"]
                        break
            waiting = asyncio.create_task(session.post(f"{url}/webhook", json=webhook(), headers={"prefer": "wait=50"}))
            async with session.post(f"{url}/conversations/{number}/messages", json={"text": "hello"}) as reply:
                assert reply.status == 202
            paths = {await asked.get(), await asked.get()}
            assert paths == {"/v1/chat/completions", "/messages"}
        process.terminate()
        async with asyncio.timeout(10):
            assert await process.wait() == 0, log.read_text()[-3000:]
        assert (await waiting).status == 202
    database = open_database(async_url(store_url))
    assert len(await conversations.claim(database, 5, now=database.now(), lease=timedelta(seconds=9))) == 1
    await database.close()
