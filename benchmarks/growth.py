"""What a full store costs: accepting, claiming, ``/stats`` and reading a history, with few and with many stored messages."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta

import pymysql
from sqlalchemy import update
from tests.support.mariadb import async_url, new_mysql_database

from benchmarks.harness import median
from frontdesk.domain.analysis import Analysis, blank
from frontdesk.domain.contacts import Identity
from frontdesk.domain.messages import HistoryItem, IncomingMessage
from frontdesk.store import conversations, messages, progress, stats
from frontdesk.store.database import Database, open_database
from frontdesk.store.intake import Intake
from frontdesk.store.schema import migrate
from frontdesk.store.tables import conversations as conversation_table

PER_CHAT = 20
PER_DAY = 1000
CHUNK = 250_000
ROUNDS = 15
BATCH = 32
LEASE = timedelta(seconds=60)


def _rows(table: str, **values: str) -> str:
    """A statement that makes a row for each number of a sequence; columns that are not named stay as they are by default."""
    return (
        f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())} FROM seq_{{first}}_to_{{last}}"  # noqa: S608 (our own words)
    )


# In order, for so many messages from {first} to {last}; {now} is the moment of loading, and a day holds PER_DAY of them.
CHATS = (
    _rows("contacts", id="seq", name="'Ada'", language="'en'", first_seen_at="{now}", last_seen_at="{now}"),
    _rows("contact_identities", kind="'lid'", value="CONCAT(seq, '@lid')", contact_id="seq", created_at="{now}"),
    _rows(
        "conversations", id="seq", account_id="1", chat_key="CONCAT('contact:', seq)", contact_id="seq", title="'Ada'",
        is_group="0", created_at="{now}", last_message_at="{now}", lane="1", version="1", claimed_version="1",
    ),
)  # fmt: skip
MESSAGES = (
    _rows(
        "webhook_messages", id="seq", account_id="1", message_id="CONCAT('old-', LPAD(seq, 9, '0'))", conversation_id="{chat}",
        contact_id="{chat}", chat_time="{moment}", chat_name="'Ada'", sender_id="CONCAT({chat}, '@lid')", sender_name="'Ada'",
        current_message="REPEAT('a message of some length ', 3)", message_type="'chat'", is_from_us="0", is_repaired="0",
        is_vip_customer="0", is_critical_group="0", history_digests="UNHEX(MD5(seq))", state="'processed'", attempts="1",
        created_at="{moment}", processed_at="{moment}",
    ),
    _rows(
        "message_history", conversation_id="{chat}", digest="UNHEX(MD5(seq))", sender="'Ada'",
        content="REPEAT('a line of the chat ', 3)", sent_at="{moment}", type="'chat'", from_us="0",
    ),
    _rows(
        "analytics_results", id="seq", webhook_message_id="seq", urgency_score="4", category="'sales'", sentiment="'neutral'",
        priority_level="'normal'", action_required="1", recommended_response_time="'4hours'", keywords="'[]'",
        confidence_score="0.8", language="'en'", document="'{document}'", analyser="'decisions'", model="'m'",
        revision="1", rerate_due="0", model_calls="1", input_tokens="900", cached_tokens="0", output_tokens="0",
        cost_micro_usd="9", latency_ms="800", processed_at="{moment}",
    ),
    _rows(
        "agent_routing", id="seq", webhook_message_id="seq", agent="'business_workflow'", reason="'manifest'", success="1",
        response="'{reply}'", attempts="1", latency_ms="20", routed_at="{moment}",
    ),
    _rows(
        "events", id="seq", number="seq", type="'message.received'", account_id="1", conversation_id="{chat}",
        message_id="seq", data="'{{}}'", created_at="{moment}",
    ),
)  # fmt: skip


def judged() -> str:
    """An analysis as it is stored."""
    analysis = Analysis.model_validate(
        blank() | {"priority_level": "normal", "recommended_response_time": "4hours", "analyser": "decisions",
                   "confidence": {"urgency_score": 0.8, "category": 0.8}, "urgency_score": 4, "category": "sales",
                   "summary": "s" * 80, "suggested_next_action": "n" * 80, "language": "en"}
    )  # fmt: skip
    return analysis.model_dump_json()


def fill(url: str, count: int) -> None:
    """Load so many processed messages, with what belongs to them, as fast as the server can make them up."""
    port, _, name = url.rpartition(":")[2].partition("/")
    connection = pymysql.connect(host="127.0.0.1", port=int(port), user="root", database=name, autocommit=True)
    chats = max(count // PER_CHAT, 1)
    parts = {
        "now": "UTC_TIMESTAMP(6)",
        "chat": f"1 + seq % {chats}",
        "document": judged().replace("'", "''"),
        "reply": '{"agent": "business_workflow", "reply": "' + "y" * 250 + '"}',
        "moment": f"UTC_TIMESTAMP(6) - INTERVAL ({count} - seq) * {86_400 / PER_DAY} SECOND",
    }
    with connection.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
        cursor.execute("SET SESSION foreign_key_checks = 0, unique_checks = 0")
        cursor.execute("INSERT INTO accounts VALUES (1, 'main', 'whatsapp_web', UTC_TIMESTAMP(6))")
        for statements, most in ((CHATS, chats), (MESSAGES, count)):
            for first in range(1, most + 1, CHUNK):
                span = {"first": first, "last": min(first + CHUNK - 1, most)}
                for statement in statements:
                    cursor.execute(statement.format(**parts, **span))
        cursor.execute(f"INSERT INTO counters VALUES ('events', {count}) ON DUPLICATE KEY UPDATE value = {count}")  # noqa: S608
        cursor.execute("ANALYZE TABLE webhook_messages, analytics_results, agent_routing, conversations, events")
        cursor.fetchall()
        cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    connection.close()


async def filled(mysql: str, count: int) -> Database:
    """A database of its own with so many messages."""
    url = new_mysql_database(mysql)
    database = open_database(async_url(url))
    await migrate(database)
    await asyncio.to_thread(fill, url, count)
    return database


class Store:
    """A store with so many messages, and what is measured on it."""

    def __init__(self, database: Database, count: int) -> None:
        self._database, self._intake = database, Intake(database)
        self._chats = max(count // PER_CHAT, 1)
        self._turn = 0

    async def accept(self) -> Sequence[int]:
        """A batch of new messages of known chats, each with twenty lines of history."""
        self._turn += 1
        now = self._database.now()
        batch = []
        for number in range(BATCH):
            chat = 1 + (self._turn * 7919 + number * 104_729) % self._chats
            lines = tuple(
                HistoryItem(sender="Ada", content=f"{self._turn} {number} line {n}", sent_at=now, type="chat")
                for n in range(20)
            )
            batch.append(
                IncomingMessage(
                    account="main", message_id=f"new-{self._turn}-{number}", sent_at=now, chat_name="Ada", text="how much?",
                    type="chat", identities=(Identity(kind="lid", value=f"{chat}@lid"),), sender_id=f"{chat}@lid",
                    history=lines,
                )
            )  # fmt: skip
        return [item.id for item in await self._intake.accept(batch, now=now)]

    async def claim(self) -> list[conversations.Claim]:
        """Sixteen conversations."""
        return await conversations.claim(self._database, 16, now=self._database.now(), lease=LEASE)

    async def release(self, claims: Sequence[conversations.Claim]) -> None:
        """Give them back."""
        await progress.store(
            self._database, [progress.Released(claim=claim) for claim in claims], now=self._database.now()
        )

    async def stats(self) -> None:
        """All that ``/stats`` asks for."""
        since = self._database.now() - timedelta(hours=24)
        await stats.counts(self._database, since=since)
        await stats.usage(self._database, since=since)
        await stats.durations(self._database, since=since)
        await stats.waiting(self._database)

    async def histories(self, ids: Sequence[int]) -> None:
        """Messages with their histories, analyses and routes."""
        for id_ in ids:
            await messages.fetch(self._database, id_)


async def measure_waiting(mysql: str, numbers: Sequence[int]) -> list[tuple[str, str, str]]:
    """A claim where so many conversations wait."""
    took: defaultdict[int, list[float]] = defaultdict(list)
    stores: dict[int, Store] = {}
    opened: list[Database] = []
    for number in numbers:
        database = await filled(mysql, number * PER_CHAT)
        stores[number] = Store(database, number * PER_CHAT)
        opened.append(database)
        async with database.engine.begin() as connection:
            await connection.execute(update(conversation_table).values(ready_at=database.now()))
    for turn in range(ROUNDS + 3):
        for number, store in stores.items():
            began = time.perf_counter()
            await store.claim()
            if turn >= 3:
                took[number].append(time.perf_counter() - began)
    for database in opened:
        await database.close()
    base = median(took[numbers[0]])
    figures = [
        f"{number:,}: {median(took[number]) * 1e3:.1f} ms ({median(took[number]) / base:.2f} ×)" for number in numbers
    ]
    return [("claim 16, by conversations that wait", ", ".join(figures), "no growth")]


async def measure(mysql: str, sizes: Sequence[int]) -> list[tuple[str, str, str]]:
    """Rows of what, figure and target; rounds are interleaved between the sizes."""
    stores: dict[int, Store] = {}
    opened: list[Database] = []
    for size in sizes:
        database = await filled(mysql, size)
        stores[size] = Store(database, size)
        opened.append(database)
    took: defaultdict[tuple[str, int], list[float]] = defaultdict(list)
    for turn in range(ROUNDS + 3):
        for size, store in stores.items():
            marks = [time.perf_counter()]
            ids = await store.accept()
            marks.append(time.perf_counter())
            claims = await store.claim()
            marks.append(time.perf_counter())
            await store.release(claims)
            marks.append(time.perf_counter())
            await store.stats()
            marks.append(time.perf_counter())
            await store.histories(ids[:8])
            marks.append(time.perf_counter())
            if turn >= 3:
                names = ("accept 32", "claim 16", "release 16", "/stats", "read 8 histories")
                for name, began, ended in zip(names, marks[:-1], marks[1:], strict=True):
                    took[name, size].append(ended - began)
    for database in opened:
        await database.close()
    small = sizes[0]
    rows = []
    for name in dict.fromkeys(name for name, _ in took):
        base = median(took[name, small])
        figures = [
            f"{median(took[name, size]) * 1e3:.1f} ms ({median(took[name, size]) / base:.2f} ×)" for size in sizes
        ]
        shown = ", ".join(f"{size:,}: {figure}" for size, figure in zip(sizes, figures, strict=True))
        rows.append((f"growth, {name}", shown, "≤ 1.5 × at 10 million"))
    return rows
