"""Conversations as people see them: whom to answer first, and every other way to look at them."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from pydantic import BaseModel, ConfigDict
from sqlalchemy import ColumnElement, Row, Select, and_, func, literal, or_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.analysis import Analysis
from frontdesk.domain.inbox import TEXT_TYPES, VOICE_TYPES, Filter, title_of
from frontdesk.store.conversations import IMPORTANT_LANE
from frontdesk.store.database import Database
from frontdesk.store.desk_tables import tasks, waits
from frontdesk.store.dialogues import SAID_SO
from frontdesk.store.reply_tables import dialogues, turns
from frontdesk.store.tables import accounts, analytics_results, contacts, conversations, outbox, webhook_messages

COUNTED = 1000
"""More than so many are “many”: counting on would take longer than anybody cares."""


class Place(NamedTuple):
    """Where a page ended: the moment that it is ordered by, the id, and the urgency where that comes before both."""

    moment: datetime
    id: int = 0
    urgency: int = 0


class Wait(BaseModel):
    """Somebody waits for an answer since then. ``analysis`` is that of the message whose answer is due first."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    near_at: datetime
    due_at: datetime
    message_id: int
    text: str
    analysis: Analysis


class LastLine(BaseModel):
    """What was said last."""

    model_config = ConfigDict(frozen=True)

    text: str
    type: str
    from_us: bool
    at: datetime
    state: str | None = None


class Conversation(BaseModel):
    """A chat, and who waits in it. ``is_important``: of somebody, or of a group, that matters. Ratings are of its latest message.

    ``is_handed_over``: a person is to answer and nobody has yet; ``is_taken_over``: because a person said so themselves.
    """

    model_config = ConfigDict(frozen=True)

    id: int
    account: str
    title: str
    is_group: bool
    is_important: bool
    contact_id: int | None
    created_at: datetime
    last_message_at: datetime
    unread: int
    is_archived: bool
    is_blocked: bool
    urgency: int | None
    category: str | None
    sentiment: str | None
    language: str | None
    agent: str | None
    assignee_id: int | None
    is_handed_over: bool
    is_taken_over: bool = False
    labels: tuple[str, ...]
    open_tasks: int = 0
    has_draft: bool = False
    last_line: LastLine | None = None
    wait: Wait | None


class Counts(BaseModel):
    """How many conversations there are to look at, each counted up to 1,000."""

    model_config = ConfigDict(frozen=True)

    waiting: int
    overdue: int
    unread: int
    mine: int
    drafts: int


async def fetch(database: Database, conversation_id: int) -> Conversation | None:
    """One conversation, or None."""
    async with database.read() as connection:
        found = await _conversations(connection, [conversation_id])
    return found[0] if found else None


async def find(
    database: Database, wanted: Filter, *, limit: int, after: Place | None = None, me: int | None = None
) -> Sequence[Conversation]:
    """Conversations that fit a filter, in the order of its view. ``me`` is the person whose own are “mine”."""
    async with database.read() as connection:
        rows = await connection.execute(_page(wanted, after, me).limit(limit))
        return await _conversations(connection, [int(row.id) for row in rows])


async def waiting(database: Database, *, limit: int, after: Place | None = None) -> Sequence[Conversation]:
    """Conversations in which somebody waits, the first due first. ``after``: the deadline and id of the last one seen."""
    return await find(database, Filter(), limit=limit, after=after)


async def of_contact(database: Database, contact_id: int, *, limit: int = 20) -> Sequence[Conversation]:
    """The chats of a contact, the latest first."""
    table = conversations
    async with database.read() as connection:
        wanted = select(table.c.id).where(table.c.contact_id == contact_id).order_by(table.c.last_message_at.desc())
        rows = await connection.execute(wanted.limit(limit))
        return await _conversations(connection, [int(row.id) for row in rows])


async def has_any(database: Database) -> bool:
    """Whether there is any conversation at all."""
    async with database.read() as connection:
        return await connection.scalar(select(conversations.c.id).limit(1)) is not None


def place_of(conversation: Conversation, wanted: Filter) -> Place:
    """Where the next page goes on behind a conversation."""
    if wanted.view == "waiting" and conversation.wait is not None:
        urgency = conversation.wait.analysis.urgency_score if wanted.order == "urgency" else 0
        return Place(conversation.wait.due_at, conversation.id, urgency)
    return Place(conversation.last_message_at, conversation.id)


async def counts(database: Database, *, me: int | None, now: datetime) -> Counts:
    """What there is to look at."""
    table = conversations
    is_open = waits.c.is_open == true()
    shown = and_(table.c.archived_at.is_(None), table.c.is_blocked.is_(False))
    of_waits = select(literal(1)).select_from(waits).where(is_open)
    asked = {
        "waiting": of_waits,
        "overdue": of_waits.where(waits.c.due_at <= now),
        "unread": select(literal(1)).select_from(table).where(table.c.unread > 0, shown),
        "mine": select(literal(1)).select_from(dialogues).where(dialogues.c.assignee_id == (me or 0)),
        "drafts": select(literal(1)).select_from(turns).where(turns.c.state == "suggested"),
    }
    numbers = [
        select(func.count()).select_from(wanted.limit(COUNTED).subquery()).scalar_subquery().label(name)
        for name, wanted in asked.items()
    ]
    async with database.read() as connection:
        row = (await connection.execute(select(*numbers))).one()
    return Counts(**{name: int(getattr(row, name)) for name in asked})


def _page(wanted: Filter, after: Place | None, me: int | None) -> Select[Any]:
    table, analysis = conversations, analytics_results
    query = select(table.c.id)
    if wanted.view == "waiting":
        # The index of waits gives the order: the first due first, whatever else there is.
        query = query.join(waits, and_(waits.c.conversation_id == table.c.id, waits.c.is_open == true()))
        if wanted.is_of_analysis:
            query = query.join(analysis, analysis.c.webhook_message_id == waits.c.message_id)
        is_later = tuple_(waits.c.due_at, waits.c.conversation_id) > after[:2] if after is not None else true()
        if wanted.order == "urgency":
            urgency = analysis.c.urgency_score
            query = query.order_by(urgency.desc())
            if after is not None:
                is_later = or_(urgency < after.urgency, and_(urgency == after.urgency, is_later))
        query = query.where(is_later).order_by(waits.c.due_at, waits.c.conversation_id)
    else:
        query = query.order_by(table.c.last_message_at.desc(), table.c.id.desc())
        if after is not None:
            moment, id_ = after[:2]
            query = query.where(
                table.c.last_message_at <= moment, or_(table.c.last_message_at < moment, table.c.id < id_)
            )
    return query.where(*_conditions(wanted, me))


def _conditions(wanted: Filter, me: int | None) -> list[ColumnElement[bool]]:
    table = conversations
    of_tasks = select(tasks.c.conversation_id).where(tasks.c.status == "open", tasks.c.conversation_id.is_not(None))
    of_drafts = select(turns.c.conversation_id).where(turns.c.state == "suggested")
    assigned = select(dialogues.c.conversation_id).where(dialogues.c.assignee_id.is_not(None))
    waited = select(waits.c.conversation_id).where(waits.c.is_open == true())
    of_view: Mapping[str, tuple[ColumnElement[bool], ...]] = {
        "mine": (table.c.id.in_(select(dialogues.c.conversation_id).where(dialogues.c.assignee_id == (me or 0))),),
        "unassigned": (table.c.id.not_in(assigned), table.c.id.in_(waited)),
        "unread": (table.c.unread > 0,),
        "drafts": (table.c.id.in_(of_drafts),),
        "voice": (table.c.last_type.in_(VOICE_TYPES),),
        "text": (table.c.last_type.in_(TEXT_TYPES),),
        "tasks": (table.c.id.in_(of_tasks),),
        "vip": (table.c.lane == IMPORTANT_LANE,),
        "groups": (table.c.is_group == true(),),
        "archived": (table.c.archived_at.is_not(None),),
        "blocked": (table.c.is_blocked == true(),),
    }
    found = list(of_view.get(wanted.view, ()))
    if wanted.view != "blocked":
        found.append(table.c.is_blocked.is_(False))
    if wanted.view not in {"archived", "blocked", "waiting"}:
        found.append(table.c.archived_at.is_(None))
    # Where somebody waits, of the message that is due; else of the latest.
    of_due = analytics_results.c
    judged = of_due if wanted.view == "waiting" else table.c
    urgency = of_due.urgency_score if wanted.view == "waiting" else table.c.urgency
    for column, value in (
        (judged.category, wanted.category),
        (judged.sentiment, wanted.sentiment),
        (table.c.agent, wanted.agent),
    ):
        if value is not None:
            found.append(column == value)
    if wanted.urgency_from is not None:
        found.append(urgency >= wanted.urgency_from)
    if wanted.account is not None:
        found.append(table.c.account_id.in_(select(accounts.c.id).where(accounts.c.name == wanted.account)))
    if wanted.assignee_id is not None:
        theirs = select(dialogues.c.conversation_id).where(dialogues.c.assignee_id == wanted.assignee_id)
        found.append(table.c.id.in_(theirs))
    if wanted.label is not None:
        # Labels are JSON: a label stands there in its quotes.
        quoted = json.dumps(wanted.label, ensure_ascii=False)
        labelled = select(dialogues.c.conversation_id).where(dialogues.c.labels.contains(quoted, autoescape=True))
        found.append(table.c.id.in_(labelled))
    return found


async def _conversations(connection: AsyncConnection, ids: Sequence[int]) -> list[Conversation]:
    """Conversations with all that lists show of them, in the order of the ids."""
    if not ids:
        return []
    rows = {row.id: row for row in await connection.execute(_selected().where(conversations.c.id.in_(ids)))}
    lines = await _last_lines(connection, ids)
    open_tasks = await connection.execute(
        select(tasks.c.conversation_id, func.count())
        .where(tasks.c.conversation_id.in_(ids), tasks.c.status == "open")
        .group_by(tasks.c.conversation_id)
    )
    numbers = {int(id_): int(number) for id_, number in open_tasks}
    drafted = await connection.execute(
        select(turns.c.conversation_id).where(turns.c.conversation_id.in_(ids), turns.c.state == "suggested")
    )
    drafts = {int(row.conversation_id) for row in drafted}
    return [
        _conversation(rows[id_], lines.get(id_), tasks_=numbers.get(id_, 0), has_draft=id_ in drafts)
        for id_ in ids
        if id_ in rows
    ]


def _selected() -> Select[Any]:
    analysis, message = analytics_results, webhook_messages
    return (
        select(
            conversations,
            accounts.c.name.label("account"),
            waits.c.began_at,
            waits.c.near_at,
            waits.c.due_at,
            waits.c.message_id,
            message.c.current_message,
            analysis.c.document,
            dialogues.c.assignee_id,
            dialogues.c.handed_over_at,
            dialogues.c.handed_over_reason,
            contacts.c.name.label("contact_name"),
            dialogues.c.labels,
        )
        .join(accounts, accounts.c.id == conversations.c.account_id)
        .outerjoin(waits, and_(waits.c.conversation_id == conversations.c.id, waits.c.is_open == true()))
        .outerjoin(message, message.c.id == waits.c.message_id)
        .outerjoin(analysis, analysis.c.webhook_message_id == waits.c.message_id)
        .outerjoin(dialogues, dialogues.c.conversation_id == conversations.c.id)
        .outerjoin(contacts, contacts.c.id == conversations.c.contact_id)
    )


async def _last_lines(connection: AsyncConnection, ids: Sequence[int]) -> dict[int, LastLine]:
    """The last line of each, received or sent."""
    message = webhook_messages
    # By max(id) along an index: one look for each conversation.
    received = (
        select(func.max(message.c.id)).where(message.c.conversation_id.in_(ids)).group_by(message.c.conversation_id)
    )
    sent = select(func.max(outbox.c.id)).where(outbox.c.conversation_id.in_(ids)).group_by(outbox.c.conversation_id)
    latest = [int(row[0]) for row in await connection.execute(received)]
    latest_sent = [int(row[0]) for row in await connection.execute(sent)]
    rows = await connection.execute(
        select(
            message.c.conversation_id, message.c.current_message, message.c.message_type, message.c.is_from_us,
            message.c.created_at,
        ).where(message.c.id.in_(latest))
    )  # fmt: skip
    lines = {
        int(row.conversation_id): LastLine(
            text=row.current_message, type=row.message_type, from_us=row.is_from_us, at=row.created_at
        )
        for row in rows
    }
    if latest_sent:
        for row in await connection.execute(select(outbox).where(outbox.c.id.in_(latest_sent))):
            known = lines.get(row.conversation_id)
            if known is None or known.at <= row.created_at:
                lines[int(row.conversation_id)] = LastLine(
                    text=row.content, type="chat", from_us=True, at=row.created_at, state=row.state
                )
    return lines


def _conversation(row: Row[Any], line: LastLine | None, *, tasks_: int, has_draft: bool) -> Conversation:
    wait = None
    if row.due_at is not None:
        wait = Wait(
            since=row.began_at,
            near_at=row.near_at,
            due_at=row.due_at,
            message_id=row.message_id,
            text=row.current_message,
            analysis=Analysis.restore(row.document),
        )
    is_over = row.handed_over_at is not None and (
        row.person_wrote_at is None or row.person_wrote_at < row.handed_over_at
    )
    return Conversation(
        id=row.id,
        account=row.account,
        title=title_of(row.title, row.contact_name),
        is_group=row.is_group,
        is_important=row.lane == IMPORTANT_LANE,
        contact_id=row.contact_id,
        created_at=row.created_at,
        last_message_at=row.last_message_at,
        unread=row.unread,
        is_archived=row.archived_at is not None,
        is_blocked=row.is_blocked,
        urgency=row.urgency,
        category=row.category,
        sentiment=row.sentiment,
        language=row.language,
        agent=row.agent,
        assignee_id=row.assignee_id,
        is_handed_over=is_over,
        is_taken_over=is_over and row.handed_over_reason == SAID_SO,
        labels=tuple(json.loads(row.labels)) if row.labels else (),
        open_tasks=tasks_,
        has_draft=has_draft,
        last_line=line,
        wait=wait,
    )
