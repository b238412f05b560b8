"""What people and other programs work with: who waits, what is to be done, and who is told."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)

from frontdesk.store.columns import BigId, Digests, Id, LongText, Moment, table
from frontdesk.store.tables import accounts, conversations, webhook_messages

# Somebody waits for an answer: from the first message that needs one until we wrote. ``is_open`` is true or null, so that a
# conversation has one open wait at most and any number of ended ones.
waits = table(
    "waits",
    Column("id", BigId, primary_key=True),
    Column("account_id", Integer, ForeignKey(accounts.c.id), nullable=False),
    Column("conversation_id", BigId, ForeignKey(conversations.c.id), nullable=False),
    Column("first_message_id", BigId, ForeignKey(webhook_messages.c.id), nullable=False),
    # The one whose answer is due first.
    Column("message_id", BigId, ForeignKey(webhook_messages.c.id), nullable=False),
    Column("is_open", Boolean(create_constraint=False)),
    # Whether the conversation had been at rest: the answer is the first one then.
    Column("is_first", Boolean(create_constraint=False), nullable=False),
    Column("began_at", Moment, nullable=False),
    Column("near_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),
    # When its deadline is to be looked at: as it comes near, as it passes, never again.
    Column("look_at", Moment, index=True),
    Column("ended_at", Moment, index=True),
    Column("answered_by", String(16)),
    UniqueConstraint("conversation_id", "is_open"),
    Index("ix_waits_is_open_due_at", "is_open", "due_at"),
)

# What a conversation was about, from the first message that needed an answer until somebody said that it is done.
episodes = table(
    "episodes",
    Column("id", BigId, primary_key=True),
    Column("account_id", Integer, ForeignKey(accounts.c.id), nullable=False),
    Column("conversation_id", BigId, ForeignKey(conversations.c.id), nullable=False),
    Column("is_open", Boolean(create_constraint=False)),
    Column("began_at", Moment, nullable=False),
    Column("ended_at", Moment, index=True),
    UniqueConstraint("conversation_id", "is_open"),
)

tasks = table(
    "tasks",
    Column("id", BigId, primary_key=True),
    Column("account_id", Integer, ForeignKey(accounts.c.id)),
    Column("conversation_id", BigId, ForeignKey(conversations.c.id)),
    # No foreign key: it would lock the contact after the conversation, and accepting locks them the other way round.
    Column("contact_id", BigId, index=True),
    Column("title", String(255), nullable=False),
    Column("description", LongText, nullable=False),
    Column("type", String(16), nullable=False),
    Column("priority", SmallInteger, nullable=False),
    Column("due_at", Moment),
    Column("is_all_day", Boolean(create_constraint=False), nullable=False),
    Column("tags", Text, nullable=False),
    Column("assignee", String(64)),
    Column("status", String(16), nullable=False),
    Column("source", String(16), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("done_at", Moment),
    # Of a person's task: what is repeated after a lost answer makes no second one.
    Column("creation_key", Digests(16), unique=True),
    Index("ix_tasks_status_due_at", "status", "due_at"),
    Index("ix_tasks_conversation_id_status", "conversation_id", "status"),
)

# Which messages asked for a task: the first one, and those that repeated it. A message asks for each of its wishes once.
task_messages = table(
    "task_messages",
    Column("message_id", BigId, ForeignKey(webhook_messages.c.id), primary_key=True, autoincrement=False),
    Column("position", SmallInteger, primary_key=True, autoincrement=False),
    Column("task_id", BigId, ForeignKey("tasks.id"), nullable=False, index=True),
)

# Endpoints of others. One process at a time tells each, until ``held_until``.
webhook_endpoints = table(
    "webhook_endpoints",
    Column("id", Integer, primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", Id(128), nullable=False),
    Column("description", String(255), nullable=False),
    Column("events", Text, nullable=False),
    Column("with_content", Boolean(create_constraint=False), nullable=False),
    Column("is_enabled", Boolean(create_constraint=False), nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("failing_since", Moment),
    Column("due_at", Moment),
    Column("error", Text),
    Column("owner", Digests(16)),
    Column("held_until", Moment),
    Column("created_at", Moment, nullable=False),
)

webhook_dead_letters = table(
    "webhook_dead_letters",
    Column("endpoint_id", Integer, ForeignKey("webhook_endpoints.id"), primary_key=True, autoincrement=False),
    Column("event_number", BigInteger, primary_key=True, autoincrement=False),
    Column("type", String(32), nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)

# What people say of a judgement: the value that is right, and the one that was judged. Later judgements leave it alone.
corrections = table(
    "corrections",
    Column("id", BigId, primary_key=True),
    Column("webhook_message_id", BigId, ForeignKey(webhook_messages.c.id), nullable=False),
    Column("field", Id(40), nullable=False),
    Column("value", Text, nullable=False),
    Column("judged", Text, nullable=False),
    Column("person", String(64)),
    Column("corrected_at", Moment, nullable=False),
    UniqueConstraint("webhook_message_id", "field"),
)
