"""Two contacts that prove to be one go on as one; what was moved is noted, so that it can be moved back."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.contacts import Identity
from frontdesk.domain.errors import ConflictError, InvalidInputError, NotFoundError
from frontdesk.store import events, indexing
from frontdesk.store.contact_tables import contact_merges
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.tables import contact_identities, contacts, conversations

MergeSource = Literal["person", "channel"]


async def family(connection: AsyncConnection, contact_id: int) -> list[int]:
    """A contact, and those that went on as it or as one of those."""
    known, newest = [contact_id], [contact_id]
    while newest:
        rows = await connection.execute(select(contacts.c.id).where(contacts.c.merged_into.in_(newest)))
        newest = sorted({int(row.id) for row in rows} - set(known))
        known += newest
    return known


async def merge(database: Database, kept_id: int, merged_id: int, *, now: datetime) -> int:
    """A person says that two contacts are one; the number of the merge.

    Raises:
        NotFoundError: one of them is not there. InvalidInputError: they are the same, or one went on as another already.
    """

    async def work(connection: AsyncConnection) -> int:
        return await _merge(connection, kept_id, merged_id, now)

    return await database.write(work)


async def add_number(database: Database, contact_id: int, phone: str, *, merges: bool, now: datetime) -> None:
    """A person says by which number (E.164) a contact is reached. Whose it was goes on as them, where that is wanted (``merges``).

    Raises:
        NotFoundError: there is no such contact. ConflictError: the number is somebody else's. InvalidInputError: the
        contact went on as another already.
    """
    table = contact_identities

    async def work(connection: AsyncConnection) -> None:
        row = (
            await connection.execute(
                select(contacts.c.id, contacts.c.merged_into).where(contacts.c.id == contact_id).with_for_update()
            )
        ).first()
        if row is None:
            raise NotFoundError("there is no such contact")
        if row.merged_into is not None:
            raise InvalidInputError("this contact went on as another already")
        owner = (
            await connection.execute(
                select(contacts.c.id, contacts.c.name)
                .join(table, table.c.contact_id == contacts.c.id)
                .where(table.c.kind == "phone", table.c.value == phone)
            )
        ).first()
        if owner is not None and owner.id != contact_id:
            if not merges:
                raise ConflictError(f"{phone} is the number of {owner.name or 'somebody'} (contact {owner.id}) already")
            await _merge(connection, contact_id, owner.id, now)
        elif owner is None:
            await connection.execute(
                insert(table).values(kind="phone", value=phone, contact_id=contact_id, created_at=now)
            )
            await indexing.note_contacts(connection, [contact_id])
            data = {"contact_id": contact_id}
            await events.add(connection, [events.row("contact.changed", now=now, data=data)])

    await database.write(work)


async def remove_number(database: Database, contact_id: int, phone: str, *, now: datetime) -> None:
    """A person says that a number is not this contact's.

    Raises:
        NotFoundError: it is not. ConflictError: nothing else is known of who the contact is.
    """
    table = contact_identities

    async def work(connection: AsyncConnection) -> None:
        rows = await connection.execute(
            select(table.c.kind, table.c.value).where(table.c.contact_id == contact_id).with_for_update()
        )
        known = [(str(row.kind), str(row.value)) for row in rows]
        if ("phone", phone) not in known:
            raise NotFoundError("this is no number of theirs")
        if len(known) == 1:
            raise ConflictError("it is all that is known of who this is")
        await connection.execute(delete(table).where(table.c.kind == "phone", table.c.value == phone))
        await indexing.note_contacts(connection, [contact_id])
        data = {"contact_id": contact_id}
        await events.add(connection, [events.row("contact.changed", now=now, data=data)])

    await database.write(work)


async def _merge(connection: AsyncConnection, kept_id: int, merged_id: int, now: datetime) -> int:
    rows = (
        await connection.execute(
            select(contacts.c.id, contacts.c.merged_into)
            .where(contacts.c.id.in_((kept_id, merged_id)))
            .order_by(contacts.c.id)
            .with_for_update()
        )
    ).all()
    if kept_id == merged_id:
        raise InvalidInputError("a contact cannot be merged with itself")
    if len(rows) < 2:
        raise NotFoundError("there is no such contact")
    if any(row.merged_into is not None for row in rows):
        raise InvalidInputError("this contact went on as another already")
    moved = await connection.execute(
        select(contact_identities.c.kind, contact_identities.c.value).where(
            contact_identities.c.contact_id == merged_id
        )
    )
    identities = [Identity(kind=row.kind, value=row.value) for row in moved]
    await connection.execute(
        update(contact_identities).where(contact_identities.c.contact_id == merged_id).values(contact_id=kept_id)
    )
    return await note(connection, kept_id, merged_id, identities, source="person", now=now)


async def note(
    connection: AsyncConnection,
    kept_id: int,
    merged_id: int,
    identities: Sequence[Identity],
    *,
    source: MergeSource,
    now: datetime,
) -> int:
    """Identities of one contact are another's now: its chats follow. A part of the transaction that moved them.

    Its direct chat becomes that of the other where that has none with the account yet; else both stay, as the other's.
    """
    table = conversations
    theirs = (
        await connection.execute(
            select(table.c.id, table.c.account_id, table.c.chat_key)
            .where(table.c.contact_id == merged_id)
            .order_by(table.c.id)
            .with_for_update()
        )
    ).all()
    rehomed: list[dict[str, Any]] = []
    for row in theirs:
        key = f"contact:{kept_id}"
        taken = await connection.scalar(
            select(table.c.id).where(table.c.account_id == row.account_id, table.c.chat_key == key)
        )
        changes: dict[str, Any] = {"contact_id": kept_id}
        if taken is None and row.chat_key == f"contact:{merged_id}":
            changes["chat_key"] = key
        await connection.execute(update(table).where(table.c.id == row.id).values(**changes))
        rehomed.append({"id": row.id, "chat_key": row.chat_key})
    await connection.execute(update(contacts).where(contacts.c.id == merged_id).values(merged_into=kept_id))
    result = await connection.execute(
        insert(contact_merges).values(
            kept_id=kept_id,
            merged_id=merged_id,
            source=source,
            identities=json.dumps([[item.kind, item.value] for item in identities]),
            conversations=json.dumps(rehomed),
            merged_at=now,
        )
    )
    number = inserted_id(result)
    await indexing.note_contacts(connection, (kept_id, merged_id))
    data = {"contact_id": kept_id, "merged_id": merged_id, "merge_id": number, "source": source}
    await events.add(connection, [events.row("contact.merged", now=now, data=data)])
    return number


async def undo(database: Database, kept_id: int, merge_id: int, *, now: datetime) -> None:
    """Two contacts are two again, with what was theirs.

    Raises:
        NotFoundError: there was no such merge. ConflictError: it was undone already.
    """
    table = contact_merges

    async def work(connection: AsyncConnection) -> None:
        row = (
            await connection.execute(
                select(table).where(table.c.id == merge_id, table.c.kept_id == kept_id).with_for_update()
            )
        ).first()
        if row is None:
            raise NotFoundError("there was no such merge")
        if row.undone_at is not None:
            raise ConflictError("this merge was undone already")
        for kind, value in json.loads(row.identities):
            await connection.execute(
                update(contact_identities)
                .where(
                    contact_identities.c.kind == kind,
                    contact_identities.c.value == value,
                    contact_identities.c.contact_id == kept_id,
                )
                .values(contact_id=row.merged_id)
            )
        for item in json.loads(row.conversations):
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == item["id"], conversations.c.contact_id == kept_id)
                .values(contact_id=row.merged_id, chat_key=item["chat_key"])
            )
        await connection.execute(update(contacts).where(contacts.c.id == row.merged_id).values(merged_into=None))
        await connection.execute(update(table).where(table.c.id == merge_id).values(undone_at=now))
        await indexing.note_contacts(connection, (kept_id, row.merged_id))
        data = {"contact_id": kept_id, "merged_id": row.merged_id, "merge_id": merge_id}
        await events.add(connection, [events.row("contact.unmerged", now=now, data=data)])

    await database.write(work)
