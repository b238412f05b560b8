"""Storage and queues on three machines: Galera and RabbitMQ's quorum queues, of which one node dies."""

import asyncio
import contextlib
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp
import pytest
from tests.chaos.counting import rows
from tests.support.desk import RunningDesk, running_desk, webhook
from tests.support.galera import galera
from tests.support.mariadb import MariaDB, new_mysql_database
from tests.support.processes import free_port
from tests.support.rabbitmq import RabbitMQNode

from frontdesk.queues.local import LocalWakeups
from frontdesk.queues.rabbitmq import INCOMING, RabbitMQ
from frontdesk.settings import Settings

pytestmark = pytest.mark.servers

CONVERSATIONS, MESSAGES = 8, 12


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[MariaDB]]:
    """A cluster of three."""
    with galera() as started:
        yield started


async def test_three_desks_on_three_nodes_of_which_one_dies(
    nodes: list[MariaDB], settings_of: Callable[..., Settings], agents_dir: Path
) -> None:
    """Messages are written through all nodes at the same moment; each is there, judged and routed once, in order."""
    name = new_mysql_database(nodes[0].url).rpartition("/")[2]
    urls = [f"{node.url}/{name}" for node in nodes]
    async with AsyncExitStack() as stack:
        desks: list[RunningDesk] = []
        for url in urls:
            settings = settings_of(
                database_url=url, agents_dir=agents_dir, sweep_interval_s=0.3, retry_base_s=0.1, lease_s=3.0
            )
            desks.append(await stack.enter_async_context(running_desk(settings, with_agents=not desks)))
        done = 0

        async def chat(number: int) -> None:
            nonlocal done
            for count in range(MESSAGES):
                body = webhook(
                    f"how much is service {count}?",
                    message_id=f"m-{number}-{count}",
                    phone_number=f"+1555010000{number}",
                )
                # The same message through two nodes at once, now and then.
                await asyncio.gather(*(_insist(desks, body) for _ in range(random.choice([1, 1, 2]))))  # noqa: S311
                done += 1
                if done == CONVERSATIONS * MESSAGES // 2:
                    await asyncio.to_thread(nodes[2].kill)

        async with asyncio.timeout(120):
            await asyncio.gather(*(chat(number) for number in range(CONVERSATIONS)))
            while await asyncio.to_thread(_unfinished, urls[0]):
                await desks[0].backend.desk.completions.wait(-1, timeout_s=0.1)
        _count(urls[1])
        await asyncio.to_thread(nodes[2].start)
        async with asyncio.timeout(60):
            while (await desks[2].get("/ready")).status != 200:
                await desks[2].backend.desk.completions.wait(-1, timeout_s=0.1)
        _count(urls[2])


async def _insist(desks: list[RunningDesk], body: dict[str, object]) -> None:
    for desk in itertools.cycle(random.sample(desks, len(desks))):
        with contextlib.suppress(aiohttp.ClientError, TimeoutError):
            if (await desk.post(body, headers={"prefer": "respond-async"})).status == 202:
                return


def _unfinished(url: str) -> int:
    found = rows(
        url,
        "SELECT (SELECT COUNT(*) FROM webhook_messages WHERE state <> 'processed')"
        " + (SELECT COUNT(*) FROM conversations WHERE owner IS NOT NULL OR ready_at IS NOT NULL)"
        " + (SELECT COUNT(*) FROM events WHERE number IS NULL) AS left_over",
    )
    return int(found[0]["left_over"])


def _count(url: str) -> None:
    stored = rows(url, "SELECT message_id, conversation_id FROM webhook_messages ORDER BY id")
    assert len({row["message_id"] for row in stored}) == len(stored) == CONVERSATIONS * MESSAGES
    for conversation in {row["conversation_id"] for row in stored}:
        mine = [bytes(row["message_id"]).decode() for row in stored if row["conversation_id"] == conversation]
        assert [int(name.rpartition("-")[2]) for name in mine] == list(range(MESSAGES))
    for table in ("analytics_results", "agent_routing"):
        (counted,) = rows(url, f"SELECT COUNT(*) AS n, COUNT(DISTINCT webhook_message_id) AS m FROM {table}")  # noqa: S608
        assert (counted["n"], counted["m"]) == (len(stored), len(stored)), table
    happened = rows(url, "SELECT type, message_id, number FROM events")
    assert len({row["number"] for row in happened}) == len(happened)
    times = Counter((row["type"], row["message_id"]) for row in happened)
    assert {number for (kind, _), number in times.items() if kind != "message.unrouted"} == {1}


async def test_a_cluster_of_brokers_of_which_one_dies(tmp_path: Path) -> None:
    """Both ends find another node by themselves, and what is published then arrives."""
    names, epmd = [f"n{number}" for number in range(3)], free_port()
    brokers = [RabbitMQNode(tmp_path, name=name, epmd_port=epmd, cluster=names) for name in names]
    with contextlib.ExitStack() as stack:
        for broker in brokers:
            stack.callback(broker.close)
            broker.launch()
        for broker in brokers:
            await asyncio.to_thread(broker.await_serving)
        arrived: asyncio.Queue[int] = asyncio.Queue()
        here = LocalWakeups(incoming=lambda: None, outgoing=lambda: None)
        publisher = RabbitMQ(",".join(broker.url for broker in brokers), fallback=here)
        consumer = RabbitMQ(",".join(broker.url for broker in (brokers[1], brokers[0], brokers[2])), fallback=here)
        tasks = [
            asyncio.create_task(publisher.run()),
            asyncio.create_task(consumer.run([(INCOMING, arrived.put, 4)])),
        ]
        async with asyncio.timeout(90):
            for end in (publisher, consumer):
                await end.connected.wait()
            publisher.incoming([1])
            assert await arrived.get() == 1
            await asyncio.to_thread(brokers[0].kill)
            await publisher.disconnected.wait()
            for end in (publisher, consumer):
                await end.connected.wait()
            publisher.incoming([2])
            while await arrived.get() != 2:
                pass
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
