"""The first schema."""

import sqlalchemy as sa
from alembic import op

from frontdesk.store.columns import BigId, Digests, Id, LongText, Moment

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "accounts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", Id(64), nullable=False),
        sa.Column("channel", sa.String(length=32), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("name", name=op.f("uq_accounts_name")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "contacts",
        sa.Column("id", BigId, nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("first_seen_at", Moment(), nullable=False),
        sa.Column("last_seen_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "critical_groups",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("group_key", Id(255), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("group_key", name=op.f("uq_critical_groups_group_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "important_customers",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", Id(16), nullable=False),
        sa.Column("value", Id(255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("kind", "value", name=op.f("uq_important_customers_kind_value")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "routing_rules",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("agent", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=True),
        sa.Column("keyword", sa.String(length=255), nullable=True),
        sa.Column("minimum_urgency", sa.SmallInteger(), nullable=True),
        sa.Column("vip_only", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("group_only", sa.Boolean(create_constraint=False), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "system_stats",
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("hour", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("metric", Id(32), nullable=False),
        sa.Column("label", Id(64), nullable=False),
        sa.Column("value", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day", "hour", "metric", "label"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "contact_identities",
        sa.Column("kind", Id(16), nullable=False),
        sa.Column("value", Id(255), nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
        ),
        sa.PrimaryKeyConstraint("kind", "value"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_contact_identities_contact_id"), "contact_identities", ["contact_id"], unique=False)
    op.create_table(
        "conversations",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("chat_key", Id(255), nullable=False),
        sa.Column("contact_id", BigId, nullable=True),
        sa.Column("title", sa.String(length=255), nullable=False),
        sa.Column("is_group", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("last_message_at", Moment(), nullable=False),
        sa.Column("lane", sa.SmallInteger(), nullable=False),
        sa.Column("version", sa.BigInteger(), nullable=False),
        sa.Column("claimed_version", sa.BigInteger(), nullable=False),
        sa.Column("owner", Digests(16), nullable=True),
        sa.Column("ready_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "chat_key", name=op.f("uq_conversations_account_id_chat_key")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_conversations_contact_id"), "conversations", ["contact_id"], unique=False)
    op.create_index("ix_conversations_lane_ready_at", "conversations", ["lane", "ready_at"], unique=False)
    op.create_table(
        "message_history",
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("digest", Digests(16), nullable=False),
        sa.Column("sender", sa.String(length=255), nullable=False),
        sa.Column("content", LongText, nullable=False),
        sa.Column("sent_at", Moment(), nullable=True),
        sa.Column("type", sa.String(length=32), nullable=False),
        sa.Column("from_us", sa.Boolean(create_constraint=False), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("conversation_id", "digest"),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_table(
        "webhook_messages",
        sa.Column("id", BigId, nullable=False),
        sa.Column("account_id", sa.Integer(), nullable=False),
        sa.Column("message_id", Id(255), nullable=False),
        sa.Column("conversation_id", BigId, nullable=False),
        sa.Column("contact_id", BigId, nullable=False),
        sa.Column("chat_time", Moment(), nullable=False),
        sa.Column("chat_name", sa.String(length=255), nullable=False),
        sa.Column("phone_number", sa.String(length=32), nullable=True),
        sa.Column("sender_id", Id(255), nullable=True),
        sa.Column("sender_name", sa.String(length=255), nullable=True),
        sa.Column("current_message", LongText, nullable=False),
        sa.Column("message_type", sa.String(length=32), nullable=False),
        sa.Column("media", sa.Text(), nullable=True),
        sa.Column("quoted", LongText, nullable=True),
        sa.Column("is_from_us", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("is_repaired", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("is_vip_customer", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("is_critical_group", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("history_digests", Digests(1600), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("created_at", Moment(), nullable=False),
        sa.Column("processed_at", Moment(), nullable=True),
        sa.ForeignKeyConstraint(
            ["account_id"],
            ["accounts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["contact_id"],
            ["contacts.id"],
        ),
        sa.ForeignKeyConstraint(
            ["conversation_id"],
            ["conversations.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("account_id", "message_id", name=op.f("uq_webhook_messages_account_id_message_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_webhook_messages_contact_id"), "webhook_messages", ["contact_id"], unique=False)
    op.create_index(
        "ix_webhook_messages_conversation_id_state_id",
        "webhook_messages",
        ["conversation_id", "state", "id"],
        unique=False,
    )
    op.create_index(op.f("ix_webhook_messages_created_at"), "webhook_messages", ["created_at"], unique=False)
    op.create_index("ix_webhook_messages_state_id", "webhook_messages", ["state", "id"], unique=False)
    op.create_table(
        "agent_routing",
        sa.Column("id", BigId, nullable=False),
        sa.Column("webhook_message_id", BigId, nullable=False),
        sa.Column("agent", sa.String(length=64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("success", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("response", LongText, nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("routed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_message_id"],
            ["webhook_messages.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("webhook_message_id", name=op.f("uq_agent_routing_webhook_message_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_agent_routing_routed_at"), "agent_routing", ["routed_at"], unique=False)
    op.create_table(
        "analytics_results",
        sa.Column("id", BigId, nullable=False),
        sa.Column("webhook_message_id", BigId, nullable=False),
        sa.Column("urgency_score", sa.SmallInteger(), nullable=False),
        sa.Column("category", sa.String(length=16), nullable=False),
        sa.Column("sentiment", sa.String(length=16), nullable=False),
        sa.Column("priority_level", sa.String(length=16), nullable=False),
        sa.Column("action_required", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("recommended_response_time", sa.String(length=16), nullable=False),
        sa.Column("keywords", sa.Text(), nullable=False),
        sa.Column("confidence_score", sa.Float(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("document", LongText, nullable=False),
        sa.Column("analyser", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=128), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("rerate_due", sa.Boolean(create_constraint=False), nullable=False),
        sa.Column("degraded_reason", sa.String(length=255), nullable=True),
        sa.Column("model_calls", sa.Integer(), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("cached_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_micro_usd", sa.BigInteger(), nullable=False),
        sa.Column("latency_ms", sa.Integer(), nullable=False),
        sa.Column("processed_at", Moment(), nullable=False),
        sa.ForeignKeyConstraint(
            ["webhook_message_id"],
            ["webhook_messages.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("webhook_message_id", name=op.f("uq_analytics_results_webhook_message_id")),
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_bin",
        mysql_engine="InnoDB",
    )
    op.create_index(op.f("ix_analytics_results_processed_at"), "analytics_results", ["processed_at"], unique=False)
    op.create_index("ix_analytics_results_rerate_due_id", "analytics_results", ["rerate_due", "id"], unique=False)


def downgrade() -> None:
    for table in reversed(
        (
            "accounts",
            "contacts",
            "critical_groups",
            "important_customers",
            "routing_rules",
            "system_stats",
            "contact_identities",
            "conversations",
            "message_history",
            "webhook_messages",
            "agent_routing",
            "analytics_results",
        )
    ):
        op.drop_table(table)
