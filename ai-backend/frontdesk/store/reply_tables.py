"""Who answers: the people, how the desk speaks, where each conversation stands, and what was drafted for it."""

from sqlalchemy import BigInteger, Boolean, Column, Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint

from frontdesk.store.columns import BigId, Id, LongText, Moment, table
from frontdesk.store.tables import accounts, conversations

people = table(
    "people",
    Column("id", Integer, primary_key=True),
    # As typed, and what makes two names the same.
    Column("name", String(64), nullable=False),
    Column("name_key", Id(255), nullable=False, unique=True),
    Column("email", String(255)),
    Column("phone", String(32)),
    Column("is_available", Boolean(create_constraint=False), nullable=False),
    Column("alerts", String(64), nullable=False),
    Column("quiet", String(16)),
    # Whose turn it is: who was given a conversation longest ago.
    Column("assigned_at", Moment),
    Column("created_at", Moment, nullable=False),
    Column("role", String(16), nullable=False, server_default="agent"),
    # As Argon2 writes it; null where nobody has chosen one.
    Column("password", String(255)),
)

bots = table(
    "bots",
    Column("account_id", Integer, ForeignKey(accounts.c.id), primary_key=True, autoincrement=False),
    Column("reply_mode", String(16)),
    Column("name", String(64), nullable=False),
    Column("personality", String(16), nullable=False),
    Column("languages", Text, nullable=False),
    Column("model", String(128)),
    Column("system_prompt", LongText, nullable=False),
    Column("handover_below", Float),
)

# Where a conversation stands. No row means that nothing has been said of it yet.
dialogues = table(
    "dialogues",
    Column("conversation_id", BigId, ForeignKey(conversations.c.id), primary_key=True, autoincrement=False),
    Column("mode", String(16)),
    Column("handed_over_at", Moment),
    Column("handed_over_reason", Text),
    Column("told_at", Moment),
    # No foreign key: a person who is gone leaves nobody.
    Column("assignee_id", Integer, index=True),
    Column("is_stopped", Boolean(create_constraint=False), nullable=False),
    Column("context_after", BigInteger, nullable=False),
    Column("erase_asked_at", Moment),
    # The customer has confirmed to be forgotten; done when the answer had time to leave.
    Column("erase_at", Moment, index=True),
    Column("summary", LongText, nullable=False),
    Column("summarised_up_to", BigInteger, nullable=False),
    Column("summarised_at", Moment),
    Column("memory_id", Id(128)),
    Column("memory_item", Id(128)),
    Column("memory_up_to", BigInteger, nullable=False),
    Column("labels", Text, nullable=False),
)

turns = table(
    "turns",
    Column("id", BigId, primary_key=True),
    Column("account_id", Integer, ForeignKey(accounts.c.id), nullable=False),
    Column("conversation_id", BigId, ForeignKey(conversations.c.id), nullable=False),
    # No foreign keys: they would lock messages that accepting locks, too.
    Column("first_message_id", BigInteger, nullable=False),
    Column("last_message_id", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("state", String(16), nullable=False),
    Column("agent", String(64)),
    Column("content", LongText, nullable=False),
    Column("confidence", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("outbox_id", BigInteger, index=True),
    Column("created_at", Moment, nullable=False),
    Column("decided_at", Moment),
    UniqueConstraint("last_message_id", "kind"),
    Index("ix_turns_conversation_id_state", "conversation_id", "state"),
    Index("ix_turns_state_id", "state", "id"),
)

# People who are not looking are reached. Of one event each person is told once by each way.
alerts = table(
    "alerts",
    Column("id", BigId, primary_key=True),
    Column("event_number", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("account_id", Integer, ForeignKey(accounts.c.id), nullable=False),
    # No foreign keys: what was told stays true when its subject is gone.
    Column("conversation_id", BigInteger, nullable=False),
    Column("person_id", Integer, nullable=False),
    Column("channel", String(16), nullable=False),
    # What names its message to WhatsApp, so that it can be asked about.
    Column("channel_key", Id(64), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment),
    Column("error", Text),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    UniqueConstraint("event_number", "person_id", "channel"),
    Index("ix_alerts_state_due_at", "state", "due_at"),
    Index("ix_alerts_conversation_id_kind", "conversation_id", "kind"),
)
