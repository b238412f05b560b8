"""Until when a message is to be answered, in the business's own time."""

from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

from frontdesk.domain.analysis import Analysis, ResponseTime
from frontdesk.domain.hours import Calendar

NEAR = 0.8
"""The share of the time after which a deadline is near."""

_OPENING_TIME: dict[ResponseTime, timedelta] = {
    "immediate": timedelta(minutes=15),
    "1hour": timedelta(hours=1),
    "4hours": timedelta(hours=4),
}


class Deadline(BaseModel):
    """When an answer is due, and from when on it is nearly due."""

    model_config = ConfigDict(frozen=True)

    near_at: datetime
    due_at: datetime


def deadline_of(analysis: Analysis, *, since: datetime, calendar: Calendar) -> Deadline | None:
    """The deadline of a message that has waited since then; None where it needs no answer.

    15 minutes, one hour and four hours are opening time. 24 hours are the next day at the same time, or when the business
    opens after that: nobody means three days of eight hours.
    """
    if not analysis.action_required:
        return None
    wanted = _OPENING_TIME.get(analysis.recommended_response_time)
    if wanted is not None:
        due_at = calendar.after(since, wanted)
    else:
        due_at = calendar.opens_at(calendar.opens_at(since) + timedelta(hours=24))
    return Deadline(near_at=calendar.after(since, calendar.between(since, due_at) * NEAR), due_at=due_at)
