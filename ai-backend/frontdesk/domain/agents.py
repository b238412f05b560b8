"""What an agent says of itself, what it is asked, and what it may answer."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.analysis import Analysis, Category
from frontdesk.domain.tasks import LONGEST_TAG, LONGEST_TITLE, MOST_TAGS, TaskType
from frontdesk.domain.usage import Usage

PROTOCOL = 1
"""The version of the request and reply below."""


class Told(BaseModel):
    """What an agent is, in another language than its manifest's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: str
    description: str


class Manifest(BaseModel):
    """An agent's ``agent.toml``: who it is, and which messages are its own."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{1,39}$")
    title: str
    description: str
    languages: dict[str, Told] = Field(default={}, description="Language → title and description in it, for the pages")
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


class UpdateProfile(BaseModel):
    """Something that the message tells of the contact."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["update_profile"]
    field: str = Field(max_length=40)
    value: str = Field(max_length=200)
    confidence: float = Field(default=0.5, ge=0, le=1)


Action = Annotated[CreateTask | ScheduleFollowUp | HandOff | Tag | UpdateProfile, Field(discriminator="type")]


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


class Persona(BaseModel):
    """How the business speaks. ``languages`` (BCP 47): an answer is in the customer's where that is one of them, else in the first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    name: str = ""
    personality: str = "professional"
    languages: tuple[str, ...] = ()
    model: str | None = None
    system_prompt: str = ""


class ToolAccess(BaseModel):
    """Where an agent may ask for more, with a token that is good for this conversation and for a few minutes."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    url: str
    token: str = Field(repr=False)
    names: tuple[str, ...]


class MemoryPlace(BaseModel):
    """A conversation that the provider keeps for this contact. What lies there after ``last_item`` was never committed."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str
    last_item: str | None = None
    is_gone: bool = Field(default=False, description="The provider does not have it any more")


class Brief(BaseModel):
    """What an agent is told beside the message: what was said before, and what the business knows and wants."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    history: tuple[Turn, ...] = ()
    summary: str = Field(default="", description="What was said before the history")
    open_tasks: tuple[OpenTask, ...] = ()
    persona: Persona = Persona()
    profile: dict[str, str] = Field(default={}, description="What is known of the contact")
    ask_for: str | None = Field(default=None, description="What is not known yet, and may be asked for where it fits")
    fields: dict[str, str] = Field(
        default={}, description="What an answer may tell of the contact, with what each means"
    )
    tools: ToolAccess | None = None
    memory: MemoryPlace | None = None


class AgentRequest(Brief):
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
    memory: MemoryPlace | None = Field(default=None, description="The provider's conversation, as it is now")
