"""The inbox: what its lists show of conversations, what people bring along, and what is searched in.

Words of what is there already are added by ``frontdesk search rebuild``.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import BigId, Id, LongText, Moment
from frontdesk.store.migrations.steps import add_column, add_index, add_table

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

LATEST = """
UPDATE conversations SET {name} = (
  SELECT a.{column} FROM analytics_results a JOIN webhook_messages m ON m.id = a.webhook_message_id
  WHERE m.conversation_id = conversations.id ORDER BY m.id DESC LIMIT 1)
"""


def upgrade() -> None:
    shown: tuple[sa.Column[Any], ...] = (
        sa.Column("unread", sa.Integer(), server_default="0", nullable=False),
        sa.Column("archived_at", Moment(), nullable=True),
        sa.Column("is_blocked", sa.Boolean(create_constraint=False), server_default="0", nullable=False),
        sa.Column("last_type", sa.String(length=32), nullable=True),
        sa.Column("urgency", sa.SmallInteger(), nullable=True),
        sa.Column("category", sa.String(length=16), nullable=True),
        sa.Column("sentiment", sa.String(length=16), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("agent", sa.String(length=64), nullable=True),
    )
    for column in shown:
        add_column("conversations", column)
    add_index("ix_conversations_last_message_at", "conversations", ["last_message_at"])
    add_index("ix_conversations_unread", "conversations", ["unread"])
    add_index("ix_webhook_messages_conversation_id_created_at", "webhook_messages", ["conversation_id", "created_at"])
    for name, source in (
        ("urgency", "urgency_score"),
        ("category", "category"),
        ("sentiment", "sentiment"),
        ("language", "language"),
    ):
        op.execute(LATEST.format(name=name, column=source))
    add_table(
        "saved_filters",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("query", sa.Text(), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    add_index(op.f("ix_saved_filters_person_id"), "saved_filters", ["person_id"])
    add_table(
        "canned_replies",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("content", LongText, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name=op.f("uq_canned_replies_name")),
    )
    add_table(
        "notes",
        sa.Column("id", BigId, nullable=False),
        sa.Column("contact_id", sa.BigInteger(), nullable=False),
        sa.Column("person", sa.String(length=64), nullable=True),
        sa.Column("content", LongText, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    add_index(op.f("ix_notes_contact_id"), "notes", ["contact_id"])
    add_table(
        "search_words",
        sa.Column("kind", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("subject_id", BigId, autoincrement=False, nullable=False),
        sa.Column("word", Id(32), nullable=False),
        sa.PrimaryKeyConstraint("kind", "subject_id", "word"),
    )
    add_index("ix_search_words_word_kind_subject_id", "search_words", ["word", "kind", "subject_id"])
