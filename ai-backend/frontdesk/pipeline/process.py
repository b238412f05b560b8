"""What happens to an accepted message: judged, then routed, each result stored before the next stage begins."""

import random
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from frontdesk import telemetry
from frontdesk.domain.errors import FrontdeskError, UnavailableError
from frontdesk.domain.messages import Record
from frontdesk.domain.ports import Subject
from frontdesk.pipeline.completions import Completions
from frontdesk.routing.dispatch import Dispatcher
from frontdesk.store import directory, messages
from frontdesk.store.database import Database
from frontdesk.triage.assess import Assessment, Assessor

log = structlog.get_logger(__name__)

RERATE_BATCH = 50


class Processor:
    """Takes one message through its stages. A restart resumes at the first stage whose result is not stored."""

    def __init__(
        self,
        *,
        database: Database,
        assessor: Assessor,
        dispatcher: Dispatcher,
        completions: Completions,
        max_attempts: int,
        retry_base_s: float,
        retry_max_s: float,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._assessor = assessor
        self._dispatcher = dispatcher
        self._completions = completions
        self._max_attempts = max_attempts
        self._retry_base_s = retry_base_s
        self._retry_max_s = retry_max_s
        self._clock = clock

    async def process(self, message_id: int) -> bool:
        """Judge and route a message; False where it has to be tried again before those behind it.

        What goes wrong is stored with it and retried when due, or parked in the end.

        Raises:
            UnavailableError: the store is away; the message stays as it was.
        """
        record = await messages.fetch(self._database, message_id)
        if record is None or record.state not in messages.UNFINISHED:
            return True
        started = time.monotonic()
        try:
            record = await self._judged(record)
            await self._route(record)
        except UnavailableError:
            raise
        except Exception as error:
            log.exception("message_failed", message=message_id, attempt=record.attempts + 1)
            await self._note_failure(record, error)
            return record.analysis is not None
        telemetry.processed(time.monotonic() - started)
        return True

    async def rerate(self, *, is_stopping: Callable[[], bool] = lambda: False) -> int:
        """Judge again, oldest first, what rules judged while the provider was away; how many were done."""
        done = 0
        for message_id in await messages.to_rerate(self._database, limit=RERATE_BATCH):
            if is_stopping() or not self._assessor.has_model or self._assessor.is_degraded:
                break
            record = await messages.fetch(self._database, message_id)
            if record is None:
                continue
            assessment = await self._assess(record)
            if assessment.degraded_reason:
                await messages.defer_rerate(self._database, message_id)
            else:
                await self._store(record, assessment)
                done += 1
        return done

    async def _judged(self, record: Record) -> Record:
        if record.analysis is not None:
            return record
        assessment = await self._assess(record)
        await self._store(record, assessment)
        return record.model_copy(update={"analysis": assessment.analysis})

    async def _route(self, record: Record) -> None:
        rules = await directory.list_rules(self._database)
        dispatched = await self._dispatcher.dispatch(record, rules)
        attempts = record.attempts + 1
        now = self._clock()
        due_at = None if dispatched.route.success else now + self._pause(attempts)
        await messages.save_route(
            self._database, record.id, dispatched.route,
            attempts=attempts, latency_ms=dispatched.latency_ms, due_at=due_at, now=now,
        )  # fmt: skip
        self._completions.finish(record.id)
        analysis = record.analysis
        assert analysis is not None  # noqa: S101 (judged before it is routed)
        log.info(
            "message_processed",
            message=record.id,
            conversation=record.conversation_id,
            urgency=analysis.urgency_score,
            category=analysis.category,
            analyser=analysis.analyser,
            agent=dispatched.route.agent,
            routed=dispatched.route.success,
            attempt=attempts,
            latency_ms=dispatched.latency_ms,
        )

    async def _assess(self, record: Record) -> Assessment:
        message = record.message
        subject = Subject(
            text=message.text,
            quoted=message.quoted.content if message.quoted else None,
            key=f"message-{record.key}",
            history=message.history,
            chat_name=message.chat_name,
            media_kind=message.media.kind if message.media else None,
        )
        return await self._assessor.assess(subject, is_important=record.is_important)

    async def _store(self, record: Record, assessment: Assessment) -> None:
        await messages.save_analysis(
            self._database, record.id, assessment.analysis,
            usage=assessment.usage, model=assessment.model, degraded_reason=assessment.degraded_reason, now=self._clock(),
        )  # fmt: skip
        telemetry.assessed(assessment.analysis.analyser, assessment.usage)

    async def _note_failure(self, record: Record, error: Exception) -> None:
        attempts = record.attempts + 1
        now = self._clock()
        # One that was judged is never given up: its agent may come back.
        is_parked = attempts >= self._max_attempts and record.analysis is None
        await messages.save_failure(
            self._database, record.id, error=_told(error),
            attempts=attempts, due_at=None if is_parked else now + self._pause(attempts),
            is_judged=record.analysis is not None, now=now,
        )  # fmt: skip
        if is_parked:
            self._completions.finish(record.id)

    def _pause(self, attempts: int) -> timedelta:
        """Exponential backoff with full jitter in its upper half."""
        longest = min(self._retry_base_s * 2.0 ** min(attempts - 1, 30), self._retry_max_s)
        return timedelta(seconds=longest * random.uniform(0.5, 1))  # noqa: S311 (jitter)


def _told(error: Exception) -> str:
    """An error for people; of one that is not ours only its kind, since its text may hold what a customer wrote."""
    return error.detail if isinstance(error, FrontdeskError) else type(error).__name__
