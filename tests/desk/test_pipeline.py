"""The pipeline's promises, one by one: group commit, leases, events, retries, wake-ups."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.support.desk import DeskFactory, RunningDesk, webhook

from frontdesk.channels.whatsapp_web import parse
from frontdesk.domain.analysis import blank
from frontdesk.domain.contacts import Identity
from frontdesk.domain.errors import LeaseLostError, UnavailableError
from frontdesk.domain.messages import IncomingMessage
from frontdesk.domain.routing import Route
from frontdesk.domain.usage import Usage
from frontdesk.pipeline.worker import MOST_IN_A_ROW
from frontdesk.store import conversations, directory, duties, events, intake, messages, progress
from frontdesk.store.conversations import Claim
from frontdesk.store.database import Database
from frontdesk.store.group_commit import GroupCommit
from frontdesk.store.tables import analytics_results, webhook_messages
from frontdesk.store.tables import conversations as conversation_table
from frontdesk.triage.policy import conclude

LEASE = timedelta(seconds=20)


def _now() -> datetime:
    return datetime.now(UTC)


def _message(**changes: object) -> IncomingMessage:
    body = json.dumps(webhook(**changes)).encode()  # type: ignore[arg-type]
    return parse(body, account="main", now=_now(), region=None, max_history_items=100)


async def test_what_waits_at_the_same_moment_shares_a_transaction() -> None:
    """One commit for many, each answered after it."""
    batches: list[list[int]] = []

    async def commit(items: Sequence[int]) -> list[int]:
        await asyncio.sleep(0)
        batches.append(list(items))
        return [item * 2 for item in items]

    queue: GroupCommit[int, int] = GroupCommit(commit, writers=1, most_items=4)
    assert await asyncio.gather(*(queue.submit(n) for n in range(6))) == [0, 2, 4, 6, 8, 10]
    assert batches == [[0, 1, 2, 3], [4, 5]]
    await queue.close()


async def test_one_that_cannot_be_stored_does_not_fail_its_neighbours() -> None:
    """Bad input of one caller is no other caller's trouble."""

    async def commit(items: Sequence[int]) -> list[int]:
        if 3 in items:
            raise ValueError
        return list(items)

    queue: GroupCommit[int, int] = GroupCommit(commit, writers=2, most_items=8)
    results = await asyncio.gather(*(queue.submit(n) for n in range(8)), return_exceptions=True)
    assert [isinstance(result, ValueError) for result in results] == [n == 3 for n in range(8)]


async def test_a_full_queue_refuses_at_once() -> None:
    """Memory stays flat, and the caller knows."""
    gate = asyncio.Event()

    async def commit(items: Sequence[bytes]) -> list[None]:
        await gate.wait()
        return [None for _ in items]

    queue: GroupCommit[bytes, None] = GroupCommit(
        commit, writers=1, most_items=1, most_waiting=3, most_waiting_bytes=12, weigh=len
    )
    waiting = [asyncio.create_task(queue.submit(b"1234")) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await queue.submit(b"1234")
    gate.set()
    await asyncio.gather(*waiting)
    await queue.submit(b"1234")


async def test_a_batch_keeps_its_good_messages_and_its_duplicates_are_one(database: Database) -> None:
    """Through the store itself: one text that no driver takes among others, and one message twice."""
    good, bad = _message(phone_number="+15550100111"), _message(phone_number="+15550100112")
    bad = bad.model_copy(update={"text": "\ud800"})
    keeper = intake.Intake(database)

    async def commit(items: Sequence[IncomingMessage]) -> list[intake.Accepted]:
        return await keeper.accept(items, now=_now())

    queue: GroupCommit[IncomingMessage, intake.Accepted] = GroupCommit(commit, writers=1, most_items=8)
    first, failed, second = await asyncio.gather(
        queue.submit(good), queue.submit(bad), queue.submit(good), return_exceptions=True
    )
    assert isinstance(first, intake.Accepted)
    assert isinstance(second, intake.Accepted)
    assert isinstance(failed, Exception)
    assert (first.is_new, second.is_new, first.id == second.id) == (True, False, True)


async def test_a_commit_that_answers_wrongly_strands_nobody() -> None:
    """Those who asked are told, and the next are stored."""
    answers = iter([[], [1]])

    async def commit(_: Sequence[int]) -> list[int]:
        return next(answers)

    queue: GroupCommit[int, int] = GroupCommit(commit, writers=1, most_items=4)
    with pytest.raises(RuntimeError):
        await queue.submit(1)
    assert await queue.submit(1) == 1


class Forgetful(Database):
    """Loses the answer to each commit, and repeats what it does not know of."""

    async def write(self, work: Callable[[AsyncConnection], Awaitable[Any]]) -> Any:
        """See :meth:`Database.write`."""
        await super().write(work)
        return await super().write(work)


async def test_what_is_repeated_after_a_commit_happens_once(database: Database) -> None:
    """The server died after it committed and before it said so."""
    forgetful = Forgetful(database.engine, reader=database._reader, clock=database._clock)
    accepted, *_ = await intake.Intake(forgetful).accept([_message(), _message()], now=_now())
    (claim,) = await conversations.claim(forgetful, 1, now=_now(), lease=LEASE)
    assert await conversations.claim(forgetful, 1, now=_now(), lease=LEASE) == []
    record = await messages.fetch(database, accepted.id)
    assert record is not None
    values = blank()
    analysis = conclude(values, {}, analyser="rules", is_important=False)
    judged = messages.Judged(analysis=analysis, usage=Usage(calls=1), model=None, degraded_reason="away")
    unrouted = Route(success=False, agent="hub", reason="everybody is left alone")
    soon = _now() + timedelta(minutes=1)
    steps: list[progress.Step] = [
        progress.Analysed(claim=claim, record=record, judged=judged),
        progress.Routed(claim=claim, records=(record,), route=unrouted, was_tried=False, latency_ms=1, due_at=soon),
    ]
    for step in steps:
        assert await progress.store(forgetful, [step], now=_now()) == [True]
    await messages.replace_analysis(forgetful, record, judged, now=_now())
    async with database.read() as connection:
        row = (await connection.execute(select(analytics_results.c.revision, analytics_results.c.model_calls))).one()
    assert tuple(row) == (2, 2)
    await events.number_new(database)
    happened = [item.type for item in await events.after(database, 0, limit=20)]
    assert sorted(happened) == ["message.analysed"] * 2 + ["message.received"] * 2 + ["message.unrouted"]
    (duty,) = await _made_and_claimed(forgetful)
    assert duty.name == "tidy:"


async def _made_and_claimed(database: Database) -> list[duties.Duty]:
    await duties.ensure(database, "tidy", now=_now())
    return await duties.claim(database, "tidy", 1, now=_now(), lease=LEASE)


async def test_the_most_important_of_a_batch_decides_where_its_conversation_waits(database: Database) -> None:
    """Not the last one."""
    await directory.add_customer(database, Identity(kind="phone", value="+15550100121"), None, now=_now())
    group = {"chat_id": "1203@g.us", "is_group": True}
    batch = [_message(phone_number=f"+1555010012{n}", **group) for n in (1, 2)]
    (accepted, _) = await intake.Intake(database).accept(batch, now=_now())
    async with database.read() as connection:
        lane = await connection.scalar(
            select(conversation_table.c.lane).where(conversation_table.c.id == accepted.conversation_id)
        )
    assert lane == conversations.IMPORTANT_LANE


async def test_what_is_new_goes_before_what_waits_for_an_agent(database: Database) -> None:
    """However many wait, the next one is judged."""
    keeper = intake.Intake(database)
    accepted = await keeper.accept([_message() for _ in range(25)], now=_now())
    (claim,) = await conversations.claim(database, 1, now=_now(), lease=LEASE)
    for item in accepted[:-1]:
        record = await messages.fetch(database, item.id)
        assert record is not None
        failed = progress.Failed(
            claim=claim, record=record, error="x", attempts=1, due_at=_now(), is_judged=item is not accepted[0]
        )
        assert (await progress.store(database, [failed], now=_now()))[0]
    due = await messages.load_due(database, accepted[0].conversation_id, now=_now() + LEASE, limit=20)
    assert [record.id for record in due[:3]] == [accepted[0].id, accepted[-1].id, accepted[1].id]
    # One that waits to be judged again holds back the next that has to be judged, and nobody else.
    early = _now() - LEASE
    due = await messages.load_due(database, accepted[0].conversation_id, now=early, limit=20)
    assert due == []


async def test_a_queue_gives_a_worker_no_more_than_it_has_places_for(start_desk: DeskFactory) -> None:
    """However many wake-ups arrive at once."""
    desk: RunningDesk = await start_desk(embedded_worker=False, worker_concurrency=2)
    keeper = intake.Intake(desk.backend.desk.database)
    await keeper.accept([_message(phone_number=f"+1555010{n:04}") for n in range(12)], now=_now())
    worker, most = desk.backend.pipeline.worker, 0
    asked = [asyncio.create_task(worker.work_on_one()) for _ in range(12)]
    while not all(task.done() for task in asked):
        most = max(most, worker.active)
        await asyncio.wait(asked, timeout=0.005, return_when=asyncio.FIRST_COMPLETED)
    assert most == 2


async def test_those_who_wait_for_agents_come_back_as_seldom_as_agents_are_asked(start_desk: DeskFactory) -> None:
    """Or thousands of them would be claimed again every second, for nothing."""
    desk: RunningDesk = await start_desk(
        with_agents=False, agent_attempts=1, breaker_failures=1, breaker_pause_s=600, retry_base_s=0.01
    )
    replies = [await desk.post(webhook(phone_number=f"+1555010000{n}")) for n in range(4)]
    async with desk.backend.desk.database.read() as connection:
        rows = await connection.execute(select(webhook_messages.c.attempts, webhook_messages.c.due_at))
        left_alone = [row.due_at for row in rows if not row.attempts]
    assert len(replies) == 4
    assert left_alone
    assert min(left_alone) > _now() + timedelta(seconds=300)


async def test_a_step_without_its_lease_is_refused(database: Database) -> None:
    """A worker that slept does not overwrite what its heir has made."""
    (accepted,) = await intake.Intake(database).accept([_message()], now=_now())
    (asleep,) = await conversations.claim(database, 1, now=_now(), lease=LEASE)
    (heir,) = await conversations.claim(database, 1, now=_now() + LEASE * 2, lease=LEASE)
    record = await messages.fetch(database, accepted.id)
    assert record is not None

    def routed(claim: Claim, reason: str) -> progress.Routed:
        route = Route(success=True, agent="hub", reason=reason, response={})
        return progress.Routed(claim=claim, records=(record,), route=route, was_tried=True, latency_ms=1, due_at=None)

    assert await progress.store(database, [routed(heir, "heir"), routed(asleep, "asleep")], now=_now()) == [True, False]
    found = await messages.fetch(database, accepted.id)
    assert found is not None
    assert found.route is not None
    assert (found.state, found.route.reason) == ("processed", "heir")


async def test_a_worker_that_lost_its_lease_stops(start_desk: DeskFactory) -> None:
    """And says so, without noting a failure."""
    desk: RunningDesk = await start_desk(embedded_worker=False)
    reply = await desk.post(webhook(), headers={"prefer": "respond-async"})
    database = desk.backend.desk.database
    record = await messages.fetch(database, reply.document["database_id"])
    assert record is not None
    with pytest.raises(LeaseLostError):
        await desk.backend.pipeline.processor.work(
            Claim(conversation_id=record.conversation_id, token=b"0" * 16), [record], (), is_stopped=lambda: False
        )
    after = await messages.fetch(database, record.id)
    assert after is not None
    assert (after.state, after.attempts, after.analysis) == ("pending", 0, None)


async def test_a_flood_in_one_conversation_lets_others_have_their_turn(start_desk: DeskFactory) -> None:
    """One place, one endless conversation, and one message of somebody else."""
    desk: RunningDesk = await start_desk(embedded_worker=False, worker_concurrency=1)
    database = desk.backend.desk.database
    flood = [_message() for _ in range(MOST_IN_A_ROW + 40)]
    accepted = await intake.Intake(database).accept(flood, now=_now() - timedelta(seconds=1))
    (other,) = await intake.Intake(database).accept([_message(phone_number="+15550100199")], now=_now())
    running = asyncio.create_task(desk.backend.pipeline.worker.run())
    assert await desk.backend.desk.completions.wait(other.id, timeout_s=30)
    last = await messages.fetch(database, accepted[-1].id)
    assert last is not None
    assert last.state == "pending"
    desk.backend.pipeline.worker.stop()
    await running


async def test_events_are_numbered_in_the_order_of_their_commits(database: Database) -> None:
    """A transaction that began earlier and committed later is not missed by who reads in between."""
    if database.is_sqlite:
        await database.write(lambda c: events.add(c, [events.row("first", now=_now())]))
        assert await events.number_new(database) == 1
        await database.write(lambda c: events.add(c, [events.row("second", now=_now())]))
    else:
        async with database.engine.connect() as slow, slow.begin():
            await events.add(slow, [events.row("second", now=_now())])  # takes the lower id
            await database.write(lambda c: events.add(c, [events.row("first", now=_now())]))
            assert await events.number_new(database) == 1
    assert await events.number_new(database) == 1
    assert await events.number_new(database) == 0
    found = await events.after(database, 0, limit=10)
    assert [item.type for item in found] == ["first", "second"]
    assert found[0].number < found[1].number == await events.last_number(database)


async def test_what_happens_to_a_message_can_be_read(desk: RunningDesk) -> None:
    """By long poll: at once where there is something, and as soon as there is."""
    waiting = asyncio.create_task(desk.get("/events?after=0&wait=20&limit=1"))
    await desk.post(webhook("how much is a full service?"))
    (first,) = (await waiting).document["events"]
    assert first["type"] == "message.received"
    types: list[str] = []
    last = 0
    async with asyncio.timeout(20):
        while "message.routed" not in types:
            document = (await desk.get(f"/events?after={last}&wait=5")).document
            types += [item["type"] for item in document["events"]]
            last = document["last"]
    assert types[:3] == ["message.received", "message.analysed", "message.routed"]
    assert (await desk.get("/events?after=x")).status == 422


async def test_a_stream_resumes_where_it_was_cut(desk: RunningDesk) -> None:
    """Server-Sent Events with Last-Event-ID; a new reader begins with what happens from now on."""
    await desk.post(webhook("how much is a full service?"))
    feed = desk.backend.pipeline.feed
    async with asyncio.timeout(20):
        while not (found := await feed.after(2, limit=1, wait_s=5)):
            pass
    assert found[0].type == "message.routed"
    headers = {"authorization": f"Bearer {desk.settings.api_token}", "accept": "text/event-stream"}

    async def first_types(number: int, **more: str) -> list[str]:
        async with desk.session.get(f"{desk.url}/events", headers=headers | more) as stream:
            found: list[str] = []
            async for line in stream.content:
                if line.startswith(b"event: "):
                    found.append(line[7:].strip().decode())
                    if found == ["ready"] and number > 1 and not more:
                        await desk.post(webhook("and a tube?"))
                if len(found) == number:
                    return found
        return found

    async with asyncio.timeout(30):
        assert await first_types(2, **{"last-event-id": "0"}) == ["ready", "message.received"]
        assert await first_types(2) == ["ready", "message.received"]


async def test_parked_messages_are_taken_up_again(start_desk: DeskFactory) -> None:
    """By hand, when what was wrong has been mended."""
    desk: RunningDesk = await start_desk(
        with_agents=False, agent_attempts=1, max_attempts=2, retry_base_s=0.01, retry_max_s=0.02, sweep_interval_s=0.02,
        breaker_failures=100,
    )  # fmt: skip
    number = (await desk.post(webhook("how much is it?"))).document["database_id"]
    async with asyncio.timeout(20):
        last = 0
        while True:
            document = (await desk.get(f"/events?after={last}&wait=5")).document
            last = document["last"]
            if any(item["type"] == "message.failed" for item in document["events"]):
                break
    found = (await desk.get(f"/messages/{number}")).document
    assert (found["state"], found["attempts"]) == ("failed", 2)
    assert found["routing"]["success"] is False
    assert (await desk.get("/stats")).document["waiting"]["failed"] == 1
    database = desk.backend.desk.database
    assert await messages.retry_failed(database, message_id=999, now=_now()) == (0, [])
    assert await messages.retry_failed(database, message_id=None, now=_now()) == (1, [found["conversation_id"]])
    assert (await desk.get("/stats")).document["waiting"]["failed"] == 0


async def test_a_desk_that_stops_is_not_ready_and_lets_go_of_those_who_wait(start_desk: DeskFactory) -> None:
    """A load balancer sends nobody any more; callers get their 202."""
    desk: RunningDesk = await start_desk(embedded_worker=False, default_wait_s=60)
    assert (await desk.get("/ready")).status == 200
    waiting = asyncio.create_task(desk.post(webhook()))
    async with asyncio.timeout(20):
        while not (await desk.get("/events?wait=1")).document["events"]:
            pass
        desk.backend.stop()
        assert (await waiting).status == 202
    assert (await desk.get("/ready")).status == 503
    assert (await desk.get("/health")).status == 200
