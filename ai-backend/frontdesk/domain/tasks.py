"""What is to be done by people, and how a wish that is repeated is known again."""

import re
from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field
from rapidfuzz import fuzz, utils

TaskType = Literal["call", "email", "demo", "proposal", "meeting", "repair", "order", "follow_up", "other"]
TaskStatus = Literal["open", "done", "cancelled"]
TaskSource = Literal["agent", "analysis", "person"]
TASK_TYPES: tuple[TaskType, ...] = get_args(TaskType)
TASK_STATES: tuple[TaskStatus, ...] = get_args(TaskStatus)

LONGEST_TITLE = 200
LONGEST_DESCRIPTION = 10_000
LONGEST_TAG = 60
MOST_TAGS = 20
ALIKE = 85
"""Of 100, as rapidfuzz counts: above it two messages say the same."""
FEWEST_WORDS = 3
AS_LONG = 0.5
COMPARED_CHARACTERS = 1000
_NUMBER = re.compile(r"\d+")


class Due(BaseModel):
    """When something is due. ``at`` of a whole day is its last second, in the zone in which it was meant."""

    model_config = ConfigDict(frozen=True)

    at: datetime
    is_all_day: bool


class Wish(BaseModel):
    """Something that a message asks to be done. ``updates`` names the open task that it repeats, where an agent saw that."""

    model_config = ConfigDict(frozen=True)

    title: str
    text: str = Field(description="The message that asks for it")
    type: TaskType = "other"
    priority: int = Field(default=3, ge=1, le=5, description="1 is the most important")
    due: Due | None = None
    tags: tuple[str, ...] = ()
    source: TaskSource = "agent"
    updates: int | None = None


class Task(BaseModel):
    """Something to be done. ``message_id`` is the message that asked for it first; a person's task may have none."""

    model_config = ConfigDict(frozen=True)

    id: int
    account: str | None
    conversation_id: int | None
    contact_id: int | None
    message_id: int | None
    title: str
    description: str
    type: TaskType
    priority: int
    due: Due | None
    tags: tuple[str, ...]
    assignee: str | None
    status: TaskStatus
    source: TaskSource
    created_at: datetime
    changed_at: datetime
    done_at: datetime | None


def is_repeated(asked: str, text: str) -> bool:
    """Whether two messages of one conversation ask for the same.

    Cautious: two tasks too many are less bad than one wish that is lost in another. Other numbers are another wish.
    """
    one, other = (utils.default_process(words[:COMPARED_CHARACTERS]) for words in (asked, text))
    numbers = set(_NUMBER.findall(one)), set(_NUMBER.findall(other))
    if all(numbers) and numbers[0].isdisjoint(numbers[1]):
        return False
    fewer, more = sorted((len(one.split()), len(other.split())))
    # Words that are all contained in a much longer message are a part of what it wants.
    if fewer >= FEWEST_WORDS and fewer >= more * AS_LONG and fuzz.token_set_ratio(one, other) >= ALIKE:
        return True
    return bool(one) and fuzz.ratio(one, other) >= ALIKE
