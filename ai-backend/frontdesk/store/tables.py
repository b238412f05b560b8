"""What is received, judged, routed and sent. ``schema.sql`` and the migrations are proven equal to the tables.

Text is utf8mb4 with a binary collation, since MariaDB's default takes any two emoji for equal. JSON is text, parsed in
Python, since MySQL and MariaDB disagree about it.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    SmallInteger,
    String,
    Text,
    UniqueConstraint,
)  # fmt: skip

from frontdesk.store.columns import BigId, Digests, Id, LongText, Moment, table

accounts = table(
    "accounts",
    Column("id", Integer, primary_key=True),
    Column("name", Id(64), nullable=False, unique=True),
    Column("channel", String(32), nullable=False),
    Column("created_at", Moment, nullable=False),
)

contacts = table(
    "contacts",
    Column("id", BigId, primary_key=True),
    Column("name", String(255)),
    Column("language", String(16)),
    Column("first_seen_at", Moment, nullable=False),
    Column("last_seen_at", Moment, nullable=False),
    # The contact that it went on as, where they proved to be one.
    Column("merged_into", BigInteger, index=True),
)

contact_identities = table(
    "contact_identities",
    Column("kind", Id(16), primary_key=True),
    Column("value", Id(255), primary_key=True),
    Column("contact_id", BigId, ForeignKey("contacts.id"), nullable=False, index=True),
    Column("created_at", Moment, nullable=False),
)

conversations = table(
    "conversations",
    Column("id", BigId, primary_key=True),
    Column("account_id", Integer, ForeignKey("accounts.id"), nullable=False),
    Column("chat_key", Id(255), nullable=False),
    Column("contact_id", BigId, ForeignKey("contacts.id"), index=True),
    Column("title", String(255), nullable=False),
    Column("is_group", Boolean(create_constraint=False), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("last_message_at", Moment, nullable=False),
    # What a worker claims: ready_at is when work is due, and while it is claimed the end of the lease.
    Column("lane", SmallInteger, nullable=False),
    Column("version", BigInteger, nullable=False),
    Column("claimed_version", BigInteger, nullable=False),
    Column("owner", Digests(16)),
    Column("ready_at", Moment),
    # The last message that was there when somebody of ours wrote; null where nobody has.
    Column("answered_up_to", BigInteger),
    Column("person_wrote_at", Moment),
    # What lists show, each set in the transaction that makes it so. Unread are messages since somebody looked or answered.
    Column("unread", Integer, nullable=False, server_default="0"),
    Column("archived_at", Moment),
    # What comes from a blocked chat is kept, and nothing follows from it.
    Column("is_blocked", Boolean(create_constraint=False), nullable=False, server_default="0"),
    Column("last_type", String(32)),
    Column("urgency", SmallInteger),
    Column("category", String(16)),
    Column("sentiment", String(16)),
    Column("language", String(16)),
    Column("agent", String(64)),
    UniqueConstraint("account_id", "chat_key"),
    Index("ix_conversations_lane_ready_at", "lane", "ready_at"),
    Index("ix_conversations_last_message_at", "last_message_at"),
    Index("ix_conversations_unread", "unread"),
)

webhook_messages = table(
    "webhook_messages",
    Column("id", BigId, primary_key=True),
    Column("account_id", Integer, ForeignKey("accounts.id"), nullable=False),
    Column("message_id", Id(255), nullable=False),
    Column("conversation_id", BigId, ForeignKey("conversations.id"), nullable=False),
    Column("contact_id", BigId, ForeignKey("contacts.id"), nullable=False, index=True),
    Column("chat_time", Moment, nullable=False),
    Column("chat_name", String(255), nullable=False),
    Column("phone_number", String(32)),
    Column("sender_id", Id(255)),
    Column("sender_name", String(255)),
    Column("current_message", LongText, nullable=False),
    Column("message_type", String(32), nullable=False),
    Column("media", Text),
    Column("quoted", LongText),
    Column("is_from_us", Boolean(create_constraint=False), nullable=False),
    Column("is_repaired", Boolean(create_constraint=False), nullable=False),
    Column("is_vip_customer", Boolean(create_constraint=False), nullable=False),
    Column("is_critical_group", Boolean(create_constraint=False), nullable=False),
    Column("history_digests", Digests(1600)),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment),
    Column("error", Text),
    Column("created_at", Moment, nullable=False, index=True),
    Column("processed_at", Moment),
    # The W3C traceparent of the request that brought it, where there was one.
    Column("trace", Id(64)),
    Column("is_forwarded", Boolean(create_constraint=False)),
    UniqueConstraint("account_id", "message_id"),
    Index("ix_webhook_messages_conversation_id_state_id", "conversation_id", "state", "id"),
    # A thread is told in the order of acceptance, and shown in that of time: what is past may be read in later.
    Index("ix_webhook_messages_conversation_id_id", "conversation_id", "id"),
    Index("ix_webhook_messages_conversation_id_created_at", "conversation_id", "created_at"),
    Index("ix_webhook_messages_state_id", "state", "id"),
)

message_history = table(
    "message_history",
    Column("conversation_id", BigId, ForeignKey("conversations.id"), primary_key=True),
    Column("digest", Digests(16), primary_key=True),
    Column("sender", String(255), nullable=False),
    Column("content", LongText, nullable=False),
    Column("sent_at", Moment),
    Column("type", String(32), nullable=False),
    Column("from_us", Boolean(create_constraint=False), nullable=False),
)

analytics_results = table(
    "analytics_results",
    Column("id", BigId, primary_key=True),
    Column("webhook_message_id", BigId, ForeignKey("webhook_messages.id"), nullable=False, unique=True),
    Column("urgency_score", SmallInteger, nullable=False),
    Column("category", String(16), nullable=False),
    Column("sentiment", String(16), nullable=False),
    Column("priority_level", String(16), nullable=False),
    Column("action_required", Boolean(create_constraint=False), nullable=False),
    Column("recommended_response_time", String(16), nullable=False),
    Column("keywords", Text, nullable=False),
    Column("confidence_score", Float, nullable=False),
    Column("language", String(16), nullable=False),
    Column("document", LongText, nullable=False),
    Column("analyser", String(32), nullable=False),
    Column("model", String(128)),
    Column("revision", Integer, nullable=False),
    Column("rerate_due", Boolean(create_constraint=False), nullable=False),
    Column("degraded_reason", String(255)),
    Column("model_calls", Integer, nullable=False),
    Column("input_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("cost_micro_usd", BigInteger, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    Column("processed_at", Moment, nullable=False, index=True),
    # In business time; null where no answer is needed.
    Column("near_at", Moment),
    Column("due_at", Moment),
    Index("ix_analytics_results_rerate_due_id", "rerate_due", "id"),
)

agent_routing = table(
    "agent_routing",
    Column("id", BigId, primary_key=True),
    Column("webhook_message_id", BigId, ForeignKey("webhook_messages.id"), nullable=False, unique=True),
    Column("agent", String(64)),
    Column("reason", Text, nullable=False),
    Column("success", Boolean(create_constraint=False), nullable=False),
    Column("response", LongText),
    Column("attempts", Integer, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    Column("routed_at", Moment, nullable=False, index=True),
    # The turn that answered it.
    Column("turn_id", BigInteger),
)

routing_rules = table(
    "routing_rules",
    Column("id", Integer, primary_key=True),
    Column("position", Integer, nullable=False),
    Column("agent", String(64), nullable=False),
    Column("category", String(16)),
    Column("keyword", String(255)),
    Column("minimum_urgency", SmallInteger),
    Column("vip_only", Boolean(create_constraint=False), nullable=False),
    Column("group_only", Boolean(create_constraint=False), nullable=False),
)

important_customers = table(
    "important_customers",
    Column("id", Integer, primary_key=True),
    Column("kind", Id(16), nullable=False),
    Column("value", Id(255), nullable=False),
    Column("name", String(255)),
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("kind", "value"),
)

critical_groups = table(
    "critical_groups",
    Column("id", Integer, primary_key=True),
    Column("group_key", Id(255), nullable=False, unique=True),
    Column("created_at", Moment, nullable=False),
)

system_stats = table(
    "system_stats",
    Column("day", Date, primary_key=True),
    Column("hour", SmallInteger, primary_key=True, autoincrement=False),
    Column("metric", Id(32), primary_key=True),
    Column("label", Id(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
    Index("ix_system_stats_metric_day", "metric", "day"),
)

# The same by days of UTC: a month of hours is tens of thousands of rows.
daily_stats = table(
    "daily_stats",
    Column("day", Date, primary_key=True),
    Column("metric", Id(32), primary_key=True),
    Column("label", Id(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)

outbox = table(
    "outbox",
    Column("id", BigId, primary_key=True),
    Column("account_id", Integer, ForeignKey("accounts.id"), nullable=False),
    Column("conversation_id", BigId, ForeignKey("conversations.id"), nullable=False),
    Column("idempotency_key", Id(128), nullable=False),
    Column("channel_key", Id(64), nullable=False),
    Column("recipient", Id(255), nullable=False),
    Column("content", LongText, nullable=False),
    Column("is_automatic", Boolean(create_constraint=False), nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due_at", Moment),
    Column("error", Text),
    Column("channel_message_id", Id(255)),
    Column("trace", Id(64)),
    Column("created_at", Moment, nullable=False),
    Column("queued_at", Moment, nullable=False),
    Column("sent_at", Moment),
    Column("changed_at", Moment, nullable=False),
    # The last message of the conversation when it was written: what came later it does not answer.
    Column("answers_up_to", BigInteger),
    UniqueConstraint("account_id", "idempotency_key"),
    UniqueConstraint("channel_key"),
    Index("ix_outbox_state_id", "state", "id"),
    Index("ix_outbox_account_id_state_id", "account_id", "state", "id"),
    Index("ix_outbox_conversation_id_state_id", "conversation_id", "state", "id"),
    Index("ix_outbox_account_id_channel_message_id", "account_id", "channel_message_id"),
)

# What one process at a time does: sending for an account, rating again. The columns mean what they mean for conversations.
duties = table(
    "duties",
    Column("name", Id(64), primary_key=True),
    Column("version", BigInteger, nullable=False),
    Column("claimed_version", BigInteger, nullable=False),
    Column("owner", Digests(16)),
    Column("ready_at", Moment, index=True),
    Column("paced_until", Moment),
)

# No foreign keys: what happened stays true when its subject is gone. ``number`` is given after the commit, see store/events.
events = table(
    "events",
    Column("id", BigId, primary_key=True),
    Column("number", BigInteger, unique=True),
    Column("type", String(32), nullable=False),
    Column("account_id", Integer),
    Column("conversation_id", BigInteger),
    Column("message_id", BigInteger),
    Column("outbox_id", BigInteger),
    Column("data", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
)

# What the connector says of an account's link to WhatsApp; ``changed_at`` is its clock.
sessions = table(
    "sessions",
    Column("account_id", Integer, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("state", String(16), nullable=False),
    Column("reason", Text),
    Column("changed_at", Moment, nullable=False),
)

# What happened to messages after they were written. No foreign key to the message: its change may come first.
message_changes = table(
    "message_changes",
    Column("id", BigId, primary_key=True),
    Column("account_id", Integer, ForeignKey("accounts.id"), nullable=False),
    Column("message_id", Id(255), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("content", LongText),
    Column("replaced", LongText),
    Column("sender_id", Id(255)),
    Column("is_from_us", Boolean(create_constraint=False), nullable=False),
    Column("changed_at", Moment, nullable=False),
    # Of all that was told: the same told again is the same change.
    Column("digest", Digests(16), nullable=False),
    # False while new words wait to be judged.
    Column("is_judged", Boolean(create_constraint=False), nullable=False),
    UniqueConstraint("account_id", "message_id", "digest"),
    Index("ix_message_changes_is_judged_id", "is_judged", "id"),
)

# Which file a message brought; the file itself lies under its SHA-256.
attachments = table(
    "attachments",
    Column("account_id", Integer, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("message_id", Id(255), primary_key=True),
    Column("sha256", Digests(32), nullable=False, index=True),
    Column("size", BigInteger, nullable=False),
    Column("mimetype", String(128), nullable=False),
    Column("filename", String(255)),
    Column("created_at", Moment, nullable=False),
)

# What files say. Of a message that is not there yet, too; the file may come first.
understandings = table(
    "understandings",
    Column("account_id", Integer, ForeignKey("accounts.id"), primary_key=True, autoincrement=False),
    Column("message_id", Id(255), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("status", String(16), nullable=False),
    Column("content", LongText, nullable=False),
    Column("language", String(16)),
    Column("error", Text),
    Column("attempts", Integer, nullable=False),
    Column("model", String(128)),
    Column("cost_micro_usd", BigInteger, nullable=False),
    Column("latency_ms", Integer, nullable=False),
    # When it is to be tried next; while somebody is at it, until when they are.
    Column("due_at", Moment),
    # False while what it says waits to be judged with its message.
    Column("is_judged", Boolean(create_constraint=False), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("changed_at", Moment, nullable=False),
    Index("ix_understandings_status_due_at", "status", "due_at"),
    Index("ix_understandings_is_judged_status", "is_judged", "status"),
)

counters = table(
    "counters",
    Column("name", Id(64), primary_key=True),
    Column("value", BigInteger, nullable=False),
)
