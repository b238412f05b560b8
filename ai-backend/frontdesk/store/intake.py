"""Taking a message in: its row, its history, its contact and its place in the queue, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, case, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.contacts import Identity
from frontdesk.domain.messages import IncomingMessage, history_digests
from frontdesk.store.database import Database
from frontdesk.store.directory import important_identities, is_critical_group
from frontdesk.store.tables import (
    accounts,
    contact_identities,
    contacts,
    conversations,
    message_history,
    webhook_messages,
)  # fmt: skip

IMPORTANT_LANE = 0
ORDINARY_LANE = 1


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A message that is in the store. ``is_new`` is False where it was there before."""

    id: int
    conversation_id: int
    is_new: bool


async def accept(database: Database, message: IncomingMessage, *, now: datetime) -> Accepted:
    """Commit a message with all that belongs to it; the same ``message_id`` again changes nothing.

    Two that arrive at the same moment meet at the unique key: the loser's transaction is repeated and finds the winner.

    Raises:
        UnavailableError: the store does not commit.
    """

    async def work(connection: AsyncConnection) -> Accepted:
        account_id = await _account(connection, message.account, now)
        known = (
            await connection.execute(
                select(webhook_messages.c.id, webhook_messages.c.conversation_id).where(
                    webhook_messages.c.account_id == account_id, webhook_messages.c.message_id == message.message_id
                )
            )
        ).first()
        if known:
            return Accepted(id=known.id, conversation_id=known.conversation_id, is_new=False)
        contact_id = await _contact(connection, message, now)
        is_vip = bool(await important_identities(connection, await _all_identities(connection, contact_id)))
        is_critical = message.is_group and await is_critical_group(
            connection, (message.chat_id or "", message.chat_name)
        )
        lane = IMPORTANT_LANE if is_vip or is_critical else ORDINARY_LANE
        conversation_id = await _conversation(connection, message, account_id, contact_id, lane, now)
        digests = await _keep_history(connection, conversation_id, message)
        row = await connection.execute(
            insert(webhook_messages).values(
                account_id=account_id,
                message_id=message.message_id,
                conversation_id=conversation_id,
                contact_id=contact_id,
                chat_time=message.sent_at,
                chat_name=message.chat_name,
                phone_number=message.phone_number,
                sender_id=message.sender_id,
                sender_name=message.sender_name,
                current_message=message.text,
                message_type=message.type,
                media=message.media.model_dump_json() if message.media else None,
                quoted=message.quoted.model_dump_json() if message.quoted else None,
                is_from_us=message.from_us,
                is_repaired=message.repaired,
                is_vip_customer=is_vip,
                is_critical_group=is_critical,
                history_digests=b"".join(digests),
                # What we wrote ourselves is kept for the thread and never judged.
                state="processed" if message.from_us else "pending",
                attempts=0,
                created_at=now,
                processed_at=now if message.from_us else None,
            )
        )
        if not message.from_us:
            await _make_ready(connection, conversation_id, message, lane, now)
        return Accepted(id=_key(row), conversation_id=conversation_id, is_new=True)

    return await database.write(work)


async def _account(connection: AsyncConnection, name: str, now: datetime) -> int:
    found = await connection.scalar(select(accounts.c.id).where(accounts.c.name == name))
    if found is not None:
        return int(found)
    row = await connection.execute(insert(accounts).values(name=name, channel="whatsapp_web", created_at=now))
    return _key(row)


async def _contact(connection: AsyncConnection, message: IncomingMessage, now: datetime) -> int:
    """The contact that the strongest known identity belongs to, or a new one; the other identities join it."""
    wanted = message.identities
    rows = await connection.execute(
        select(contact_identities).where(
            or_(*(and_(contact_identities.c.kind == i.kind, contact_identities.c.value == i.value) for i in wanted))
        )
    )
    owners = {Identity(kind=row.kind, value=row.value): int(row.contact_id) for row in rows}
    contact_id = next((owners[identity] for identity in wanted if identity in owners), None)
    if contact_id is None:
        contact_id = _key(
            await connection.execute(
                insert(contacts).values(name=message.sender_name, first_seen_at=now, last_seen_at=now)
            )
        )
    else:
        changes = {"last_seen_at": now} | (
            {"name": message.sender_name} if message.sender_name and not message.from_us else {}
        )
        await connection.execute(update(contacts).where(contacts.c.id == contact_id).values(**changes))
    for identity, owner in owners.items():
        if owner != contact_id:
            # WhatsApp has revealed that two are one: from now on the weaker identity leads to the same contact.
            table = contact_identities
            await connection.execute(
                update(table)
                .where(table.c.kind == identity.kind, table.c.value == identity.value)
                .values(contact_id=contact_id)
            )
    new = [
        {"kind": identity.kind, "value": identity.value, "contact_id": contact_id, "created_at": now}
        for identity in wanted
        if identity not in owners
    ]
    if new:
        await connection.execute(insert(contact_identities), new)
    return contact_id


async def _all_identities(connection: AsyncConnection, contact_id: int) -> list[Identity]:
    table = contact_identities
    rows = await connection.execute(select(table.c.kind, table.c.value).where(table.c.contact_id == contact_id))
    return [Identity(kind=row.kind, value=row.value) for row in rows]


async def _conversation(
    connection: AsyncConnection, message: IncomingMessage, account_id: int, contact_id: int, lane: int, now: datetime
) -> int:
    chat_key = f"group:{message.chat_id}" if message.is_group else f"contact:{contact_id}"
    found = await connection.scalar(
        select(conversations.c.id)
        .where(conversations.c.account_id == account_id, conversations.c.chat_key == chat_key)
        # The rows that follow refer to it, and it is updated last: taking it whole at once avoids deadlocks.
        .with_for_update()
    )
    if found is not None:
        return int(found)
    row = await connection.execute(
        insert(conversations).values(
            account_id=account_id,
            chat_key=chat_key,
            contact_id=None if message.is_group else contact_id,
            title=message.chat_name,
            is_group=message.is_group,
            created_at=now,
            last_message_at=now,
            lane=lane,
            version=0,
            claimed_version=0,
        )
    )
    return _key(row)


async def _keep_history(connection: AsyncConnection, conversation_id: int, message: IncomingMessage) -> Sequence[bytes]:
    digests = history_digests(message.history)
    if not digests:
        return digests
    table = message_history
    rows = await connection.execute(
        select(table.c.digest).where(table.c.conversation_id == conversation_id, table.c.digest.in_(set(digests)))
    )
    known = {bytes(row.digest) for row in rows}
    new = {digest: item for digest, item in zip(digests, message.history, strict=True) if digest not in known}
    if new:
        # Sorted by key: two transactions that insert the same rows in different orders would deadlock.
        await connection.execute(
            insert(table),
            [
                {
                    "conversation_id": conversation_id,
                    "digest": digest,
                    "sender": item.sender,
                    "content": item.content,
                    "sent_at": item.sent_at,
                    "type": item.type,
                    "from_us": item.from_us,
                }
                for digest, item in sorted(new.items())
            ],
        )
    return digests


async def _make_ready(
    connection: AsyncConnection, conversation_id: int, message: IncomingMessage, lane: int, now: datetime
) -> None:
    table = conversations
    await connection.execute(
        update(table)
        .where(table.c.id == conversation_id)
        .values(
            # A literal: as a bound value MariaDB's driver turns it into text.
            version=literal_column("version + 1"),
            lane=case((table.c.lane < lane, table.c.lane), else_=lane),
            last_message_at=now,
            title=message.chat_name,
            # A claimed conversation keeps its lease; one that waits for a retry need not wait with news.
            ready_at=case(
                (and_(table.c.owner.is_(None), or_(table.c.ready_at.is_(None), table.c.ready_at > now)), now),
                else_=table.c.ready_at,
            ),
        )
    )


def _key(result: object) -> int:
    return int(result.inserted_primary_key[0])  # type: ignore[attr-defined]
