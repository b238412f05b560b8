-- The MySQL 8+ / MariaDB 10.6+ schema of Frontdesk, made by `frontdesk db schema`; do not edit.
-- Use it as:  mysql frontdesk < schema.sql     `frontdesk db migrate` does the same, and upgrades later.
-- The database should have been created with:  CREATE DATABASE frontdesk CHARACTER SET utf8mb4 COLLATE utf8mb4_bin;

SET NAMES utf8mb4;

CREATE TABLE accounts (
	id INTEGER NOT NULL AUTO_INCREMENT,
	name VARBINARY(64) NOT NULL,
	channel VARCHAR(32) NOT NULL,
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_accounts_name UNIQUE (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE api_tokens (
	id INTEGER NOT NULL AUTO_INCREMENT,
	digest VARBINARY(32) NOT NULL,
	name VARCHAR(64) NOT NULL,
	scopes VARCHAR(64) NOT NULL,
	created_by VARCHAR(64),
	created_at DATETIME(6) NOT NULL,
	used_at DATETIME(6),
	PRIMARY KEY (id),
	CONSTRAINT uq_api_tokens_digest UNIQUE (digest)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE canned_replies (
	id INTEGER NOT NULL AUTO_INCREMENT,
	name VARCHAR(64) NOT NULL,
	content MEDIUMTEXT NOT NULL,
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_canned_replies_name UNIQUE (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE contact_fields (
	contact_id BIGINT NOT NULL,
	field VARBINARY(40) NOT NULL,
	value TEXT NOT NULL,
	source VARCHAR(16) NOT NULL,
	message_id BIGINT,
	confidence FLOAT NOT NULL,
	changed_at DATETIME(6) NOT NULL,
	PRIMARY KEY (contact_id, field)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE contact_merges (
	id INTEGER NOT NULL AUTO_INCREMENT,
	kept_id BIGINT NOT NULL,
	merged_id BIGINT NOT NULL,
	source VARCHAR(16) NOT NULL,
	identities TEXT NOT NULL,
	conversations TEXT NOT NULL,
	merged_at DATETIME(6) NOT NULL,
	undone_at DATETIME(6),
	PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_contact_merges_kept_id ON contact_merges (kept_id);

CREATE INDEX ix_contact_merges_merged_id ON contact_merges (merged_id);

CREATE TABLE contacts (
	id BIGINT NOT NULL AUTO_INCREMENT,
	name VARCHAR(255),
	language VARCHAR(16),
	first_seen_at DATETIME(6) NOT NULL,
	last_seen_at DATETIME(6) NOT NULL,
	merged_into BIGINT,
	PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_contacts_merged_into ON contacts (merged_into);

CREATE TABLE counters (
	name VARBINARY(64) NOT NULL,
	value BIGINT NOT NULL,
	PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE critical_groups (
	id INTEGER NOT NULL AUTO_INCREMENT,
	group_key VARBINARY(255) NOT NULL,
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_critical_groups_group_key UNIQUE (group_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE daily_stats (
	day DATE NOT NULL,
	metric VARBINARY(32) NOT NULL,
	label VARBINARY(64) NOT NULL,
	value BIGINT NOT NULL,
	PRIMARY KEY (day, metric, label)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE duties (
	name VARBINARY(64) NOT NULL,
	version BIGINT NOT NULL,
	claimed_version BIGINT NOT NULL,
	owner VARBINARY(16),
	ready_at DATETIME(6),
	paced_until DATETIME(6),
	PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_duties_ready_at ON duties (ready_at);

CREATE TABLE events (
	id BIGINT NOT NULL AUTO_INCREMENT,
	number BIGINT,
	type VARCHAR(32) NOT NULL,
	account_id INTEGER,
	conversation_id BIGINT,
	message_id BIGINT,
	outbox_id BIGINT,
	data TEXT NOT NULL,
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_events_number UNIQUE (number)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE important_customers (
	id INTEGER NOT NULL AUTO_INCREMENT,
	kind VARBINARY(16) NOT NULL,
	value VARBINARY(255) NOT NULL,
	name VARCHAR(255),
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_important_customers_kind_value UNIQUE (kind, value)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE invitations (
	digest VARBINARY(32) NOT NULL,
	person_id INTEGER,
	created_at DATETIME(6) NOT NULL,
	expires_at DATETIME(6) NOT NULL,
	PRIMARY KEY (digest)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_invitations_person_id ON invitations (person_id);

CREATE TABLE logins (
	digest VARBINARY(32) NOT NULL,
	person_id INTEGER NOT NULL,
	device VARCHAR(255) NOT NULL,
	created_at DATETIME(6) NOT NULL,
	seen_at DATETIME(6) NOT NULL,
	expires_at DATETIME(6) NOT NULL,
	PRIMARY KEY (digest)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_logins_expires_at ON logins (expires_at);

CREATE INDEX ix_logins_person_id ON logins (person_id);

CREATE TABLE notes (
	id BIGINT NOT NULL AUTO_INCREMENT,
	contact_id BIGINT NOT NULL,
	person VARCHAR(64),
	content MEDIUMTEXT NOT NULL,
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_notes_contact_id ON notes (contact_id);

CREATE TABLE people (
	id INTEGER NOT NULL AUTO_INCREMENT,
	name VARCHAR(64) NOT NULL,
	name_key VARBINARY(255) NOT NULL,
	email VARCHAR(255),
	phone VARCHAR(32),
	is_available BOOL NOT NULL,
	alerts VARCHAR(64) NOT NULL,
	quiet VARCHAR(16),
	assigned_at DATETIME(6),
	created_at DATETIME(6) NOT NULL,
	`role` VARCHAR(16) NOT NULL DEFAULT 'agent',
	password VARCHAR(255),
	PRIMARY KEY (id),
	CONSTRAINT uq_people_name_key UNIQUE (name_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE preferences (
	name VARBINARY(64) NOT NULL,
	value MEDIUMTEXT NOT NULL,
	changed_at DATETIME(6) NOT NULL,
	PRIMARY KEY (name)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE routing_rules (
	id INTEGER NOT NULL AUTO_INCREMENT,
	position INTEGER NOT NULL,
	agent VARCHAR(64) NOT NULL,
	category VARCHAR(16),
	keyword VARCHAR(255),
	minimum_urgency SMALLINT,
	vip_only BOOL NOT NULL,
	group_only BOOL NOT NULL,
	PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE saved_filters (
	id INTEGER NOT NULL AUTO_INCREMENT,
	person_id INTEGER,
	name VARCHAR(64) NOT NULL,
	query TEXT NOT NULL,
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_saved_filters_person_id ON saved_filters (person_id);

CREATE TABLE search_words (
	kind SMALLINT NOT NULL,
	subject_id BIGINT NOT NULL,
	word VARBINARY(32) NOT NULL,
	PRIMARY KEY (kind, subject_id, word)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_search_words_word_kind_subject_id ON search_words (word, kind, subject_id);

CREATE TABLE system_stats (
	day DATE NOT NULL,
	hour SMALLINT NOT NULL,
	metric VARBINARY(32) NOT NULL,
	label VARBINARY(64) NOT NULL,
	value BIGINT NOT NULL,
	PRIMARY KEY (day, hour, metric, label)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_system_stats_metric_day ON system_stats (metric, day);

CREATE TABLE webhook_endpoints (
	id INTEGER NOT NULL AUTO_INCREMENT,
	url TEXT NOT NULL,
	secret VARBINARY(128) NOT NULL,
	description VARCHAR(255) NOT NULL,
	events TEXT NOT NULL,
	with_content BOOL NOT NULL,
	is_enabled BOOL NOT NULL,
	position BIGINT NOT NULL,
	attempts INTEGER NOT NULL,
	failing_since DATETIME(6),
	due_at DATETIME(6),
	error TEXT,
	owner VARBINARY(16),
	held_until DATETIME(6),
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE alerts (
	id BIGINT NOT NULL AUTO_INCREMENT,
	event_number BIGINT NOT NULL,
	kind VARCHAR(16) NOT NULL,
	account_id INTEGER NOT NULL,
	conversation_id BIGINT NOT NULL,
	person_id INTEGER NOT NULL,
	channel VARCHAR(16) NOT NULL,
	channel_key VARBINARY(64) NOT NULL,
	state VARCHAR(16) NOT NULL,
	attempts INTEGER NOT NULL,
	due_at DATETIME(6),
	error TEXT,
	created_at DATETIME(6) NOT NULL,
	changed_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_alerts_event_number_person_id_channel UNIQUE (event_number, person_id, channel),
	FOREIGN KEY(account_id) REFERENCES accounts (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_alerts_conversation_id_kind ON alerts (conversation_id, kind);

CREATE INDEX ix_alerts_state_due_at ON alerts (state, due_at);

CREATE TABLE attachments (
	account_id INTEGER NOT NULL,
	message_id VARBINARY(255) NOT NULL,
	sha256 VARBINARY(32) NOT NULL,
	size BIGINT NOT NULL,
	mimetype VARCHAR(128) NOT NULL,
	filename VARCHAR(255),
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (account_id, message_id),
	FOREIGN KEY(account_id) REFERENCES accounts (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_attachments_sha256 ON attachments (sha256);

CREATE TABLE bots (
	account_id INTEGER NOT NULL,
	reply_mode VARCHAR(16),
	name VARCHAR(64) NOT NULL,
	personality VARCHAR(16) NOT NULL,
	languages TEXT NOT NULL,
	model VARCHAR(128),
	system_prompt MEDIUMTEXT NOT NULL,
	handover_below FLOAT,
	PRIMARY KEY (account_id),
	FOREIGN KEY(account_id) REFERENCES accounts (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE contact_identities (
	kind VARBINARY(16) NOT NULL,
	value VARBINARY(255) NOT NULL,
	contact_id BIGINT NOT NULL,
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (kind, value),
	FOREIGN KEY(contact_id) REFERENCES contacts (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_contact_identities_contact_id ON contact_identities (contact_id);

CREATE TABLE conversations (
	id BIGINT NOT NULL AUTO_INCREMENT,
	account_id INTEGER NOT NULL,
	chat_key VARBINARY(255) NOT NULL,
	contact_id BIGINT,
	title VARCHAR(255) NOT NULL,
	is_group BOOL NOT NULL,
	created_at DATETIME(6) NOT NULL,
	last_message_at DATETIME(6) NOT NULL,
	lane SMALLINT NOT NULL,
	version BIGINT NOT NULL,
	claimed_version BIGINT NOT NULL,
	owner VARBINARY(16),
	ready_at DATETIME(6),
	answered_up_to BIGINT,
	person_wrote_at DATETIME(6),
	unread INTEGER NOT NULL DEFAULT '0',
	archived_at DATETIME(6),
	is_blocked BOOL NOT NULL DEFAULT '0',
	last_type VARCHAR(32),
	urgency SMALLINT,
	category VARCHAR(16),
	sentiment VARCHAR(16),
	language VARCHAR(16),
	agent VARCHAR(64),
	PRIMARY KEY (id),
	CONSTRAINT uq_conversations_account_id_chat_key UNIQUE (account_id, chat_key),
	FOREIGN KEY(account_id) REFERENCES accounts (id),
	FOREIGN KEY(contact_id) REFERENCES contacts (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_conversations_contact_id ON conversations (contact_id);

CREATE INDEX ix_conversations_lane_ready_at ON conversations (lane, ready_at);

CREATE INDEX ix_conversations_last_message_at ON conversations (last_message_at);

CREATE INDEX ix_conversations_unread ON conversations (unread);

CREATE TABLE message_changes (
	id BIGINT NOT NULL AUTO_INCREMENT,
	account_id INTEGER NOT NULL,
	message_id VARBINARY(255) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	content MEDIUMTEXT,
	replaced MEDIUMTEXT,
	sender_id VARBINARY(255),
	is_from_us BOOL NOT NULL,
	changed_at DATETIME(6) NOT NULL,
	digest VARBINARY(16) NOT NULL,
	is_judged BOOL NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_message_changes_account_id_message_id_digest UNIQUE (account_id, message_id, digest),
	FOREIGN KEY(account_id) REFERENCES accounts (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_message_changes_is_judged_id ON message_changes (is_judged, id);

CREATE TABLE sessions (
	account_id INTEGER NOT NULL,
	state VARCHAR(16) NOT NULL,
	reason TEXT,
	changed_at DATETIME(6) NOT NULL,
	PRIMARY KEY (account_id),
	FOREIGN KEY(account_id) REFERENCES accounts (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE understandings (
	account_id INTEGER NOT NULL,
	message_id VARBINARY(255) NOT NULL,
	kind VARCHAR(16) NOT NULL,
	status VARCHAR(16) NOT NULL,
	content MEDIUMTEXT NOT NULL,
	language VARCHAR(16),
	error TEXT,
	attempts INTEGER NOT NULL,
	model VARCHAR(128),
	cost_micro_usd BIGINT NOT NULL,
	latency_ms INTEGER NOT NULL,
	due_at DATETIME(6),
	is_judged BOOL NOT NULL,
	created_at DATETIME(6) NOT NULL,
	changed_at DATETIME(6) NOT NULL,
	PRIMARY KEY (account_id, message_id),
	FOREIGN KEY(account_id) REFERENCES accounts (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_understandings_is_judged_status ON understandings (is_judged, status);

CREATE INDEX ix_understandings_status_due_at ON understandings (status, due_at);

CREATE TABLE webhook_dead_letters (
	endpoint_id INTEGER NOT NULL,
	event_number BIGINT NOT NULL,
	type VARCHAR(32) NOT NULL,
	reason TEXT NOT NULL,
	created_at DATETIME(6) NOT NULL,
	PRIMARY KEY (endpoint_id, event_number),
	FOREIGN KEY(endpoint_id) REFERENCES webhook_endpoints (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE dialogues (
	conversation_id BIGINT NOT NULL,
	mode VARCHAR(16),
	handed_over_at DATETIME(6),
	handed_over_reason TEXT,
	told_at DATETIME(6),
	assignee_id INTEGER,
	is_stopped BOOL NOT NULL,
	context_after BIGINT NOT NULL,
	erase_asked_at DATETIME(6),
	erase_at DATETIME(6),
	summary MEDIUMTEXT NOT NULL,
	summarised_up_to BIGINT NOT NULL,
	summarised_at DATETIME(6),
	memory_id VARBINARY(128),
	memory_item VARBINARY(128),
	memory_up_to BIGINT NOT NULL,
	labels TEXT NOT NULL,
	PRIMARY KEY (conversation_id),
	FOREIGN KEY(conversation_id) REFERENCES conversations (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_dialogues_assignee_id ON dialogues (assignee_id);

CREATE INDEX ix_dialogues_erase_at ON dialogues (erase_at);

CREATE TABLE episodes (
	id BIGINT NOT NULL AUTO_INCREMENT,
	account_id INTEGER NOT NULL,
	conversation_id BIGINT NOT NULL,
	is_open BOOL,
	began_at DATETIME(6) NOT NULL,
	ended_at DATETIME(6),
	PRIMARY KEY (id),
	CONSTRAINT uq_episodes_conversation_id_is_open UNIQUE (conversation_id, is_open),
	FOREIGN KEY(account_id) REFERENCES accounts (id),
	FOREIGN KEY(conversation_id) REFERENCES conversations (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_episodes_ended_at ON episodes (ended_at);

CREATE TABLE message_history (
	conversation_id BIGINT NOT NULL,
	digest VARBINARY(16) NOT NULL,
	sender VARCHAR(255) NOT NULL,
	content MEDIUMTEXT NOT NULL,
	sent_at DATETIME(6),
	type VARCHAR(32) NOT NULL,
	from_us BOOL NOT NULL,
	PRIMARY KEY (conversation_id, digest),
	FOREIGN KEY(conversation_id) REFERENCES conversations (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE outbox (
	id BIGINT NOT NULL AUTO_INCREMENT,
	account_id INTEGER NOT NULL,
	conversation_id BIGINT NOT NULL,
	idempotency_key VARBINARY(128) NOT NULL,
	channel_key VARBINARY(64) NOT NULL,
	recipient VARBINARY(255) NOT NULL,
	content MEDIUMTEXT NOT NULL,
	is_automatic BOOL NOT NULL,
	state VARCHAR(16) NOT NULL,
	attempts INTEGER NOT NULL,
	due_at DATETIME(6),
	error TEXT,
	channel_message_id VARBINARY(255),
	trace VARBINARY(64),
	created_at DATETIME(6) NOT NULL,
	queued_at DATETIME(6) NOT NULL,
	sent_at DATETIME(6),
	changed_at DATETIME(6) NOT NULL,
	answers_up_to BIGINT,
	PRIMARY KEY (id),
	CONSTRAINT uq_outbox_account_id_idempotency_key UNIQUE (account_id, idempotency_key),
	CONSTRAINT uq_outbox_channel_key UNIQUE (channel_key),
	FOREIGN KEY(account_id) REFERENCES accounts (id),
	FOREIGN KEY(conversation_id) REFERENCES conversations (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_outbox_account_id_channel_message_id ON outbox (account_id, channel_message_id);

CREATE INDEX ix_outbox_account_id_state_id ON outbox (account_id, state, id);

CREATE INDEX ix_outbox_conversation_id_state_id ON outbox (conversation_id, state, id);

CREATE INDEX ix_outbox_state_id ON outbox (state, id);

CREATE TABLE tasks (
	id BIGINT NOT NULL AUTO_INCREMENT,
	account_id INTEGER,
	conversation_id BIGINT,
	contact_id BIGINT,
	title VARCHAR(255) NOT NULL,
	description MEDIUMTEXT NOT NULL,
	type VARCHAR(16) NOT NULL,
	priority SMALLINT NOT NULL,
	due_at DATETIME(6),
	is_all_day BOOL NOT NULL,
	tags TEXT NOT NULL,
	assignee VARCHAR(64),
	status VARCHAR(16) NOT NULL,
	source VARCHAR(16) NOT NULL,
	created_at DATETIME(6) NOT NULL,
	changed_at DATETIME(6) NOT NULL,
	done_at DATETIME(6),
	creation_key VARBINARY(16),
	PRIMARY KEY (id),
	FOREIGN KEY(account_id) REFERENCES accounts (id),
	FOREIGN KEY(conversation_id) REFERENCES conversations (id),
	CONSTRAINT uq_tasks_creation_key UNIQUE (creation_key)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_tasks_contact_id ON tasks (contact_id);

CREATE INDEX ix_tasks_conversation_id_status ON tasks (conversation_id, status);

CREATE INDEX ix_tasks_status_due_at ON tasks (status, due_at);

CREATE TABLE turns (
	id BIGINT NOT NULL AUTO_INCREMENT,
	account_id INTEGER NOT NULL,
	conversation_id BIGINT NOT NULL,
	first_message_id BIGINT NOT NULL,
	last_message_id BIGINT NOT NULL,
	kind VARCHAR(16) NOT NULL,
	state VARCHAR(16) NOT NULL,
	agent VARCHAR(64),
	content MEDIUMTEXT NOT NULL,
	confidence FLOAT NOT NULL,
	reason TEXT NOT NULL,
	outbox_id BIGINT,
	created_at DATETIME(6) NOT NULL,
	decided_at DATETIME(6),
	PRIMARY KEY (id),
	CONSTRAINT uq_turns_last_message_id_kind UNIQUE (last_message_id, kind),
	FOREIGN KEY(account_id) REFERENCES accounts (id),
	FOREIGN KEY(conversation_id) REFERENCES conversations (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_turns_conversation_id_state ON turns (conversation_id, state);

CREATE INDEX ix_turns_outbox_id ON turns (outbox_id);

CREATE INDEX ix_turns_state_id ON turns (state, id);

CREATE TABLE webhook_messages (
	id BIGINT NOT NULL AUTO_INCREMENT,
	account_id INTEGER NOT NULL,
	message_id VARBINARY(255) NOT NULL,
	conversation_id BIGINT NOT NULL,
	contact_id BIGINT NOT NULL,
	chat_time DATETIME(6) NOT NULL,
	chat_name VARCHAR(255) NOT NULL,
	phone_number VARCHAR(32),
	sender_id VARBINARY(255),
	sender_name VARCHAR(255),
	current_message MEDIUMTEXT NOT NULL,
	message_type VARCHAR(32) NOT NULL,
	media TEXT,
	quoted MEDIUMTEXT,
	is_from_us BOOL NOT NULL,
	is_repaired BOOL NOT NULL,
	is_vip_customer BOOL NOT NULL,
	is_critical_group BOOL NOT NULL,
	history_digests VARBINARY(1600),
	state VARCHAR(16) NOT NULL,
	attempts INTEGER NOT NULL,
	due_at DATETIME(6),
	error TEXT,
	created_at DATETIME(6) NOT NULL,
	processed_at DATETIME(6),
	trace VARBINARY(64),
	is_forwarded BOOL,
	PRIMARY KEY (id),
	CONSTRAINT uq_webhook_messages_account_id_message_id UNIQUE (account_id, message_id),
	FOREIGN KEY(account_id) REFERENCES accounts (id),
	FOREIGN KEY(conversation_id) REFERENCES conversations (id),
	FOREIGN KEY(contact_id) REFERENCES contacts (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_webhook_messages_contact_id ON webhook_messages (contact_id);

CREATE INDEX ix_webhook_messages_conversation_id_created_at ON webhook_messages (conversation_id, created_at);

CREATE INDEX ix_webhook_messages_conversation_id_id ON webhook_messages (conversation_id, id);

CREATE INDEX ix_webhook_messages_conversation_id_state_id ON webhook_messages (conversation_id, state, id);

CREATE INDEX ix_webhook_messages_created_at ON webhook_messages (created_at);

CREATE INDEX ix_webhook_messages_state_id ON webhook_messages (state, id);

CREATE TABLE agent_routing (
	id BIGINT NOT NULL AUTO_INCREMENT,
	webhook_message_id BIGINT NOT NULL,
	agent VARCHAR(64),
	reason TEXT NOT NULL,
	success BOOL NOT NULL,
	response MEDIUMTEXT,
	attempts INTEGER NOT NULL,
	latency_ms INTEGER NOT NULL,
	routed_at DATETIME(6) NOT NULL,
	turn_id BIGINT,
	PRIMARY KEY (id),
	CONSTRAINT uq_agent_routing_webhook_message_id UNIQUE (webhook_message_id),
	FOREIGN KEY(webhook_message_id) REFERENCES webhook_messages (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_agent_routing_routed_at ON agent_routing (routed_at);

CREATE TABLE analytics_results (
	id BIGINT NOT NULL AUTO_INCREMENT,
	webhook_message_id BIGINT NOT NULL,
	urgency_score SMALLINT NOT NULL,
	category VARCHAR(16) NOT NULL,
	sentiment VARCHAR(16) NOT NULL,
	priority_level VARCHAR(16) NOT NULL,
	action_required BOOL NOT NULL,
	recommended_response_time VARCHAR(16) NOT NULL,
	keywords TEXT NOT NULL,
	confidence_score FLOAT NOT NULL,
	language VARCHAR(16) NOT NULL,
	document MEDIUMTEXT NOT NULL,
	analyser VARCHAR(32) NOT NULL,
	model VARCHAR(128),
	revision INTEGER NOT NULL,
	rerate_due BOOL NOT NULL,
	degraded_reason VARCHAR(255),
	model_calls INTEGER NOT NULL,
	input_tokens INTEGER NOT NULL,
	cached_tokens INTEGER NOT NULL,
	output_tokens INTEGER NOT NULL,
	cost_micro_usd BIGINT NOT NULL,
	latency_ms INTEGER NOT NULL,
	processed_at DATETIME(6) NOT NULL,
	near_at DATETIME(6),
	due_at DATETIME(6),
	PRIMARY KEY (id),
	CONSTRAINT uq_analytics_results_webhook_message_id UNIQUE (webhook_message_id),
	FOREIGN KEY(webhook_message_id) REFERENCES webhook_messages (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_analytics_results_processed_at ON analytics_results (processed_at);

CREATE INDEX ix_analytics_results_rerate_due_id ON analytics_results (rerate_due, id);

CREATE TABLE corrections (
	id BIGINT NOT NULL AUTO_INCREMENT,
	webhook_message_id BIGINT NOT NULL,
	field VARBINARY(40) NOT NULL,
	value TEXT NOT NULL,
	judged TEXT NOT NULL,
	person VARCHAR(64),
	corrected_at DATETIME(6) NOT NULL,
	PRIMARY KEY (id),
	CONSTRAINT uq_corrections_webhook_message_id_field UNIQUE (webhook_message_id, field),
	FOREIGN KEY(webhook_message_id) REFERENCES webhook_messages (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE TABLE task_messages (
	message_id BIGINT NOT NULL,
	position SMALLINT NOT NULL,
	task_id BIGINT NOT NULL,
	PRIMARY KEY (message_id, position),
	FOREIGN KEY(message_id) REFERENCES webhook_messages (id),
	FOREIGN KEY(task_id) REFERENCES tasks (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_task_messages_task_id ON task_messages (task_id);

CREATE TABLE waits (
	id BIGINT NOT NULL AUTO_INCREMENT,
	account_id INTEGER NOT NULL,
	conversation_id BIGINT NOT NULL,
	first_message_id BIGINT NOT NULL,
	message_id BIGINT NOT NULL,
	is_open BOOL,
	is_first BOOL NOT NULL,
	began_at DATETIME(6) NOT NULL,
	near_at DATETIME(6) NOT NULL,
	due_at DATETIME(6) NOT NULL,
	look_at DATETIME(6),
	ended_at DATETIME(6),
	answered_by VARCHAR(16),
	PRIMARY KEY (id),
	CONSTRAINT uq_waits_conversation_id_is_open UNIQUE (conversation_id, is_open),
	FOREIGN KEY(account_id) REFERENCES accounts (id),
	FOREIGN KEY(conversation_id) REFERENCES conversations (id),
	FOREIGN KEY(first_message_id) REFERENCES webhook_messages (id),
	FOREIGN KEY(message_id) REFERENCES webhook_messages (id)
)ENGINE=InnoDB CHARSET=utf8mb4 COLLATE utf8mb4_bin;

CREATE INDEX ix_waits_ended_at ON waits (ended_at);

CREATE INDEX ix_waits_is_open_due_at ON waits (is_open, due_at);

CREATE INDEX ix_waits_look_at ON waits (look_at);

CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	PRIMARY KEY (version_num)
);

INSERT INTO alembic_version (version_num) VALUES ('0014');
