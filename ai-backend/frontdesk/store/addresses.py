"""Where a conversation takes place, and so where an answer goes."""

from dataclasses import dataclass

from sqlalchemy import select

from frontdesk.store.database import Database
from frontdesk.store.tables import accounts, contact_identities, conversations, webhook_messages

LOOKED_THROUGH = 20


@dataclass(frozen=True, kw_only=True)
class Chat:
    """Where a conversation takes place: the group's id, or how its contact wrote last, or is known to be reached."""

    conversation_id: int
    account_id: int
    account: str
    group_id: str | None
    sender_ids: tuple[str, ...]
    phone_number: str | None


async def chat_of(database: Database, conversation_id: int) -> Chat | None:
    """Where a conversation takes place, or None where there is no such conversation."""
    table, message = conversations, webhook_messages
    async with database.read() as connection:
        row = (
            await connection.execute(
                select(table.c.account_id, accounts.c.name, table.c.chat_key, table.c.is_group, table.c.contact_id)
                .join(accounts, accounts.c.id == table.c.account_id)
                .where(table.c.id == conversation_id)
            )
        ).first()
        if row is None:
            return None
        latest = (
            await connection.execute(
                select(message.c.sender_id, message.c.phone_number)
                .where(message.c.conversation_id == conversation_id)
                .order_by(message.c.id.desc())
                .limit(LOOKED_THROUGH)
            )
        ).all()
        phone_number = next((item.phone_number for item in latest if item.phone_number), None)
        if phone_number is None and row.contact_id is not None:
            # Of a chat that was read in from a file nobody has written a number.
            known = contact_identities
            phone_number = await connection.scalar(
                select(known.c.value)
                .where(known.c.contact_id == row.contact_id, known.c.kind == "phone")
                .order_by(known.c.created_at.desc())
                .limit(1)
            )
    return Chat(
        conversation_id=conversation_id,
        account_id=row.account_id,
        account=row.name,
        group_id=row.chat_key.removeprefix("group:") if row.is_group else None,
        sender_ids=tuple(item.sender_id for item in latest if item.sender_id),
        phone_number=phone_number,
    )
