"""What lists show of a conversation at a glance: columns of its row, set in the transactions that make them so."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import case, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.analysis import Analysis
from frontdesk.domain.errors import NotFoundError
from frontdesk.store import events
from frontdesk.store.database import Database
from frontdesk.store.tables import conversations


async def judged(connection: AsyncConnection, analyses: Mapping[int, Analysis]) -> None:
    """The latest message of conversations was judged so: a part of that transaction, which holds them."""
    if not analyses:
        return
    columns = {"urgency": "urgency_score", "category": "category", "sentiment": "sentiment", "language": "language"}
    values = {
        column: each({id_: getattr(analysis, field) for id_, analysis in analyses.items()})
        for column, field in columns.items()
    }
    table = conversations
    await connection.execute(update(table).where(table.c.id.in_(sorted(analyses))).values(**values))


async def routed(connection: AsyncConnection, agents: Mapping[int, str]) -> None:
    """Agents answered the latest messages of conversations: a part of that transaction, which holds them."""
    if agents:
        table = conversations
        await connection.execute(update(table).where(table.c.id.in_(sorted(agents))).values(agent=each(agents)))


async def read(connection: AsyncConnection, conversation_id: int) -> None:
    """Somebody of ours looked, or wrote: a part of that transaction."""
    table = conversations
    await connection.execute(
        update(table).where(table.c.id == conversation_id, table.c.unread != 0).values(unread=0)
    )  # fmt: skip


async def mark(
    database: Database,
    conversation_id: int,
    *,
    now: datetime,
    is_read: bool | None = None,
    is_archived: bool | None = None,
    is_blocked: bool | None = None,
) -> None:
    """A person marks a conversation; what is None stays.

    Raises:
        NotFoundError: there is no such conversation.
    """
    table = conversations

    async def work(connection: AsyncConnection) -> None:
        row = (
            await connection.execute(select(table).where(table.c.id == conversation_id).with_for_update())
        ).first()  # fmt: skip
        if row is None:
            raise NotFoundError("there is no such conversation")
        values: dict[str, Any] = {}
        if is_read is not None and is_read != (row.unread == 0):
            values["unread"] = 0 if is_read else 1
        if is_archived is not None and is_archived != (row.archived_at is not None):
            values["archived_at"] = now if is_archived else None
        if is_blocked is not None and is_blocked != row.is_blocked:
            values["is_blocked"] = is_blocked
        if not values:
            return
        await connection.execute(update(table).where(table.c.id == conversation_id).values(**values))
        told = {"is_read": is_read, "is_archived": is_archived, "is_blocked": is_blocked}
        data = {name: value for name, value in told.items() if value is not None}
        event = events.row(
            "conversation.changed", now=now, account_id=row.account_id, conversation_id=conversation_id, data=data
        )
        await events.add(connection, [event])

    await database.write(work)


def each(values: Mapping[int, Any]) -> Any:
    """Conversation → value, as what a column is set to in one statement for all of them."""
    distinct = set(values.values())
    return distinct.pop() if len(distinct) == 1 else case(dict(sorted(values.items())), value=conversations.c.id)
