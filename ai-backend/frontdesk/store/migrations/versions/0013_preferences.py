"""What people set on the pages, in place of the settings and of the business's file."""

import sqlalchemy as sa

from frontdesk.store.columns import Id, LongText, Moment
from frontdesk.store.migrations.steps import add_table

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_table(
        "preferences",
        sa.Column("name", Id(64), nullable=False),
        sa.Column("value", LongText, nullable=False),
        sa.Column("changed_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
