"""Conversations as people see them: whom to answer first."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Row, and_, select, true, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.analysis import Analysis
from frontdesk.store.conversations import IMPORTANT_LANE
from frontdesk.store.database import Database
from frontdesk.store.desk_tables import waits
from frontdesk.store.tables import accounts, analytics_results, conversations, webhook_messages


class Wait(BaseModel):
    """Somebody waits for an answer since then. ``analysis`` is that of the message whose answer is due first."""

    model_config = ConfigDict(frozen=True)

    since: datetime
    near_at: datetime
    due_at: datetime
    message_id: int
    text: str
    analysis: Analysis


class Conversation(BaseModel):
    """A chat, and who waits in it. ``is_important``: of somebody, or of a group, that matters."""

    model_config = ConfigDict(frozen=True)

    id: int
    account: str
    title: str
    is_group: bool
    is_important: bool
    contact_id: int | None
    created_at: datetime
    last_message_at: datetime
    wait: Wait | None


async def fetch(database: Database, conversation_id: int) -> Conversation | None:
    """One conversation, or None."""
    async with database.read() as connection:
        found = await _found(connection, _selected().where(conversations.c.id == conversation_id))
    return found[0] if found else None


async def waiting(
    database: Database, *, limit: int, after: tuple[datetime, int] | None = None
) -> Sequence[Conversation]:
    """Conversations in which somebody waits, the first due first. ``after``: the deadline and id of the last one seen."""
    wanted = _selected().where(waits.c.is_open == true()).order_by(waits.c.due_at, waits.c.conversation_id).limit(limit)
    if after is not None:
        wanted = wanted.where(tuple_(waits.c.due_at, waits.c.conversation_id) > after)
    async with database.read() as connection:
        return await _found(connection, wanted)


def _selected() -> Any:
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
        )
        .join(accounts, accounts.c.id == conversations.c.account_id)
        .outerjoin(waits, and_(waits.c.conversation_id == conversations.c.id, waits.c.is_open == true()))
        .outerjoin(message, message.c.id == waits.c.message_id)
        .outerjoin(analysis, analysis.c.webhook_message_id == waits.c.message_id)
    )


async def _found(connection: AsyncConnection, wanted: Any) -> list[Conversation]:
    return [_conversation(row) for row in await connection.execute(wanted)]


def _conversation(row: Row[Any]) -> Conversation:
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
    return Conversation(
        id=row.id,
        account=row.account,
        title=row.title,
        is_group=row.is_group,
        is_important=row.lane == IMPORTANT_LANE,
        contact_id=row.contact_id,
        created_at=row.created_at,
        last_message_at=row.last_message_at,
        wait=wait,
    )
