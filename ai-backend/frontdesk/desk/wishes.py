"""What a message asks to be done, from what its agent proposed or, where none did, from its analysis."""

from datetime import timedelta
from typing import Any

from pydantic import TypeAdapter

from frontdesk.agentkit.answering import kind_of
from frontdesk.domain.agents import Action, CreateTask, ScheduleFollowUp
from frontdesk.domain.hours import Calendar
from frontdesk.domain.messages import Record
from frontdesk.domain.routing import Route
from frontdesk.domain.tasks import Due, Wish
from frontdesk.triage.dates import find_due

MOST = 5
"""Wishes of one message; an agent that proposes more is not believed."""
_actions: TypeAdapter[Action] = TypeAdapter(Action)


def asks_for_something(record: Record, route: Route | None) -> bool:
    """Whether there may be a wish: cheap to tell."""
    return bool(record.analysis and record.analysis.needs_task) or bool(_proposed(route))


def wishes_of(record: Record, route: Route | None, calendar: Calendar) -> tuple[Wish, ...]:
    """The wishes of a message that was judged. Times are seen from when it was written, in the account's zone."""
    analysis = record.analysis
    assert analysis is not None  # noqa: S101 (judged before it is routed)
    text = record.message.text

    def due(*phrases: str) -> Due | None:
        found = (
            find_due(phrase, language=analysis.language, at=record.waits_since, zone=calendar.zone)
            for phrase in phrases
            if phrase
        )
        return next((item for item in found if item is not None), None)

    proposed = [item for item in _proposed(route) if isinstance(item, CreateTask)][:MOST]
    later = tuple(
        Wish(
            title=action.reason,
            text=text or action.reason,
            type="follow_up",
            due=Due(at=record.waits_since + timedelta(hours=action.after_hours), is_all_day=False),
        )
        for action in _proposed(route)
        if isinstance(action, ScheduleFollowUp)
    )[:1]
    if proposed or later:
        # The only wish of a message has the time that the message names, also where the agent did not say so.
        return (
            tuple(
                Wish(
                    title=action.title,
                    text=text,
                    type=action.kind,
                    priority=action.priority,
                    due=due(action.due, text if len(proposed) == 1 else ""),
                    tags=action.tags,
                    updates=action.updates,
                )
                for action in proposed
            )
            + later
        )
    # A picture without a word says nothing of what is wanted.
    if not analysis.needs_task or not text.strip():
        return ()
    return (
        Wish(
            title=analysis.summary or text or analysis.category,
            text=text,
            type=kind_of(text),
            # Urgency 10 is priority 1, urgency 1 is priority 5.
            priority=5 - (analysis.urgency_score - 1) // 2,
            due=due(text),
            source="analysis",
        ),
    )


def _proposed(route: Route | None) -> list[CreateTask | ScheduleFollowUp]:
    actions: Any = (route.response or {}).get("actions", ()) if route is not None else ()
    found = (_actions.validate_python(action) for action in actions)
    return [action for action in found if isinstance(action, CreateTask | ScheduleFollowUp)]
