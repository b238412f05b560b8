"""The inbox over a full store: its pages, a search, how soon something new is on screen, and what many onlookers cost.

The server is a process of its own on MariaDB, filled with so many messages, twenty to a chat; every fifth chat waits for an answer.
"""

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pymysql
from tests.support.desk import SECRETS, webhook
from tests.support.mariadb import async_url, new_mysql_database
from tests.support.visitors import PASSWORD, link_for

from benchmarks.growth import PER_CHAT, fill
from benchmarks.harness import cpu_s, free_port, median, peak_mib, served
from frontdesk.store.database import open_database
from frontdesk.store.schema import migrate
from frontdesk.wire.signing import sign

ROUNDS = 25
ONLOOKERS = 100
MESSAGES = 40
CHUNK = 250_000
COMMON = "hello please thanks when where order delivery price repair bike wheel brake today tomorrow again late broken help open closed"
TARGET = "≤ 100 ms"


def prepare(url: str, count: int) -> None:
    """What the inbox shows and searches, beside the messages: waits, words, and hourly totals of sixty days."""
    port, _, name = url.rpartition(":")[2].partition("/")
    connection = pymysql.connect(host="127.0.0.1", port=int(port), user="root", database=name, autocommit=True)
    chats = max(count // PER_CHAT, 1)
    words = ", ".join(f"'{word}'" for word in COMMON.split())
    with connection.cursor() as cursor:
        cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 0")
        cursor.execute("SET SESSION foreign_key_checks = 0, unique_checks = 0")
        cursor.execute(
            "UPDATE conversations SET title = CONCAT('Contact ', id), unread = MOD(id, 3), urgency = 1 + MOD(id, 10), language = 'en',"
            " category = ELT(1 + MOD(id, 6), 'sales', 'support', 'complaint', 'inquiry', 'technical', 'general'), last_type = 'chat',"
            " sentiment = ELT(1 + MOD(id, 4), 'positive', 'negative', 'neutral', 'urgent'), lane = IF(MOD(id, 50), 1, 0),"
            " last_message_at = UTC_TIMESTAMP(6) - INTERVAL (%s - id) * 30 SECOND",
            (chats,),
        )
        cursor.execute(
            "INSERT INTO waits (account_id, conversation_id, first_message_id, message_id, is_open, is_first, began_at, near_at,"
            " due_at) SELECT 1, c.id, m.id, m.id, 1, 1, UTC_TIMESTAMP(6), UTC_TIMESTAMP(6), UTC_TIMESTAMP(6) + INTERVAL c.id SECOND"
            " FROM conversations c JOIN (SELECT conversation_id, MAX(id) AS id FROM webhook_messages GROUP BY conversation_id) m"
            " ON m.conversation_id = c.id WHERE c.id % 5 = 0"
        )
        for first in range(1, count + 1, CHUNK):
            last = min(first + CHUNK - 1, count)
            for word in (
                # Which stand together is chance, as it is with words that have nothing to do with each other.
                f"ELT(1 + CRC32(seq) % 20, {words})",
                f"CONCAT(ELT(1 + CRC32(-seq) % 20, {words}), 's')",
                "CONCAT('model', seq % 300)",
                "CONCAT('order', seq % 20000)",
                "CONCAT('street', seq % 5000)",
            ):
                cursor.execute(f"INSERT IGNORE INTO search_words SELECT 1, seq, {word} FROM seq_{first}_to_{last}")  # noqa: S608
            apart = "CASE seq % 20 WHEN 0 THEN 'upward' WHEN 10 THEN 'downward' END"
            cursor.execute(
                f"INSERT INTO search_words SELECT 1, seq, {apart} FROM seq_{first}_to_{last} WHERE seq % 10 = 0"  # noqa: S608
            )
        cursor.execute(
            f"INSERT INTO search_words SELECT 3, seq, CONCAT('contact', seq) FROM seq_1_to_{chats}"  # noqa: S608
        )
        now = datetime.now(UTC)
        rows = [
            ((now - timedelta(hours=back)).date(), (now - timedelta(hours=back)).hour, metric, label, 3)
            for back in range(60 * 24)
            for metric, labels in (
                ("state", ("processed",)), ("category", ("sales", "support", "complaint", "inquiry", "technical", "general")),
                ("sentiment", ("positive", "negative", "neutral", "urgent")), ("priority", ("critical", "high", "normal", "low")),
                ("urgency", tuple(map(str, range(1, 11)))), ("agent", ("business_workflow", "general_purpose")),
                ("agent_success", ("business_workflow", "general_purpose")), ("answered", ("in_time", "late")),
                ("response", ("60", "900", "3600")), ("cost_micro_usd", ("judging",)), ("analyser", ("rules",)),
            )
            for label in labels
        ]  # fmt: skip
        cursor.executemany("INSERT INTO system_stats VALUES (%s, %s, %s, %s, %s)", rows)
        cursor.execute(
            "INSERT INTO daily_stats SELECT day, metric, label, SUM(value) FROM system_stats GROUP BY day, metric, label"
        )
        cursor.execute("ANALYZE TABLE search_words, waits, conversations, system_stats, daily_stats")
        cursor.fetchall()
        cursor.execute("SET GLOBAL innodb_flush_log_at_trx_commit = 1")
    connection.close()


async def measure(directory: Path, mysql: str, *, count: int) -> list[tuple[str, str, str]]:
    """Rows of what, figure and target."""
    url = new_mysql_database(mysql)
    database = open_database(async_url(url))
    await migrate(database)
    await asyncio.to_thread(fill, url, count)
    await asyncio.to_thread(prepare, url, count)
    link = await link_for(database, "Mia", "admin")
    await database.close()
    chats = max(count // PER_CHAT, 1)
    port = free_port()
    rows: list[tuple[str, str, str]] = []
    where = f"{count:,} messages in {chats:,} chats"
    async with (
        served(
            directory, port, "-m", "frontdesk", "serve", DATABASE_URL=async_url(url), EMBEDDED_WORKER="false"
        ) as pid,
        aiohttp.ClientSession(
            f"http://127.0.0.1:{port}",
            connector=aiohttp.TCPConnector(limit=0),
            cookie_jar=aiohttp.CookieJar(unsafe=True),
        ) as session,
    ):
        body = {"token": link.partition("token=")[2], "password": PASSWORD}
        async with session.post("/setup", json=body, headers={"origin": f"http://127.0.0.1:{port}"}) as response:
            response.raise_for_status()
        asked = {
            "the inbox page": [f"/?view=waiting&n={n}" for n in range(ROUNDS)],
            "the list of a view that nobody has opened": [
                f"/inbox/list?view=all&after=21000101T00{n:02}00.000000Z_{n}" for n in range(ROUNDS)
            ],
            "the list by category": [
                f"/inbox/list?view=all&category=complaint&after=21000101T00{n:02}00.000000Z_{n}" for n in range(ROUNDS)
            ],
            "a thread with its contact": [f"/inbox/{1 + (n * 7919) % chats}/chat" for n in range(ROUNDS)],
            "a search for a rare word": [f"/inbox/list?q=order{(n * 37) % 20000}" for n in range(ROUNDS)],
            "a search for two common words": [f"/inbox/list?q=order+{COMMON.split()[n % 20]}" for n in range(ROUNDS)],
            "a search for two common words that never stand together": [
                f"/inbox/list?q=upward+downward&n={n}" for n in range(ROUNDS)
            ],
            "analytics of thirty days": [f"/analytics?n={n}" for n in range(ROUNDS)],
        }
        for name, paths in asked.items():
            took = [await _asked(session, path) for path in paths]
            slowest = max(took[3:])
            rows.append(
                (
                    f"inbox, {name}, {where}",
                    f"{median(took[3:]) * 1e3:.0f} ms, at most {slowest * 1e3:.0f} ms",
                    TARGET,
                )
            )
        rows.append(await _on_screen(session))
        rows += await _watched(session, pid)
    return rows


async def _asked(session: aiohttp.ClientSession, path: str) -> float:
    began = time.perf_counter()
    async with session.get(path) as response:
        response.raise_for_status()
        await response.read()
    return time.perf_counter() - began


async def _post(session: aiohttp.ClientSession, number: int) -> float:
    """A new message of a new contact; when it was committed."""
    body = json.dumps(
        webhook("How much is it?", chat_name=f"New {number}", phone_number=f"+1555018{number:04}")
    ).encode()
    headers = {"content-type": "application/json", "prefer": "respond-async"}
    headers |= sign(SECRETS["webhook_secret"], body, message_id=f"m{number}")
    async with session.post("/webhook", data=body, headers=headers) as response:
        response.raise_for_status()
        return time.perf_counter()


async def _stream(session: aiohttp.ClientSession) -> aiohttp.ClientResponse:
    response = await session.get(
        "/events?named=false", headers={"accept": "text/event-stream"}, timeout=aiohttp.ClientTimeout(total=None)
    )
    await response.content.readuntil(b"\n\n")
    return response


async def _on_screen(session: aiohttp.ClientSession) -> tuple[str, str, str]:
    """From the commit to the list that shows it, as a page does it."""
    took: list[float] = []
    stream = await _stream(session)
    for number in range(ROUNDS):
        committed = await _post(session, number)
        while b"message.received" not in await stream.content.readuntil(b"\n\n"):
            pass
        async with session.get("/inbox/list?view=all") as response:
            shown = await response.text()
        assert f"New {number}<" in shown
        took.append(time.perf_counter() - committed)
    stream.close()
    return (
        "inbox, from the commit to the screen",
        f"{median(took) * 1e3:.0f} ms, at most {max(took) * 1e3:.0f} ms",
        "≤ 500 ms",
    )


async def _watched(session: aiohttp.ClientSession, pid: int) -> list[tuple[str, str, str]]:
    """What messages cost with nobody looking and with a hundred inboxes open, each of which fetches its list anew."""
    figures = []
    for onlookers in (0, ONLOOKERS):
        streams = [await _stream(session) for _ in range(onlookers)]
        watching = [asyncio.create_task(_watch(session, stream)) for stream in streams]
        before = cpu_s(pid)
        for number in range(MESSAGES):
            await _post(session, 1000 + onlookers * 10 + number)
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        figures.append((cpu_s(pid) - before) / MESSAGES * 1e3)
        for task in watching:
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)
        for stream in streams:
            stream.close()
    shown = f"{figures[0]:.0f} ms of CPU a message with none open, {figures[1]:.0f} ms with {ONLOOKERS}"
    return [
        ("inbox, ten messages a second with onlookers", shown, "little"),
        ("inbox, peak memory of the backend", f"{peak_mib(pid):.0f} MiB", "–"),
    ]


async def _watch(session: aiohttp.ClientSession, stream: aiohttp.ClientResponse) -> None:
    while True:
        await stream.content.readuntil(b"\n\n")
        async with session.get("/inbox/list?view=all") as response:
            await response.read()
        await asyncio.sleep(0.25)  # as the page does: what happens meanwhile is one fetch
