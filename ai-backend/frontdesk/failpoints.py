"""Places where a test may end the process, to see that nothing is lost there. Without the setting they do nothing."""

import os
import random
import signal
from collections.abc import Mapping
from pathlib import Path

PLACES = ("accepted", "claimed", "answered", "chosen", "sent")
"""Committed and not acknowledged; claimed and nothing done; an agent has answered and it is not stored;
an answer was chosen and is not in the outbox; sent and not noted."""

_chances: dict[str, float] = {}
_marks: Path | None = None


def configure_failpoints(chances: Mapping[str, float], marks: Path) -> None:
    """Place → how often the process dies there, from 0 to 1.

    Each death leaves a mark, and where there is none of a place yet, the process that comes there first dies for certain.
    """
    global _marks  # noqa: PLW0603 (a process dies once)
    _chances.clear()
    _chances.update(chances)
    _marks = marks


def failpoint(name: str) -> None:
    """Die here, perhaps."""
    if name not in _chances or _marks is None:
        return
    is_first = not any(_marks.glob(f"{name}-*"))
    if is_first or random.random() < _chances[name]:  # noqa: S311 (chance is meant)
        _marks.mkdir(parents=True, exist_ok=True)
        (_marks / f"{name}-{os.getpid()}").touch()
        os.kill(os.getpid(), signal.SIGKILL)
