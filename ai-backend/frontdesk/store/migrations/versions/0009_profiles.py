"""What is known of contacts, and which of them proved to be one."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import BigId, Id, Moment
from frontdesk.store.migrations.steps import add_column, add_index, add_table

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("contacts", sa.Column("merged_into", sa.BigInteger(), nullable=True))
    add_index(op.f("ix_contacts_merged_into"), "contacts", ["merged_into"])
    add_table(
        "contact_fields",
        sa.Column("contact_id", BigId, autoincrement=False, nullable=False),
        sa.Column("field", Id(40), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("contact_id", "field"),
    )
    add_table(
        "contact_merges",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kept_id", sa.BigInteger(), nullable=False),
        sa.Column("merged_id", sa.BigInteger(), nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("identities", sa.Text(), nullable=False),
        sa.Column("conversations", sa.Text(), nullable=False),
        sa.Column("merged_at", Moment(), nullable=False),
        sa.Column("undone_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    add_index(op.f("ix_contact_merges_kept_id"), "contact_merges", ["kept_id"])
    add_index(op.f("ix_contact_merges_merged_id"), "contact_merges", ["merged_id"])
