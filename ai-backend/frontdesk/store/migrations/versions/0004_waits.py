"""Who waits for an answer, and until when."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import BigId, Moment
from frontdesk.store.migrations.steps import add_column, add_index, add_table

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("conversations", sa.Column("answered_up_to", sa.BigInteger(), nullable=True))
    add_column("outbox", sa.Column("answers_up_to", sa.BigInteger(), nullable=True))
    add_column("analytics_results", sa.Column("near_at", Moment(), nullable=True))
    add_column("analytics_results", sa.Column("due_at", Moment(), nullable=True))
    add_table(
        "waits",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("first_message_id", BigId, nullable=False),
        sa.Column("message_id", BigId, nullable=False),
        sa.Column("is_open", sa.Boolean(create_constraint=False), nullable=True),
        sa.Column("is_first", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("began_at", Moment(), nullable=False),
        sa.Column("near_at", Moment(), nullable=False),
        sa.Column("due_at", Moment(), nullable=False),
        sa.Column("look_at", Moment(), nullable=True),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.Column("answered_by", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.ForeignKeyConstraint(["first_message_id"], ["webhook_messages.id"]),
        sa.ForeignKeyConstraint(["message_id"], ["webhook_messages.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "is_open", name=op.f("uq_waits_conversation_id_is_open")),
    )
    add_index(op.f("ix_waits_look_at"), "waits", ["look_at"])
    add_index(op.f("ix_waits_ended_at"), "waits", ["ended_at"])
    add_index("ix_waits_is_open_due_at", "waits", ["is_open", "due_at"])
    add_table(
        "episodes",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("is_open", sa.Boolean(create_constraint=False), nullable=True),
        sa.Column("began_at", Moment(), nullable=False),
        sa.Column("ended_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("conversation_id", "is_open", name=op.f("uq_episodes_conversation_id_is_open")),
    )
    add_index(op.f("ix_episodes_ended_at"), "episodes", ["ended_at"])
