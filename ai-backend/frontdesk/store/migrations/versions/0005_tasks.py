"""What is to be done."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import BigId, Digests, LongText, Moment
from frontdesk.store.migrations.steps import add_index, add_table

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_table(
        "tasks",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=True),
        sa.Column("conversation_id", BigId, nullable=True),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("description", LongText, nullable=False),
        sa.Column("type", sa.String(length=16), nullable=False),
        sa.Column("priority", sa.SmallInteger(), nullable=False),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("is_all_day", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("tags", sa.Text(), nullable=False),
        sa.Column("assignee", sa.String(length=64), nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.Column("done_at", Moment(), nullable=True),
        sa.Column("creation_key", Digests(16), nullable=True),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.ForeignKeyConstraint(["conversation_id"], ["conversations.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("creation_key", name=op.f("uq_tasks_creation_key")),
    )
    add_index(op.f("ix_tasks_contact_id"), "tasks", ["contact_id"])
    add_index("ix_tasks_status_due_at", "tasks", ["status", "due_at"])
    add_index("ix_tasks_conversation_id_status", "tasks", ["conversation_id", "status"])
    add_table(
        "task_messages",
        sa.Column("message_id", BigId, autoincrement=False, nullable=False),
        sa.Column("position", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("task_id", BigId, nullable=False),
        sa.ForeignKeyConstraint(["message_id"], ["webhook_messages.id"]),
        sa.ForeignKeyConstraint(["task_id"], ["tasks.id"]),
        sa.PrimaryKeyConstraint("message_id", "position"),
    )
    add_index(op.f("ix_task_messages_task_id"), "task_messages", ["task_id"])
