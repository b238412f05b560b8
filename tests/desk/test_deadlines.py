"""Who waits for an answer and until when: kept with every message and every answer, and told once when it is late."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.support.clock import Clock
from tests.support.desk import RunningDesk, webhook
from tests.support.recording import RecordingChannel

from frontdesk.channels.whatsapp_web import parse
from frontdesk.domain.analysis import blank
from frontdesk.domain.business import Business
from frontdesk.domain.deadlines import deadline_of
from frontdesk.domain.messages import Record
from frontdesk.domain.routing import Route
from frontdesk.domain.usage import Usage
from frontdesk.pipeline.deliver import Deliverer
from frontdesk.store import addresses, conversations, inbox, intake, messages, outbox, progress, waits
from frontdesk.store.database import Database
from frontdesk.store.messages import Judged
from frontdesk.store.progress import Analysed, Released, Routed, Step
from frontdesk.store.tables import events as event_table
from frontdesk.triage.policy import conclude

CALENDAR = Business(name="x").calendar_of("main")
URGENT, SOON, LATER = 9, 7, 3
LEASE = timedelta(seconds=60)


class Front:
    """Messages that come in and are judged, and answers that leave, on a clock that the test moves."""

    def __init__(self, database: Database) -> None:
        self.database, self.clock, self.channel = database, Clock(), RecordingChannel()
        self.intake = intake.Intake(database)
        self.deliverer = Deliverer(
            database=database, channel=self.channel, calendar_of=lambda _: CALENDAR, send_per_minute=600, max_attempts=3,
            retry_base_s=1, lease_s=20, expires_after=timedelta(hours=24), announce=lambda: None, clock=self.clock,
        )  # fmt: skip
        self._written = 0

    async def receive(self, urgency: int | None, *, judged: bool = True, **details: Any) -> int:
        """Ada writes something of this urgency, or without one something that needs no answer; the message's id."""
        now = self.clock()
        body = json.dumps(webhook(chat_time=now.isoformat(), history=[], **details)).encode()
        message = parse(body, account="main", now=now, region=None, max_history_items=100)
        (accepted,) = await self.intake.accept([message], now=now)
        if judged and not message.from_us:
            await self.judge(urgency)
        self.conversation_id = accepted.conversation_id
        return accepted.id

    async def judge(self, urgency: int | None) -> None:
        """A worker judges what waits for it."""
        (claim,) = await conversations.claim(self.database, 1, now=self.clock(), lease=LEASE)
        due = await messages.load_due(self.database, claim.conversation_id, now=self.clock(), limit=10)
        steps: list[Step] = []
        for record in due:
            judged = self._judged(record, urgency)
            route = Route(success=True, agent="hub", reason="test")
            steps += [
                Analysed(claim=claim, record=record, judged=judged),
                Routed(claim=claim, records=(record,), route=route, was_tried=True, latency_ms=0, due_at=None),
            ]
        assert all(await progress.store(self.database, [*steps, Released(claim=claim)], now=self.clock()))

    async def judge_again(self, message_id: int, urgency: int | None) -> None:
        """The model is back, or somebody edited the message."""
        record = await messages.fetch(self.database, message_id)
        assert record is not None
        await messages.replace_analysis(self.database, record, self._judged(record, urgency), now=self.clock())

    def _judged(self, record: Record, urgency: int | None) -> Judged:
        values = blank() | {"urgency_score": urgency or 1, "action_required": urgency is not None}
        analysis = conclude(values, {}, analyser="rules", is_important=False)
        deadline = deadline_of(analysis, since=record.waits_since, calendar=CALENDAR)
        return Judged(analysis=analysis, usage=Usage(), model=None, degraded_reason=None, deadline=deadline)

    async def write(self, *, is_automatic: bool = False) -> None:
        """Somebody at the desk writes an answer; it does not leave yet."""
        self._written += 1
        chat = await addresses.chat_of(self.database, self.conversation_id)
        assert chat is not None
        await outbox.enqueue(
            self.database, chat, recipient="15550100111@c.us", text="yes", key=f"answer-{self._written}",
            is_automatic=is_automatic, trace=None, now=self.clock(),
        )  # fmt: skip

    async def leave(self) -> None:
        """What was written leaves."""
        self.clock.pass_by(seconds=2)
        await self.deliverer.deliver_due(asyncio.Event())

    async def wait(self) -> inbox.Wait | None:
        """Who waits in Ada's chat."""
        found = await inbox.fetch(self.database, self.conversation_id)
        assert found is not None
        assert [item.wait for item in await inbox.waiting(self.database, limit=10)] == (
            [found.wait] if found.wait else []
        )
        return found.wait

    async def told(self) -> list[str]:
        """Which deadlines were told of, in order."""
        while await waits.raise_due(self.database, now=self.clock()):
            pass
        async with self.database.read() as connection:
            wanted = select(event_table.c.type).where(event_table.c.type.like("deadline.%")).order_by(event_table.c.id)
            return [row.type for row in await connection.execute(wanted)]

    async def figures(self) -> waits.Figures:
        """How answering went on this day."""
        now = self.clock()
        return await waits.figures(self.database, since=now - timedelta(hours=24), now=now)


@pytest.fixture
def front(database: Database) -> Front:
    """A front desk with a store."""
    return Front(database)


async def test_the_first_deadline_of_several_messages_is_the_chats(front: Front) -> None:
    """A later message that is more urgent makes the answer due earlier; a calm one never later."""
    await front.receive(LATER)
    began = front.clock()
    front.clock.pass_by(minutes=10)
    urgent = await front.receive(URGENT)
    await front.receive(SOON)
    wait = await front.wait()
    assert wait is not None
    assert (wait.since, wait.message_id) == (began, urgent)
    assert wait.due_at == began + timedelta(minutes=25)
    assert wait.analysis.urgency_score == URGENT


async def test_what_needs_no_answer_makes_nobody_wait(front: Front) -> None:
    """“Thanks” is not a question."""
    await front.receive(None)
    assert await front.wait() is None


@pytest.mark.parametrize("automatic", [False, True])
async def test_an_answer_that_leaves_ends_the_wait(front: Front, *, automatic: bool) -> None:
    """Not when it is written: it may never leave."""
    await front.receive(SOON)
    front.clock.pass_by(minutes=20)
    await front.write(is_automatic=automatic)
    assert await front.wait() is not None
    await front.leave()
    assert await front.wait() is None
    figures = await front.figures()
    assert (figures.open, figures.answered, figures.in_time) == (0, 1, 1)
    assert [round(seconds) for seconds in figures.responses] == [20 * 60 + 2]
    assert figures.first_responses == figures.responses


async def test_what_crossed_the_answer_goes_on_waiting(front: Front) -> None:
    """Who wrote the answer had not seen it."""
    await front.receive(URGENT)
    await front.write()
    crossing = await front.receive(SOON)
    crossed_at = front.clock()
    await front.leave()
    wait = await front.wait()
    assert wait is not None
    assert (wait.message_id, wait.since) == (crossing, crossed_at)
    assert wait.due_at == crossed_at + timedelta(hours=1)


async def test_what_was_written_before_anybody_waited_answers_nobody(front: Front) -> None:
    """It is not counted as an answer in no time either."""
    await front.receive(None)
    await front.write()
    await front.receive(SOON)
    before = await front.wait()
    await front.leave()
    assert await front.wait() == before
    assert (await front.figures()).answered == 0


async def test_what_was_typed_on_the_phone_is_an_answer(front: Front) -> None:
    """Also to a message that is judged only after it."""
    await front.receive(SOON, judged=False)
    await front.receive(None, from_me=True)
    await front.judge(SOON)
    assert await front.wait() is None
    await front.receive(SOON)
    assert await front.wait() is not None
    await front.receive(None, from_me=True)
    assert await front.wait() is None


async def test_a_later_judgement_moves_the_deadline_or_takes_it_away(front: Front) -> None:
    """Rules said that it needs no answer; the model, back again, knows better, and then not."""
    message = await front.receive(None)
    await front.judge_again(message, SOON)
    wait = await front.wait()
    assert wait is not None
    assert wait.due_at - wait.since == timedelta(hours=1)
    await front.judge_again(message, URGENT)
    wait = await front.wait()
    assert wait is not None
    assert wait.due_at - wait.since == timedelta(minutes=15)
    await front.judge_again(message, None)
    assert await front.wait() is None
    assert (await front.figures()).answered == 0


async def test_an_earlier_message_that_turns_out_to_wait_is_answered_by_the_answer_to_it(front: Front) -> None:
    """And the one that came after the answer was written goes on waiting, from when it came."""
    first = await front.receive(None)
    await front.write()
    front.clock.pass_by(minutes=1)
    second, came_at = await front.receive(SOON), front.clock()
    await front.judge_again(first, URGENT)
    wait = await front.wait()
    assert wait is not None
    assert wait.message_id == first
    await front.leave()
    wait = await front.wait()
    assert wait is not None
    assert (wait.message_id, wait.since) == (second, came_at)
    await front.judge_again(second, None)
    assert await front.wait() is None


async def test_a_deadline_is_told_of_when_it_is_near_and_when_it_has_passed(front: Front) -> None:
    """Each once, however often it is looked at; a new wait has its own."""
    await front.receive(SOON)
    front.clock.pass_by(minutes=47)
    assert await front.told() == []
    front.clock.pass_by(minutes=1)
    assert await front.told() == ["deadline.near"]
    front.clock.pass_by(minutes=12)
    assert await front.told() == ["deadline.near", "deadline.missed"]
    front.clock.pass_by(hours=10)
    assert await front.told() == ["deadline.near", "deadline.missed"]
    figures = await front.figures()
    assert (figures.open, figures.overdue) == (1, 1)
    await front.write()
    await front.leave()
    figures = await front.figures()
    assert (figures.overdue, figures.answered, figures.in_time) == (0, 1, 0)
    await front.receive(URGENT)
    front.clock.pass_by(hours=1)
    # Nobody looked for an hour: that it came near is no news any more.
    assert await front.told() == ["deadline.near", "deadline.missed", "deadline.missed"]


async def test_a_conversation_that_is_done_begins_anew(front: Front) -> None:
    """Its resolution is counted, and the next answer is a first one again."""
    await front.receive(SOON)
    front.clock.pass_by(minutes=5)
    await front.write()
    await front.leave()
    await front.receive(SOON)
    front.clock.pass_by(minutes=5)
    assert await waits.finish(front.database, front.conversation_id, now=front.clock())
    assert await front.wait() is None
    figures = await front.figures()
    assert (figures.answered, len(figures.first_responses)) == (1, 1)
    assert [round(seconds) for seconds in figures.resolutions] == [10 * 60 + 2]
    await front.receive(SOON)
    await front.write()
    await front.leave()
    assert len((await front.figures()).first_responses) == 2
    assert not await waits.finish(front.database, 999, now=front.clock())


async def test_whom_to_answer_first_page_by_page(database: Database) -> None:
    """The first due first, whoever wrote first; a page goes on where the last one ended."""
    front = Front(database)
    ids: dict[int, int] = {}
    for number, urgency in enumerate((LATER, SOON, URGENT, None, SOON)):
        await front.receive(urgency, phone_number=f"+155501001{number:02}", message_id=f"m{number}", sender_id=None)
        ids[number] = front.conversation_id
        front.clock.pass_by(seconds=1)
    order = [ids[number] for number in (2, 1, 4, 0)]
    found = await inbox.waiting(database, limit=2)
    assert [item.id for item in found] == order[:2]
    assert found[1].wait is not None
    rest = await inbox.waiting(database, limit=10, after=inbox.Place(found[1].wait.due_at, found[1].id))
    assert [item.id for item in rest] == order[2:]


async def test_the_api_tells_whom_to_answer_first(desk: RunningDesk) -> None:
    """And takes the word of a person that nobody waits any more."""
    result = (await desk.post(webhook("I cannot get in, the lock is broken. Please come now!"))).document
    (found,) = (await desk.get("/conversations")).document["conversations"]
    assert found["conversation_id"] == result["conversation_id"]
    assert found["waiting"]["message_id"] == result["database_id"]
    assert found["waiting"]["analysis"] == result["analysis"]
    assert not found["waiting"]["is_overdue"]
    message = (await desk.get(f"/messages/{result['database_id']}")).document
    assert message["response_due_at"] == found["waiting"]["due_at"]
    assert (await desk.get("/stats")).document["answers"]["open"] == 1
    assert 'frontdesk_conversations_unanswered{state="open"} 1.0' in (await desk.get("/metrics")).document
    path = f"/conversations/{result['conversation_id']}"
    assert (await desk.get(path)).document | {"reply": None, "draft": None} == found
    page = (await desk.get("/conversations?limit=1")).document
    assert (await desk.get("/conversations", params={"after": page["next"]})).document["conversations"] == []
    for after in (
        "x",
        "00010101T000000.000000+2359_5",
        "20260101T000000.000000Z_-1",
        "20260101T000000.000000Z_99999999999999999999",
    ):
        assert (await desk.get("/conversations", params={"after": after})).status == 422
    headers = {"authorization": f"Bearer {desk.settings.api_token}"}
    for body, status in (({"status": "open"}, 422), ({"status": "done"}, 200)):
        async with desk.session.patch(desk.url + path, json=body, headers=headers) as response:
            assert response.status == status
    assert (await desk.get(path)).document["waiting"] is None
    assert (await desk.get("/conversations/999")).status == 404
    async with desk.session.patch(
        f"{desk.url}/conversations/999", json={"status": "done"}, headers=headers
    ) as response:
        assert response.status == 404
    assert datetime.fromisoformat(found["waiting"]["since"]) <= datetime.now(UTC)
    async with asyncio.timeout(10):
        seen: list[str] = []
        while "conversation.done" not in seen:
            document = (await desk.get("/events", params={"after": str(len(seen)), "wait": "5"})).document
            seen += [event["type"] for event in document["events"]]
