"""How well an analyser judges labelled messages, and what it would say today of messages that were judged before."""

import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontdesk.domain.analysis import Category, Sentiment
from frontdesk.domain.errors import AnalyserError, InvalidInputError
from frontdesk.domain.messages import HistoryItem, Record
from frontdesk.domain.plain import plain_problems
from frontdesk.domain.ports import Judgement, Subject
from frontdesk.domain.usage import Usage

URGENCY_TOLERANCE = 2
MEASURES = ("category", "sentiment", "urgency", "language")
RATED = ("category", "sentiment")
BINS = 5
COMPARED = ("urgency_score", "category", "sentiment", "priority_level", "action_required", "needs_human", "needs_task")

Judge = Callable[[Subject], Awaitable[Judgement]]


class Turn(BaseModel):
    """One line of the chat before a message; ``from`` is “us” or anybody else."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)

    sender: str = Field(alias="from")
    text: str


class Case(BaseModel):
    """A message and how it should be judged."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str = ""
    lang: str
    text: str
    history: tuple[Turn, ...] = ()
    category: Category
    sentiment: Sentiment
    urgency: int = Field(ge=1, le=10)

    @property
    def subject(self) -> Subject:
        """What an analyser is asked about it."""
        history = tuple(
            HistoryItem(sender=turn.sender, content=turn.text, sent_at=None, from_us=turn.sender == "us")
            for turn in self.history
        )
        return Subject(text=self.text, history=history, key=f"case-{self.id}")


class Accuracy(BaseModel):
    """Shares of right answers, 0 to 1; urgency counts as right within 2."""

    model_config = ConfigDict(frozen=True)

    messages: int
    category: float
    sentiment: float
    urgency: float
    language: float


@dataclass(frozen=True, kw_only=True)
class Bin:
    """Answers that were about equally sure: how sure on average, and how many of them were right. Shares are 0 to 1."""

    answers: int
    confidence: float
    right: float


@dataclass(kw_only=True)
class Result:
    """What an analyser made of some cases. ``seconds`` are those of each answer; ``failed`` cases had none."""

    cases: int = 0
    failed: int = 0
    accuracies: dict[str, Accuracy] = field(default_factory=dict)
    confusion: dict[str, Counter[tuple[str, str]]] = field(default_factory=lambda: defaultdict(Counter))
    urgency_errors: list[int] = field(default_factory=list)
    sureness: dict[str, list[tuple[float, bool]]] = field(default_factory=lambda: defaultdict(list))
    usage: Usage = field(default_factory=Usage)
    seconds: list[float] = field(default_factory=list)
    answers: dict[int, dict[str, Any]] = field(default_factory=dict)

    @property
    def urgency_error(self) -> float:
        """How far urgency is from the label, on average."""
        return (
            sum(abs(error) for error in self.urgency_errors) / len(self.urgency_errors) if self.urgency_errors else 0.0
        )

    @property
    def urgency_bias(self) -> float:
        """Above 0: too urgent on average."""
        return sum(self.urgency_errors) / len(self.urgency_errors) if self.urgency_errors else 0.0

    def calibration(self, name: str) -> list[Bin]:
        """Answers on a field, by how sure they were, the least sure first."""
        bins: defaultdict[int, list[tuple[float, bool]]] = defaultdict(list)
        for confidence, is_right in self.sureness[name]:
            bins[min(int(confidence * BINS), BINS - 1)].append((confidence, is_right))
        return [
            Bin(
                answers=len(found),
                confidence=sum(confidence for confidence, _ in found) / len(found),
                right=sum(is_right for _, is_right in found) / len(found),
            )
            for _, found in sorted(bins.items())
        ]

    def calibration_error(self, name: str) -> float:
        """The expected calibration error: how far sureness is from being right, weighted by answers (Naeini et al., 2015)."""
        bins = self.calibration(name)
        answers = sum(found.answers for found in bins)
        return sum(found.answers * abs(found.confidence - found.right) for found in bins) / answers if answers else 0.0


def read_cases(path: Path) -> list[Case]:
    """The labelled messages of a JSON lines file.

    Raises:
        InvalidInputError: a line does not fit; the text names it.
    """
    cases: list[Case] = []
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{path.name}: not UTF-8") from None
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            cases.append(Case.model_validate_json(line))
        except ValidationError as error:
            wrong = "; ".join(f"{name}: {problem}" for name, problem in plain_problems(error, Case))
            raise InvalidInputError(f"{path.name}, line {number}: {wrong}") from None
    if not cases:
        raise InvalidInputError(f"{path.name}: there is no case in it")
    return cases


async def evaluate(judge: Judge, cases: Sequence[Case]) -> Result:
    """Let an analyser judge labelled messages. One that fails on a case has it wrong."""
    result = Result(cases=len(cases))
    right: Counter[tuple[str, str]] = Counter()
    number: Counter[str] = Counter()
    for index, case in enumerate(cases):
        number.update(("all", case.lang))
        started = time.perf_counter()
        try:
            judgement = await judge(case.subject)
        except AnalyserError:
            result.failed += 1
            continue
        result.seconds.append(time.perf_counter() - started)
        result.usage += judgement.usage
        values = dict(judgement.values)
        result.answers[index] = values
        error = values["urgency_score"] - case.urgency
        result.urgency_errors.append(error)
        is_right = {
            "category": values["category"] == case.category,
            "sentiment": values["sentiment"] == case.sentiment,
            "urgency": abs(error) <= URGENCY_TOLERANCE,
            "language": values["language"] == case.lang,
        }
        for group in ("all", case.lang):
            right.update((group, name) for name, found in is_right.items() if found)
        for name in RATED:
            result.confusion[name][getattr(case, name), values[name]] += 1
            if name in judgement.confidence:
                result.sureness[name].append((judgement.confidence[name], is_right[name]))
    result.accuracies = {
        group: Accuracy(messages=count, **{name: right[group, name] / count for name in MEASURES})
        for group, count in number.items()
    }
    return result


@dataclass(frozen=True, kw_only=True)
class Changed:
    """A message of which something else is thought now: field → what was thought, and what is."""

    record: Record
    fields: dict[str, tuple[Any, Any]]


async def replay(
    records: AsyncIterator[Record], judge: Callable[[Record], Awaitable[dict[str, Any]]]
) -> AsyncIterator[tuple[Record, Changed | None]]:
    """Judge stored messages again; for each what has changed, if anything has. Nothing is stored."""
    async for record in records:
        assert record.analysis is not None  # noqa: S101 (asked for as such)
        before = record.analysis.model_dump()
        now = await judge(record)
        fields = {name: (before[name], now[name]) for name in COMPARED if before[name] != now[name]}
        yield record, Changed(record=record, fields=fields) if fields else None
