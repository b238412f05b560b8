"""What tables are made of, the same in SQLite and MySQL.

Ids from outside are bytes (VARBINARY), since even the binary collation ignores trailing spaces. Times are naive UTC with
microseconds.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, DateTime, Dialect, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator, TypeEngine


class Id(TypeDecorator[str]):
    """A text that identifies something, compared byte by byte: str in Python, VARBINARY of UTF-8 in the store."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, length: int = 255) -> None:
        super().__init__()
        self.length = length

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """VARBINARY on MySQL, BLOB on SQLite."""
        is_mysql = dialect.name in {"mysql", "mariadb"}
        return dialect.type_descriptor(mysql.VARBINARY(self.length) if is_mysql else LargeBinary())

    def process_bind_param(self, value: str | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """Text to bytes."""
        return None if value is None else value.encode()

    def process_result_value(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Bytes to text."""
        return None if value is None else bytes(value).decode("utf-8", "replace")


class Moment(TypeDecorator[datetime]):
    """An aware moment in Python, naive UTC with microseconds in the store."""

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """DATETIME(6) on MySQL."""
        is_mysql = dialect.name in {"mysql", "mariadb"}
        return dialect.type_descriptor(mysql.DATETIME(fsp=6) if is_mysql else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:  # noqa: ARG002
        """To naive UTC; a naive moment is an error."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive moment cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """To aware UTC."""
        return None if value is None else value.replace(tzinfo=UTC)


BigId = BigInteger().with_variant(Integer, "sqlite")
LongText = Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def Digests(length: int) -> TypeEngine[bytes]:  # noqa: N802 (a type)
    """Raw bytes of at most this length."""
    return LargeBinary(length).with_variant(mysql.VARBINARY(length), "mysql", "mariadb")


COLLATION = "utf8mb4_bin"

metadata = MetaData(
    naming_convention={"ix": "ix_%(table_name)s_%(column_0_N_name)s", "uq": "uq_%(table_name)s_%(column_0_N_name)s"}
)


def table(name: str, *parts: SchemaItem) -> Table:
    """A table of the desk."""
    return Table(name, metadata, *parts, mysql_engine="InnoDB", mysql_charset="utf8mb4", mysql_collate=COLLATION)
