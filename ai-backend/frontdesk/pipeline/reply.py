"""A turn: the messages of a burst are given to an agent, and what it answers becomes a draft, a message, or a call for a person."""

import asyncio
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

import structlog

from frontdesk import telemetry
from frontdesk.desk.briefing import Briefer
from frontdesk.desk.customer_commands import CustomerCommands
from frontdesk.desk.sending import Sender
from frontdesk.desk.texts import said
from frontdesk.desk.wishes import asks_for_something, wishes_of
from frontdesk.domain.agents import AgentReply
from frontdesk.domain.commands import Commands, Word
from frontdesk.domain.errors import AgentError, ConflictError, LeaseLostError, NotFoundError
from frontdesk.domain.hours import Calendar
from frontdesk.domain.messages import Record
from frontdesk.domain.profiles import learned_from
from frontdesk.domain.replies import AWAITED, Dialogue, Limits, Turn, TurnState, decide
from frontdesk.domain.routing import Route, Rule
from frontdesk.domain.tasks import Wish
from frontdesk.failpoints import failpoint
from frontdesk.pipeline.completions import Completions
from frontdesk.pipeline.pauses import Patience
from frontdesk.pipeline.steps import Steps
from frontdesk.routing.dispatch import Dispatched, Dispatcher
from frontdesk.store import dialogues, directory, thread, turns
from frontdesk.store.conversations import Claim
from frontdesk.store.database import Database
from frontdesk.store.progress import Failed, Routed
from frontdesk.store.turns import Draft, Ended, Outcome

log = structlog.get_logger(__name__)


class Replier:
    """Gives turns to agents and stores what comes of them. ``assigns``: what is handed over becomes somebody's."""

    def __init__(
        self,
        *,
        database: Database,
        dispatcher: Dispatcher,
        briefer: Briefer,
        commands: Commands,
        customer_commands: CustomerCommands,
        steps: Steps,
        sender: Sender,
        completions: Completions,
        calendar_of: Callable[[str], Calendar],
        patience: Patience,
        limits: Limits,
        assigns: bool,
        clock: Callable[[], datetime],
    ) -> None:
        self._reading = asyncio.Lock()
        self._database = database
        self._dispatcher = dispatcher
        self._briefer = briefer
        self._commands = commands
        self._customer_commands = customer_commands
        self._steps = steps
        self._sender = sender
        self._completions = completions
        self._calendar_of = calendar_of
        self._patience = patience
        self._limits = limits
        self._assigns = assigns
        self._clock = clock

    def turns_of(self, records: Sequence[Record]) -> list[tuple[Record, ...]]:
        """The turns that messages make: a command is one of its own, and in a group so is what each of its people says."""
        found: list[list[Record]] = []
        for record in records:
            last = found[-1][-1] if found else None
            is_alone = self._word_of(record) is not None or (last is not None and self._word_of(last) is not None)
            if last is None or is_alone or last.contact_id != record.contact_id:
                found.append([])
            found[-1].append(record)
        return [tuple(turn) for turn in found]

    def _word_of(self, record: Record) -> Word | None:
        return None if record.message.is_group else self._commands.find(record.message.text)

    async def answer(self, claim: Claim, records: tuple[Record, ...], rules: tuple[Rule, ...]) -> None:
        """Answer a turn, whose messages are judged.

        Raises:
            UnavailableError, LeaseLostError: nothing more was stored.
        """
        await self._take_turn(claim, records, rules, self._word_of(records[0]))

    async def suggest(self, conversation_id: int) -> Turn:
        """A person asks for a draft for what the customer wrote last. It waits for them, whatever the mode.

        Raises:
            NotFoundError: there is no such conversation. ConflictError: there is nothing to answer, or its answer is on its way.
            AgentError: no agent answered. UnavailableError: the store is away.
        """
        dialogue = await dialogues.fetch(self._database, conversation_id)
        if dialogue is None:
            raise NotFoundError("there is no such conversation")
        record = await thread.latest_judged(self._database, conversation_id)
        if record is None:
            raise ConflictError("nothing is here yet that could be answered")
        whole = together((record,))
        brief = await self._briefer.brief(whole, record, dialogue, now=self._clock(), remembers=False)
        rules = await directory.list_rules(self._database)
        route = (await self._dispatcher.dispatch(whole, rules, brief=brief, key=f"draft-{uuid.uuid4().hex}")).route
        if not route.success:
            raise AgentError(route.reason)
        reply = AgentReply.model_validate(route.response)
        if not reply.reply.strip():
            raise ConflictError("the agent has nothing to say to this")
        draft = _draft(reply, route.agent, state="suggested", reason="somebody asked for it")
        asked = Ended(
            account_id=record.account_id, conversation_id=conversation_id, first_message_id=record.id,
            last_message_id=record.id, outcome=Outcome(dialogue=dialogue, drafts=(draft,), changes=brief.changes),
        )  # fmt: skip
        return await turns.suggest(self._database, asked, now=self._clock())

    async def _take_turn(
        self, claim: Claim, records: tuple[Record, ...], rules: tuple[Rule, ...], word: Word | None
    ) -> None:
        started = time.monotonic()
        dialogue = await dialogues.fetch(self._database, claim.conversation_id)
        if dialogue is None:
            raise LeaseLostError
        whole = together(records)
        mode = self._limits.mode_of(dialogue)
        if mode == "observe":
            await self._store_observed(claim, records, whole, dialogue, rules)
            return
        if word is not None:
            step = await self._by_command(claim, whole, dialogue, word)
            if step is not None:
                await self._store(step, started)
                return
        with telemetry.span("route") as span, telemetry.stage("route"):
            brief = await self._briefer.brief(whole, records[0], dialogue, now=self._clock())
            dispatched = await self._dispatcher.dispatch(whole, rules, brief=brief, trace=span.traceparent)
        failpoint("answered")
        if not dispatched.route.success:
            await self._store_missed(claim, records, dispatched)
            return
        step = Routed(
            claim=claim,
            records=records,
            route=dispatched.route,
            was_tried=dispatched.calls > 0,
            latency_ms=dispatched.latency_ms,
            due_at=None,
            wishes=await self._wishes(whole, dispatched.route),
            outcome=await self._outcome(whole, records[0], dialogue, dispatched.route, brief.changes),
        )
        await self._store(step, started)

    async def _outcome(
        self,
        whole: Record,
        first: Record,
        dialogue: Dialogue,
        route: Route,
        changes: tuple[tuple[str, object], ...],
    ) -> Outcome:
        """What becomes of an agent's answer."""
        assert whole.analysis is not None  # noqa: S101 (judged before it is answered)
        reply = AgentReply.model_validate(route.response)
        now = self._clock()
        is_automatic = self._limits.mode_of(dialogue) == "auto"
        needs_answer = whole.analysis.action_required
        sent, is_awaited = 0, False
        if is_automatic:
            sent = await dialogues.sent_within_hour(self._database, dialogue.conversation_id, now=now)
        if is_automatic or not needs_answer:
            is_awaited = await dialogues.is_awaited(self._database, dialogue.conversation_id, before=first.id)
        verdict = decide(
            reply,
            analysis=whole.analysis,
            dialogue=dialogue,
            limits=self._limits,
            is_important=whole.is_important,
            sent_within_hour=sent,
            is_awaited=is_awaited,
            now=now,
        )
        drafts = []
        if reply.reply.strip():
            # A “thanks” after a question leaves the draft for the question where it is.
            if is_awaited and not needs_answer:
                drafts.append(_draft(reply, route.agent, state="superseded", reason=AWAITED))
            else:
                drafts.append(_draft(reply, route.agent, state=verdict.state, reason=verdict.reason))
        outcome = Outcome(
            dialogue=dialogue,
            drafts=tuple(drafts),
            assigns=self._assigns,
            changes=(*changes, *_remembered(reply, whole.id)),
            learned=learned_from(whole, reply, fields=self._briefer.fields),
        )
        labels = tuple(dict.fromkeys((*dialogue.labels, *(item.label for item in reply.actions if item.type == "tag"))))
        if labels != dialogue.labels:
            outcome = replace(outcome, changes=(*outcome.changes, ("labels", labels)))
        if verdict.hand_over is not None:
            outcome = self._handed_over(outcome, verdict.hand_over, whole.analysis.language, now)
        return outcome

    def _handed_over(self, outcome: Outcome, reason: str, language: str, now: datetime) -> Outcome:
        """A person is to answer. Where the robot speaks by itself, it says so, once."""
        dialogue = outcome.dialogue
        outcome = replace(outcome, hand_over=reason)
        speaks = self._limits.mode_of(dialogue) == "auto" and not dialogue.is_group and not dialogue.is_stopped
        if not speaks:
            return outcome
        text = said("handed_over", language, business=self._briefer.business_name)
        notice = Draft(kind="notice", state="chosen", agent=None, text=text, confidence=1.0, reason=reason)
        return replace(outcome, drafts=(*outcome.drafts, notice), changes=(*outcome.changes, ("told_at", now)))

    async def _by_command(self, claim: Claim, record: Record, dialogue: Dialogue, word: Word) -> Routed | None:
        now = self._clock()
        done = await self._customer_commands.carry_out(word, record, dialogue, now=now)
        if done is None:
            return None
        is_automatic = self._limits.mode_of(dialogue) == "auto"
        draft = Draft(
            # Who asked for a person goes on waiting for one.
            kind="command" if done.hand_over is None else "notice",
            state="chosen" if is_automatic else "suggested",
            agent=None,
            text=done.text,
            confidence=1.0,
            reason=f"the customer’s command {word.command}",
        )
        outcome = Outcome(dialogue=dialogue, drafts=(draft,), assigns=self._assigns, changes=done.changes)
        if done.hand_over is not None and not dialogue.is_handed_over:
            outcome = replace(outcome, hand_over=done.hand_over, changes=(*outcome.changes, ("told_at", now)))
        route = Route(success=True, agent=None, reason=f"the customer’s command {word.command}")
        return Routed(
            claim=claim, records=(record,), route=route, was_tried=False, latency_ms=0, due_at=None, outcome=outcome
        )

    async def _store(self, step: Routed, started: float) -> None:
        with telemetry.stage("store"):
            await self._steps.store(step)
        if step.outcome is not None and any(draft.state == "chosen" for draft in step.outcome.drafts):
            failpoint("chosen")
            await self._sender.send_chosen(step.claim.conversation_id)
        now = self._clock()
        for record in step.records:
            self._completions.finish(record.id)
            log.info(
                "message_processed",
                message=record.id,
                conversation=record.conversation_id,
                account=record.account_id,
                agent=step.route.agent,
                routed=step.route.success,
                is_ended=step.due_at is None,
                burst=len(step.records),
                route_ms=step.latency_ms,
                age_ms=round((now - record.created_at).total_seconds() * 1000),
                total_ms=round((time.monotonic() - started) * 1000),
            )

    async def _store_observed(
        self, claim: Claim, records: tuple[Record, ...], whole: Record, dialogue: Dialogue, rules: tuple[Rule, ...]
    ) -> None:
        started = time.monotonic()
        choice = self._dispatcher.choose(whole, rules)
        route = Route(success=True, agent=choice.agent, reason=f"{choice.reason}; only observed, nobody was asked")
        step = Routed(
            claim=claim, records=records, route=route, was_tried=False, latency_ms=0, due_at=None,
            wishes=await self._wishes(whole, route),
            outcome=Outcome(dialogue=dialogue, learned=learned_from(whole, None, fields=self._briefer.fields)),
        )  # fmt: skip
        await self._store(step, started)

    async def _store_missed(self, claim: Claim, records: tuple[Record, ...], dispatched: Dispatched) -> None:
        """No agent answered: each message is tried again later, or parked."""
        started = time.monotonic()
        now = self._clock()
        route = dispatched.route
        for record in records:
            attempts = record.attempts + (1 if dispatched.calls else 0)
            if self._patience.is_over(attempts):
                wishes = await self._wishes(together((record,)), route)
                await self._steps.store(
                    Failed(
                        claim=claim, record=record, error=route.reason, attempts=attempts, due_at=None, is_judged=True,
                        route=route, wishes=wishes,
                    )
                )  # fmt: skip
                self._completions.finish(record.id)
                log.warning("message_parked", message=record.id, attempt=attempts)
                continue
            pause = (
                self._patience.pause(attempts)
                if dispatched.calls
                # Where everybody was left alone nothing was tried: that is no attempt of this message.
                else self._patience.pause_of_left_alone(
                    max(attempts, 1), age=now - record.created_at, left_alone_s=dispatched.left_alone_s
                )
            )
            step = Routed(
                claim=claim, records=(record,), route=route, was_tried=dispatched.calls > 0,
                latency_ms=dispatched.latency_ms, due_at=now + pause,
            )  # fmt: skip
            await self._store(step, started)

    async def _wishes(self, record: Record, route: Route) -> tuple[Wish, ...]:
        if not asks_for_something(record, route):
            return ()
        # Reading the dates of a burst takes tens of milliseconds, and the first of a language a quarter of a second. One at a
        # time: threads take turns at the interpreter, and behind several of them the event loop, with it each round trip to
        # the database inside a transaction, waits for all.
        async with self._reading:
            return await asyncio.to_thread(wishes_of, record, route, self._calendar_of(record.message.account))


def _draft(reply: AgentReply, agent: str | None, *, state: TurnState, reason: str) -> Draft:
    return Draft(
        kind="answer", state=state, agent=agent, text=reply.reply, confidence=reply.confidence, reason=reason
    )  # fmt: skip


def _remembered(reply: AgentReply, up_to: int) -> tuple[tuple[str, object], ...]:
    """Where the provider's memory is after an answer, as the dialogue notes it."""
    if reply.memory is None:
        return ()
    return (
        ("memory_id", None if reply.memory.is_gone else reply.memory.id),
        ("memory_item", reply.memory.last_item),
        ("memory_up_to", up_to),
    )


def together(records: tuple[Record, ...]) -> Record:
    """The messages of a burst as one: what they say, as urgent as the most urgent of them, asking for what any asks for."""
    last = records[-1]
    if len(records) == 1:
        return last.model_copy(update={"message": last.spoken, "understood": None})
    analyses = [record.analysis for record in records if record.analysis is not None]
    leading = max(analyses, key=lambda analysis: analysis.urgency_score)
    asked = {
        name: any(getattr(analysis, name) for analysis in analyses)
        for name in ("action_required", "needs_human", "needs_task", "wants_person")
    }
    text = "\n".join(record.spoken.text for record in records if record.spoken.text)
    quoted = next((record.message.quoted for record in reversed(records) if record.message.quoted), None)
    message = last.message.model_copy(update={"text": text, "quoted": quoted, "history": records[0].message.history})
    return last.model_copy(
        update={"message": message, "understood": None, "analysis": leading.model_copy(update=asked)}
    )
