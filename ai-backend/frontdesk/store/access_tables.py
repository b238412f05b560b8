"""Who may look and act: logins, one-time links and tokens. They are kept as digests: who reads the store cannot use them."""

from sqlalchemy import Column, Integer, String

from frontdesk.store.columns import Digests, Moment, table

logins = table(
    "logins",
    Column("digest", Digests(32), primary_key=True),
    Column("person_id", Integer, nullable=False, index=True),
    Column("device", String(255), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("seen_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False, index=True),
)

# A link by which somebody chooses a password, once. Without a person it makes the first one.
invitations = table(
    "invitations",
    Column("digest", Digests(32), primary_key=True),
    Column("person_id", Integer, index=True),
    Column("created_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
)

api_tokens = table(
    "api_tokens",
    Column("id", Integer, primary_key=True),
    Column("digest", Digests(32), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("scopes", String(64), nullable=False),
    Column("created_by", String(64)),
    Column("created_at", Moment, nullable=False),
    Column("used_at", Moment),
)
