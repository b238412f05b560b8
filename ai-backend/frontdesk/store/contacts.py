"""Whose message it is: identities lead to contacts, new ones are made, and two that prove to be one go on as one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.contacts import Identity
from frontdesk.domain.messages import IncomingMessage
from frontdesk.store import indexing, merging, profiles
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.desk_tables import tasks
from frontdesk.store.tables import attachments, contact_identities, contacts, webhook_messages

SEEN_WITHIN = timedelta(minutes=1)
"""``last_seen_at`` is kept to the minute: a burst of messages does not write it each time."""


@dataclass(kw_only=True)
class _Contact:
    id: int
    name: str | None
    last_seen_at: datetime


async def find_contacts(connection: AsyncConnection, messages: Sequence[IncomingMessage], now: datetime) -> list[int]:
    """The contact of each message: the one that its strongest known identity belongs to, or a new one.

    The other identities join it: from then on they lead to the same contact.
    """
    owners = await _owners(connection, {identity for message in messages for identity in message.identities})
    known_identities = set(owners)
    before = {identity: owner.id for identity, owner in owners.items()}
    moved: dict[Identity, int] = {}
    added: dict[Identity, int] = {}
    changes: dict[int, dict[str, Any]] = {}
    renamed: set[int] = set()
    found: list[int] = []
    for message in messages:
        contact = next((owners[identity] for identity in message.identities if identity in owners), None)
        if contact is None:
            seen_at = message.sent_at if message.is_past else now
            values = insert(contacts).values(name=message.sender_name, first_seen_at=seen_at, last_seen_at=seen_at)
            id_ = inserted_id(await connection.execute(values))
            contact = _Contact(id=id_, name=message.sender_name, last_seen_at=seen_at)
            renamed.add(id_)
        found.append(contact.id)
        seen_at = message.sent_at if message.is_past else now
        if seen_at - contact.last_seen_at > SEEN_WITHIN:
            contact.last_seen_at = seen_at
            changes.setdefault(contact.id, {})["last_seen_at"] = seen_at
        if message.sender_name and message.sender_name != contact.name and not message.from_us:
            contact.name = message.sender_name
            changes.setdefault(contact.id, {})["name"] = message.sender_name
            renamed.add(contact.id)
        for identity in message.identities:
            owner = owners.get(identity)
            if owner is None or owner.id != contact.id:
                (moved if identity in known_identities else added)[identity] = contact.id
                owners[identity] = contact
    for contact_id, changed in sorted(changes.items()):
        await connection.execute(update(contacts).where(contacts.c.id == contact_id).values(**changed))
    table = contact_identities
    for identity, contact_id in moved.items():
        await connection.execute(
            update(table)
            .where(table.c.kind == identity.kind, table.c.value == identity.value)
            .values(contact_id=contact_id)
        )
    await _note_merges(connection, moved, before, now)
    if added:
        await connection.execute(
            insert(table),
            [
                {"kind": identity.kind, "value": identity.value, "contact_id": contact_id, "created_at": now}
                for identity, contact_id in sorted(added.items(), key=lambda pair: (pair[0].kind, pair[0].value))
            ],
        )
    lost = {before[identity] for identity in moved}
    await indexing.note_contacts(connection, renamed | lost | {*moved.values(), *added.values()})
    return found


@dataclass(frozen=True, kw_only=True)
class Known:
    """What is stored about a contact, in brief."""

    name: str | None
    identities: tuple[str, ...]
    first_seen_at: datetime
    messages: int
    files: int
    tasks: int
    fields: Mapping[str, str]


async def known_of(database: Database, contact_id: int) -> Known:
    """What is stored about a contact, in brief."""
    message = webhook_messages
    async with database.read() as connection:
        row = (await connection.execute(select(contacts).where(contacts.c.id == contact_id))).one()
        identities = await connection.execute(
            select(contact_identities.c.value).where(contact_identities.c.contact_id == contact_id)
        )
        names = select(message.c.message_id).where(message.c.contact_id == contact_id)
        numbers = [
            await connection.scalar(select(func.count()).select_from(table).where(condition))
            for table, condition in (
                (message, message.c.contact_id == contact_id),
                (attachments, attachments.c.message_id.in_(names)),
                (tasks, tasks.c.contact_id == contact_id),
            )
        ]
        known = [str(item.value) for item in identities]
    fields = await profiles.fields_of(database, contact_id)
    return Known(
        name=row.name,
        identities=tuple(known),
        first_seen_at=row.first_seen_at,
        messages=int(numbers[0] or 0),
        files=int(numbers[1] or 0),
        tasks=int(numbers[2] or 0),
        fields={item.field: item.value for item in fields},
    )


async def _note_merges(
    connection: AsyncConnection, moved: Mapping[Identity, int], before: Mapping[Identity, int], now: datetime
) -> None:
    """Contacts that lost their last name to another one go on as that."""
    table = contact_identities
    lost: defaultdict[tuple[int, int], list[Identity]] = defaultdict(list)
    for identity, contact_id in moved.items():
        if before[identity] != contact_id:
            lost[contact_id, before[identity]].append(identity)
    for (kept_id, merged_id), identities in sorted(lost.items()):
        # One that has another name left may still be somebody else.
        if await connection.scalar(select(table.c.value).where(table.c.contact_id == merged_id).limit(1)) is None:
            await merging.note(connection, kept_id, merged_id, identities, source="channel", now=now)


async def _owners(connection: AsyncConnection, identities: Iterable[Identity]) -> dict[Identity, _Contact]:
    table = contact_identities
    wanted: defaultdict[str, list[str]] = defaultdict(list)
    for identity in identities:
        wanted[identity.kind].append(identity.value)
    rows = await connection.execute(
        select(table.c.kind, table.c.value, contacts.c.id, contacts.c.name, contacts.c.last_seen_at)
        .join(contacts, contacts.c.id == table.c.contact_id)
        .where(or_(*(and_(table.c.kind == kind, table.c.value.in_(values)) for kind, values in sorted(wanted.items()))))
    )
    by_id: dict[int, _Contact] = {}
    found: dict[Identity, _Contact] = {}
    for row in rows:
        contact = by_id.setdefault(row.id, _Contact(id=row.id, name=row.name, last_seen_at=row.last_seen_at))
        found[Identity.model_construct(kind=row.kind, value=row.value)] = contact
    return found
