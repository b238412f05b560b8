"""What all tests share: private servers, both stores, and no way to anybody else's network."""

import shutil
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from tests.support.desk import AT_ONCE, SECRETS, DeskFactory, RunningDesk, running_desk, with_free_ports
from tests.support.mariadb import async_url, mariadb, new_mysql_database
from tests.support.openai_server import FakeOpenAI

from frontdesk.settings import ROOT, Settings, load_settings
from frontdesk.store.database import Database, open_database
from frontdesk.store.schema import migrate

LOOPBACK = ("127.", "::1", "localhost")


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--store`` chooses the stores: both by default, sqlite for a quick run."""
    parser.addoption("--store", choices=("both", "sqlite", "mysql"), default="both")
    parser.addoption("--chaos-seconds", default="40", help="how long the storm of tests/chaos rages")
    parser.addoption("--soak-seconds", default="90", help="how long the storm over the connector rages")
    parser.addoption("--soak-settles", default="240", help="how many seconds what is late may take after it")
    parser.addoption("--soak-seed", help="repeat the storm of this seed")
    parser.addoption("--mysql", help="use this server (mysql://root@127.0.0.1:port) instead of a private MariaDB")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every test that names ``store_kind`` runs on each store."""
    if "store_kind" in metafunc.fixturenames:
        chosen = metafunc.config.getoption("--store")
        metafunc.parametrize("store_kind", ["sqlite", "mysql"] if chosen == "both" else [chosen])


@pytest.fixture(scope="session", autouse=True)
def _no_network() -> Iterator[None]:
    """Make connections to other machines impossible, so that no test can ever call a real model."""
    original = socket.getaddrinfo

    def guarded(host: Any, *arguments: Any, **options: Any) -> Any:
        name = host.decode() if isinstance(host, bytes) else str(host or "127.0.0.1")
        if not name.startswith(LOOPBACK):
            raise OSError(f"tests do not connect to {name}")
        return original(host, *arguments, **options)

    patch = pytest.MonkeyPatch()
    patch.setattr(socket, "getaddrinfo", guarded)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def mysql_server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a private MariaDB server, or of the server that was asked for."""
    given: str | None = request.config.getoption("--mysql")
    if given:
        yield given
        return
    with mariadb(tmp_path_factory.mktemp("mariadb")) as url:
        yield url


@pytest.fixture
def store_url(store_kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """The URL of an empty database of its own."""
    if store_kind == "sqlite":
        return f"sqlite:///{tmp_path / 'desk.db'}"
    return new_mysql_database(request.getfixturevalue("mysql_server"))


@pytest_asyncio.fixture
async def database(store_url: str) -> AsyncIterator[Database]:
    """An empty store with the current schema."""
    opened = open_database(async_url(store_url))
    await migrate(opened)
    yield opened
    await opened.close()


@pytest.fixture
def settings_of(tmp_path: Path) -> Callable[..., Settings]:
    """Make settings for tests, from nothing in the environment."""

    def make(**changes: Any) -> Settings:
        return load_settings(
            tmp_path / "no.env",
            **{
                **SECRETS,
                **AT_ONCE,
                "var_dir": tmp_path / "var",
                "business_file": ROOT / "business.example.toml",
                **changes,
            },
        )

    return make


@pytest.fixture
def agents_dir(tmp_path: Path) -> Path:
    """A copy of the agents, each on a free port."""
    target = tmp_path / "agents"
    shutil.copytree(ROOT / "agents", target, ignore=shutil.ignore_patterns("__pycache__"))
    with_free_ports(target)
    return target


@pytest_asyncio.fixture
async def openai() -> AsyncIterator[FakeOpenAI]:
    """A provider that checks what it is sent."""
    async with FakeOpenAI().serving() as server:
        yield server


@pytest_asyncio.fixture
async def start_desk(
    store_url: str, settings_of: Callable[..., Settings], agents_dir: Path
) -> AsyncIterator[DeskFactory]:
    """Start a desk: backend and agents of this process, on free ports, on the test's store. Ended with the test."""
    async with AsyncExitStack() as stack:

        async def start(
            *, with_agents: bool = True, clock: Callable[[], datetime] | None = None, **changes: Any
        ) -> RunningDesk:
            settings = settings_of(database_url=store_url, agents_dir=agents_dir, **changes)
            return await stack.enter_async_context(running_desk(settings, with_agents=with_agents, clock=clock))

        yield start


@pytest_asyncio.fixture
async def desk(start_desk: DeskFactory) -> RunningDesk:
    """A desk with rules for triage and all agents."""
    running: RunningDesk = await start_desk()
    return running
