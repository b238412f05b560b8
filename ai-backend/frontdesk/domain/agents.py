"""What an agent says of itself, what it is asked, and what it may answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.analysis import Analysis, Category
from frontdesk.domain.tasks import LONGEST_TAG, LONGEST_TITLE, MOST_TAGS, TaskType
from frontdesk.domain.usage import Usage

PROTOCOL = 1
"""The version of the request and reply below."""


class Manifest(BaseModel):
    """An agent's ``agent.toml``: who it is, and which messages are its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")
    title: str
    description: str
    port: int = Field(ge=1, le=65535)
    url: str | None = Field(default=None, description="Where it is served, if not on this machine at its port")
    role: Literal["specialist", "hub"] = "specialist"
    categories: tuple[Category, ...] = ()
    keywords: tuple[str, ...] = Field(
        default=(), description="Words that make a message this agent's own, any language"
    )
    minimum_urgency: int = Field(default=1, ge=1, le=10)
    priority: int = Field(default=100, description="Among agents that fit equally well the lowest is asked")
    actions: tuple[str, ...] = Field(default=(), description="The types of action that it may propose")

    @property
    def address(self) -> str:
        """The base URL of the agent's service."""
        return self.url or f"http://127.0.0.1:{self.port}"


class CreateTask(BaseModel):
    """Something to be done by a person."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["create_task"]
    title: str = Field(max_length=LONGEST_TITLE)
    priority: int = Field(default=3, ge=1, le=5, description="1 is the most important")
    kind: TaskType = "other"
    due: str = Field(default="", max_length=200, description="When, in the words of the message")
    tags: tuple[Annotated[str, Field(max_length=LONGEST_TAG)], ...] = Field(default=(), max_length=MOST_TAGS)
    updates: int | None = Field(default=None, description="The open task that the message repeats or changes")


class ScheduleFollowUp(BaseModel):
    """Come back to the contact after some hours."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["schedule_follow_up"]
    after_hours: int = Field(ge=1, le=24 * 90)
    reason: str = Field(max_length=200)


class HandOff(BaseModel):
    """A person should take over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["hand_off"]
    reason: str = Field(max_length=200)


class Tag(BaseModel):
    """Put a label on the conversation."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["tag"]
    label: str = Field(max_length=60)


Action = Annotated[CreateTask | ScheduleFollowUp | HandOff | Tag, Field(discriminator="type")]


class OpenTask(BaseModel):
    """Something that is to be done for this chat already."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: int
    title: str
    kind: TaskType


class Turn(BaseModel):
    """One line of the chat that an agent sees."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    speaker: Literal["customer", "business"]
    text: str


class AgentRequest(BaseModel):
    """What the backend sends to ``POST /process``."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    protocol: int = PROTOCOL
    idempotency_key: str
    agent: str = Field(description="The agent that is meant; the hub may be asked for another")
    message: str
    quoted: str | None = Field(default=None, description="The earlier message that this one answers")
    sender_name: str | None = None
    chat_name: str = ""
    is_vip: bool = False
    history: tuple[Turn, ...] = ()
    open_tasks: tuple[OpenTask, ...] = ()
    analysis: Analysis


class AgentReply(BaseModel):
    """What an agent answers: a draft, never sent by itself."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    agent: str
    reply: str = Field(description="The draft of an answer to the customer, in the customer's language")
    actions: tuple[Action, ...] = ()
    confidence: float = Field(ge=0, le=1)
    answered_by: str = Field(description="rules, or the model that wrote it")
    usage: Usage = Field(default=Usage(), description="What a model took for it")
    note: str = Field(default="", description="For the people at the desk: what this answer is and is not")
