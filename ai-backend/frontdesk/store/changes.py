"""What happened to messages after they were written, and the files that they brought."""

import json
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

from sqlalchemy import and_, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.changes import REPLACING, Attachment, MessageChange
from frontdesk.store import accounts, events
from frontdesk.store.database import Database
from frontdesk.store.tables import analytics_results, attachments, message_changes, webhook_messages

DIGEST_BYTES = 16
Key = tuple[int, str]
"""Account and the channel's id of a message."""


async def record(database: Database, account: str, change: MessageChange, *, now: datetime) -> bool:
    """Note a change; True where it is news. A new text takes the old one's place and is judged again."""
    table = message_changes
    told = json.dumps(change.model_dump(mode="json", exclude={"replaced"}), ensure_ascii=False, sort_keys=True)
    digest = blake2b(told.encode(), digest_size=DIGEST_BYTES).digest()

    async def work(connection: AsyncConnection) -> bool:
        account_id = await accounts.id_of(connection, account, now)
        same = (table.c.account_id == account_id, table.c.message_id == change.message_id, table.c.digest == digest)
        if await connection.scalar(select(table.c.id).where(*same)) is not None:
            return False
        message = webhook_messages
        row = (
            await connection.execute(
                select(message.c.id, message.c.conversation_id, message.c.current_message)
                .where(message.c.account_id == account_id, message.c.message_id == change.message_id)
                .with_for_update()
            )
        ).first()
        replaced = row.current_message if row is not None and change.kind in REPLACING and change.text else None
        await connection.execute(
            insert(table).values(
                account_id=account_id,
                message_id=change.message_id,
                kind=change.kind,
                content=change.text,
                replaced=replaced,
                sender_id=change.sender_id,
                is_from_us=change.from_us,
                changed_at=change.at,
                digest=digest,
            )
        )
        if row is not None and replaced is not None:
            await connection.execute(update(message).where(message.c.id == row.id).values(current_message=change.text))
            judged = analytics_results
            await connection.execute(
                update(judged).where(judged.c.webhook_message_id == row.id).values(rerate_due=true())
            )
        event = events.row(
            "message.changed",
            now=now,
            account_id=account_id,
            conversation_id=row.conversation_id if row else None,
            message_id=row.id if row else None,
            data={"change": change.kind, "channel_message_id": change.message_id},
        )
        await events.add(connection, [event])
        return True

    return await database.write(work)


async def of_messages(database: Database, keys: Iterable[Key]) -> dict[Key, list[MessageChange]]:
    """What happened to some messages, in the order in which it was told."""
    table = message_changes
    wanted = [and_(table.c.account_id == account_id, table.c.message_id == id_) for account_id, id_ in keys]
    found: dict[Key, list[MessageChange]] = {}
    if not wanted:
        return found
    async with database.read() as connection:
        for row in await connection.execute(select(table).where(or_(*wanted)).order_by(table.c.id)):
            change = MessageChange(
                message_id=row.message_id,
                kind=row.kind,
                at=row.changed_at,
                text=row.content,
                replaced=row.replaced,
                sender_id=row.sender_id,
                from_us=row.is_from_us,
            )
            found.setdefault((row.account_id, row.message_id), []).append(change)
    return found


async def keep_attachment(
    database: Database, account: str, message_id: str, attachment: Attachment, *, now: datetime
) -> bool:
    """Note which file a message brought; True where it is news. The file is in its place already."""
    table = attachments

    async def work(connection: AsyncConnection) -> bool:
        account_id = await accounts.id_of(connection, account, now)
        mine = (table.c.account_id == account_id, table.c.message_id == message_id)
        if await connection.scalar(select(table.c.size).where(*mine)) is not None:
            return False
        values = attachment.model_dump() | {"sha256": bytes.fromhex(attachment.sha256)}
        await connection.execute(
            insert(table).values(account_id=account_id, message_id=message_id, created_at=now, **values)
        )
        message = webhook_messages
        row = (
            await connection.execute(
                select(message.c.id, message.c.conversation_id).where(
                    message.c.account_id == account_id, message.c.message_id == message_id
                )
            )
        ).first()
        event = events.row(
            "message.media",
            now=now,
            account_id=account_id,
            conversation_id=row.conversation_id if row else None,
            message_id=row.id if row else None,
            data={"mimetype": attachment.mimetype, "size": attachment.size},
        )
        await events.add(connection, [event])
        return True

    return await database.write(work)


async def attachments_of(database: Database, keys: Iterable[Key]) -> dict[Key, Attachment]:
    """The files of some messages."""
    table = attachments
    wanted = [and_(table.c.account_id == account_id, table.c.message_id == id_) for account_id, id_ in keys]
    if not wanted:
        return {}
    async with database.read() as connection:
        rows = await connection.execute(select(table).where(or_(*wanted)))
        return {
            (row.account_id, row.message_id): Attachment(
                sha256=bytes(row.sha256).hex(), size=row.size, mimetype=row.mimetype, filename=row.filename
            )
            for row in rows
        }


async def stored_bytes(database: Database) -> int:
    """What all files take together, each counted once."""
    files = select(func.max(attachments.c.size).label("size")).group_by(attachments.c.sha256).subquery()
    async with database.read() as connection:
        return int(await connection.scalar(select(func.coalesce(func.sum(files.c.size), 0))) or 0)
