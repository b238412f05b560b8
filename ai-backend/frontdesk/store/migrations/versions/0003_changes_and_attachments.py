"""The state of each session, what happens to messages later, and what files they brought."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import BigId, Digests, Id, LongText, Moment
from frontdesk.store.migrations.steps import add_column, add_index, add_table

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("webhook_messages", sa.Column("is_forwarded", sa.Boolean(create_constraint=False), nullable=True))
    add_table(
        "sessions",
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id"),
    )
    add_table(
        "message_changes",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("message_id", Id(255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("content", LongText, nullable=True),
        sa.Column("replaced", LongText, nullable=True),
        sa.Column("sender_id", Id(255), nullable=True),
        sa.Column("is_from_us", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.Column("digest", Digests(16), nullable=False),
        sa.Column("is_judged", sa.Boolean(create_constraint=False), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint(
            "account_id", "message_id", "digest", name=op.f("uq_message_changes_account_id_message_id_digest")
        ),
    )
    add_index("ix_message_changes_is_judged_id", "message_changes", ["is_judged", "id"])
    add_table(
        "attachments",
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_id", Id(255), nullable=False),
        sa.Column("sha256", Digests(32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("mimetype", sa.String(length=128), nullable=False),
        sa.Column("filename", sa.String(length=255), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id", "message_id"),
    )
    add_index(op.f("ix_attachments_sha256"), "attachments", ["sha256"])
