"""The outbox, what one process at a time does, and what happened."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import BigId, Digests, Id, LongText, Moment
from frontdesk.store.migrations.steps import add_column, add_index, add_table

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("webhook_messages", sa.Column("trace", Id(64), nullable=True))
    add_table(
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
    )
    add_index("ix_outbox_state_id", "outbox", ["state", "id"])
    add_index("ix_outbox_account_id_state_id", "outbox", ["account_id", "state", "id"])
    add_index("ix_outbox_conversation_id_state_id", "outbox", ["conversation_id", "state", "id"])
    add_index("ix_outbox_account_id_channel_message_id", "outbox", ["account_id", "channel_message_id"])
    add_table(
        "duties",
        sa.Column("name", Id(64), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("claimed_version", sa.BigInteger(), nullable=False),
        sa.Column("owner", Digests(16), nullable=True),
        sa.Column("ready_at", Moment(), nullable=True),
        sa.Column("paced_until", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )
    add_index(op.f("ix_duties_ready_at"), "duties", ["ready_at"])
    add_table(
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
    )
    add_table(
        "counters",
        sa.Column("name", Id(64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
