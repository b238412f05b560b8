"""Tasks: what is to be done, edited by people, and as a calendar."""

from datetime import datetime, timedelta
from typing import Annotated, Any

from aiohttp import web
from icalendar import Calendar, Event
from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError, UnauthenticatedError
from frontdesk.domain.tasks import (
    LONGEST_DESCRIPTION,
    LONGEST_TAG,
    LONGEST_TITLE,
    MOST_TAGS,
    TASK_STATES,
    TASK_TYPES,
    Due,
    Task,
    TaskStatus,
    TaskType,
)
from frontdesk.store import tasks
from frontdesk.web.api.bodies import MAX_ID, is_near, read_body, read_document, whole_number
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.desk_documents import TasksDocument, task_of

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
LONGEST_NAME = 64
MOST_IN_CALENDAR = 1000
MEETING = timedelta(minutes=30)
SHOWN_LATE = timedelta(days=30)
TOKEN = "token"  # noqa: S105 (the name of a parameter)

Title = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TITLE)]
Tag = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_TAG)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]


class TaskChanges(BaseModel):
    """The body of ``PATCH /tasks/{id}``: what is left out stays."""

    model_config = ConfigDict(extra="forbid")

    title: Title = ""
    description: str = Field(default="", max_length=LONGEST_DESCRIPTION)
    type: TaskType = "other"
    priority: int = Field(default=3, ge=1, le=5, strict=True, description="1 is the most important")
    due_at: Annotated[AwareDatetime, AfterValidator(is_near)] | None = None
    is_all_day: bool = Field(default=False, strict=True, description="Due at no particular time of that day")
    tags: list[Tag] = Field(default=[], max_length=MOST_TAGS)
    assignee: Name | None = None
    status: TaskStatus = "open"


class TaskDraft(TaskChanges):
    """The body of ``POST /tasks``."""

    title: Title
    conversation_id: int | None = Field(default=None, ge=1, le=MAX_ID, strict=True)


async def all_tasks(request: web.Request) -> web.Response:
    """``GET /tasks``: what is to be done, the first due first; ``after`` is the ``next`` of the page before."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    query = request.query
    status = query.get("status", "open")
    if status not in (*TASK_STATES, "all"):
        raise _wrong("status", f"must be one of {', '.join(TASK_STATES)} or all")
    type_ = next((item for item in TASK_TYPES if item == query.get("type")), None)
    if type_ is None and "type" in query:
        raise _wrong("type", f"must be one of {', '.join(TASK_TYPES)}")
    limit = whole_number("limit", query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    numbers = {
        name: whole_number(name, query[name], default=0, least=1, most=MAX_ID)
        for name in ("conversation_id", "contact_id")
        if name in query
    }
    found = await tasks.find(
        desk.database,
        status=None if status == "all" else _status(status),
        assignee=query.get("assignee"),
        type=type_,
        tag=query.get("tag"),
        due_before=_moment(query["due_before"]) if "due_before" in query else None,
        after=await _last_seen(desk, query["after"]) if "after" in query else None,
        limit=limit,
        **numbers,  # type: ignore[arg-type]
    )
    document = TasksDocument(
        tasks=[task_of(task) for task in found], next=str(found[-1].id) if len(found) == limit else None
    )
    return web.json_response(text=document.model_dump_json())


async def one_task(request: web.Request) -> web.Response:
    """``GET /tasks/{id}``: a task, and the messages that asked for it."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    number = int(request.match_info["id"])
    found = await tasks.fetch(desk.database, number) if number <= MAX_ID else None
    if found is None:
        raise NotFoundError("there is no such task")
    document = task_of(found, messages=await tasks.messages_of(desk.database, number))
    return web.json_response(text=document.model_dump_json())


async def create(request: web.Request) -> web.Response:
    """``POST /tasks``: a person makes a task."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(TaskDraft, await read_body(request))
    made = await tasks.create(
        desk.database,
        values=draft.model_dump(exclude={"due_at", "is_all_day", "conversation_id", "status"}),
        due=_due(draft),
        conversation_id=draft.conversation_id,
        now=desk.clock(),
    )
    desk.feed.announce()
    return web.json_response(
        text=task_of(made).model_dump_json(), status=201, headers={"Location": f"/tasks/{made.id}"}
    )


async def change(request: web.Request) -> web.Response:
    """``PATCH /tasks/{id}``: a person edits a task, or ends it."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(TaskChanges, await read_body(request))
    number = int(request.match_info["id"])
    if number > MAX_ID:
        raise NotFoundError("there is no such task")
    if "is_all_day" in draft.model_fields_set and "due_at" not in draft.model_fields_set:
        raise _wrong("/is_all_day", "needs due_at with it")
    changed = await tasks.change(
        desk.database,
        number,
        values=draft.model_dump(exclude={"due_at", "is_all_day"}, exclude_unset=True),
        due=_due(draft),
        with_due="due_at" in draft.model_fields_set,
        now=desk.clock(),
    )
    desk.feed.announce()
    return web.json_response(text=task_of(changed).model_dump_json())


async def calendar(request: web.Request) -> web.Response:
    """``GET /tasks.ics?token=``: open tasks with a time, for a calendar to subscribe to. Calendars send no header."""
    desk = request.app[DESK]
    if not desk.gate.is_calendar_token(request.query.get(TOKEN, "")):
        raise UnauthenticatedError
    # What has long been late does not push out what is to come.
    found = await tasks.find(desk.database, due_after=desk.clock() - SHOWN_LATE, limit=MOST_IN_CALENDAR)
    feed = Calendar()
    feed.add("prodid", "-//Frontdesk//Tasks//EN")
    feed.add("version", "2.0")
    feed.add("x-wr-calname", f"{desk.business.name}: tasks")
    for task in found:
        feed.add_component(_event(task, desk.zone_of(task.account)))
    return web.Response(
        body=feed.to_ical(), content_type="text/calendar", charset="utf-8", headers={"Cache-Control": "no-store"}
    )


def _event(task: Task, zone: Any) -> Event:
    due = task.due
    assert due is not None  # noqa: S101 (asked for as such)
    entry = Event()
    entry.add("uid", f"task-{task.id}@frontdesk")
    entry.add("dtstamp", task.changed_at)
    entry.add("last-modified", task.changed_at)
    entry.add("summary", task.title)
    entry.add("description", task.description)
    # RFC 5545 counts from 1, the most important, to 9.
    entry.add("priority", task.priority * 2 - 1)
    if due.is_all_day:
        day = due.at.astimezone(zone).date()
        entry.add("dtstart", day)
        entry.add("dtend", day + timedelta(days=1))
    else:
        entry.add("dtstart", due.at)
        entry.add("dtend", due.at + MEETING)
    if task.tags:
        entry.add("categories", list(task.tags))
    return entry


async def _last_seen(desk: Desk, text: str) -> Task:
    found = (
        await tasks.fetch(desk.database, int(text))
        if text.isascii() and text.isdigit() and int(text) <= MAX_ID
        else None
    )
    if found is None:
        raise _wrong("after", "must be the next of an earlier answer")
    return found


def _due(draft: TaskChanges) -> Due | None:
    return Due(at=draft.due_at, is_all_day=draft.is_all_day) if draft.due_at else None


def _status(text: str) -> TaskStatus:
    return next(status for status in TASK_STATES if status == text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
        if moment.tzinfo is not None:
            return is_near(moment)
    except ValueError:
        pass
    raise _wrong("due_before", "must be a time of our days with its offset, as in 2026-01-31T12:00:00Z")


def _wrong(pointer: str, detail: str) -> InvalidInputError:
    return InvalidInputError("the request does not fit the contract", (FieldProblem(pointer=pointer, detail=detail),))
