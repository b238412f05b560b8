"""Tasks: made of wishes in the transaction that ends a message's routing, edited by people."""

import json
import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, and_, func, insert, or_, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.errors import InvalidInputError, NotFoundError
from frontdesk.domain.tasks import (
    LONGEST_DESCRIPTION,
    LONGEST_TITLE,
    MOST_TAGS,
    Due,
    Task,
    TaskStatus,
    TaskType,
    Wish,
    is_repeated,
)
from frontdesk.domain.text import shorten
from frontdesk.store import events
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.desk_tables import task_messages, tasks
from frontdesk.store.tables import accounts, conversations

OPEN: TaskStatus = "open"
REMEMBERED = timedelta(days=30)
"""A wish that is repeated later than that is another one."""
COMPARED = 50


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What one message asks for."""

    account_id: int
    conversation_id: int
    contact_id: int | None
    message_id: int
    wishes: tuple[Wish, ...]


async def apply(connection: AsyncConnection, asked: Sequence[Asked], *, now: datetime) -> None:
    """Make tasks of wishes, or renew those that a wish repeats: a part of the transaction that stores the message's end.

    A message that is applied again changes nothing.
    """
    with_wishes = [item for item in asked if item.wishes]
    if not with_wishes:
        return
    links = task_messages
    rows = await connection.execute(
        select(links.c.message_id, links.c.position, links.c.task_id).where(
            links.c.message_id.in_([item.message_id for item in with_wishes])
        )
    )
    applied = {(int(row.message_id), int(row.position)): int(row.task_id) for row in rows}
    by_conversation: defaultdict[int, list[tuple[Asked, int, Wish]]] = defaultdict(list)
    for item in with_wishes:
        for position, wish in enumerate(item.wishes):
            if (item.message_id, position) not in applied:
                by_conversation[item.conversation_id].append((item, position, wish))
    for conversation_id, wanted in sorted(by_conversation.items()):
        of_message: defaultdict[int, set[int]] = defaultdict(set)
        for (message_id, _), task_id in applied.items():
            of_message[message_id].add(task_id)
        await _apply_in(connection, conversation_id, wanted, of_message, now)


async def _apply_in(
    connection: AsyncConnection,
    conversation_id: int,
    wanted: Sequence[tuple[Asked, int, Wish]],
    of_message: defaultdict[int, set[int]],
    now: datetime,
) -> None:
    """The conversation is held by whoever applies, so that two wishes of it never meet. Wishes of one message are different ones."""
    named = {wish.updates for _, _, wish in wanted if wish.updates is not None}
    known = await _open_in(connection, conversation_id, named, now)
    for item, position, wish in wanted:
        others = [task for task in known if task.id not in of_message[item.message_id]]
        task = next((task for task in others if task.id == wish.updates), None)
        if task is None:
            task = next((task for task in others if _is_repeated_by(task, wish)), None)
        if task is None:
            values = {
                "account_id": item.account_id,
                "conversation_id": conversation_id,
                "contact_id": item.contact_id,
                "title": shorten(wish.title, LONGEST_TITLE),
                "description": wish.text[:LONGEST_DESCRIPTION],
                "type": wish.type,
                "priority": wish.priority,
                **_due(wish.due),
                "tags": json.dumps(wish.tags[:MOST_TAGS], ensure_ascii=False),
                "status": OPEN,
                "source": wish.source,
                "created_at": now,
                "changed_at": now,
            }
            task_id = inserted_id(await connection.execute(insert(tasks).values(**values)))
            known.append((await connection.execute(_selected().where(tasks.c.id == task_id))).one())
        else:
            task_id = int(task.id)
            await connection.execute(update(tasks).where(tasks.c.id == task_id).values(_renewed(task, wish, now)))
            fresh = (await connection.execute(_selected().where(tasks.c.id == task_id))).one()
            known[known.index(task)] = fresh
        of_message[item.message_id].add(task_id)
        await connection.execute(
            insert(task_messages).values(message_id=item.message_id, position=position, task_id=task_id)
        )
        event = _told("task.created" if task is None else "task.changed", task_id, item, now)
        await events.add(connection, [event])


async def _open_in(connection: AsyncConnection, conversation_id: int, named: set[int], now: datetime) -> list[Row[Any]]:
    """The open tasks that a wish may repeat, locked: nobody edits or ends them before our commit."""
    is_near = or_(tasks.c.changed_at > now - REMEMBERED, tasks.c.id.in_(sorted(named)))
    locked = await connection.execute(
        select(tasks.c.id)
        .where(tasks.c.conversation_id == conversation_id, tasks.c.status == OPEN, is_near)
        .order_by(tasks.c.id.desc())
        .limit(COMPARED)
        .with_for_update()
    )
    ids = [int(row.id) for row in locked]
    return (
        list(await connection.execute(_selected().where(tasks.c.id.in_(ids)).order_by(tasks.c.id.desc())))
        if ids
        else []
    )


def _is_repeated_by(task: Row[Any], wish: Wish) -> bool:
    return any(is_repeated(asked, wish.text) for asked in task.description.split(REPEATED))


REPEATED = "\n\n— "
"""Between the messages that asked for a task, in its description."""


def _renewed(task: Row[Any], wish: Wish, now: datetime) -> dict[str, Any]:
    """A repeated wish is no less urgent than before; what it says of the time is the latest word."""
    changes: dict[str, Any] = {
        "priority": min(task.priority, wish.priority),
        "description": (task.description + REPEATED + wish.text)[:LONGEST_DESCRIPTION],
        "changed_at": now,
    }
    return changes | (_due(wish.due) if wish.due else {})


async def create(
    database: Database, *, values: Mapping[str, Any], due: Due | None, conversation_id: int | None, now: datetime
) -> Task:
    """A person makes a task. ``values``: title, description, type, priority, tags, assignee.

    Raises:
        InvalidInputError: there is no such conversation.
    """
    creation_key = secrets.token_bytes(16)

    async def work(connection: AsyncConnection) -> Task:
        # Repeated after a commit whose answer was lost, it is made already.
        made_before = (await connection.execute(_selected().where(tasks.c.creation_key == creation_key))).first()
        if made_before is not None:
            return _task(made_before)
        place: dict[str, Any] = {}
        if conversation_id is not None:
            table = conversations
            known = await connection.execute(
                select(table.c.id.label("conversation_id"), table.c.account_id, table.c.contact_id).where(
                    table.c.id == conversation_id
                )
            )
            found = known.mappings().first()
            if found is None:
                raise InvalidInputError("there is no such conversation")
            place = dict(found)
        made = insert(tasks).values(
            **_stored(values),
            **place,
            **_due(due),
            creation_key=creation_key,
            status=OPEN,
            source="person",
            created_at=now,
            changed_at=now,
        )
        task_id = inserted_id(await connection.execute(made))
        row: Row[Any] = (await connection.execute(_selected().where(tasks.c.id == task_id))).one()
        await events.add(connection, [_event("task.created", row, now)])
        return _task(row)

    return await database.write(work)


async def change(
    database: Database, task_id: int, *, values: Mapping[str, Any], due: Due | None, with_due: bool, now: datetime
) -> Task:
    """A person edits a task; ``with_due`` says that ``due`` is among the changes.

    Raises:
        NotFoundError: there is no such task.
    """

    async def work(connection: AsyncConnection) -> Task:
        held = select(tasks.c.id).where(tasks.c.id == task_id).with_for_update()
        if await connection.scalar(held) is None:
            raise NotFoundError("there is no such task")
        row = (await connection.execute(_selected().where(tasks.c.id == task_id))).one()
        changes = _stored(values) | (_due(due) if with_due else {})
        status = changes.get("status", row.status)
        if status != row.status:
            changes["done_at"] = None if status == OPEN else now
        if changes:
            await connection.execute(update(tasks).where(tasks.c.id == task_id).values(**changes, changed_at=now))
            row = (await connection.execute(_selected().where(tasks.c.id == task_id))).one()
            kind = "task.done" if "done_at" in changes and status == "done" else "task.changed"
            await events.add(connection, [_event(kind, row, now)])
        return _task(row)

    return await database.write(work)


async def fetch(database: Database, task_id: int) -> Task | None:
    """One task, or None."""
    async with database.read() as connection:
        row = (await connection.execute(_selected().where(tasks.c.id == task_id))).first()
        return _task(row) if row else None


async def find(
    database: Database,
    *,
    status: TaskStatus | None = OPEN,
    conversation_id: int | None = None,
    contact_id: int | None = None,
    assignee: str | None = None,
    type: TaskType | None = None,  # noqa: A002 (the column's name)
    tag: str | None = None,
    due_before: datetime | None = None,
    due_after: datetime | None = None,
    after: Task | None = None,
    limit: int,
) -> list[Task]:
    """Tasks, the first due first, those without a time last; within that the most important first.

    ``after``: the last one seen; those behind it are found.
    """
    wanted = _selected()
    for column, value in (
        (tasks.c.status, status),
        (tasks.c.conversation_id, conversation_id),
        (tasks.c.contact_id, contact_id),
        (tasks.c.assignee, assignee),
        (tasks.c.type, type),
    ):
        if value is not None:
            wanted = wanted.where(column == value)
    if tag is not None:
        # Tags have no space around them; with one, a comma would be taken for what stands between two tags.
        wanted = wanted.where(func.instr(tasks.c.tags, json.dumps(tag.strip(), ensure_ascii=False)) > 0)
    if after is not None:
        wanted = wanted.where(_is_behind(after))
    if due_before is not None:
        wanted = wanted.where(tasks.c.due_at < due_before)
    if due_after is not None:
        wanted = wanted.where(tasks.c.due_at >= due_after)
    wanted = wanted.order_by(tasks.c.due_at.is_(None), tasks.c.due_at, tasks.c.priority, tasks.c.id).limit(limit)
    async with database.read() as connection:
        return [_task(row) for row in await connection.execute(wanted)]


def _is_behind(last: Task) -> Any:
    within = tuple_(tasks.c.priority, tasks.c.id) > (last.priority, last.id)
    if last.due is None:
        return and_(tasks.c.due_at.is_(None), within)
    due_at = last.due.at
    return or_(tasks.c.due_at.is_(None), tasks.c.due_at > due_at, and_(tasks.c.due_at == due_at, within))


async def open_in(database: Database, conversation_id: int, *, limit: int) -> list[Task]:
    """What is to be done for a conversation."""
    return await find(database, conversation_id=conversation_id, limit=limit)


async def messages_of(database: Database, task_id: int) -> list[int]:
    """The messages that asked for a task, in order."""
    links = task_messages
    async with database.read() as connection:
        rows = await connection.execute(
            select(links.c.message_id).where(links.c.task_id == task_id).order_by(links.c.message_id)
        )
        return sorted({int(row.message_id) for row in rows})


def _selected() -> Any:
    first = (
        select(task_messages.c.message_id)
        .where(task_messages.c.task_id == tasks.c.id)
        .order_by(task_messages.c.message_id)
        .limit(1)
        .scalar_subquery()
    )
    return select(tasks, accounts.c.name.label("account"), first.label("message_id")).outerjoin(
        accounts, accounts.c.id == tasks.c.account_id
    )


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    changes = dict(values)
    if "tags" in changes:
        changes["tags"] = json.dumps(list(changes["tags"]), ensure_ascii=False)
    return changes


def _due(due: Due | None) -> dict[str, Any]:
    return {"due_at": due and due.at, "is_all_day": bool(due and due.is_all_day)}


def _task(row: Row[Any]) -> Task:
    return Task(
        id=row.id,
        account=row.account,
        conversation_id=row.conversation_id,
        contact_id=row.contact_id,
        message_id=row.message_id,
        title=row.title,
        description=row.description,
        type=row.type,
        priority=row.priority,
        due=Due(at=row.due_at, is_all_day=row.is_all_day) if row.due_at else None,
        tags=tuple(json.loads(row.tags)),
        assignee=row.assignee,
        status=row.status,
        source=row.source,
        created_at=row.created_at,
        changed_at=row.changed_at,
        done_at=row.done_at,
    )


def _event(type_: str, row: Row[Any], now: datetime) -> dict[str, Any]:
    return events.row(
        type_, now=now, account_id=row.account_id, conversation_id=row.conversation_id, message_id=row.message_id,
        data={"task_id": row.id, "status": row.status},
    )  # fmt: skip


def _told(type_: str, task_id: int, item: Asked, now: datetime) -> dict[str, Any]:
    return events.row(
        type_, now=now, account_id=item.account_id, conversation_id=item.conversation_id, message_id=item.message_id,
        data={"task_id": task_id, "status": OPEN},
    )  # fmt: skip
