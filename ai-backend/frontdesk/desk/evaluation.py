"""How well an analyser judges labelled messages."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from frontdesk.domain.messages import HistoryItem
from frontdesk.domain.ports import Analyser, Subject

URGENCY_TOLERANCE = 2
MEASURES = ("category", "sentiment", "urgency", "language")


class Accuracy(BaseModel):
    """Shares of right answers, 0 to 1; urgency counts as right within 2."""

    model_config = ConfigDict(frozen=True)

    messages: int
    category: float
    sentiment: float
    urgency: float
    language: float


def read_labelled(path: Path) -> list[dict[str, Any]]:
    """The labelled messages of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def subject_of(item: dict[str, Any]) -> Subject:
    """What an analyser is asked about a labelled message."""
    history = tuple(
        HistoryItem(sender=turn["from"], content=turn["text"], sent_at=None, from_us=turn["from"] == "us")
        for turn in item.get("history", ())
    )
    return Subject(text=item["text"], history=history)


async def evaluate(analyser: Analyser, labelled: Iterable[dict[str, Any]]) -> dict[str, Accuracy]:
    """Language → accuracy, and “all” for all of them together."""
    right: Counter[tuple[str, str]] = Counter()
    number: Counter[str] = Counter()
    for item in labelled:
        values = (await analyser.judge(subject_of(item))).values
        for group in ("all", item["lang"]):
            number[group] += 1
            right[group, "category"] += values["category"] == item["category"]
            right[group, "sentiment"] += values["sentiment"] == item["sentiment"]
            right[group, "urgency"] += abs(values["urgency_score"] - item["urgency"]) <= URGENCY_TOLERANCE
            right[group, "language"] += values["language"] == item["lang"]
    return {
        group: Accuracy(messages=count, **{name: right[group, name] / count for name in MEASURES})
        for group, count in number.items()
    }
