"""The outbox, what one process at a time does, and what happened."""

from typing import Any

import sqlalchemy as sa
from alembic import op

from frontdesk.store.tables import BigId, Digests, Id, LongText, Moment

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if "trace" not in {column["name"] for column in _here().get_columns("webhook_messages")}:
        op.add_column("webhook_messages", sa.Column("trace", Id(64), nullable=True))
    _table(
        "outbox",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("idempotency_key", Id(128), nullable=False),
        sa.Column("channel_key", Id(64), nullable=False),
        sa.Column("recipient", Id(255), nullable=False),
        sa.Column("content", LongText, nullable=False),
        sa.Column("is_automatic", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("channel_message_id", Id(255), nullable=True),
        sa.Column("trace", Id(64), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("queued_at", Moment(), nullable=False),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "idempotency_key", name=op.f("uq_outbox_account_id_idempotency_key")),
        sa.UniqueConstraint("channel_key", name=op.f("uq_outbox_channel_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    _index("ix_outbox_state_id", "outbox", ["state", "id"])
    _index("ix_outbox_account_id_state_id", "outbox", ["account_id", "state", "id"])
    _index("ix_outbox_conversation_id_state_id", "outbox", ["conversation_id", "state", "id"])
    _index("ix_outbox_account_id_channel_message_id", "outbox", ["account_id", "channel_message_id"])
    _table(
        "duties",
        sa.Column("name", Id(64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("claimed_version", sa.BigInteger(), nullable=False),
        sa.Column("owner", Digests(16), nullable=True),
        sa.Column("ready_at", Moment(), nullable=True),
        sa.Column("paced_until", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    _index(op.f("ix_duties_ready_at"), "duties", ["ready_at"])
    _table(
        "events",
        sa.Column("id", BigId, nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=True),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("conversation_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("outbox_id", sa.BigInteger(), nullable=True),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("number", name=op.f("uq_events_number")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    _table(
        "counters",
        sa.Column("name", Id(64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )


# MySQL commits each of these by itself: a process that dies between two must find its way on when it starts again.
def _here() -> sa.Inspector:
    return sa.inspect(op.get_bind())


def _table(name: str, *parts: sa.schema.SchemaItem, **options: Any) -> None:
    if not _here().has_table(name):
        op.create_table(name, *parts, **options)


def _index(name: str, table: str, columns: list[str]) -> None:
    if name not in {index["name"] for index in _here().get_indexes(table)}:
        op.create_index(name, table, columns)
