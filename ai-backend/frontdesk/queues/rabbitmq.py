"""Wake-ups over RabbitMQ, for workers in other processes and on other machines.

A wake-up is an id; what there is to do stands in the store. So the queues may be lost, flushed or partitioned: wake-ups that
do not arrive are made up for by the workers' regular look into the store, and those that arrive twice find nothing to do.
"""

import asyncio
import contextlib
import itertools
import json
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial
from typing import Any

import aio_pika
import structlog
from aio_pika.abc import AbstractChannel, AbstractIncomingMessage, AbstractQueue

from frontdesk.domain.errors import UnavailableError
from frontdesk.domain.ports import Wakeups
from frontdesk.domain.text import listed

log = structlog.get_logger(__name__)

INCOMING = "incoming_messages"
OUTGOING = "outgoing_messages"
VOICE = "voice_transcription"
DEAD_LETTERS = "dead_letters"
DELIVERY_LIMIT = 5
MOST_WAITING = 10_000
MOST_QUEUED = 100_000
MOST_DEAD = 10_000
AT_ONCE = 200
PATIENCE_S = 10
RECONNECT_S = 2

Handler = Callable[[int], Awaitable[None]]


class RabbitMQ:
    """A connection that comes back by itself, to the next of several nodes. Publishing never waits for it, and never fails.

    ``connected`` and ``disconnected`` tell which it is. What cannot be published is told to ``fallback``: a worker in this
    process may hear it.
    """

    def __init__(self, url: str, *, fallback: Wakeups) -> None:
        self._urls = itertools.cycle(listed(url))
        self._fallback = fallback
        self._outbound: deque[tuple[str, int]] = deque(maxlen=MOST_WAITING)
        self._woken = asyncio.Event()
        self.connected = asyncio.Event()
        self.disconnected = asyncio.Event()
        self.disconnected.set()

    def incoming(self, conversation_ids: Iterable[int]) -> None:
        """Messages wait in these conversations."""
        self._publish_later(INCOMING, conversation_ids)

    def outgoing(self, account_ids: Iterable[int]) -> None:
        """Messages of these accounts wait to be sent."""
        self._publish_later(OUTGOING, account_ids)

    def voice(self, conversation_ids: Iterable[int]) -> None:
        """Files of these conversations wait to be listened to, or looked at."""
        self._publish_later(VOICE, conversation_ids)

    async def run(self, consumers: Iterable[tuple[str, Handler, int]] = ()) -> None:
        """Publish what is to be published and hand what arrives to ``consumers`` (queue, handler, prefetch) until cancelled.

        Whatever goes wrong with the connection, it is made anew.
        """
        while True:
            try:
                async with self._connected() as connection, asyncio.TaskGroup() as group:
                    for queue, handler, prefetch in consumers:
                        group.create_task(_consume(connection, queue, handler, prefetch))
                    group.create_task(self._publish(connection))
                    group.create_task(_ended(connection))
            except* Exception as errors:  # noqa: BLE001 (whatever it is: without queues the store is asked regularly)
                log.warning("rabbitmq_away", reason=type(errors.exceptions[0]).__name__)
            await asyncio.sleep(RECONNECT_S)

    @contextlib.asynccontextmanager
    async def _connected(self) -> AsyncIterator[aio_pika.Connection]:
        connection = aio_pika.Connection(aio_pika.connection.make_url(next(self._urls)))
        await connection.connect(timeout=PATIENCE_S)
        try:
            async with connection.channel() as channel:
                for name in (INCOMING, OUTGOING, VOICE):
                    await _declared(channel, name)
            self.disconnected.clear()
            self.connected.set()
            log.info("rabbitmq_connected")
            yield connection
        finally:
            self.connected.clear()
            self.disconnected.set()
            with contextlib.suppress(Exception):
                async with asyncio.timeout(PATIENCE_S):
                    await connection.close()

    def _publish_later(self, queue: str, ids: Iterable[int]) -> None:
        if not self.connected.is_set():
            self._tell_here([(queue, id_) for id_ in ids])
            return
        self._outbound.extend((queue, id_) for id_ in ids)
        self._woken.set()

    def _tell_here(self, wakeups: Iterable[tuple[str, int]]) -> None:
        for queue, id_ in wakeups:
            (self._fallback.outgoing if queue == OUTGOING else self._fallback.incoming)([id_])

    async def _publish(self, connection: aio_pika.abc.AbstractConnection) -> None:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        # Some may have been left when the connection before was lost.
        self._woken.set()
        while True:
            await self._woken.wait()
            self._woken.clear()
            while self._outbound:
                batch = [self._outbound.popleft() for _ in range(min(AT_ONCE, len(self._outbound)))]
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        # Each is confirmed by the broker; many are on their way at the same time.
                        await asyncio.gather(*(_send(channel, queue, id_) for queue, id_ in batch))
                except BaseException:
                    # Workers elsewhere find what was not confirmed by their regular look into the store.
                    self._tell_here(batch)
                    raise


async def _send(channel: AbstractChannel, queue: str, id_: int) -> None:
    message = aio_pika.Message(
        json.dumps({"id": id_}).encode(),
        content_type="application/json",
        delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
    )
    await channel.default_exchange.publish(message, routing_key=queue, mandatory=True)


async def _declared(channel: AbstractChannel, name: str) -> AbstractQueue:
    bounded: dict[str, Any] = {"x-queue-type": "quorum", "x-overflow": "drop-head"}
    await channel.declare_queue(DEAD_LETTERS, durable=True, arguments=bounded | {"x-max-length": MOST_DEAD})
    return await channel.declare_queue(
        name,
        durable=True,
        # While no worker runs, wake-ups gather that will find nothing: the oldest may go.
        arguments=bounded
        | {
            "x-max-length": MOST_QUEUED,
            "x-delivery-limit": DELIVERY_LIMIT,
            "x-dead-letter-exchange": "",
            "x-dead-letter-routing-key": DEAD_LETTERS,
        },
    )


async def _consume(connection: aio_pika.abc.AbstractConnection, name: str, handler: Handler, prefetch: int) -> None:
    channel = await connection.channel(publisher_confirms=False)
    await channel.set_qos(prefetch_count=prefetch)
    queue = await _declared(channel, name)
    # The broker cancels a consumer when somebody deletes its queue, and says nothing more: all is declared anew then.
    cancelled = asyncio.Event()
    (await channel.get_underlay_channel()).on_consumer_cancel_callbacks.add(lambda _: cancelled.set())
    await queue.consume(partial(_handle, handler))
    await _raised(cancelled)


async def _handle(handler: Handler, message: AbstractIncomingMessage) -> None:
    """Acknowledge after the work. What nobody can read goes to the dead letters; what failed comes again, a few times."""
    try:
        id_ = int(json.loads(message.body)["id"])
    except (ValueError, TypeError, KeyError, OverflowError):
        log.warning("wakeup_unreadable")
        await message.reject(requeue=False)
        return
    try:
        await handler(id_)
    except UnavailableError:
        # The store is away: the sweep finds what is due when it is back.
        await message.ack()
    except Exception:
        log.exception("wakeup_failed")
        await message.reject(requeue=True)
    else:
        await message.ack()


async def _ended(connection: aio_pika.Connection) -> None:
    # ``closed()`` is only for closing by our own hand; a connection that breaks tells its callbacks.
    ended = asyncio.Event()
    connection.close_callbacks.add(lambda *_: ended.set())
    await _raised(ended)


async def _raised(event: asyncio.Event) -> None:
    await event.wait()
    raise ConnectionError
