"""A person says how a message should have been judged: it is, from now on, and it is material for evaluation."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from frontdesk.desk.evaluation import Case, Turn
from frontdesk.domain.analysis import Analysis
from frontdesk.domain.deadlines import deadline_of
from frontdesk.domain.errors import ConflictError
from frontdesk.domain.hours import Calendar
from frontdesk.domain.messages import Record
from frontdesk.domain.usage import Usage
from frontdesk.store import corrections, messages, stats
from frontdesk.store.database import Database
from frontdesk.store.messages import Judged
from frontdesk.triage.policy import IMPORTANT_BONUS, corrected

MOST_CASES = 10_000


async def correct(
    database: Database,
    record: Record,
    values: Mapping[str, Any],
    *,
    person: str | None,
    calendar_of: Callable[[str], Calendar],
    now: datetime,
) -> None:
    """Judge a message as a person says; its priority and its deadline follow.

    Raises:
        ConflictError: it is not judged yet.
    """
    if record.analysis is None:
        raise ConflictError("this message is not judged yet")
    known = await corrections.of_message(database, record.id)
    analysis = corrected(record.analysis, known | dict(values), is_important=record.is_important)
    deadline = deadline_of(analysis, since=record.waits_since, calendar=calendar_of(record.message.account))
    judged = Judged(analysis=analysis, usage=Usage(), model=None, degraded_reason=None, deadline=deadline)
    await corrections.correct(database, record, values, judged=judged, person=person, now=now)
    before, after = _labels(record.analysis), _labels(analysis)
    changed = {metric: (label, after[metric]) for metric, label in before.items() if label != after[metric]}
    await stats.judged_anew(database, record.created_at, changed)


def _labels(analysis: Analysis) -> dict[str, str]:
    """What the figures count a judged message under."""
    return {
        "category": analysis.category, "sentiment": analysis.sentiment, "priority": analysis.priority_level,
        "urgency": str(analysis.urgency_score),
    }  # fmt: skip


async def cases(database: Database) -> list[Case]:
    """The messages that people corrected, as labelled ones: what they changed, and what they saw and let stand."""
    found = []
    for number in await corrections.corrected_messages(database, limit=MOST_CASES):
        record = await messages.fetch(database, number)
        if record is None or record.analysis is None:
            continue
        said = await corrections.of_message(database, number)
        analysis = corrected(record.analysis, said, is_important=record.is_important)
        # What importance added is not what the message says.
        bonus = IMPORTANT_BONUS if record.is_important and "urgency_score" not in said else 0
        found.append(
            Case(
                id=f"message-{number}",
                lang=analysis.language,
                text=record.spoken.text,
                history=tuple(
                    Turn.model_validate({"from": "us" if item.from_us else "them", "text": item.content})
                    for item in record.message.history
                ),
                category=analysis.category,
                sentiment=analysis.sentiment,
                urgency=max(1, analysis.urgency_score - bonus),
            )
        )
    return found
