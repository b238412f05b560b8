"""What is known of contacts, and which of them proved to be one."""

from sqlalchemy import BigInteger, Column, Float, Integer, String, Text

from frontdesk.store.columns import BigId, Id, Moment, table

# No foreign keys to contacts: they would lock the contact after the conversation, and accepting locks them the other way round.
contact_fields = table(
    "contact_fields",
    Column("contact_id", BigId, primary_key=True, autoincrement=False),
    Column("field", Id(40), primary_key=True),
    Column("value", Text, nullable=False),
    Column("source", String(16), nullable=False),
    Column("message_id", BigInteger),
    Column("confidence", Float, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

# What was moved from one contact to another, so that it can be moved back: JSON.
contact_merges = table(
    "contact_merges",
    Column("id", Integer, primary_key=True),
    Column("kept_id", BigInteger, nullable=False, index=True),
    Column("merged_id", BigInteger, nullable=False, index=True),
    Column("source", String(16), nullable=False),
    Column("identities", Text, nullable=False),
    Column("conversations", Text, nullable=False),
    Column("merged_at", Moment, nullable=False),
    Column("undone_at", Moment),
)
