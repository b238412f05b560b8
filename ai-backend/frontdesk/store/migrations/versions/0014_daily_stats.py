"""Hourly totals summed up by day, which analytics read."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import Id
from frontdesk.store.migrations.steps import add_index, add_table

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_table(
        "daily_stats",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("metric", Id(32), nullable=False),
        sa.Column("label", Id(64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "metric", "label"),
    )
    add_index("ix_system_stats_metric_day", "system_stats", ["metric", "day"])
    op.execute("DELETE FROM daily_stats")
    op.execute(
        "INSERT INTO daily_stats (day, metric, label, value)"
        " SELECT day, metric, label, SUM(value) FROM system_stats GROUP BY day, metric, label"
    )
