"""Others are told what happens: signed, in order, until they have taken it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web
from tests.support.clock import Clock
from tests.support.desk import RunningDesk, webhook
from tests.support.processes import free_port

from frontdesk.cli.serve import serving
from frontdesk.domain.errors import NotFoundError
from frontdesk.store import events, webhooks
from frontdesk.store.database import Database
from frontdesk.webhooks.telling import Teller
from frontdesk.wire.signing import new_secret, verify


class Receiver:
    """Somebody's endpoint, which checks signatures; ``answer`` can make it refuse."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/hook"
        self.secret = ""
        self.bodies: list[dict[str, Any]] = []
        self.ids: list[str] = []
        self.answer: Callable[[dict[str, Any]], int] = lambda _: 200
        self.headers: dict[str, str] = {}
        self._news = asyncio.Condition()

    async def take(self, request: web.Request) -> web.Response:
        """``POST /hook``."""
        raw = await request.read()
        if self.secret:
            verify(self.secret, request.headers, raw)
        body = json.loads(raw)
        status = self.answer(body)
        async with self._news:
            self.ids.append(request.headers["webhook-id"])
            if status < 300:
                self.bodies.append(body)
            self._news.notify_all()
        return web.Response(status=status, headers=self.headers)

    async def until(self, found: Callable[[], bool]) -> None:
        """Wait for what is told."""
        async with asyncio.timeout(15), self._news:
            await self._news.wait_for(found)

    @property
    def types(self) -> list[str]:
        """What was taken."""
        return [body["type"] for body in self.bodies]


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """An endpoint that listens."""
    found = Receiver()
    app = web.Application()
    app.router.add_post("/hook", found.take)
    async with serving([(app, "127.0.0.1", found.port)]):
        yield found


class Bench:
    """A teller on a clock that the test moves, and events that happen when it says so."""

    def __init__(self, database: Database, receiver: Receiver) -> None:
        self.database, self.receiver, self.clock = database, receiver, Clock()
        self.teller = Teller(database=database, clock=self.clock)

    async def endpoint(self, **values: Any) -> int:
        """Add the receiver as an endpoint."""
        defaults = {
            "url": self.receiver.url,
            "description": "",
            "events": [],
            "with_content": False,
            "is_enabled": True,
        }
        secret = new_secret()
        self.receiver.secret = secret
        made = await webhooks.create(self.database, defaults | values, secret=secret, now=self.clock())
        return made.id

    async def happen(self, *types: str) -> list[int]:
        """Events, numbered; their numbers."""

        async def work(connection: Any) -> None:
            await events.add(connection, [events.row(type_, now=self.clock()) for type_ in types])

        before = await events.last_number(self.database)
        await self.database.write(work)
        await events.number_new(self.database)
        return [event.number for event in await events.after(self.database, before, limit=500)]

    async def tell(self) -> int:
        """Tell what is due."""
        begun = await self.teller.tell_due(asyncio.Event())
        await self.teller.settled()
        return begun


@pytest_asyncio.fixture
async def bench(database: Database, receiver: Receiver) -> AsyncIterator[Bench]:
    """A teller before a receiver."""
    async with AsyncExitStack() as stack:
        built = Bench(database, receiver)
        stack.push_async_callback(built.teller.close)
        yield built


async def test_what_happens_is_told_in_order_and_once(bench: Bench, receiver: Receiver) -> None:
    """From when the endpoint was made; each event has an id that stays."""
    await bench.happen("message.received")
    number = await bench.endpoint()
    happened = await bench.happen("task.created", "task.done", "session.status")
    assert await bench.tell() == 1
    assert receiver.types == ["task.created", "task.done", "session.status"]
    assert receiver.ids == [f"evt_{item}" for item in happened]
    assert receiver.bodies[0]["data"]["number"] == happened[0]
    assert await bench.tell() == 0
    again = await webhooks.rewind(bench.database, number, after=happened[0])
    assert again.position == happened[0]
    await bench.tell()
    assert receiver.ids[3:] == receiver.ids[1:3]


async def test_only_what_an_endpoint_wants_is_told(bench: Bench, receiver: Receiver) -> None:
    """By type, or by its beginning."""
    await bench.endpoint(events=["task.*", "session.status"])
    happened = await bench.happen("message.received", "task.created", "session.status", "deadline.near")
    await bench.tell()
    assert receiver.types == ["task.created", "session.status"]
    (found,) = await webhooks.find(bench.database)
    assert found.position == happened[-1]


async def test_what_is_not_taken_comes_again_before_what_follows(bench: Bench, receiver: Receiver) -> None:
    """Ever more slowly, and as late as the endpoint asks; the order stays."""
    await bench.endpoint()
    await bench.happen("task.created", "task.done")
    receiver.answer = lambda _: 500
    pauses = []
    for _ in range(4):
        assert await bench.tell() == 1
        (found,) = await webhooks.find(bench.database)
        assert found.error == "answered 500"
        assert found.due_at is not None
        pauses.append(found.due_at - bench.clock())
        assert await bench.tell() == 0
        bench.clock.pass_by(seconds=pauses[-1].total_seconds() + 1)
    assert found.attempts == 4
    assert all(2 * earlier * 0.5 < later for earlier, later in pairwise(pauses))
    receiver.headers = {"Retry-After": "1800"}
    await bench.tell()
    (found,) = await webhooks.find(bench.database)
    assert found.due_at == bench.clock() + timedelta(seconds=1800)
    bench.clock.pass_by(seconds=1801)
    receiver.answer = lambda body: 200 if body["type"] == "task.created" else 500
    await bench.tell()
    (found,) = await webhooks.find(bench.database)
    assert found.attempts == 1
    receiver.answer = lambda _: 200
    bench.clock.pass_by(seconds=1801)
    await bench.tell()
    assert receiver.types == ["task.created", "task.done"]
    (found,) = await webhooks.find(bench.database)
    assert (found.attempts, found.error, found.due_at) == (0, None, None)


async def test_what_is_not_taken_for_three_days_is_a_dead_letter(bench: Bench, receiver: Receiver) -> None:
    """With all that is as old; what is newer is told."""
    number = await bench.endpoint()
    old = await bench.happen("task.created", "task.done")
    receiver.answer = lambda body: 200 if body["data"]["number"] > old[-1] else 500
    for _ in range(2):
        await bench.tell()
        bench.clock.pass_by(hours=2)
    bench.clock.pass_by(days=3)
    new = await bench.happen("session.status")
    await bench.tell()
    letters = await webhooks.dead_letters(bench.database, number, limit=9)
    assert [(letter.event_number, letter.type) for letter in letters] == [
        (old[0], "task.created"),
        (old[1], "task.done"),
    ]
    assert await webhooks.dead_letters(bench.database, number, limit=1) == letters[:1]
    assert await webhooks.dead_letters(bench.database, number, after=old[0], limit=1) == letters[1:]
    bench.clock.pass_by(hours=2)
    await bench.tell()
    assert receiver.types == ["session.status"]
    # They can be told again: tried for as long as anything, and buried once.
    receiver.answer = lambda _: 500
    await webhooks.rewind(bench.database, number, after=old[0] - 1)
    for attempt in range(4):
        assert (await webhooks.find(bench.database))[0].attempts == attempt
        await bench.tell()
        bench.clock.pass_by(hours=2)
    bench.clock.pass_by(days=3)
    await bench.tell()
    assert (await webhooks.find(bench.database))[0].position == new[0]
    assert len(await webhooks.dead_letters(bench.database, number, limit=9)) == 3
    receiver.answer = lambda _: 200
    await webhooks.rewind(bench.database, number, after=old[0] - 1)
    await bench.tell()
    assert [body["data"]["number"] for body in receiver.bodies] == [new[0], *old, new[0]]
    assert await webhooks.dead_letters(bench.database, number, limit=9) == []


async def test_an_endpoint_that_says_that_it_is_gone_is_told_no_more(bench: Bench, receiver: Receiver) -> None:
    """Until somebody switches it on again."""
    number = await bench.endpoint()
    await bench.happen("task.created")
    receiver.answer = lambda _: 410
    await bench.tell()
    (found,) = await webhooks.find(bench.database)
    assert not found.is_enabled
    assert await bench.tell() == 0
    receiver.answer = lambda _: 200
    await webhooks.change(bench.database, number, {"is_enabled": True})
    await bench.tell()
    assert receiver.types == ["task.created"]


async def test_one_process_at_a_time_tells_an_endpoint(bench: Bench, receiver: Receiver) -> None:
    """Another one takes over when its lease has ended, and the first notes nothing any more."""
    await bench.endpoint()
    happened = await bench.happen("task.created")
    lease = timedelta(seconds=60)
    (turn,) = await webhooks.claim(bench.database, 8, now=bench.clock(), lease=lease)
    assert await bench.tell() == 0
    bench.clock.pass_by(seconds=61)
    assert await bench.tell() == 1
    assert not await webhooks.told(bench.database, turn, up_to=0, now=bench.clock(), lease=lease)
    now = bench.clock()
    assert not await webhooks.failed(bench.database, turn, attempts=1, error="x", due_at=now, now=now)
    assert not await webhooks.bury(bench.database, turn, [(1, "x")], attempts=1, reason="x", due_at=now, now=now)
    (found,) = await webhooks.find(bench.database)
    assert (found.position, found.error) == (happened[0], None)


async def test_who_rewinds_while_it_is_told_is_not_overruled(bench: Bench, receiver: Receiver) -> None:
    """The turn that is under way ends without a word."""
    number = await bench.endpoint()
    happened = await bench.happen("task.created", "task.done")
    (turn,) = await webhooks.claim(bench.database, 8, now=bench.clock(), lease=timedelta(seconds=60))
    await webhooks.rewind(bench.database, number, after=0)
    assert not await webhooks.told(
        bench.database, turn, up_to=happened[-1], now=bench.clock(), lease=timedelta(seconds=60)
    )
    await bench.tell()
    assert len(receiver.bodies) >= 2
    with pytest.raises(NotFoundError):
        await webhooks.rewind(bench.database, 999, after=0)


async def test_a_slow_endpoint_does_not_hold_up_others(bench: Bench, receiver: Receiver) -> None:
    """Nor one that is not there: while it is being waited for, the others go on hearing what is new."""
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow(_: web.Request) -> web.Response:
        asked.set()
        await answer.wait()
        return web.Response()

    app = web.Application()
    app.router.add_post("/", slow)
    port = free_port()
    await bench.endpoint(url=f"http://127.0.0.1:{free_port()}/")
    await bench.endpoint(url=f"http://127.0.0.1:{port}/")
    await bench.endpoint()
    async with serving([(app, "127.0.0.1", port)]):
        await bench.happen("task.created")
        assert await bench.teller.tell_due(asyncio.Event()) == 3
        await asked.wait()
        await receiver.until(lambda: len(receiver.bodies) == 1)
        await bench.happen("task.done")
        while not await bench.teller.tell_due(asyncio.Event()):  # noqa: ASYNC110 (its turn ends a moment after its answer)
            await asyncio.sleep(0)
        await receiver.until(lambda: len(receiver.bodies) == 2)
        answer.set()
        await bench.teller.settled()
    found = await webhooks.find(bench.database)
    assert found[0].error == "cannot be reached (ClientConnectorError)"
    assert found[1].position == found[2].position


async def test_endpoints_are_changed_without_a_restart(desk: RunningDesk, receiver: Receiver) -> None:
    """By API: made, told, changed, removed; the secret is shown once."""
    headers = {"authorization": f"Bearer {desk.settings.api_token}"}

    async def call(method: str, path: str, body: Any = None) -> tuple[int, Any]:
        async with desk.session.request(method, desk.url + path, json=body, headers=headers) as response:
            return response.status, await response.json(content_type=None) if response.status != 204 else None

    status, made = await call("POST", "/webhooks", {"url": receiver.url, "events": ["message.*"], "with_content": True})
    assert status == 201
    receiver.secret = made["secret"]
    path = f"/webhooks/{made['webhook_id']}"
    await desk.post(webhook("How much is a full service?"))
    await receiver.until(lambda: "message.routed" in receiver.types)
    assert receiver.types == ["message.received", "message.analysed", "message.routed"]
    told = receiver.bodies[-1]["data"]
    assert told["message"]["text"] == "How much is a full service?"
    assert told["message"]["analysis"]["category"] == "sales"
    assert told["message"]["routing"]["success"] is True
    assert told["facts"] == {"agent": told["message"]["routing"]["agent"]}
    status, shown = await call("GET", path)
    assert (status, shown["secret"], shown["error"]) == (200, None, None)
    status, changed = await call("PATCH", path, {"events": ["task.*"], "with_content": False})
    assert (changed["events"], changed["url"]) == (["task.*"], receiver.url)
    await desk.post(webhook("My bicycle is broken, please repair it by next Friday at 3pm"))
    await receiver.until(lambda: "task.created" in receiver.types)
    assert "message" not in receiver.bodies[-1]["data"]
    assert (await call("POST", f"{path}/replay", {"after": 0}))[0] == 200
    await receiver.until(lambda: receiver.types.count("task.created") == 2)
    assert (await call("POST", f"{path}/replay", {"after": 10**6}))[0] == 422
    assert (await call("GET", f"{path}/dead-letters"))[1] == {"dead_letters": [], "next": None}
    assert (await call("GET", f"{path}/dead-letters?after=x"))[0] == 422
    assert [item["webhook_id"] for item in (await call("GET", "/webhooks"))[1]["webhooks"]] == [made["webhook_id"]]
    assert (await call("DELETE", path))[0] == 204
    missing: tuple[tuple[str, str, Any], ...] = (
        ("GET", path, None), ("DELETE", path, None), ("PATCH", path, {}), ("POST", f"{path}/replay", {"after": 0}),
        ("GET", f"{path}/dead-letters", None), ("GET", "/webhooks/99999999999999999999", None),
    )  # fmt: skip
    for method, other, body in missing:
        assert (await call(method, other, body))[0] == 404, (method, other)
    wrong: tuple[dict[str, Any], ...] = (
        {}, {"url": "ftp://x/"}, {"url": "https://"}, {"url": receiver.url, "events": ["*"]}, {"url": receiver.url, "x": 1}
    )  # fmt: skip
    for draft in wrong:
        assert (await call("POST", "/webhooks", draft))[0] == 422, draft
    assert (await desk.get("/webhooks", token=None)).status == 401
