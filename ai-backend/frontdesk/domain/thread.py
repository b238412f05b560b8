"""What was said in a conversation, by whom and when, and how much of it an agent is told again."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from pydantic import BaseModel, ConfigDict

REMEMBERED = timedelta(hours=48)
"""What is older is told in the summary."""


class Line(BaseModel):
    """One thing that was said. ``message_id`` is that of a received message, and None for what we sent."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    text: str
    from_us: bool
    message_id: int | None = None


def divided(lines: Sequence[Line], *, most: int, now: datetime) -> tuple[Sequence[Line], Sequence[Line]]:
    """Lines to roll into the summary, and lines to tell as they are, at most ``2 * most``.

    Rolled up are lines older than :data:`REMEMBERED`, and, once there are twice as many as are remembered, all but the
    newest ``most``: so that a long conversation does not ask for a new summary with every turn.
    """
    fresh = next((place for place, line in enumerate(lines) if now - line.at <= REMEMBERED), len(lines))
    if len(lines) - fresh > 2 * most:
        fresh = len(lines) - most
    return lines[:fresh], lines[fresh:]
