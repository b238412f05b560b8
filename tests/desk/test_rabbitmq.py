"""Wake-ups over a real RabbitMQ."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import aio_pika
import pytest
import pytest_asyncio
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.processes import free_port
from tests.support.proxy import Proxy
from tests.support.rabbitmq import RabbitMQNode

from frontdesk.queues.local import LocalWakeups
from frontdesk.queues.rabbitmq import DEAD_LETTERS, INCOMING, RabbitMQ

pytestmark = pytest.mark.servers


@pytest.fixture(scope="session")
def rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQNode]:
    """A private RabbitMQ."""
    node = RabbitMQNode(tmp_path_factory.mktemp("rabbitmq"), epmd_port=free_port())
    try:
        node.launch()
        node.await_serving()
        yield node
    finally:
        node.close()


@pytest_asyncio.fixture
async def proxy(rabbitmq: RabbitMQNode) -> AsyncIterator[Proxy]:
    """The network to it."""
    async with Proxy(rabbitmq.port).serving() as served:
        yield served


async def test_wake_ups_travel_and_come_back_after_the_network_was_cut(proxy: Proxy) -> None:
    """Each is confirmed, worked on and then acknowledged; a cut connection is made anew by itself."""
    url = f"amqp://guest:guest@127.0.0.1:{proxy.port}/"
    arrived: asyncio.Queue[int] = asyncio.Queue()
    fallen_back = asyncio.Event()
    here = LocalWakeups(incoming=fallen_back.set, outgoing=arrived.task_done)
    publisher, consumer = RabbitMQ(url, fallback=here), RabbitMQ(url, fallback=here)
    publisher.incoming([0])
    assert fallen_back.is_set()
    tasks = [
        asyncio.create_task(publisher.run()),
        asyncio.create_task(consumer.run([(INCOMING, arrived.put, 4)])),
    ]

    async def one_arrives(number: int) -> None:
        for end in (publisher, consumer):
            await end.connected.wait()
        publisher.incoming([number])
        # One whose acknowledgement was cut off comes again.
        while await arrived.get() != number:
            pass

    async with asyncio.timeout(60):
        await one_arrives(1)
        proxy.cut()
        for end in (publisher, consumer):
            await end.disconnected.wait()
        await one_arrives(2)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_queue_that_somebody_deleted_is_made_anew(rabbitmq: RabbitMQNode) -> None:
    """The broker cancels its consumers then, and says nothing more."""
    arrived: asyncio.Queue[int] = asyncio.Queue()
    here = LocalWakeups(incoming=lambda: None, outgoing=lambda: None)
    consumer = RabbitMQ(rabbitmq.url, fallback=here)
    task = asyncio.create_task(consumer.run([(INCOMING, arrived.put, 4)]))
    async with asyncio.timeout(60):
        await consumer.connected.wait()
        connection = await aio_pika.connect(rabbitmq.url)
        channel = await connection.channel()
        await channel.queue_delete(INCOMING)
        await consumer.disconnected.wait()
        await consumer.connected.wait()
        consumer.incoming([7])
        assert await arrived.get() == 7
    await connection.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_poison_goes_to_the_dead_letters(rabbitmq: RabbitMQNode) -> None:
    """What nobody can read at once, what fails again and again after some times."""
    calls = 0

    async def explode(_: int) -> None:
        nonlocal calls
        calls += 1
        raise RuntimeError

    nobody = LocalWakeups(incoming=lambda: None, outgoing=lambda: None)
    consumer = RabbitMQ(rabbitmq.url, fallback=nobody)
    task = asyncio.create_task(consumer.run([(INCOMING, explode, 4)]))
    async with asyncio.timeout(60):
        await consumer.connected.wait()
        connection = await aio_pika.connect(rabbitmq.url)
        channel = await connection.channel()
        for body in (b"not JSON", b'{"id": 7}'):
            message = aio_pika.Message(body, delivery_mode=aio_pika.DeliveryMode.PERSISTENT)
            await channel.default_exchange.publish(message, routing_key=INCOMING)
        dead = await channel.get_queue(DEAD_LETTERS)
        bodies: set[bytes] = set()
        while len(bodies) < 2:
            letter = await dead.get(fail=False)
            if letter is not None:
                bodies.add(letter.body)
                await letter.ack()
    assert bodies == {b"not JSON", b'{"id": 7}'}
    assert calls > 1
    await connection.close()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_workers_elsewhere_are_woken_over_rabbitmq(start_desk: DeskFactory, rabbitmq: RabbitMQNode) -> None:
    """A process without a worker, a worker without HTTP, and a caller who waits for the result."""
    both = {"rabbitmq_url": rabbitmq.url, "sweep_interval_s": 60.0}
    web: RunningDesk = await start_desk(embedded_worker=False, **both)
    await start_desk(with_agents=False, **both)
    reply = await web.post(webhook("how much is a full service?"), headers={"prefer": "wait=30"})
    assert (reply.status, reply.document["routing"]["success"]) == (200, True)
