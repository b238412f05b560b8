"""What happens to an accepted message: judged, then answered, each result stored before the next stage begins."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from frontdesk import telemetry
from frontdesk.domain.commands import Commands
from frontdesk.domain.deadlines import deadline_of
from frontdesk.domain.errors import FrontdeskError, LeaseLostError, UnavailableError
from frontdesk.domain.hours import Calendar
from frontdesk.domain.messages import Record
from frontdesk.domain.ports import Subject
from frontdesk.domain.routing import Rule
from frontdesk.pipeline.completions import Completions
from frontdesk.pipeline.hear import Hearer
from frontdesk.pipeline.pauses import Patience
from frontdesk.pipeline.reply import Replier
from frontdesk.pipeline.steps import Steps
from frontdesk.store import changes, corrections, messages, understandings
from frontdesk.store.conversations import Claim
from frontdesk.store.database import Database
from frontdesk.store.messages import Judged
from frontdesk.store.progress import Analysed, Deferred, Failed, Released
from frontdesk.triage.assess import Assessment, Assessor
from frontdesk.triage.policy import corrected

log = structlog.get_logger(__name__)

LONGEST_BURST = 20
"""Messages that are answered together; who writes more at once gets more than one answer."""


class Processor:
    """Takes messages through their stages. A restart resumes at the first stage whose result is not stored.

    Messages of a burst are answered together: ``settle`` after the last of them, at most ``settle_most`` after the first.
    Without ``settle`` each message is answered by itself.
    """

    def __init__(
        self,
        *,
        database: Database,
        assessor: Assessor,
        replier: Replier,
        steps: Steps,
        hearer: Hearer,
        commands: Commands,
        completions: Completions,
        announce: Callable[[], None],
        calendar_of: Callable[[str], Calendar],
        patience: Patience,
        settle: timedelta,
        settle_most: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._assessor = assessor
        self._replier = replier
        self._steps = steps
        self._hearer = hearer
        self._commands = commands
        self._completions = completions
        self._announce = announce
        self._calendar_of = calendar_of
        self._patience = patience
        self._settle = settle
        self._settle_most = settle_most
        self._clock = clock

    async def work(
        self, claim: Claim, due: Sequence[Record], rules: tuple[Rule, ...], *, is_stopped: Callable[[], bool]
    ) -> bool:
        """Take on what is due of a conversation; False where what is left of it has to wait.

        Raises:
            UnavailableError: the store is away; the messages stay as they were.
            LeaseLostError: another worker has the conversation; nothing more was stored.
        """
        settling = [record for record in due if record.state == "settling"]
        goes_on = True
        for record in due:
            if record.state == "settling":
                continue
            if is_stopped() or not await self._take_on(claim, record, rules, settling):
                goes_on = False
                break
        if settling and not is_stopped() and self._has_settled(settling):
            await self._answer(claim, settling, rules)
        return goes_on

    def _has_settled(self, settling: Sequence[Record]) -> bool:
        """Whether a burst is over: nothing more came, it has lasted long enough, or there is enough of it."""
        last = settling[-1]
        return len(settling) >= LONGEST_BURST or (last.due_at or last.created_at) <= self._clock()

    async def release(self, claim: Claim) -> None:
        """Give a conversation back."""
        await self._steps.release(Released(claim=claim))

    async def _take_on(self, claim: Claim, record: Record, rules: tuple[Rule, ...], settling: list[Record]) -> bool:
        """Judge a message, and answer it unless it settles; False where it holds back those behind it.

        What goes wrong is stored with it and retried when due, or parked in the end.
        """
        if record.analysis is None and (record.message.media is not None or record.understood is not None):
            heard = await self._hearer.hear(record)
            if isinstance(heard, datetime):
                await self._steps.store(Deferred(claim=claim, record=record, due_at=heard))
                return False
            record = heard
        if record.analysis is None:
            with telemetry.span("process message", parent=record.message.trace, message=record.id):
                try:
                    record = await self._judged(claim, record, settling)
                except (UnavailableError, LeaseLostError):
                    raise
                except Exception as error:
                    log.exception("message_failed", message=record.id, attempt=record.attempts + 1)
                    await self._note_failure(claim, record, error)
                    return False
        if record.state == "settling":
            settling.append(record)
        else:
            await self._answer(claim, [record], rules)
        return True

    async def _answer(self, claim: Claim, records: Sequence[Record], rules: tuple[Rule, ...]) -> None:
        for turn in self._replier.turns_of(records):
            started = time.monotonic()
            with telemetry.span("answer", parent=turn[-1].message.trace, message=turn[-1].id):
                try:
                    await self._replier.answer(claim, turn, rules)
                except (UnavailableError, LeaseLostError):
                    raise
                except Exception as error:
                    log.exception("turn_failed", message=turn[-1].id, attempt=turn[-1].attempts + 1)
                    for record in turn:
                        await self._note_failure(claim, record, error)
                else:
                    for _ in turn:
                        telemetry.processed(time.monotonic() - started)

    async def hear_late(self) -> bool:
        """Understand one file that nobody waits for any more, or judge one message with what its file says; False for neither."""
        number = await understandings.to_judge(self._database)
        record = await messages.fetch(self._database, number) if number is not None else None
        if record is None:
            return await self._hearer.hear_late()
        await self.judge_again(record)
        await understandings.judged(self._database, record.account_id, record.message.message_id)
        return True

    async def rejudge_oldest(self) -> bool:
        """Judge one message again that has new words since; False where there is none."""
        found = await changes.to_judge(self._database)
        record = await messages.fetch(self._database, found[0]) if found else None
        if found is None or record is None:
            return False
        await self.judge_again(record)
        await changes.judged(self._database, *found)
        return True

    async def judge_again(self, record: Record) -> None:
        """Judge a message anew, now; what people corrected stands."""
        assessment = await self._assess_again(record)
        await messages.replace_analysis(self._database, record, self._judgement(record, assessment), now=self._clock())
        telemetry.assessed(assessment.analysis.analyser, assessment.usage)
        self._announce()

    async def rerate_oldest(self) -> bool:
        """Judge one message again that rules judged while the provider was away; False where there is none or no use."""
        if not self._assessor.has_model or self._assessor.is_degraded:
            return False
        found = await messages.to_rerate(self._database, limit=1)
        record = await messages.fetch(self._database, found[0]) if found else None
        if record is None:
            return False
        assessment = await self._assess_again(record)
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

    async def _judged(self, claim: Claim, record: Record, settling: Sequence[Record]) -> Record:
        started = time.monotonic()
        with telemetry.span("assess"), telemetry.stage("assess"):
            assessment = await self._assess(record)
        settles_at = None
        if self._settle:
            first = min((item.created_at for item in settling), default=record.created_at)
            settles_at = min(record.created_at + self._settle, first + self._settle_most)
        await self._steps.store(
            Analysed(
                claim=claim,
                record=record,
                judged=self._judgement(record, assessment),
                settles_at=settles_at,
            )
        )
        telemetry.assessed(assessment.analysis.analyser, assessment.usage)
        analysis = assessment.analysis
        log.info(
            "message_judged",
            message=record.id,
            conversation=record.conversation_id,
            account=record.account_id,
            urgency=analysis.urgency_score,
            category=analysis.category,
            analyser=analysis.analyser,
            assess_ms=round((time.monotonic() - started) * 1000),
        )
        settled = {"state": "settling", "due_at": settles_at} if settles_at else {}
        return record.model_copy(update={"analysis": analysis, **settled})

    async def _assess_again(self, record: Record) -> Assessment:
        """As at first, but for what a person has corrected since."""
        assessment = await self._assess(record)
        said = await corrections.of_message(self._database, record.id)
        analysis = corrected(assessment.analysis, said, is_important=record.is_important)
        return assessment.model_copy(update={"analysis": analysis})

    async def _assess(self, record: Record) -> Assessment:
        subject = Subject.of(record.spoken, key=f"message-{record.key}")
        word = None if record.message.is_group else self._commands.find(record.message.text)
        assessment = await self._assessor.assess(subject, is_important=record.is_important, is_plain=word is not None)
        if word is None:
            return assessment
        # What the desk itself answers makes nobody wait, but for a person where one is asked for.
        is_wanted = word.command == "human"
        wanted = dict.fromkeys(("wants_person", "needs_human", "action_required"), is_wanted) | {"needs_task": False}
        return assessment.model_copy(update={"analysis": assessment.analysis.model_copy(update=wanted)})

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
        is_parked = self._patience.is_over(attempts)
        await self._steps.store(
            Failed(
                claim=claim,
                record=record,
                error=_told(error),
                attempts=attempts,
                due_at=None if is_parked else self._clock() + self._patience.pause(attempts),
                is_judged=record.analysis is not None,
            )
        )
        if is_parked:
            self._completions.finish(record.id)


def _told(error: Exception) -> str:
    """An error for people; of one that is not ours only its kind, since its text may hold what a customer wrote."""
    return error.detail if isinstance(error, FrontdeskError) else type(error).__name__
