"""Steps of migrations that are taken once: MySQL commits each by itself, and a process that dies between two must find its way on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem


def add_table(name: str, *parts: SchemaItem) -> None:
    """Create a table, unless it is there."""
    if not _here().has_table(name):
        op.create_table(
            name, *parts, mysql_charset="utf8mb4", mysql_collate="utf8mb4_bin", mysql_engine="InnoDB"
        )  # fmt: skip


def add_index(name: str, table: str, columns: list[str]) -> None:
    """Create an index, unless it is there."""
    if name not in {index["name"] for index in _here().get_indexes(table)}:
        op.create_index(name, table, columns)


def add_column(table: str, column: sa.Column[object]) -> None:
    """Add a column, unless it is there."""
    if column.name not in {known["name"] for known in _here().get_columns(table)}:
        op.add_column(table, column)


def _here() -> sa.Inspector:
    return sa.inspect(op.get_bind())
