"""Between a customer, the robot and people, whatever happens in whatever order: it never loops and never stays silent."""

import asyncio
import json
from collections.abc import Coroutine
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import func, select
from tests.support.clock import Clock
from tests.support.desk import webhook
from tests.support.mariadb import async_url
from tests.support.recording import RecordingChannel

from frontdesk.channels.whatsapp_web import address_of, parse
from frontdesk.desk.customer_commands import CustomerCommands
from frontdesk.desk.sending import Sender
from frontdesk.domain.agents import AgentReply, Brief, HandOff
from frontdesk.domain.analysis import blank
from frontdesk.domain.business import Business
from frontdesk.domain.commands import WORDS, Commands
from frontdesk.domain.deadlines import deadline_of
from frontdesk.domain.messages import Record
from frontdesk.domain.replies import Limits
from frontdesk.domain.routing import Route
from frontdesk.domain.usage import Usage
from frontdesk.pipeline.completions import Completions
from frontdesk.pipeline.deliver import Deliverer
from frontdesk.pipeline.pauses import Patience
from frontdesk.pipeline.reply import Replier
from frontdesk.pipeline.steps import Steps
from frontdesk.queues.local import LocalWakeups
from frontdesk.routing.dispatch import Dispatched
from frontdesk.store import conversations, dialogues, intake, messages, people, waits
from frontdesk.store.database import open_database
from frontdesk.store.desk_tables import waits as wait_table
from frontdesk.store.messages import Judged
from frontdesk.store.progress import Analysed, Released
from frontdesk.store.reply_tables import turns
from frontdesk.store.schema import migrate
from frontdesk.store.tables import events
from frontdesk.store.tables import outbox as outbox_table
from frontdesk.triage.policy import conclude

CALENDAR = Business(name="Example").calendar_of("main")
LIMITS = Limits(mode="auto", most_per_hour=4)
LEASE = timedelta(seconds=60)
T = TypeVar("T")


class ScriptedAgents:
    """Answers as it is told; stands in for the dispatcher and the briefer."""

    business_name = "Example"

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.reply = AgentReply(agent="hub", reply="x", confidence=1, answered_by="script")

    async def brief(self, *_: object, **__: object) -> Any:
        """Nothing is known."""

        class Plain(Brief):
            changes: tuple[tuple[str, object], ...] = ()

        return Plain()

    async def dispatch(self, *_: object, **__: object) -> Dispatched:
        """What was scripted."""
        route = Route(success=True, agent="hub", reason="script", response=self.reply.model_dump(mode="json"))
        return Dispatched(route=route, latency_ms=0, calls=1, left_alone_s=0)


class Walk(RuleBasedStateMachine):
    """One conversation on a real store, with a customer, an agent and a person who do anything at any time."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.directory = TemporaryDirectory()
        self.clock, self.channel, self.agents = Clock(), RecordingChannel(), ScriptedAgents()
        self.said = 0
        self.is_settled_by_hand = False

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run something to its end."""
        return self.loop.run_until_complete(work)

    def teardown(self) -> None:
        """Nothing is left open."""
        self.do(self.database.close())
        self.loop.close()
        self.directory.cleanup()

    @initialize()
    def begin(self) -> None:
        """Ada writes for the first time."""
        self.database = open_database(async_url(f"sqlite:///{Path(self.directory.name) / 'walk.db'}"))
        self.do(migrate(self.database))
        quiet = LocalWakeups(incoming=lambda: None, outgoing=lambda: None)
        self.sender = Sender(
            database=self.database,
            accounts=["main"],
            address_of=address_of,
            wakeups=quiet,
            announce=lambda: None,
            clock=self.clock,
        )
        steps = Steps(self.database, announce=lambda: None, clock=self.clock)
        commands = Commands(WORDS)
        self.steps = steps
        self.replier = Replier(
            database=self.database, dispatcher=self.agents, briefer=self.agents, commands=commands,  # type: ignore[arg-type]
            customer_commands=CustomerCommands(
                database=self.database, commands=commands, business_name="Example", zone_of=lambda _: CALENDAR.zone
            ),
            steps=steps, sender=self.sender, completions=Completions(), calendar_of=lambda _: CALENDAR,
            patience=Patience(base_s=1, max_s=1, max_attempts=3), limits=LIMITS, assigns=True, clock=self.clock,
        )  # fmt: skip
        self.deliverer = Deliverer(
            database=self.database, channel=self.channel, calendar_of=lambda _: CALENDAR, send_per_minute=600, max_attempts=3,
            retry_base_s=1, lease_s=20, expires_after=timedelta(days=9), announce=lambda: None, clock=self.clock,
        )  # fmt: skip
        values: dict[str, Any] = {
            "name": "Bo",
            "email": None,
            "phone": None,
            "is_available": True,
            "alerts": [],
            "quiet": None,
        }
        self.do(people.create(self.database, values, now=self.clock()))
        self.customer_writes(text="Hello", wants_person=False, is_angry=False, confidence=0.9, hands_off=False)

    @rule(
        text=st.sampled_from(["When do you close?", "/human", "/stop", "/start", "/reset", "/yes"]),
        wants_person=st.booleans(),
        is_angry=st.booleans(),
        confidence=st.sampled_from([0.1, 0.6, 0.9]),
        hands_off=st.booleans(),
    )
    def customer_writes(
        self, text: str, *, wants_person: bool, is_angry: bool, confidence: float, hands_off: bool
    ) -> None:
        """Something that needs an answer."""
        self.said += 1
        self.is_settled_by_hand = False
        actions = (HandOff(type="hand_off", reason="x"),) if hands_off else ()
        self.agents.reply = AgentReply(
            agent="hub", reply=f"answer {self.said}", confidence=confidence, answered_by="script", actions=actions
        )
        values = blank() | {
            "urgency_score": 7 if is_angry else 3, "sentiment": "negative" if is_angry else "neutral", "category": "inquiry",
            "action_required": True, "wants_person": wants_person or text == "/human",
        }  # fmt: skip
        self.do(self._take_in(text, values))

    async def _take_in(self, text: str, values: dict[str, Any]) -> None:
        now = self.clock()
        body = json.dumps(webhook(text, chat_time=now.isoformat(), history=[])).encode()
        message = parse(body, account="main", now=now, region=None, max_history_items=100)
        (accepted,) = await intake.Intake(self.database).accept([message], now=now)
        self.conversation_id, self.message_id = accepted.conversation_id, accepted.id
        (claim,) = await conversations.claim(self.database, 1, now=now, lease=LEASE)
        (record,) = await messages.load_due(self.database, claim.conversation_id, now=now, limit=10)
        analysis = conclude(values, {}, analyser="rules", is_important=False)
        deadline = deadline_of(analysis, since=record.waits_since, calendar=CALENDAR)
        judged = Judged(analysis=analysis, usage=Usage(), model=None, degraded_reason=None, deadline=deadline)
        await self.steps.store(Analysed(claim=claim, record=record, judged=judged))
        judged_record: Record = record.model_copy(update={"analysis": analysis})
        await self.replier.answer(claim, (judged_record,), ())
        await self.steps.release(Released(claim=claim))

    @rule()
    def person_writes_at_the_desk(self) -> None:
        """Anything."""
        self.do(self.sender.send(self.conversation_id, "I am here", key=f"person-{self.said}-{self.clock()}"))

    @rule()
    def person_writes_on_the_phone(self) -> None:
        """Anything."""
        now = self.clock()
        body = json.dumps(webhook("From my phone", chat_time=now.isoformat(), history=[], from_me=True)).encode()
        message = parse(body, account="main", now=now, region=None, max_history_items=100)
        self.do(intake.Intake(self.database).accept([message], now=now))
        self.is_settled_by_hand = True

    @rule()
    def person_is_done(self) -> None:
        """Nobody waits any more."""
        self.is_settled_by_hand = True
        assert self.do(waits.finish(self.database, self.conversation_id, now=self.clock()))

    @rule(is_over=st.booleans())
    def person_hands_over_or_gives_back(self, *, is_over: bool) -> None:
        """By hand."""
        self.do(dialogues.edit(self.database, self.conversation_id, {"handed_over": is_over}, now=self.clock()))

    @rule(hours=st.sampled_from([0.01, 1, 11, 13]))
    def time_passes(self, hours: float) -> None:
        """And what is due leaves."""
        for _ in range(6):
            self.do(self.deliverer.deliver_due(asyncio.Event()))
            self.clock.pass_by(seconds=1)
        self.clock.pass_by(hours=hours)

    @invariant()
    def nobody_is_forgotten(self) -> None:
        """Who wrote last is answered, is about to be, or waits for a person, with a deadline that is told when it passes."""
        if not hasattr(self, "conversation_id"):
            return

        async def looked_at() -> tuple[int, int]:
            async with self.database.read() as connection:
                open_waits = await connection.scalar(
                    select(func.count()).select_from(wait_table).where(wait_table.c.is_open.is_(True))
                )
                # What only says that a person will answer is no answer.
                answers = await connection.scalar(
                    select(func.count())
                    .select_from(outbox_table)
                    .outerjoin(turns, turns.c.outbox_id == outbox_table.c.id)
                    .where(
                        outbox_table.c.answers_up_to >= self.message_id,
                        outbox_table.c.state != "withdrawn",
                        func.coalesce(turns.c.kind, "person") != "notice",
                    )
                )
            return int(open_waits or 0), int(answers or 0)

        waiting, answers = self.do(looked_at())
        assert waiting or answers or self.is_settled_by_hand

    @invariant()
    def nothing_is_said_twice_or_without_end(self) -> None:
        """Each turn once; a hand-over is told once; no more automatic messages in an hour than allowed, but for commands."""
        if not hasattr(self, "conversation_id"):
            return

        async def looked_at() -> tuple[list[Any], list[Any], int]:
            async with self.database.read() as connection:
                drafted = (await connection.execute(select(turns).order_by(turns.c.id))).all()
                sent = (await connection.execute(select(outbox_table).order_by(outbox_table.c.id))).all()
                handed_over = await connection.scalar(
                    select(func.count()).select_from(events).where(events.c.type == "conversation.handed_over")
                )
            return list(drafted), list(sent), int(handed_over or 0)

        drafted, sent, handed_over = self.do(looked_at())
        told = [turn for turn in drafted if turn.kind == "notice" and "command" not in turn.reason]
        assert len(told) <= handed_over
        texts = [item.text for item in self.channel.sent if item.is_automatic]
        keys = [item.channel_key for item in self.channel.sent]
        assert len(keys) == len(set(keys))
        answers = [text for text in texts if text.startswith("answer")]
        assert len(answers) == len(set(answers))
        assert len([turn for turn in drafted if turn.outbox_id]) == len(
            {turn.outbox_id for turn in drafted if turn.outbox_id}
        )
        by_outbox = {turn.outbox_id: turn for turn in drafted if turn.outbox_id}
        # What was withdrawn was not said, and its turn is a draft again.
        said = [row for row in sent if row.is_automatic and row.state != "withdrawn"]
        automatic = [row.created_at for row in said if by_outbox[row.id].kind == "answer"]
        for begin in automatic:
            within = [moment for moment in automatic if timedelta() <= moment - begin < timedelta(hours=1)]
            assert len(within) <= LIMITS.most_per_hour

    @invariant()
    def the_robot_is_silent_while_a_person_answers(self) -> None:
        """No answer of the robot is on its way that was chosen after a person took over."""
        if not hasattr(self, "conversation_id"):
            return
        dialogue = self.do(dialogues.fetch(self.database, self.conversation_id))
        assert dialogue is not None
        if not dialogue.is_handed_over:
            return

        async def chosen_since() -> int:
            async with self.database.read() as connection:
                found = await connection.scalar(
                    select(func.count())
                    .select_from(turns)
                    .where(
                        turns.c.kind == "answer",
                        turns.c.state.in_(("chosen", "queued")),
                        turns.c.created_at > dialogue.handed_over_at,
                    )
                )
            return int(found or 0)

        assert self.do(chosen_since()) == 0


@pytest.mark.servers
def test_random_walks() -> None:
    """Some hundreds of steps on a real store."""
    run_state_machine_as_test(
        Walk,
        settings=settings(
            max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), database=None,
            phases=[Phase.generate],
        ),
    )  # fmt: skip
