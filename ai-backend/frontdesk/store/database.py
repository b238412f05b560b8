"""Connections and transactions on SQLite and MySQL/MariaDB, with one face.

``read`` gives a connection for queries, ``write`` runs a function in one transaction and repeats it where the server asks
for that (a deadlock, a lock wait that timed out, a lost race for a unique key).
"""

import asyncio
import contextlib
import math
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import event, make_url, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from frontdesk.domain.errors import ConfigurationError, UnavailableError
from frontdesk.store.clock import SharedClock, elapsed

T = TypeVar("T")

log = structlog.get_logger(__name__)

WRITE_ATTEMPTS = 6
STATEMENTS_S = 30
PING_AFTER_S = 1
# Deadlock, lock wait timeout, changed since last read, and a Galera node that is not in the cluster yet.
RETRIED_CODES = frozenset({1213, 1205, 1020, 1047})
NO_SUCH_TABLE = 1146
NO_SUCH_DATABASE = 1049
# Too many connections, shutting down, and the client's own: cannot connect, gone away, lost.
AWAY_CODES = frozenset({1040, 1053, 2002, 2003, 2005, 2006, 2013, 2014, *RETRIED_CODES})
REFUSALS: dict[int | None, str] = {
    1044: "the database refuses this user",
    1045: "the database refuses this user or password",
    1142: "the database's user lacks a privilege",
    2003: "the database server cannot be reached",
}
# Raised by SQLite, as text, where another process holds the file.
SQLITE_BUSY = "database is locked"


class NoDatabaseError(UnavailableError):
    """The server has no database of this name."""


class StatementRefusedError(UnavailableError):
    """The database refuses a statement while it is up: something may be wrong with what is to be stored."""


class Database:
    """The store of one installation.

    ``reader`` is the engine for queries, where it is another one; ``clock`` what its engines hear from the server.
    """

    def __init__(self, engine: AsyncEngine, *, reader: AsyncEngine | None = None, clock: SharedClock) -> None:
        self.engine = engine
        self._clock = clock
        self._reader = reader or engine
        self.is_sqlite = engine.dialect.name == "sqlite"
        # SQLite has one writer: queueing here is fair, its own busy loop is not.
        self._writer = asyncio.Lock() if self.is_sqlite else None

    @property
    def description(self) -> str:
        """Which store this is, without credentials."""
        url = self.engine.url
        if self.is_sqlite:
            return f"SQLite at {url.database}"
        return f"MySQL database {url.database} at {url.host}:{url.port or 3306}"

    def now(self) -> datetime:
        """What time it is for everybody who uses this store."""
        return self._clock.now()

    @contextlib.asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """A connection for queries; nothing is kept open after it."""
        with translated():
            async with asyncio.timeout(STATEMENTS_S), self._reader.connect() as connection, _usable(connection):
                yield connection

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Run ``work`` in one transaction and commit it. ``work`` may run more than once.

        Raises:
            UnavailableError: the server is away or refuses to commit.
        """
        for attempt in range(1, WRITE_ATTEMPTS + 1):
            try:
                async with contextlib.AsyncExitStack() as stack:
                    if self._writer:
                        await stack.enter_async_context(self._writer)
                    await stack.enter_async_context(asyncio.timeout(STATEMENTS_S))
                    connection = await stack.enter_async_context(self._begin())
                    return await work(connection)
            except (TimeoutError, PoolTimeoutError) as error:
                _let_go()
                raise UnavailableError("the database does not answer in time") from error
            except DBAPIError as error:
                _let_go()
                if attempt == WRITE_ATTEMPTS or not _worth_repeating(error):
                    raise _as_ours(error) from error
                log.info("transaction_repeated", attempt=attempt, code=_code(error))
            await asyncio.sleep(random.uniform(0, 0.02 * 2**attempt))  # noqa: S311 (jitter)
        raise AssertionError("unreachable")

    @contextlib.asynccontextmanager
    async def _begin(self) -> AsyncIterator[AsyncConnection]:
        async with self.engine.connect() as connection:
            if self.is_sqlite:
                await connection.execution_options(frontdesk_write=True)
            async with _usable(connection), connection.begin():
                yield connection

    async def ping(self) -> None:
        """Ask the server for a sign of life.

        Raises:
            UnavailableError: there was none.
        """
        async with self.read() as connection:
            await connection.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self.engine.dispose()
        await self._reader.dispose()


def open_database(url: str, *, pool_size: int = 10) -> Database:
    """A database for an SQLAlchemy URL with an asynchronous driver. Nothing is connected yet."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        # Whoever shares a file shares a machine, and its clock.
        return Database(_sqlite_engine(parsed), clock=SharedClock())
    if parsed.get_backend_name() in {"mysql", "mariadb"}:
        complete = parsed.update_query_dict({"charset": "utf8mb4"})
        clock = SharedClock()
        writer = _mysql_engine(complete, pool_size, "READ COMMITTED", clock)
        # Without a transaction around each query three of four round trips are saved.
        return Database(writer, reader=_mysql_engine(complete, pool_size, "AUTOCOMMIT", clock), clock=clock)
    raise ConfigurationError("DATABASE_URL: must start with mysql:// or sqlite:///")


def _mysql_engine(url: URL, pool_size: int, isolation: str, clock: SharedClock) -> AsyncEngine:
    engine = create_async_engine(
        url,
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_recycle=1800,
        # Every transaction ends by itself, see _begin.
        pool_reset_on_return=None,
        skip_autocommit_rollback=True,
        # Parameters are what customers wrote: no error text may show them.
        hide_parameters=True,
        isolation_level=isolation,
        connect_args={
            "connect_timeout": 5,
            "init_command": "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES'",
        },
    )

    @event.listens_for(engine.sync_engine, "checkin")
    def _rests(_: Any, record: Any) -> None:
        record.info["rests_since"] = elapsed()

    @event.listens_for(engine.sync_engine, "checkout")
    def _look(connection: Any, record: Any, _: Any) -> None:
        # Asking before each use would be a fifth of all round trips; after a rest it finds what a restart has ended.
        if clock.is_stale or elapsed() - record.info.get("rests_since", math.inf) > PING_AFTER_S:
            asked_at = elapsed()
            try:
                cursor = connection.cursor()
                cursor.execute("SELECT UTC_TIMESTAMP(6)")
                (moment,) = cursor.fetchone()
                cursor.close()
            except Exception as error:
                raise DisconnectionError from error
            clock.hear(moment, asked_at=asked_at)

    return engine


@contextlib.asynccontextmanager
async def _usable(connection: AsyncConnection) -> AsyncIterator[None]:
    """A connection that was left in the middle of an answer never goes back to the pool."""
    try:
        _let_go()
        yield
    except Exception:
        raise
    except BaseException:
        await connection.invalidate()
        raise


def _sqlite_engine(url: URL) -> AsyncEngine:
    if url.database:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(url, connect_args={"timeout": 10}, hide_parameters=True)

    @event.listens_for(engine.sync_engine, "connect")
    def _configure(connection: Any, _: Any) -> None:
        # The driver must not begin transactions by itself: a write has to begin as one, see below.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        # A transaction that reads first and writes later fails at once when another wrote in between.
        write = connection.get_execution_options().get("frontdesk_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def inserted_id(result: object) -> int:
    """The id of the row that an INSERT of one row made."""
    return int(result.inserted_primary_key[0])  # type: ignore[attr-defined]


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Turn what the drivers raise into our errors."""
    try:
        yield
    except DBAPIError as error:
        _let_go()
        raise _as_ours(error) from error
    except (TimeoutError, PoolTimeoutError) as error:
        _let_go()
        raise UnavailableError("the database does not answer in time") from error
    except OSError as error:
        _let_go()
        raise UnavailableError("the database cannot be reached") from error


def _let_go() -> None:
    """End a task that is being cancelled.

    The driver connects with ``asyncio.wait_for``, which in Python 3.11 forgets a cancellation that comes as it succeeds or
    fails. A task that is to end would go on for ever, and whoever waits for its end as long.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _code(error: DBAPIError) -> int | None:
    arguments = getattr(error.orig, "args", ())
    return arguments[0] if arguments and isinstance(arguments[0], int) else None


def _worth_repeating(error: DBAPIError) -> bool:
    # A connection may have died while it rested in the pool. Where it died during the commit nobody knows whether that
    # happened: every transaction here can be repeated, since what it stores has a key, or finds its own work done.
    return (
        isinstance(error, IntegrityError)
        or error.connection_invalidated
        or _code(error) in RETRIED_CODES
        or SQLITE_BUSY in str(error.orig)
    )


def _as_ours(error: DBAPIError) -> Exception:
    code = _code(error)
    if code == NO_SUCH_TABLE or "no such table" in str(error.orig):
        return ConfigurationError("the schema is not there yet; run: frontdesk db migrate")
    if code == NO_SUCH_DATABASE:
        return NoDatabaseError()
    if code in REFUSALS:
        return UnavailableError(REFUSALS[code])
    if error.connection_invalidated or code in AWAY_CODES:
        return UnavailableError("the database cannot be reached")
    if isinstance(error, OperationalError):
        return StatementRefusedError("the database refuses to commit")
    return error
