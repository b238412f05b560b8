"""What people bring along to the inbox: filters, notes and ready-made answers; and what they search in."""

from sqlalchemy import BigInteger, Column, Index, Integer, SmallInteger, String, Text

from frontdesk.store.columns import BigId, Id, LongText, Moment, table

saved_filters = table(
    "saved_filters",
    Column("id", Integer, primary_key=True),
    Column("person_id", Integer, index=True),
    Column("name", String(64), nullable=False),
    Column("query", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)

canned_replies = table(
    "canned_replies",
    Column("id", Integer, primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("content", LongText, nullable=False),
    Column("created_at", Moment, nullable=False),
)

notes = table(
    "notes",
    Column("id", BigId, primary_key=True),
    # No foreign key, as for what else is known of contacts.
    Column("contact_id", BigInteger, nullable=False, index=True),
    Column("person", String(64)),
    Column("content", LongText, nullable=False),
    Column("created_at", Moment, nullable=False),
)

# What people set on the pages, in place of the settings and of the business's file: JSON.
preferences = table(
    "preferences",
    Column("name", Id(64), primary_key=True),
    Column("value", LongText, nullable=False),
    Column("changed_at", Moment, nullable=False),
)

# An inverted index, the same on every store: which words a message, a contact or a message of ours has.
search_words = table(
    "search_words",
    Column("kind", SmallInteger, primary_key=True, autoincrement=False),
    Column("subject_id", BigId, primary_key=True, autoincrement=False),
    Column("word", Id(32), primary_key=True),
    Index("ix_search_words_word_kind_subject_id", "word", "kind", "subject_id"),
)
