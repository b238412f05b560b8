"""``schema.sql``, the tables in code and the migrations are one and the same."""

import shutil
import subprocess
from pathlib import Path

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, create_engine, text
from tests.support.mariadb import async_url, new_mysql_database

from frontdesk.settings import ROOT
from frontdesk.store.all_tables import metadata
from frontdesk.store.database import Database, open_database
from frontdesk.store.schema import is_current, migrate, mysql_schema

PROMISED = {
    "webhook_messages": {"message_id", "chat_time", "chat_name", "phone_number", "current_message", "is_vip_customer", "created_at"},
    "analytics_results": {
        "urgency_score", "category", "sentiment", "priority_level", "action_required", "recommended_response_time",
        "keywords", "confidence_score", "processed_at",
    },
    "message_history": set(), "agent_routing": set(), "critical_groups": set(), "important_customers": set(),
    "system_stats": set(),
}  # fmt: skip


def test_the_file_is_what_the_code_makes() -> None:
    """`frontdesk db schema > schema.sql` was not forgotten."""
    assert (ROOT / "schema.sql").read_text(encoding="utf-8") == mysql_schema()


def test_the_names_that_reports_rely_on_are_there() -> None:
    """People have reports on these tables and columns."""
    for table, columns in PROMISED.items():
        assert columns <= set(metadata.tables[table].columns.keys())


async def test_the_migrations_make_the_tables_of_the_code(store_url: str) -> None:
    """On both stores, with nothing left to migrate."""
    database = open_database(async_url(store_url))
    assert not await is_current(database)
    assert await migrate(database) is True
    assert await migrate(database) is False
    assert await is_current(database)
    async with database.engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await database.close()


async def test_a_database_that_is_not_there_is_made(mysql_server: str) -> None:
    """One step less for whoever moves to MySQL, where the user may."""
    url = f"{async_url(new_mysql_database(mysql_server))}_more"
    database = open_database(url)
    assert await migrate(database) is True
    assert await is_current(database)
    await database.close()


def _differences(connection: Connection) -> list[object]:
    return list(compare_metadata(MigrationContext.configure(connection, opts={"compare_type": True}), metadata))


async def test_the_file_makes_the_same_schema_as_the_migrations(mysql_server: str, tmp_path: Path) -> None:
    """Column by column, index by index, on a real server."""
    by_migration, by_file = new_mysql_database(mysql_server), new_mysql_database(mysql_server)
    database = open_database(async_url(by_migration))
    await migrate(database)
    await database.close()
    client = shutil.which("mariadb") or shutil.which("mysql")
    assert client, "the client comes with the server"
    port = mysql_server.rpartition(":")[2]
    with (ROOT / "schema.sql").open("rb") as file:
        subprocess.run(  # noqa: ASYNC221 (nothing else runs here)
            [client, "--no-defaults", "-h127.0.0.1", f"-P{port}", "-uroot", by_file.rpartition("/")[2]],
            stdin=file,
            check=True,
        )
    assert _described(by_migration) == _described(by_file)
    opened = open_database(async_url(by_file))
    assert await is_current(opened)
    await opened.close()


def _described(url: str) -> dict[str, list[tuple[object, ...]]]:
    name = url.rpartition("/")[2]
    engine = create_engine(url.replace("mysql://", "mysql+pymysql://"))
    queries = {
        "columns": "SELECT table_name, column_name, ordinal_position, column_default, is_nullable, column_type, collation_name, "
        "extra FROM information_schema.columns WHERE table_schema = :name ORDER BY 1, 3",
        "indexes": "SELECT table_name, index_name, non_unique, seq_in_index, column_name FROM information_schema.statistics "
        "WHERE table_schema = :name ORDER BY 1, 2, 4",
        "references": "SELECT table_name, column_name, referenced_table_name, referenced_column_name "
        "FROM information_schema.key_column_usage WHERE table_schema = :name AND referenced_table_name IS NOT NULL "
        "ORDER BY 1, 2",
    }
    with engine.connect() as connection:
        found = {
            key: [tuple(row) for row in connection.execute(text(query), {"name": name})]
            for key, query in queries.items()
        }
    engine.dispose()
    return found


async def test_the_text_columns_hold_every_character(database: Database) -> None:
    """utf8mb4 with a binary collation: two emoji are never equal."""
    async with database.read() as connection:
        same = await connection.scalar(text("SELECT COUNT(*) FROM webhook_messages WHERE chat_name = '😀'"))
    assert same == 0
