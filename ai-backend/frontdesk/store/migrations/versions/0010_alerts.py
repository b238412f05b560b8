"""Who is reached when they are not looking, and what people correct."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import BigId, Id, Moment
from frontdesk.store.migrations.steps import add_index, add_table

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_table(
        "alerts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("event_number", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", sa.BigInteger(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("channel", sa.String(length=16), nullable=False),
        sa.Column("channel_key", Id(64), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "event_number", "person_id", "channel", name=op.f("uq_alerts_event_number_person_id_channel")
        ),
    )
    add_index("ix_alerts_state_due_at", "alerts", ["state", "due_at"])
    add_index("ix_alerts_conversation_id_kind", "alerts", ["conversation_id", "kind"])
    add_table(
        "corrections",
        sa.Column("id", BigId, nullable=False),
        sa.Column("webhook_message_id", BigId, nullable=False),
        sa.Column("field", Id(40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("judged", sa.Text(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=True),
        sa.Column("corrected_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["webhook_message_id"], ["webhook_messages.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("webhook_message_id", "field", name=op.f("uq_corrections_webhook_message_id_field")),
    )
