"""What happened to messages after they were written, and the files that they brought."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import Any

from sqlalchemy import Row, Select, and_, false, func, insert, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.changes import REPLACING, Attachment, MessageChange
from frontdesk.domain.understanding import UnderstandingKind
from frontdesk.store import accounts, events, understandings
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
        # Locked: its text is about to be read and replaced.
        row = (await connection.execute(_named(account_id, change.message_id).with_for_update())).first()
        is_new_text = change.kind in REPLACING and change.text is not None
        await connection.execute(
            insert(table).values(
                account_id=account_id,
                message_id=change.message_id,
                kind=change.kind,
                content=change.text,
                replaced=row.current_message if row is not None and is_new_text else None,
                sender_id=change.sender_id,
                is_from_us=change.from_us,
                changed_at=change.at,
                digest=digest,
                # Our own words are never judged.
                is_judged=not is_new_text or change.from_us or (row is not None and row.is_from_us),
            )
        )
        if row is not None and is_new_text:
            values: dict[str, Any] = {"current_message": change.text}
            if change.type is not None:
                values |= {"message_type": change.type, "media": change.media and change.media.model_dump_json()}
            await connection.execute(update(message).where(message.c.id == row.id).values(**values))
        data = {"change": change.kind, "channel_message_id": change.message_id}
        await events.add(connection, [_event("message.changed", account_id, row, data, now)])
        return True

    return await database.write(work)


async def to_judge(database: Database) -> tuple[int, int] | None:
    """The oldest message that was judged and has new words since: its id, and that of its newest such change.

    A change that came before its message takes its place in the message now.
    """
    table, message, judged = message_changes, webhook_messages, analytics_results

    async def work(connection: AsyncConnection) -> tuple[int, int] | None:
        row = (
            await connection.execute(
                select(table.c.id, table.c.content, message.c.id.label("number"), message.c.current_message)
                .join(
                    message,
                    and_(message.c.account_id == table.c.account_id, message.c.message_id == table.c.message_id),
                )
                .join(judged, judged.c.webhook_message_id == message.c.id)
                .where(table.c.is_judged == false())
                .order_by(table.c.id)
                .limit(1)
            )
        ).first()
        if row is None:
            return None
        newest = (
            await connection.execute(
                select(table.c.id, table.c.content, table.c.replaced)
                .join(
                    message,
                    and_(message.c.account_id == table.c.account_id, message.c.message_id == table.c.message_id),
                )
                .where(message.c.id == row.number, table.c.kind.in_(REPLACING))
                .order_by(table.c.id.desc())
                .limit(1)
            )
        ).one()
        if newest.replaced is None and newest.content != row.current_message:
            await connection.execute(update(table).where(table.c.id == newest.id).values(replaced=row.current_message))
            await connection.execute(
                update(message).where(message.c.id == row.number).values(current_message=newest.content)
            )
        return int(row.number), int(newest.id)

    async with database.read() as connection:
        # Nearly always there is nothing.
        if await connection.scalar(select(table.c.id).where(table.c.is_judged == false()).limit(1)) is None:
            return None
    return await database.write(work)


async def judged(database: Database, number: int, change_id: int) -> None:
    """The words of a message up to a change have been judged."""
    table, message = message_changes, webhook_messages
    mine = select(message.c.account_id, message.c.message_id).where(message.c.id == number)

    async def work(connection: AsyncConnection) -> None:
        row = (await connection.execute(mine)).one()
        await connection.execute(
            update(table)
            .where(table.c.account_id == row.account_id, table.c.message_id == row.message_id, table.c.id <= change_id)
            .values(is_judged=true())
        )

    await database.write(work)


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


@dataclass(frozen=True, kw_only=True)
class Kept:
    """A file was noted. ``conversation_id`` is that whose message waits for what the file says, where one does."""

    is_new: bool
    conversation_id: int | None = None


async def keep_attachment(
    database: Database,
    account: str,
    message_id: str,
    attachment: Attachment,
    *,
    now: datetime,
    says: UnderstandingKind | None = None,
) -> Kept:
    """Note which file a message brought. The file is in its place already; ``says``: there is something to understand of it."""
    table = attachments

    async def work(connection: AsyncConnection) -> Kept:
        account_id = await accounts.id_of(connection, account, now)
        mine = (table.c.account_id == account_id, table.c.message_id == message_id)
        if await connection.scalar(select(table.c.size).where(*mine)) is not None:
            return Kept(is_new=False)
        values = attachment.model_dump() | {"sha256": bytes.fromhex(attachment.sha256)}
        await connection.execute(
            insert(table).values(account_id=account_id, message_id=message_id, created_at=now, **values)
        )
        row = (await connection.execute(_named(account_id, message_id))).first()
        data = {"mimetype": attachment.mimetype, "size": attachment.size}
        await events.add(connection, [_event("message.media", account_id, row, data, now)])
        if says is None:
            return Kept(is_new=True)
        waiting = await understandings.expect(connection, account_id, message_id, says, now=now)
        return Kept(is_new=True, conversation_id=waiting)

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


def _named(account_id: int, message_id: str) -> Select[tuple[int, int, str, bool]]:
    message = webhook_messages
    return select(message.c.id, message.c.conversation_id, message.c.current_message, message.c.is_from_us).where(
        message.c.account_id == account_id, message.c.message_id == message_id
    )


def _event(
    kind: str, account_id: int, row: Row[tuple[int, int, str, bool]] | None, data: dict[str, Any], now: datetime
) -> dict[str, Any]:
    # What is told of a message may come before the message.
    return events.row(
        kind,
        now=now,
        account_id=account_id,
        conversation_id=row.conversation_id if row else None,
        message_id=row.id if row else None,
        data=data,
    )
