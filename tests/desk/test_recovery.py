"""What survives: restarts, dead workers, and messages that cannot be processed."""

import asyncio
import json
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text, update
from sqlalchemy.exc import DBAPIError
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.mariadb import async_url

from frontdesk.channels.whatsapp_web import parse
from frontdesk.desk.seeding import parse_customer
from frontdesk.domain.errors import InvalidInputError, UnavailableError
from frontdesk.domain.ports import Judgement, Subject
from frontdesk.store import conversations, events, intake, messages, progress, stats
from frontdesk.store.database import Database, open_database
from frontdesk.store.schema import migrate
from frontdesk.store.tables import webhook_messages


def _now() -> datetime:
    return datetime.now(UTC)


async def _accept(database: Database, **changes: object) -> intake.Accepted:
    body = json.dumps(webhook(**changes)).encode()  # type: ignore[arg-type]
    message = parse(body, account="main", now=_now(), region=None, max_history_items=100)
    (accepted,) = await intake.Intake(database).accept([message], now=_now())
    return accepted


async def _release(database: Database, held: conversations.Claim) -> bool:
    (is_held,) = await progress.store(database, [progress.Released(claim=held)], now=_now())
    return is_held


async def test_an_upgrade_that_died_half_way_goes_on(store_url: str) -> None:
    """MySQL commits each change of the schema by itself."""
    database = open_database(async_url(store_url))
    await migrate(database)
    async with database.engine.begin() as connection:
        await connection.execute(text("DROP TABLE counters"))
        await connection.execute(text("DROP INDEX ix_outbox_state_id" + (" ON outbox" * (not database.is_sqlite))))
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert await migrate(database)
    await events.number_new(database)
    await database.close()


async def test_what_was_accepted_before_a_crash_is_processed_after_it(
    start_desk: DeskFactory, database: Database
) -> None:
    """The row is the queue: nobody has to be told."""
    accepted = await _accept(database)
    desk: RunningDesk = await start_desk(sweep_interval_s=0.05)
    assert await desk.backend.desk.completions.wait(accepted.id, timeout_s=20)
    assert (await desk.get(f"/messages/{accepted.id}")).document["state"] == "processed"


async def test_a_dead_workers_conversation_is_taken_over_when_its_lease_ends(database: Database) -> None:
    """And the dead one, should it wake up, can neither renew nor release."""
    accepted = await _accept(database)
    lease = timedelta(seconds=60)
    (dead,) = await conversations.claim(database, 5, now=_now(), lease=lease)
    assert await conversations.claim(database, 5, now=_now(), lease=lease) == []
    later = _now() + lease + timedelta(seconds=1)
    (heir,) = await conversations.claim(database, 5, now=later, lease=lease)
    assert heir.conversation_id == accepted.conversation_id
    assert await conversations.renew(database, [dead, heir], now=later, lease=lease) == {heir}
    assert not await _release(database, dead)
    assert await _release(database, heir)


async def test_news_during_the_work_make_the_conversation_ready_again(database: Database) -> None:
    """No wake-up is lost between the last look and the release."""
    await _accept(database)
    (held,) = await conversations.claim(database, 1, now=_now(), lease=timedelta(seconds=60))
    await _accept(database)
    assert await _release(database, held)
    assert len(await conversations.claim(database, 1, now=_now(), lease=timedelta(seconds=60))) == 1


async def test_a_released_conversation_without_work_rests(database: Database) -> None:
    """Until the next message."""
    accepted = await _accept(database)
    (held,) = await conversations.claim(database, 1, now=_now(), lease=timedelta(seconds=60))
    record = await messages.fetch(database, accepted.id)
    assert record is not None
    parked = progress.Failed(claim=held, record=record, error="", attempts=1, due_at=None, is_judged=False)
    assert await progress.store(database, [parked, progress.Released(claim=held)], now=_now()) == [True, True]
    assert await conversations.claim(database, 1, now=_now() + timedelta(days=1), lease=timedelta(seconds=60)) == []
    assert await conversations.next_ready_at(database) is None


async def test_the_important_come_first_and_the_others_are_not_starved(database: Database) -> None:
    """With several places one is kept for ordinary work that is due."""
    for n in range(6):
        await _accept(database, phone_number=f"+1555010030{n}", is_group=False)
    async with database.engine.connect() as connection:
        await connection.execute(text("UPDATE conversations SET lane = 0 WHERE id <= (SELECT 4)"))
        await connection.commit()
    claims = await conversations.claim(database, 3, now=_now(), lease=timedelta(seconds=60))
    async with database.read() as connection:
        rows = await connection.execute(text("SELECT id, lane FROM conversations"))
        lanes = {row.id: row.lane for row in rows}
    assert [lanes[item.conversation_id] for item in claims].count(0) == 2
    assert [lanes[item.conversation_id] for item in claims].count(1) == 1


async def test_messages_of_a_conversation_are_processed_in_the_order_of_acceptance(desk: RunningDesk) -> None:
    """In order within, in parallel across."""
    later = {"prefer": "respond-async"}
    replies = [await desk.post(webhook(f"line {n}, how much?"), headers=later) for n in range(5)]
    for reply in replies:
        await desk.backend.desk.completions.wait(reply.document["database_id"], timeout_s=20)
    async with desk.backend.desk.database.read() as connection:
        rows = await connection.execute(text("SELECT webhook_message_id FROM agent_routing ORDER BY id"))
        assert [row[0] for row in rows] == sorted(reply.document["database_id"] for reply in replies)


async def test_a_message_that_cannot_be_processed_is_parked_with_its_reason(start_desk: DeskFactory) -> None:
    """It is tried again and again, then put aside, and the conversation goes on."""
    desk: RunningDesk = await start_desk(
        max_attempts=3, retry_base_s=0.01, retry_max_s=0.02, sweep_interval_s=0.02, default_wait_s=20
    )

    async def explode(*_: object, **__: object) -> None:
        raise RuntimeError("a bug")

    works = desk.backend.desk.assessor._rules.judge
    desk.backend.desk.assessor._rules.judge = explode  # type: ignore[method-assign,assignment]
    reply = await desk.post(webhook("poison"))
    assert reply.status == 200
    assert reply.document["success"] is False
    assert reply.document["routing"]["reason"] == "RuntimeError"
    desk.backend.desk.assessor._rules.judge = works  # type: ignore[method-assign]
    assert (await desk.post(webhook("how much is it?"))).document["success"] is True
    stats = (await desk.get("/stats")).document
    assert stats["failed"] == 1


async def test_a_stored_analysis_is_not_made_again_after_a_restart(start_desk: DeskFactory) -> None:
    """A restart resumes at the first stage without a stored result."""
    desk: RunningDesk = await start_desk()
    reply = await desk.post(webhook("how much is a full service?"))
    number = reply.document["database_id"]
    database = desk.backend.desk.database
    async with database.engine.connect() as connection:
        await connection.execute(update(webhook_messages).values(state="pending", current_message="changed"))
        await connection.execute(text("DELETE FROM agent_routing"))
        await conversations.wake(connection, [1], now=_now())
        await connection.commit()
    desk.backend.pipeline.worker.wake()
    desk.backend.desk.completions._finished.clear()
    assert await desk.backend.desk.completions.wait(number, timeout_s=20)
    found = (await desk.get(f"/messages/{number}")).document
    assert found["analysis"] == reply.document["analysis"]
    assert found["routing"]["success"] is True


async def test_many_at_once_are_all_kept_once(desk: RunningDesk) -> None:
    """New contacts, new conversations, repeats: everything at the same moment."""
    bodies = [webhook(f"message {n}", phone_number=f"+1555010{400 + n % 7:04}") for n in range(40)]
    replies = await asyncio.gather(*(desk.post(body, headers={"prefer": "wait=0"}) for body in bodies + bodies))
    assert {reply.status for reply in replies} <= {200, 202}
    async with desk.backend.desk.database.read() as connection:
        assert await connection.scalar(text("SELECT COUNT(*) FROM webhook_messages")) == 40
        assert await connection.scalar(text("SELECT COUNT(*) FROM contacts")) == 7
        assert await connection.scalar(text("SELECT COUNT(*) FROM conversations")) == 7


async def test_a_store_that_is_away_is_said_so() -> None:
    """503 and try again, never a lost message behind a 200."""
    database = open_database("mysql+aiomysql://root@127.0.0.1:1/desk")
    with pytest.raises(UnavailableError):
        await database.ping()
    with pytest.raises(UnavailableError):
        await _accept(database)
    await database.close()


async def test_the_hourly_totals_can_be_written_again(desk: RunningDesk) -> None:
    """A roll-up replaces what it wrote before."""
    await desk.post(webhook("how much is a full service?"))
    database = desk.backend.desk.database
    for _ in range(2):
        await stats.roll_up(database, _now())
    async with database.read() as connection:
        rows = await connection.execute(text("SELECT metric, label, value FROM system_stats"))
        found = {(bytes(row.metric).decode(), bytes(row.label).decode()): row.value for row in rows}
    assert found["state", "processed"] == 1
    assert found["category", "sales"] == 1


async def test_many_messages_without_an_agent_do_not_keep_the_next_from_being_judged(start_desk: DeskFactory) -> None:
    """However many wait for an agent, the next one is read at once."""
    desk: RunningDesk = await start_desk(with_agents=False, agent_attempts=1, retry_base_s=3600, retry_max_s=3600)
    for n in range(23):
        assert (await desk.post(webhook(f"message {n}, how much?"))).document["analysis"]
    async with asyncio.timeout(20):
        while (await conversations.next_ready_at(desk.backend.desk.database) or _now()) < _now() + timedelta(
            minutes=20
        ):
            await desk.backend.desk.completions.wait(-1, timeout_s=0.02)


async def test_what_comes_behind_a_failed_message_waits_for_it(start_desk: DeskFactory) -> None:
    """In order, also when the first has to be tried again."""
    desk: RunningDesk = await start_desk(
        retry_base_s=0.3, retry_max_s=0.3, sweep_interval_s=0.05, with_agents=False, agent_attempts=1
    )
    judge = desk.backend.desk.assessor._rules.judge
    seen: list[str] = []

    async def fails_once(subject: Subject) -> Judgement:
        seen.append(subject.text)
        if seen == ["first, how much?"]:
            raise RuntimeError
        return await judge(subject)

    desk.backend.desk.assessor._rules.judge = fails_once  # type: ignore[method-assign]
    first = await desk.post(webhook("first, how much?"), headers={"prefer": "respond-async"})
    second = await desk.post(webhook("second, how much?"), headers={"prefer": "respond-async"})
    for reply in (first, second):
        assert await desk.backend.desk.completions.wait(reply.document["database_id"], timeout_s=20)
    assert seen == ["first, how much?", "first, how much?", "second, how much?"]


async def test_an_important_person_is_known_by_every_identity(start_desk: DeskFactory) -> None:
    """Also where only the LID comes along."""
    desk: RunningDesk = await start_desk(important_customers="+15550100122")
    await desk.post(webhook(phone_number="+15550100122", sender_id="122999491567856@lid"))
    later = await desk.post(webhook("what time do you close?", phone_number=None, sender_id="122999491567856@lid"))
    assert later.document["analysis"]["priority_level"] == "critical"


async def test_two_contacts_that_prove_to_be_one_go_on_as_one(desk: RunningDesk) -> None:
    """The phone number and the LID were seen apart first."""
    lid = {"phone_number": None, "sender_id": "122999491567856@lid"}
    for sender in ({"phone_number": "+15550100122"}, lid, {**lid, "phone_number": "+15550100122"}, lid):
        await desk.post(webhook(**sender))
    async with desk.backend.desk.database.read() as connection:
        rows = await connection.execute(text("SELECT contact_id FROM webhook_messages ORDER BY id"))
        contacts = [row[0] for row in rows]
    assert contacts[0] != contacts[1]
    assert contacts[2:] == [contacts[0], contacts[0]]


async def test_what_we_wrote_ourselves_is_kept_and_never_judged(desk: RunningDesk) -> None:
    """The thread needs both sides; a robot must not answer its own people."""
    reply = await desk.post(webhook("We open at nine.", from_me=True))
    assert (reply.status, reply.document["success"], reply.document["analysis"]) == (200, True, None)
    assert (await desk.get("/stats")).document["received"] == 0
    found = (await desk.get(f"/messages/{reply.document['database_id']}")).document
    assert (found["is_from_us"], found["state"], found["routing"]) == (True, "processed", None)


async def test_strangers_cannot_take_the_places_of_connectors(start_desk: DeskFactory) -> None:
    """Who may not add messages is told so, whatever is going on."""
    desk: RunningDesk = await start_desk(max_waiting=1)
    desk.backend.desk.webhooks_in_hand = 1
    assert (await desk.post(webhook(), signed=False)).status == 401
    assert (await desk.post(webhook())).status == 503


async def test_a_number_that_could_never_match_is_not_put_on_the_list() -> None:
    """A list that never matches is worse than none."""
    assert parse_customer("0532 555 01 11", region="TR").value == "+905325550111"
    assert parse_customer("122999@lid", region=None).kind == "lid"
    for text_ in ("0532 555 01 11", "Ada"):
        with pytest.raises(InvalidInputError, match="country code"):
            parse_customer(text_, region=None)


async def test_errors_never_show_what_customers_wrote(database: Database) -> None:
    """Neither in logs nor in stored reasons."""
    with pytest.raises(UnavailableError) as caught:
        async with database.read() as connection:
            await connection.execute(text("SELECT * FROM accounts WHERE id = :x AND nothing = :x"), {"x": "my secret"})
    assert isinstance(caught.value.__cause__, DBAPIError)
    assert "my secret" not in str(caught.value.__cause__)


async def test_a_judged_message_that_fails_does_not_hold_up_the_next(start_desk: DeskFactory) -> None:
    """Only what waits for its analysis keeps its place."""
    desk: RunningDesk = await start_desk(retry_base_s=3600, retry_max_s=3600)
    dispatch = desk.backend.desk.dispatcher.dispatch

    async def explode(*_: object, **__: object) -> None:
        raise RuntimeError

    desk.backend.desk.dispatcher.dispatch = explode  # type: ignore[method-assign,assignment]
    first = await desk.post(webhook("first, how much?"), headers={"prefer": "wait=1"})
    desk.backend.desk.dispatcher.dispatch = dispatch  # type: ignore[method-assign]
    second = await desk.post(webhook("second, how much?"))
    assert (first.status, second.status) == (202, 200)
    assert second.document["routing"]["success"] is True
    found = (await desk.get(f"/messages/{first.document['database_id']}")).document
    assert (found["state"], found["error"]) == ("unrouted", "RuntimeError")


class _Broken:
    """A store that fails in a way that nobody thought of, and tells when it was asked."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()

    def __getattr__(self, name: str) -> object:
        self.asked.set()
        raise RuntimeError(name)


async def test_a_worker_that_meets_the_unexpected_goes_on(start_desk: DeskFactory) -> None:
    """Taking messages and never working on them would be the worst of all."""
    desk: RunningDesk = await start_desk(sweep_interval_s=0.02)
    store, broken = desk.backend.pipeline.worker._database, _Broken()
    desk.backend.pipeline.worker._database = broken  # type: ignore[assignment]
    desk.backend.pipeline.worker.wake()
    async with asyncio.timeout(20):
        await broken.asked.wait()
    desk.backend.pipeline.worker._database = store
    assert (await desk.post(webhook("how much is it?"))).document["success"] is True
