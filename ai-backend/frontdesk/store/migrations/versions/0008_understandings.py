"""What files say."""

import sqlalchemy as sa

from frontdesk.store.columns import Id, LongText, Moment
from frontdesk.store.migrations.steps import add_index, add_table

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_table(
        "understandings",
        sa.Column("account_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("message_id", Id(255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("content", LongText, nullable=False),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=True),
        sa.Column("cost_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("is_judged", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(["account_id"], ["accounts.id"]),
        sa.PrimaryKeyConstraint("account_id", "message_id"),
    )
    add_index("ix_understandings_status_due_at", "understandings", ["status", "due_at"])
    add_index("ix_understandings_is_judged_status", "understandings", ["is_judged", "status"])
