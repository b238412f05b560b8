"""Erasing what is older than it is to be kept, a part at a time."""

from datetime import datetime

from sqlalchemy import and_, delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.outgoing import OPEN_STATES
from frontdesk.store import indexing
from frontdesk.store.database import Database
from frontdesk.store.desk_tables import task_messages
from frontdesk.store.erasure import erase_what_belongs_to, ids_where, parts, unused
from frontdesk.store.reply_tables import dialogues
from frontdesk.store.tables import attachments, events, message_history, outbox, webhook_messages


async def expire_messages(database: Database, before: datetime, *, limit: int) -> tuple[int, list[str]]:
    """Erase the oldest messages that are done and were accepted before a moment, with all that belongs to them.

    How many there were, and the files that nobody has any more. Their conversations stay, and what is to be done.
    """
    message = webhook_messages

    async def work(connection: AsyncConnection) -> tuple[int, list[str]]:
        rows = await connection.execute(
            select(message.c.id)
            .where(message.c.created_at < before, message.c.state.in_(("processed", "failed")))
            .order_by(message.c.created_at)
            .limit(limit)
        )
        ids = [int(row.id) for row in rows]
        # What was told of the chat before goes with what it was told of.
        told = await ids_where(connection, message.c.conversation_id, message.c.id.in_(ids)) if ids else []
        for part in parts(told):
            await connection.execute(
                update(dialogues)
                .where(dialogues.c.conversation_id.in_(part), dialogues.c.summarised_at < before)
                .values(summary="")
            )
        # What is still to be done outlives the message that asked for it.
        for part in parts(ids):
            await connection.execute(delete(task_messages).where(task_messages.c.message_id.in_(part)))
        files = await erase_what_belongs_to(connection, ids)
        for part in parts(ids):
            await connection.execute(delete(message).where(message.c.id.in_(part)))
        return len(ids), files

    return await database.write(work)


async def expire_history(database: Database, before: datetime) -> None:
    """Erase what was said before a moment and came along with later messages, and what we sent before it."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(message_history).where(message_history.c.sent_at < before))
        ended = outbox.c.state.not_in(OPEN_STATES), outbox.c.created_at < before
        for part in parts(await ids_where(connection, outbox.c.id, and_(*ended))):
            await indexing.forget(connection, indexing.SENT, part)
        await connection.execute(delete(outbox).where(*ended))

    await database.write(work)


async def expire_files(database: Database, before: datetime, *, limit: int) -> tuple[int, list[str]]:
    """Take the oldest files from their messages: how many there were, and those that nobody has any more."""
    table = attachments

    async def work(connection: AsyncConnection) -> tuple[int, list[str]]:
        rows = (
            await connection.execute(
                select(table.c.account_id, table.c.message_id, table.c.sha256)
                .where(table.c.created_at < before)
                .order_by(table.c.created_at)
                .limit(limit)
            )
        ).all()
        for row in rows:
            mine = table.c.account_id == row.account_id, table.c.message_id == row.message_id
            await connection.execute(delete(table).where(*mine))
        return len(rows), await unused(connection, {bytes(row.sha256) for row in rows})

    return await database.write(work)


async def expire_events(database: Database, before: datetime, *, limit: int) -> int:
    """Forget the oldest events; how many there were."""
    table = events

    async def work(connection: AsyncConnection) -> int:
        rows = await connection.execute(
            select(table.c.id, table.c.created_at)
            .where(table.c.number.is_not(None))
            .order_by(table.c.number)
            .limit(limit)
        )
        ids = [int(row.id) for row in rows if row.created_at < before]
        for part in parts(ids):
            await connection.execute(delete(table).where(table.c.id.in_(part)))
        return len(ids)

    return await database.write(work)
