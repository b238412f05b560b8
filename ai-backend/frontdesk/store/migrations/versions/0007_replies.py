"""Who answers, and what was drafted."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import BigId, Id, LongText, Moment
from frontdesk.store.migrations.steps import add_column, add_index, add_table

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("conversations", sa.Column("person_wrote_at", Moment(), nullable=True))
    add_column("agent_routing", sa.Column("turn_id", sa.BigInteger(), nullable=True))
    add_index("ix_webhook_messages_conversation_id_id", "webhook_messages", ["conversation_id", "id"])
    add_table(
        "people",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("name_key", Id(255), nullable=False),
        sa.Column("email", sa.String(length=255), nullable=True),
        sa.Column("phone", sa.String(length=32), nullable=True),
        sa.Column("is_available", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("alerts", sa.String(length=64), nullable=False),
        sa.Column("quiet", sa.String(length=16), nullable=True),
        sa.Column("assigned_at", Moment(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name_key", name=op.f("uq_people_name_key")),
    )
    add_table(
        "bots",
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("reply_mode", sa.String(length=16), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("personality", sa.String(length=16), nullable=False),
        sa.Column("languages", sa.Text(), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=True),
        sa.Column("system_prompt", LongText, nullable=False),
        sa.Column("handover_below", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    add_table(
        "dialogues",
        sa.Column("conversation_id", BigId, autoincrement=False, nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=True),
        sa.Column("handed_over_at", Moment(), nullable=True),
        sa.Column("handed_over_reason", sa.Text(), nullable=True),
        sa.Column("told_at", Moment(), nullable=True),
        sa.Column("assignee_id", sa.Integer(), nullable=True),
        sa.Column("is_stopped", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("context_after", sa.BigInteger(), nullable=False),
        sa.Column("erase_asked_at", Moment(), nullable=True),
        sa.Column("erase_at", Moment(), nullable=True),
        sa.Column("summary", LongText, nullable=False),
        sa.Column("summarised_up_to", sa.BigInteger(), nullable=False),
        sa.Column("summarised_at", Moment(), nullable=True),
        sa.Column("memory_id", Id(128), nullable=True),
        sa.Column("memory_item", Id(128), nullable=True),
        sa.Column("memory_up_to", sa.BigInteger(), nullable=False),
        sa.Column("labels", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.PrimaryKeyConstraint("conversation_id"),
    )
    add_index(op.f("ix_dialogues_assignee_id"), "dialogues", ["assignee_id"])
    add_index(op.f("ix_dialogues_erase_at"), "dialogues", ["erase_at"])
    add_table(
        "turns",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("first_message_id", sa.BigInteger(), nullable=False),
        sa.Column("last_message_id", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("agent", sa.String(length=64), nullable=True),
        sa.Column("content", LongText, nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("outbox_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("decided_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("last_message_id", "kind", name=op.f("uq_turns_last_message_id_kind")),
    )
    add_index(op.f("ix_turns_outbox_id"), "turns", ["outbox_id"])
    add_index("ix_turns_conversation_id_state", "turns", ["conversation_id", "state"])
    add_index("ix_turns_state_id", "turns", ["state", "id"])
