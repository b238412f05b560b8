"""People who log in, and tokens with fewer rights than the owner's."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import Digests, Moment
from frontdesk.store.migrations.steps import add_column, add_index, add_table

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    add_column("people", sa.Column("role", sa.String(length=16), server_default="agent", nullable=False))
    add_column("people", sa.Column("password", sa.String(length=255), nullable=True))
    add_table(
        "logins",
        sa.Column("digest", Digests(32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("device", sa.String(length=255), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("seen_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    add_index(op.f("ix_logins_person_id"), "logins", ["person_id"])
    add_index(op.f("ix_logins_expires_at"), "logins", ["expires_at"])
    add_table(
        "invitations",
        sa.Column("digest", Digests(32), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("expires_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("digest"),
    )
    add_index(op.f("ix_invitations_person_id"), "invitations", ["person_id"])
    add_table(
        "api_tokens",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("digest", Digests(32), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.String(length=64), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("used_at", Moment(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("digest", name=op.f("uq_api_tokens_digest")),
    )
