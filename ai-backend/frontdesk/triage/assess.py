"""From a message to its analysis: rules always, a model where there is one and where it pays, policy last."""

from collections.abc import Mapping
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict

from frontdesk.domain.analysis import Analysis, blank
from frontdesk.domain.errors import AnalyserError, BreakerOpenError, OverBudgetError
from frontdesk.domain.ports import Analyser, Judgement, Subject
from frontdesk.domain.usage import Usage
from frontdesk.triage.policy import conclude
from frontdesk.triage.rules import is_trivial
from frontdesk.wire.breaker import Breaker

log = structlog.get_logger(__name__)

WORDS_FROM_URGENCY = 5


class Assessment(BaseModel):
    """An analysis and what it took. ``degraded_reason`` says why rules stood in for the model, to be repeated later."""

    model_config = ConfigDict(frozen=True)

    analysis: Analysis
    usage: Usage
    model: str | None = None
    degraded_reason: str | None = None


class Assessor:
    """Judges messages. Without ``rater`` rules answer; without ``writer`` the rater's or the rules' words stand.

    ``description`` tells people which analyser works.
    """

    def __init__(
        self, *, rules: Analyser, rater: Analyser | None, writer: Analyser | None, breaker: Breaker, description: str
    ) -> None:
        self.description = description
        self._rules = rules
        self._rater = rater
        self._writer = writer
        self._breaker = breaker

    @property
    def is_degraded(self) -> bool:
        """Whether the provider is being left alone."""
        return self._breaker.is_open

    @property
    def is_away(self) -> bool:
        """Whether the provider kept failing and has not answered since."""
        return self._breaker.has_tripped

    @property
    def has_model(self) -> bool:
        """Whether there is a model at all."""
        return self._rater is not None

    async def assess(self, subject: Subject, *, is_important: bool, is_plain: bool = False) -> Assessment:
        """Judge a message. Never fails: where a model does, rules have the word; of what ``is_plain`` no model is asked."""
        base = await self._rules.judge(subject)
        values = blank() | dict(base.values)
        confidence = dict(base.confidence)
        if self._rater is None or is_plain or is_trivial(subject):
            return self._concluded(values, confidence, "rules", is_important, Usage(), None, None)
        rated, problem = await self._ask(self._rater, subject)
        if rated is None:
            return self._concluded(values, confidence, "rules", is_important, Usage(), None, problem)
        values |= rated.values
        confidence |= rated.confidence
        usage, analyser = rated.usage, self._rater.name
        if self._writer is not None and (is_important or _is_worth_words(values)):
            words, problem = await self._ask(self._writer, subject)
            if words is not None:
                values |= words.values
                usage += words.usage
                analyser = f"{analyser}+{self._writer.name}"
        try:
            return self._concluded(values, confidence, analyser, is_important, usage, rated.model, problem)
        except ValueError:
            # A provider may answer outside of what was asked.
            log.warning("analysis_refused", analyser=analyser)
            plain = blank() | dict(base.values)
            reason = "the provider's answer does not fit the schema"
            return self._concluded(plain, base.confidence, "rules", is_important, usage, None, reason)

    async def _ask(self, analyser: Analyser, subject: Subject) -> tuple[Judgement | None, str | None]:
        try:
            self._breaker.enter()
        except BreakerOpenError as error:
            return None, error.detail
        try:
            judgement = await analyser.judge(subject)
        except OverBudgetError:
            self._breaker.abandoned()
            return None, None
        except AnalyserError as error:
            self._breaker.failed(retry_after_s=error.retry_after_s)
            log.warning("analyser_failed", analyser=analyser.name, reason=error.detail)
            return None, f"{analyser.name}: {error.detail}"
        except Exception as error:
            # Nothing that a provider answers may keep a message from being judged.
            self._breaker.failed()
            log.exception("analyser_broke", analyser=analyser.name)
            return None, f"{analyser.name}: {type(error).__name__}"
        except BaseException:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        return judgement, None

    def _concluded(
        self,
        values: Mapping[str, Any],
        confidence: Mapping[str, float],
        analyser: str,
        is_important: bool,  # noqa: FBT001
        usage: Usage,
        model: str | None,
        problem: str | None,
    ) -> Assessment:
        analysis = conclude(values, confidence, analyser=analyser, is_important=is_important)
        return Assessment(analysis=analysis, usage=usage, model=model, degraded_reason=problem)


def _is_worth_words(values: Mapping[str, Any]) -> bool:
    return bool(values["action_required"] or values["needs_task"] or int(values["urgency_score"]) >= WORDS_FROM_URGENCY)
