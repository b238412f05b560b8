"""Making and migrating the schema."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.dialects import mysql
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.schema import CreateIndex, CreateTable

from frontdesk.domain.errors import UnavailableError
from frontdesk.store.all_tables import metadata
from frontdesk.store.columns import COLLATION
from frontdesk.store.database import Database, NoDatabaseError, translated

MIGRATIONS = Path(__file__).parent / "migrations"
HEADER = """-- The MySQL 8+ / MariaDB 10.6+ schema of Frontdesk, made by `frontdesk db schema`; do not edit.
-- Use it as:  mysql frontdesk < schema.sql     `frontdesk db migrate` does the same, and upgrades later.
-- The database should have been created with:  CREATE DATABASE frontdesk CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

SET NAMES utf8mb4;
"""


def configuration() -> Config:
    """Alembic's configuration; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def head() -> str:
    """The newest revision."""
    revision = ScriptDirectory.from_config(configuration()).get_current_head()
    assert revision is not None  # noqa: S101 (there is at least one migration)
    return revision


async def migrate(database: Database) -> bool:
    """Create or upgrade the schema, and the database itself where the server has none of that name; True for a change.

    Raises:
        UnavailableError: the server cannot be reached, or does not let us.
    """
    if not database.is_sqlite:
        await _create_database(database)
    with translated():
        async with database.engine.connect() as connection, _alone(connection):
            before = await connection.run_sync(_revision)
            if before == head():
                return False
            await connection.run_sync(_upgrade)
            await connection.commit()
    return True


@contextlib.asynccontextmanager
async def _alone(connection: AsyncConnection) -> AsyncIterator[None]:
    """Of processes that start at the same moment one upgrades, and the others find it done. SQLite has one writer anyway."""
    if connection.dialect.name == "sqlite":
        yield
        return
    if await connection.scalar(text("SELECT GET_LOCK('frontdesk_migrate', 60)")) != 1:
        raise UnavailableError("another process has been upgrading the schema for a minute")
    try:
        yield
    finally:
        await connection.execute(text("SELECT RELEASE_LOCK('frontdesk_migrate')"))


async def _create_database(database: Database) -> None:
    try:
        await database.ping()
    except NoDatabaseError:
        name = database.engine.url.database or ""
        quoted = database.engine.dialect.identifier_preparer.quote_identifier(name)
        server = create_async_engine(database.engine.url.set(database=""))
        try:
            with translated():
                async with server.connect() as connection:
                    await connection.execute(
                        text(f"CREATE DATABASE IF NOT EXISTS {quoted} CHARACTER SET utf8mb4 COLLATE {COLLATION}")
                    )
        finally:
            await server.dispose()


async def is_current(database: Database) -> bool:
    """Whether the schema is at the newest revision."""
    try:
        async with database.read() as connection:
            return await connection.run_sync(_revision) == head()
    except UnavailableError:
        return False


def mysql_schema() -> str:
    """The whole schema as SQL for MySQL, with the revision that it stands for."""
    dialect = mysql.dialect()
    statements = []
    for table in metadata.sorted_tables:
        statements.append(str(CreateTable(table).compile(dialect=dialect)).strip())
        statements += [
            str(CreateIndex(index).compile(dialect=dialect))
            for index in sorted(table.indexes, key=lambda item: str(item.name))
        ]
    version = "CREATE TABLE alembic_version (\n\tversion_num VARCHAR(32) NOT NULL, \n\tPRIMARY KEY (version_num)\n)"
    statements += [version, f"INSERT INTO alembic_version (version_num) VALUES ('{head()}')"]  # noqa: S608 (our own revision)
    lines = (line.rstrip() for line in (HEADER + "\n" + ";\n\n".join(statements) + ";\n").splitlines())
    return "\n".join(lines) + "\n"


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _upgrade(connection: Connection) -> None:
    config = configuration()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
