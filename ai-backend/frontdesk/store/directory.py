"""Who matters and who decides: important customers, critical groups, routing rules."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.contacts import Identity
from frontdesk.domain.errors import InvalidInputError, NotFoundError
from frontdesk.domain.routing import Rule
from frontdesk.store import events
from frontdesk.store.conversations import IMPORTANT_LANE, ORDINARY_LANE
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.tables import (
    contact_identities,
    contacts,
    conversations,
    critical_groups,
    important_customers,
    routing_rules,
)

MAX_ID_BYTES = 255
PHONES = 200


def group_key(value: str) -> str:
    """A group's id as it is, or its name without regard to case and outer spaces."""
    text = value.strip()
    return text if text.endswith("@g.us") else " ".join(text.casefold().split())


async def important_contacts(connection: AsyncConnection, contact_ids: Iterable[int]) -> set[int]:
    """Those of the contacts of whom any identity is an important customer's."""
    table, known = important_customers, contact_identities
    rows = await connection.execute(
        select(known.c.contact_id)
        .join(table, and_(table.c.kind == known.c.kind, table.c.value == known.c.value))
        .where(known.c.contact_id.in_(sorted(contact_ids)))
    )
    return {int(row.contact_id) for row in rows}


async def known_groups(connection: AsyncConnection, names: Iterable[str]) -> set[str]:
    """The keys of those groups, given by their ids or names, that are critical."""
    table = critical_groups
    keys = sorted({group_key(name) for name in names})
    rows = await connection.execute(select(table.c.group_key).where(table.c.group_key.in_(keys)))
    return {str(row.group_key) for row in rows}


async def list_customers(database: Database) -> list[tuple[Identity, str | None, datetime]]:
    """All important customers: identity, name, since when."""
    async with database.read() as connection:
        rows = await connection.execute(select(important_customers).order_by(important_customers.c.id))
        return [(Identity(kind=row.kind, value=row.value), row.name, row.created_at) for row in rows]


async def add_customer(database: Database, identity: Identity, name: str | None, *, now: datetime) -> bool:
    """Make a sender important; True where they were not. A name given now replaces an older one."""
    _check_length(identity.value)
    table = important_customers

    async def work(connection: AsyncConnection) -> bool:
        known = await connection.scalar(
            select(table.c.id).where(table.c.kind == identity.kind, table.c.value == identity.value)
        )
        if known is None:
            await connection.execute(
                insert(table).values(kind=identity.kind, value=identity.value, name=name, created_at=now)
            )
        elif name:
            await connection.execute(update(table).where(table.c.id == known).values(name=name))
        return known is None

    return await database.write(work)


async def remove_customer(database: Database, identity: Identity) -> bool:
    """Make a sender ordinary again; False where they were."""
    table = important_customers

    async def work(connection: AsyncConnection) -> bool:
        result = await connection.execute(
            delete(table).where(table.c.kind == identity.kind, table.c.value == identity.value)
        )
        return bool(result.rowcount)

    return await database.write(work)


async def set_important(database: Database, contact_id: int, *, is_important: bool, now: datetime) -> None:
    """Make a contact important by all that they are known as, or ordinary again; their chats follow.

    Raises:
        NotFoundError: there is no such contact.
    """
    table, known = important_customers, contact_identities

    async def work(connection: AsyncConnection) -> None:
        name = (await connection.execute(select(contacts.c.name).where(contacts.c.id == contact_id))).first()
        if name is None:
            raise NotFoundError("there is no such contact")
        for row in await connection.execute(
            select(known.c.kind, known.c.value).where(known.c.contact_id == contact_id)
        ):
            await connection.execute(delete(table).where(table.c.kind == row.kind, table.c.value == row.value))
            if is_important:
                values = {"kind": row.kind, "value": row.value, "name": name.name, "created_at": now}
                await connection.execute(insert(table).values(**values))
        lane = IMPORTANT_LANE if is_important else ORDINARY_LANE
        await connection.execute(
            update(conversations).where(conversations.c.contact_id == contact_id).values(lane=lane)
        )
        data = {"contact_id": contact_id, "is_important": is_important}
        await events.add(connection, [events.row("contact.changed", now=now, data=data)])

    await database.write(work)


async def is_important(database: Database, contact_id: int) -> bool:
    """Whether a contact is an important customer."""
    async with database.read() as connection:
        return contact_id in await important_contacts(connection, [contact_id])


async def list_groups(database: Database) -> list[str]:
    """The ids and names of the critical groups."""
    async with database.read() as connection:
        rows = await connection.execute(select(critical_groups.c.group_key).order_by(critical_groups.c.id))
        return [str(row.group_key) for row in rows]


async def add_group(database: Database, name: str, *, now: datetime) -> bool:
    """Make a group critical, by id or name; True where it was not."""
    _check_length(group_key(name))
    table = critical_groups

    async def work(connection: AsyncConnection) -> bool:
        if await known_groups(connection, [name]):
            return False
        await connection.execute(insert(table).values(group_key=group_key(name), created_at=now))
        return True

    return await database.write(work)


async def remove_group(database: Database, name: str) -> bool:
    """Make a group ordinary again; False where it was."""
    table = critical_groups

    async def work(connection: AsyncConnection) -> bool:
        result = await connection.execute(delete(table).where(table.c.group_key == group_key(name)))
        return bool(result.rowcount)

    return await database.write(work)


async def list_rules(database: Database) -> tuple[Rule, ...]:
    """The operator's routing rules in their order."""
    async with database.read() as connection:
        rows = await connection.execute(select(routing_rules).order_by(routing_rules.c.position, routing_rules.c.id))
        return tuple(Rule.model_validate(dict(row._mapping)) for row in rows)  # noqa: SLF001 (SQLAlchemy's public face)


async def add_rule(database: Database, rule: Rule) -> int:
    """Add a rule and return its id; the id in the value is not used."""

    async def work(connection: AsyncConnection) -> int:
        result = await connection.execute(insert(routing_rules).values(**rule.model_dump(exclude={"id"})))
        return inserted_id(result)

    return await database.write(work)


async def remove_rule(database: Database, rule_id: int) -> bool:
    """Delete a rule; False where there was none."""

    async def work(connection: AsyncConnection) -> bool:
        result = await connection.execute(delete(routing_rules).where(routing_rules.c.id == rule_id))
        return bool(result.rowcount)

    return await database.write(work)


def _check_length(value: str) -> None:
    if not 0 < len(value.encode()) <= MAX_ID_BYTES:
        raise InvalidInputError(f"a number, an id or a name must have 1 to {MAX_ID_BYTES} bytes")


async def latest_phones(database: Database) -> list[str]:
    """The numbers that became known last, in E.164."""
    known = contact_identities
    async with database.read() as connection:
        found = await connection.scalars(
            select(known.c.value).where(known.c.kind == "phone").order_by(known.c.created_at.desc()).limit(PHONES)
        )
        return [str(value) for value in found]
