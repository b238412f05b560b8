"""The documents of what people and other programs work with: who waits, what is to be done, who is told."""

from datetime import datetime

from pydantic import BaseModel, Field

from frontdesk.domain.analysis import Analysis
from frontdesk.domain.tasks import Task, TaskSource, TaskStatus, TaskType
from frontdesk.domain.webhooks import DeadLetter
from frontdesk.store.inbox import Conversation, LastLine
from frontdesk.web.reply_documents import DialogueDocument, TurnDocument


class WaitDocument(BaseModel):
    """Somebody waits for an answer. Message and analysis are those whose answer is due first."""

    since: datetime
    due_at: datetime
    is_near: bool = Field(description="80% of the time has passed")
    is_overdue: bool
    message_id: int = Field(description="Its database_id")
    text: str
    analysis: Analysis


class ConversationDocument(BaseModel):
    """A chat, and who waits in it."""

    conversation_id: int
    account: str
    title: str
    is_group: bool
    is_important: bool
    contact_id: int | None
    created_at: datetime
    last_message_at: datetime
    unread: int = Field(description="Messages since somebody looked or answered")
    is_archived: bool
    is_blocked: bool
    urgency: int | None = Field(description="Of the latest message, as the next three")
    category: str | None
    sentiment: str | None
    language: str | None
    agent: str | None = Field(description="Which answered last")
    assignee_id: int | None
    is_handed_over: bool
    is_taken_over: bool = Field(description="It is, because a person said so themselves")
    labels: list[str]
    open_tasks: int
    has_draft: bool
    last_line: LastLine | None = Field(description="What was said last")
    waiting: WaitDocument | None = Field(description="null where nobody waits for an answer")
    reply: DialogueDocument | None = Field(default=None, description="Who answers; only of a single conversation")
    draft: TurnDocument | None = Field(default=None, description="What waits to be sent; only of a single conversation")


class ConversationsDocument(BaseModel):
    """Conversations in which somebody waits, the first due first; ask again with ``after`` = ``next`` for more."""

    conversations: list[ConversationDocument]
    next: str | None


class TaskDocument(BaseModel):
    """Something to be done."""

    task_id: int
    title: str
    description: str = Field(description="The messages that asked for it, or what a person wrote")
    type: TaskType
    priority: int
    due_at: datetime | None
    is_all_day: bool
    tags: list[str]
    assignee: str | None
    status: TaskStatus
    source: TaskSource = Field(description="Who made it: an agent, the analysis, or a person")
    account: str | None
    conversation_id: int | None
    contact_id: int | None
    message_id: int | None = Field(description="The database_id of the message that asked for it first")
    messages: list[int] | None = Field(default=None, description="All that asked for it; only of a single task")
    created_at: datetime
    changed_at: datetime
    done_at: datetime | None


class TasksDocument(BaseModel):
    """Tasks, the first due first, those without a time last; ``next`` goes on behind the last one, null where there are no more."""

    tasks: list[TaskDocument]
    next: str | None


class EndpointDocument(BaseModel):
    """An endpoint that is told what happens."""

    webhook_id: int
    url: str
    description: str
    events: list[str] = Field(description="Types, or as “task.*”; none means all")
    with_content: bool
    is_enabled: bool
    position: int = Field(description="The number of the last event that is dealt with")
    attempts: int = Field(description="How often the next event was tried in vain")
    failing_since: datetime | None = Field(description="Since when it has taken nothing")
    due_at: datetime | None = Field(description="When it is tried again")
    error: str | None
    created_at: datetime
    secret: str | None = Field(default=None, description="What events are signed with; shown once, when it is made")


class EndpointsDocument(BaseModel):
    """All endpoints."""

    webhooks: list[EndpointDocument]


class DeadLettersDocument(BaseModel):
    """What an endpoint did not take, the oldest first; ``next`` goes on behind the last one, null where there are no more."""

    dead_letters: list[DeadLetter]
    next: int | None


def conversation_of(conversation: Conversation, *, now: datetime) -> ConversationDocument:
    """A conversation as the API shows it."""
    wait = conversation.wait
    waiting = None
    if wait is not None:
        known = wait.model_dump(exclude={"near_at"})
        waiting = WaitDocument(is_near=wait.near_at <= now, is_overdue=wait.due_at <= now, **known)
    return ConversationDocument(
        conversation_id=conversation.id, waiting=waiting, **conversation.model_dump(exclude={"id", "wait"})
    )


def task_of(task: Task, *, messages: list[int] | None = None) -> TaskDocument:
    """A task as the API shows it."""
    return TaskDocument(
        task_id=task.id,
        due_at=task.due.at if task.due else None,
        is_all_day=bool(task.due and task.due.is_all_day),
        messages=messages,
        tags=list(task.tags),
        **task.model_dump(exclude={"id", "due", "tags"}),
    )
