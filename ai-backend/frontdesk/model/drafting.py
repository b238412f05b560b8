"""An agent's answer by a model: a typed draft with typed actions."""

import json
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from frontdesk.domain.agents import (
    Action,
    AgentReply,
    AgentRequest,
    CreateTask,
    HandOff,
    MemoryPlace,
    ScheduleFollowUp,
    Tag,
    UpdateProfile,
)
from frontdesk.domain.business import Business
from frontdesk.domain.messages import HistoryItem
from frontdesk.domain.ports import Subject
from frontdesk.domain.tasks import TaskType
from frontdesk.domain.text import shorten
from frontdesk.domain.tools import TOOLS
from frontdesk.model.client import ModelClient
from frontdesk.model.structured import Question, UseTool
from frontdesk.model.transcript import INSTRUCTIONS, transcript

MAX_OUTPUT_TOKENS = 900
MAX_CHAT_CHARACTERS = 12_000


class DraftedAction(BaseModel):
    """One proposed action, flat, since strict schemas know no discriminated unions."""

    model_config = ConfigDict(extra="forbid")

    type: Literal["create_task", "schedule_follow_up", "hand_off", "tag"]
    text: str = Field(description="The task's title, the reason, or the label")
    number: int = Field(description="create_task: priority 1 (most important) to 5; schedule_follow_up: hours; else 0")
    kind: TaskType = Field(description="create_task: what is to be done; else other")
    due: str = Field(description="create_task: when it is wanted, in the very words of the message; else empty")
    updates: int = Field(description="create_task: the id of the open task that the message repeats or changes; else 0")


class ProfileFact(BaseModel):
    """Something that the messages tell of the customer."""

    model_config = ConfigDict(extra="forbid")

    field: str = Field(description="One of the fields that are asked for")
    value: str
    confidence: float = Field(description="0 to 1: how sure it is that this is the customer's own")


class Draft(BaseModel):
    """What the model writes."""

    model_config = ConfigDict(extra="forbid")

    reply: str = Field(description="The answer to the customer, in the customer's language, ready to send")
    confidence: float = Field(description="0 to 1: how sure the answer is right by the facts given")
    actions: list[DraftedAction]
    profile: list[ProfileFact] = Field(
        description="What the latest messages themselves tell of the customer; else empty"
    )


async def draft(
    client: ModelClient,
    *,
    model: str,
    prompt: str,
    agent: str,
    request: AgentRequest,
    business: Business,
    use_tool: UseTool | None,
) -> AgentReply:
    """Let a model answer for an agent. ``use_tool`` looks up what the request gives access to.

    Raises:
        AnalyserError: there was no usable answer.
    """
    history = tuple(
        HistoryItem(sender=turn.speaker, content=turn.text, sent_at=None, from_us=turn.speaker == "business")
        for turn in request.history
    )
    analysis = request.analysis
    judged = (
        f"Judged: category {analysis.category}, urgency {analysis.urgency_score}/10, sentiment {analysis.sentiment}, "
        f"language {analysis.language}{', an important customer' if request.is_vip else ''}."
    )
    model = request.persona.model or model
    told = (
        prompt.strip(),
        *_persona(request),
        INSTRUCTIONS,
        judged,
        *_summary(request),
        *_profile(request),
        *_open_tasks(request),
    )
    memory = request.memory if client.style == "responses" else None
    is_gone = False
    if memory is not None:
        # Whoever asked last may have died before the answer was committed: it was never given.
        is_gone = not await client.tidy_memory(memory.id, memory.last_item)
    asked = Question(
        model=model,
        instructions="\n\n".join((*told, business.as_prompt())),
        text=transcript(
            Subject(text=request.message, quoted=request.quoted, history=history), limit=MAX_CHAT_CHARACTERS
        ),
        schema=Draft,
        max_output_tokens=MAX_OUTPUT_TOKENS,
        key=f"{request.idempotency_key}-{agent}",
        tools={name: TOOLS[name] for name in request.tools.names if name in TOOLS} if request.tools else None,
        memory=memory.id if memory is not None and not is_gone else None,
    )
    found, usage = await client.answer(asked, use_tool if request.tools is not None else None)
    answer = found.value
    assert isinstance(answer, Draft)  # noqa: S101 (asked for as such)
    return AgentReply(
        agent=agent,
        reply=answer.reply,
        actions=(
            *(action for item in answer.actions if (action := _typed(item)) is not None),
            *(fact for item in answer.profile if (fact := _told(item)) is not None),
        ),
        confidence=min(max(answer.confidence, 0.0), 1.0),
        answered_by=model,
        usage=usage,
        memory=MemoryPlace(id=memory.id, last_item=found.memory_item, is_gone=is_gone) if memory is not None else None,
    )


PERSONALITIES = {
    "formal": "formal and polite, without emoji or familiarity",
    "friendly": "warm and friendly",
    "professional": "professional, clear and courteous",
    "casual": "casual and short, as one writes to a friend",
}


def _persona(request: AgentRequest) -> tuple[str, ...]:
    persona = request.persona
    manner = PERSONALITIES.get(persona.personality, PERSONALITIES["professional"])
    lines = [f"You write as {persona.name or 'the business itself'}. Your manner is {manner}."]
    if persona.languages:
        known = ", ".join(persona.languages)
        lines.append(
            f"Write in the customer's language where it is one of {known} (BCP 47), else in {persona.languages[0]}."
        )
    if persona.system_prompt.strip():
        lines.append(f"The business adds: {persona.system_prompt.strip()}")
    return (" ".join(lines),)


def _summary(request: AgentRequest) -> tuple[str, ...]:
    if not request.summary:
        return ()
    return ("What was said before the chat that follows, as data: " + json.dumps(request.summary, ensure_ascii=False),)


def _open_tasks(request: AgentRequest) -> tuple[str, ...]:
    if not request.open_tasks:
        return ()
    lines = [json.dumps(task.model_dump(), ensure_ascii=False) for task in request.open_tasks]
    return ("To be done for this customer already, and not to be made again:\n" + "\n".join(lines),)


def _told(item: ProfileFact) -> UpdateProfile | None:
    try:
        return UpdateProfile(
            type="update_profile", field=item.field, value=shorten(item.value, 200),
            confidence=min(max(item.confidence, 0.0), 1.0),
        )  # fmt: skip
    except ValidationError:
        return None


def _profile(request: AgentRequest) -> tuple[str, ...]:
    if not request.fields:
        return ()
    fields = "; ".join(f"{name}: {meaning}" for name, meaning in request.fields.items())
    lines = [
        f"Fields of the customer's profile: {fields}. Fill in `profile` what the latest messages tell, never a guess."
    ]
    if request.profile:
        lines.append("Known already, as data: " + json.dumps(request.profile, ensure_ascii=False))
    if request.ask_for is not None:
        meaning = request.fields.get(request.ask_for, request.ask_for)
        lines.append(
            f"Where it fits naturally, the answer may ask for {meaning}; for nothing else, and not if it was asked before."
        )
    return (" ".join(lines),)


def _typed(item: DraftedAction) -> Action | None:
    text = shorten(item.text, 200)
    try:
        match item.type:
            case "create_task":
                return CreateTask(
                    type="create_task", title=text, priority=min(max(item.number, 1), 5), kind=item.kind,
                    due=shorten(item.due, 200), updates=item.updates or None,
                )  # fmt: skip
            case "schedule_follow_up":
                return ScheduleFollowUp(type="schedule_follow_up", after_hours=item.number, reason=text)
            case "hand_off":
                return HandOff(type="hand_off", reason=text)
            case "tag":
                return Tag(type="tag", label=shorten(item.text, 60))
    except ValidationError:
        return None
