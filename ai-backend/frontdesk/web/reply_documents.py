"""The documents of answering: drafts, the people who answer, and how the desk speaks."""

from datetime import datetime

from pydantic import BaseModel, Field

from frontdesk.domain.people import AlertChannel, Role
from frontdesk.domain.replies import Dialogue, Limits, Personality, ReplyMode, Turn, TurnKind, TurnState


class TurnDocument(BaseModel):
    """An answer to the messages of a burst."""

    turn_id: int
    account: str
    conversation_id: int
    first_message_id: int = Field(description="The database_id of the first message that it answers")
    last_message_id: int
    kind: TurnKind = Field(description="An agent's answer, a notice that a person answers, or the answer to a command")
    state: TurnState = Field(
        description="suggested: waits for a person; chosen: about to be sent; queued: see outbox_id"
    )
    agent: str | None
    text: str
    confidence: float
    reason: str = Field(description="Why it was sent or not")
    outbox_id: int | None
    created_at: datetime
    decided_at: datetime | None


class TurnsDocument(BaseModel):
    """Turns, the newest first; ask again with ``before`` for more."""

    turns: list[TurnDocument]


class DialogueDocument(BaseModel):
    """Where a conversation stands between its customer, the robot and people."""

    mode: ReplyMode | None = Field(description="Of this conversation; null follows the account's")
    effective_mode: ReplyMode
    is_handed_over: bool = Field(description="A person is to answer and nobody has yet")
    handed_over_at: datetime | None
    handed_over_reason: str | None
    is_paused: bool = Field(description="The robot is silent since a person wrote")
    paused_until: datetime | None
    is_stopped: bool = Field(description="The customer wants no automatic messages")
    assignee_id: int | None
    labels: list[str]
    summary: str = Field(description="What was said before what agents are told as it is")


class PersonDocument(BaseModel):
    """Somebody who answers."""

    person_id: int
    name: str
    email: str | None
    phone: str | None
    is_available: bool
    alerts: list[AlertChannel]
    quiet: str | None
    role: Role
    can_log_in: bool = Field(description="Whether they have chosen a password")
    created_at: datetime


class PeopleDocument(BaseModel):
    """All of them, by name."""

    people: list[PersonDocument]


class BotDocument(BaseModel):
    """How the desk speaks for an account."""

    account: str
    reply_mode: ReplyMode | None
    effective_mode: ReplyMode
    name: str
    personality: Personality
    languages: list[str]
    model: str | None
    system_prompt: str
    handover_below: float | None


class BotsDocument(BaseModel):
    """That of each account."""

    bots: list[BotDocument]


def turn_of(turn: Turn) -> TurnDocument:
    """A turn as the API shows it."""
    return TurnDocument(turn_id=turn.id, **turn.model_dump(exclude={"id"}))


def dialogue_of(dialogue: Dialogue, limits: Limits, *, now: datetime) -> DialogueDocument:
    """Where a conversation stands as the API shows it."""
    until = dialogue.paused_until(limits.human_pause)
    return DialogueDocument(
        mode=dialogue.mode,
        effective_mode=limits.mode_of(dialogue),
        is_handed_over=dialogue.is_handed_over,
        handed_over_at=dialogue.handed_over_at,
        handed_over_reason=dialogue.handed_over_reason,
        is_paused=until is not None and now < until,
        paused_until=until,
        is_stopped=dialogue.is_stopped,
        assignee_id=dialogue.assignee_id,
        labels=list(dialogue.labels),
        summary=dialogue.summary,
    )
