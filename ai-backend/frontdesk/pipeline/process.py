"""What happens to an accepted message: judged, then routed, each result stored before the next stage begins."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from frontdesk import telemetry
from frontdesk.desk.wishes import asks_for_something, wishes_of
from frontdesk.domain.agents import OpenTask
from frontdesk.domain.deadlines import deadline_of
from frontdesk.domain.errors import FrontdeskError, LeaseLostError, UnavailableError
from frontdesk.domain.hours import Calendar
from frontdesk.domain.messages import Record
from frontdesk.domain.ports import Subject
from frontdesk.domain.routing import Route, Rule
from frontdesk.domain.tasks import Wish
from frontdesk.failpoints import failpoint
from frontdesk.pipeline.completions import Completions
from frontdesk.routing.dispatch import Dispatched, Dispatcher
from frontdesk.store import changes, messages, progress, tasks
from frontdesk.store.conversations import Claim
from frontdesk.store.database import Database
from frontdesk.store.group_commit import GroupCommit
from frontdesk.store.messages import Judged
from frontdesk.store.progress import Analysed, Failed, Released, Routed, Step
from frontdesk.triage.assess import Assessment, Assessor

log = structlog.get_logger(__name__)

STEPS_AT_ONCE = 64
TASKS_TOLD = 10


class Processor:
    """Takes messages through their stages. A restart resumes at the first stage whose result is not stored.

    The results of all conversations that are worked on at the same moment go into one transaction.
    """

    def __init__(
        self,
        *,
        database: Database,
        assessor: Assessor,
        dispatcher: Dispatcher,
        completions: Completions,
        announce: Callable[[], None],
        calendar_of: Callable[[str], Calendar],
        max_attempts: int,
        retry_base_s: float,
        retry_max_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._assessor = assessor
        self._dispatcher = dispatcher
        self._completions = completions
        self._announce = announce
        self._calendar_of = calendar_of
        self._max_attempts = max_attempts
        self._retry_base_s = retry_base_s
        self._retry_max_s = retry_max_s
        self._clock = clock
        self._steps: GroupCommit[Step, bool] = GroupCommit(
            self._commit, writers=1, most_items=STEPS_AT_ONCE, weigh=_bytes
        )

    async def process(self, claim: Claim, record: Record, rules: tuple[Rule, ...]) -> bool:
        """Judge and route a message; False where it has to be tried again before those behind it.

        What goes wrong is stored with it and retried when due, or parked in the end.

        Raises:
            UnavailableError: the store is away; the message stays as it was.
            LeaseLostError: another worker has the conversation; nothing more was stored.
        """
        started = time.monotonic()
        with telemetry.span("process message", parent=record.message.trace, message=record.id):
            try:
                record = await self._judged(claim, record)
                judged_in = time.monotonic() - started
                await self._route(claim, record, rules, started, judged_in)
            except (UnavailableError, LeaseLostError):
                raise
            except Exception as error:
                log.exception("message_failed", message=record.id, attempt=record.attempts + 1)
                await self._note_failure(claim, record, error)
                return record.analysis is not None
        telemetry.processed(time.monotonic() - started)
        return True

    async def release(self, claim: Claim) -> None:
        """Give a conversation back."""
        await self._steps.submit(Released(claim=claim))

    async def rejudge_oldest(self) -> bool:
        """Judge one message again that has new words since; False where there is none."""
        found = await changes.to_judge(self._database)
        record = await messages.fetch(self._database, found[0]) if found else None
        if found is None or record is None:
            return False
        assessment = await self._assess(record)
        await messages.replace_analysis(self._database, record, self._judgement(record, assessment), now=self._clock())
        await changes.judged(self._database, *found)
        telemetry.assessed(assessment.analysis.analyser, assessment.usage)
        self._announce()
        return True

    async def rerate_oldest(self) -> bool:
        """Judge one message again that rules judged while the provider was away; False where there is none or no use."""
        if not self._assessor.has_model or self._assessor.is_degraded:
            return False
        found = await messages.to_rerate(self._database, limit=1)
        record = await messages.fetch(self._database, found[0]) if found else None
        if record is None:
            return False
        assessment = await self._assess(record)
        if assessment.degraded_reason:
            if self._assessor.is_away:
                # The provider is still away; that says nothing about this message.
                return False
            await messages.defer_rerate(self._database, record.id)
        else:
            judged = self._judgement(record, assessment)
            await messages.replace_analysis(self._database, record, judged, now=self._clock())
            telemetry.assessed(assessment.analysis.analyser, assessment.usage)
            self._announce()
        return True

    async def _commit(self, steps: Sequence[Step]) -> list[bool]:
        held = await progress.store(self._database, steps, now=self._clock())
        self._announce()
        return held

    async def _store(self, step: Step) -> None:
        if not await self._steps.submit(step):
            raise LeaseLostError

    async def _judged(self, claim: Claim, record: Record) -> Record:
        if record.analysis is not None:
            return record
        with telemetry.span("assess"), telemetry.stage("assess"):
            assessment = await self._assess(record)
        await self._store(Analysed(claim=claim, record=record, judged=self._judgement(record, assessment)))
        telemetry.assessed(assessment.analysis.analyser, assessment.usage)
        return record.model_copy(update={"analysis": assessment.analysis})

    async def _route(
        self, claim: Claim, record: Record, rules: tuple[Rule, ...], started: float, judged_in: float
    ) -> None:
        with telemetry.span("route") as span, telemetry.stage("route"):
            known = await self._open_tasks(record)
            dispatched = await self._dispatcher.dispatch(record, rules, open_tasks=known, trace=span.traceparent)
        failpoint("answered")
        # Where everybody was left alone nothing was tried: that is no attempt of this message.
        attempts = record.attempts + (1 if dispatched.calls else 0)
        now = self._clock()
        route = dispatched.route
        if route.success:
            step: Routed | Failed = Routed(
                claim=claim, record=record, route=route, attempts=attempts, latency_ms=dispatched.latency_ms, due_at=None
            )  # fmt: skip
        else:
            step = self._missed(claim, record, dispatched, attempts, now)
        if step.due_at is None:
            step = replace(step, wishes=await self._wishes(record, route))
        with telemetry.stage("store"):
            await self._store(step)
        is_ended = route.success or attempts >= self._max_attempts
        self._completions.finish(record.id)
        analysis = record.analysis
        assert analysis is not None  # noqa: S101 (judged before it is routed)
        log.info(
            "message_processed",
            message=record.id,
            conversation=record.conversation_id,
            account=record.account_id,
            urgency=analysis.urgency_score,
            category=analysis.category,
            analyser=analysis.analyser,
            agent=route.agent,
            routed=route.success,
            is_ended=is_ended,
            attempt=attempts,
            waited_ms=round((now - record.created_at).total_seconds() * 1000 - (time.monotonic() - started) * 1000),
            assess_ms=round(judged_in * 1000),
            route_ms=dispatched.latency_ms,
            total_ms=round((time.monotonic() - started) * 1000),
        )

    def _missed(
        self, claim: Claim, record: Record, dispatched: Dispatched, attempts: int, now: datetime
    ) -> Routed | Failed:
        """No agent answered: tried again later, or parked."""
        route = dispatched.route
        if attempts >= self._max_attempts:
            return Failed(
                claim=claim, record=record, error=route.reason, attempts=attempts, due_at=None, is_judged=True, route=route
            )  # fmt: skip
        pause = self._pause(max(attempts, 1))
        if not dispatched.calls:
            # Everybody is being left alone. Those who wait come back one after the other, and more rarely the longer it takes.
            age = now - record.created_at
            left_alone = timedelta(seconds=dispatched.left_alone_s)
            pause = max(pause, left_alone, min(age / 8, timedelta(seconds=self._retry_max_s))) * random.uniform(1, 2)  # noqa: S311
        due_at = now + pause
        return Routed(
            claim=claim, record=record, route=route, attempts=attempts, latency_ms=dispatched.latency_ms, due_at=due_at
        )  # fmt: skip

    async def _open_tasks(self, record: Record) -> tuple[OpenTask, ...]:
        if record.analysis is None or not record.analysis.needs_task:
            return ()
        found = await tasks.open_in(self._database, record.conversation_id, limit=TASKS_TOLD)
        return tuple(OpenTask(id=task.id, title=task.title, kind=task.type) for task in found)

    async def _wishes(self, record: Record, route: Route) -> tuple[Wish, ...]:
        if not asks_for_something(record, route):
            return ()
        # Reading dates takes milliseconds, and the first of a language a tenth of a second.
        return await asyncio.to_thread(wishes_of, record, route, self._calendar_of(record.message.account))

    async def _assess(self, record: Record) -> Assessment:
        subject = Subject.of(record.message, key=f"message-{record.key}")
        return await self._assessor.assess(subject, is_important=record.is_important)

    def _judgement(self, record: Record, assessment: Assessment) -> Judged:
        calendar = self._calendar_of(record.message.account)
        return Judged(
            analysis=assessment.analysis,
            usage=assessment.usage,
            model=assessment.model,
            degraded_reason=assessment.degraded_reason,
            deadline=deadline_of(assessment.analysis, since=record.waits_since, calendar=calendar),
        )

    async def _note_failure(self, claim: Claim, record: Record, error: Exception) -> None:
        attempts = record.attempts + 1
        is_parked = attempts >= self._max_attempts
        await self._store(
            Failed(
                claim=claim,
                record=record,
                error=_told(error),
                attempts=attempts,
                due_at=None if is_parked else self._clock() + self._pause(attempts),
                is_judged=record.analysis is not None,
            )
        )
        if is_parked:
            self._completions.finish(record.id)

    def _pause(self, attempts: int) -> timedelta:
        """Exponential backoff with full jitter in its upper half."""
        longest = min(self._retry_base_s * 2.0 ** min(attempts - 1, 30), self._retry_max_s)
        return timedelta(seconds=longest * random.uniform(0.5, 1))  # noqa: S311 (jitter)


def _bytes(step: Step) -> int:
    return 100 if isinstance(step, Released) else 4096


def _told(error: Exception) -> str:
    """An error for people; of one that is not ours only its kind, since its text may hold what a customer wrote."""
    return error.detail if isinstance(error, FrontdeskError) else type(error).__name__
