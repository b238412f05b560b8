"""Who answers a conversation, and whether what an agent wrote leaves by itself.

A *turn* answers the messages of one burst. What becomes of it is decided here, without input or output, so that it can be
read in one place and tested for all there is.
"""

from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.agents import AgentReply
from frontdesk.domain.analysis import Analysis

ReplyMode = Literal["observe", "suggest", "auto"]
"""``observe``: nobody is asked for an answer; ``suggest``: a draft for a person to send; ``auto``: sent where that is safe."""

TurnKind = Literal["answer", "notice", "command"]
"""``answer``: an agent's; ``notice``: that a person will answer; ``command``: what a customer's command brought about."""

TurnState = Literal["suggested", "chosen", "queued", "dismissed", "superseded"]
"""``suggested``: a draft that waits for a person; ``chosen``: on its way into the outbox; ``queued``: there."""

Personality = Literal["formal", "friendly", "professional", "casual"]

ANGRY_URGENCY = 7
"""From this level on a displeased sender is very angry: see the levels of ``Analysis.urgency_score``."""
AWAITED = "an earlier message waits for a person"
HOUR = timedelta(hours=1)


class Bot(BaseModel):
    """How the desk speaks for an account. What is None follows the settings."""

    model_config = ConfigDict(frozen=True)

    account: str
    reply_mode: ReplyMode | None = None
    name: str = ""
    personality: Personality = "professional"
    languages: tuple[str, ...] = Field(default=(), description="BCP 47; none means the customer's, whichever it is")
    model: str | None = None
    system_prompt: str = ""
    handover_below: float | None = None


class Dialogue(BaseModel):
    """Where a conversation stands between its customer, the robot and people."""

    model_config = ConfigDict(frozen=True)

    conversation_id: int
    account: str
    is_group: bool = False
    mode: ReplyMode | None = Field(default=None, description="Of this conversation; None follows the account's")
    handed_over_at: datetime | None = None
    handed_over_reason: str | None = None
    told_at: datetime | None = Field(default=None, description="When the customer was told last that a person answers")
    person_wrote_at: datetime | None = None
    assignee_id: int | None = None
    is_stopped: bool = Field(default=False, description="The customer wants no automatic messages")
    context_after: int = Field(default=0, description="The message after which the conversation began anew")
    erase_asked_at: datetime | None = None
    summary: str = ""
    summarised_up_to: int = 0
    summarised_at: datetime | None = Field(default=None, description="When the last was said that is in the summary")
    memory_id: str | None = Field(default=None, description="The provider's conversation, where it keeps one for us")
    memory_item: str | None = Field(default=None, description="The last item there that we know of")
    memory_up_to: int = Field(default=0, description="The last message that was told there")
    labels: tuple[str, ...] = ()
    bot: Bot

    @property
    def is_handed_over(self) -> bool:
        """Whether a person is to answer and nobody has yet."""
        if self.handed_over_at is None:
            return False
        return self.person_wrote_at is None or self.person_wrote_at < self.handed_over_at

    def paused_until(self, pause: timedelta) -> datetime | None:
        """Until when the robot is silent because a person wrote, or None where nobody did."""
        return self.person_wrote_at + pause if self.person_wrote_at else None

    def is_with_person(self, *, now: datetime, pause: timedelta) -> bool:
        """Whether a person answers here and the robot does not."""
        until = self.paused_until(pause)
        return self.is_handed_over or (until is not None and now < until)

    @property
    def is_told(self) -> bool:
        """Whether the customer knows of the present hand-over."""
        return bool(self.handed_over_at and self.told_at and self.told_at >= self.handed_over_at)


class Limits(BaseModel):
    """What the robot may do by itself. Confidence and risk are 0 to 1."""

    model_config = ConfigDict(frozen=True)

    mode: ReplyMode = "suggest"
    least_confidence: float = 0.75
    most_risk: float = 0.4
    most_per_hour: int = 12
    handover_below: float = 0.35
    human_pause: timedelta = timedelta(hours=12)

    def mode_of(self, dialogue: Dialogue) -> ReplyMode:
        """The mode of a conversation: its own, its account's, or that of the settings."""
        return dialogue.mode or dialogue.bot.reply_mode or self.mode


class Verdict(BaseModel):
    """What becomes of an agent's answer. ``hand_over`` says why a person is to take over, where one is."""

    model_config = ConfigDict(frozen=True)

    state: Literal["suggested", "chosen"]
    reason: str
    hand_over: str | None = None


def risk_of(analysis: Analysis, *, is_important: bool) -> float:
    """What an answer that misses could do, 0 (nothing) to 1. Source: docs/replies.md, which has the same table."""
    by_urgency = {"critical": 1.0, "high": 0.7, "normal": 0.3, "low": 0.1}
    risk = by_urgency[analysis.priority_level]
    if analysis.needs_human:
        risk = max(risk, 0.8)
    if analysis.category == "complaint":
        risk = max(risk, 0.6)
    if analysis.sentiment in {"negative", "urgent"} or is_important:
        risk = max(risk, 0.5)
    return risk


def decide(
    reply: AgentReply,
    *,
    analysis: Analysis,
    dialogue: Dialogue,
    limits: Limits,
    is_important: bool,
    sent_within_hour: int,
    is_awaited: bool = False,
    now: datetime,
) -> Verdict:
    """Whether an answer leaves by itself, waits for a person, or a person is called.

    ``sent_within_hour``: how many automatic messages this conversation got in the last hour; ``is_awaited``: somebody waits for
    the answer to an earlier message, which this one would pass for.
    """
    mode = limits.mode_of(dialogue)
    if dialogue.is_with_person(now=now, pause=limits.human_pause):
        return Verdict(state="suggested", reason="a person answers here")
    wish = _wants_person(reply, analysis, dialogue, limits, mode)
    if wish:
        return Verdict(state="suggested", reason=wish, hand_over=wish)
    held = _held_back(reply, analysis, dialogue, limits, mode, is_important=is_important)
    if held:
        return Verdict(state="suggested", reason=held)
    if is_awaited:
        return Verdict(state="suggested", reason=AWAITED)
    if sent_within_hour >= limits.most_per_hour:
        # Two robots that answer each other never stop by themselves.
        why = f"{sent_within_hour} automatic messages within an hour"
        return Verdict(state="suggested", reason=why, hand_over=why)
    return Verdict(state="chosen", reason=f"sure ({reply.confidence:.2f}) and safe")


def _wants_person(
    reply: AgentReply, analysis: Analysis, dialogue: Dialogue, limits: Limits, mode: ReplyMode
) -> str | None:
    if analysis.wants_person:
        return "the customer asks for a person"
    if analysis.sentiment == "negative" and analysis.urgency_score >= ANGRY_URGENCY:
        return "the customer is angry"
    said = next((action.reason for action in reply.actions if action.type == "hand_off"), None)
    if said is not None:
        return f"the agent asks for a person: {said}"
    below = limits.handover_below if dialogue.bot.handover_below is None else dialogue.bot.handover_below
    # With a person before every answer, an unsure draft is just a draft.
    if mode == "auto" and not dialogue.is_group and not dialogue.is_stopped and reply.confidence < below:
        return f"the agent is not sure ({reply.confidence:.2f})"
    return None


def _held_back(
    reply: AgentReply, analysis: Analysis, dialogue: Dialogue, limits: Limits, mode: ReplyMode, *, is_important: bool
) -> str | None:
    risk = risk_of(analysis, is_important=is_important)
    reasons = (
        (mode != "auto", "a person sends it"),
        (dialogue.is_group, "nothing is sent to a group by itself"),
        (dialogue.is_stopped, "the customer wants no automatic messages"),
        (not reply.reply.strip(), "there is nothing to say"),
        (reply.confidence < limits.least_confidence, f"not sure enough ({reply.confidence:.2f})"),
        (risk > limits.most_risk, f"too much at stake ({risk:.1f})"),
    )
    return next((reason for holds, reason in reasons if holds), None)


class Turn(BaseModel):
    """An answer to the messages of a burst, ``first_message_id`` to ``last_message_id``."""

    model_config = ConfigDict(frozen=True)

    id: int
    account: str
    conversation_id: int
    first_message_id: int
    last_message_id: int
    kind: TurnKind
    state: TurnState
    agent: str | None
    text: str
    confidence: float
    reason: str
    outbox_id: int | None
    created_at: datetime
    decided_at: datetime | None

    @property
    def key(self) -> str:
        """Names its message in the outbox: a turn is sent once, whoever asks for it and however often."""
        # SQLite gives an id again whose row is gone.
        return f"turn-{self.id}-{int(self.created_at.timestamp() * 1e6)}"
