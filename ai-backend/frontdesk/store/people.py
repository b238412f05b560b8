"""The people who answer."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Row, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.errors import ConflictError, InvalidInputError, NotFoundError
from frontdesk.domain.people import Person
from frontdesk.store.access_tables import invitations, logins
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.reply_tables import dialogues, people


async def find(database: Database) -> list[Person]:
    """All of them, by name."""
    async with database.read() as connection:
        return [person_of(row) for row in await connection.execute(select(people).order_by(people.c.name_key))]


async def fetch(database: Database, person_id: int) -> Person | None:
    """One of them, or None."""
    async with database.read() as connection:
        row = (await connection.execute(select(people).where(people.c.id == person_id))).first()
        return person_of(row) if row else None


async def create(database: Database, values: Mapping[str, Any], *, now: datetime) -> Person:
    """Add somebody. ``values``: name, and what is known of email, phone, is_available, alerts, quiet, role.

    Raises:
        InvalidInputError: somebody has that name.
    """

    async def work(connection: AsyncConnection) -> int:
        await _check_name(connection, values["name"], but=None)
        return inserted_id(await connection.execute(insert(people).values(**new_person(values), created_at=now)))

    return await _known(database, await database.write(work))


async def change(database: Database, person_id: int, values: Mapping[str, Any]) -> Person:
    """Change somebody; what is left out stays.

    Raises:
        NotFoundError: there is nobody. InvalidInputError: somebody else has that name. ConflictError: nobody would be left who
            lets others in.
    """

    async def work(connection: AsyncConnection) -> None:
        held = select(people.c.id).where(people.c.id == person_id).with_for_update()
        if await connection.scalar(held) is None:
            raise NotFoundError("there is no such person")
        if "name" in values:
            await _check_name(connection, values["name"], but=person_id)
        if values.get("role", "admin") != "admin":
            await _check_admins(connection, person_id)
        if values:
            await connection.execute(update(people).where(people.c.id == person_id).values(**_stored(values)))

    await database.write(work)
    return await _known(database, person_id)


async def remove(database: Database, person_id: int) -> bool:
    """Remove somebody; False where there was nobody. Their conversations are nobody's then.

    Raises:
        ConflictError: nobody would be left who lets others in.
    """

    async def work(connection: AsyncConnection) -> bool:
        await _check_admins(connection, person_id)
        await connection.execute(update(dialogues).where(dialogues.c.assignee_id == person_id).values(assignee_id=None))
        for table in (logins, invitations):
            await connection.execute(delete(table).where(table.c.person_id == person_id))
        return bool((await connection.execute(delete(people).where(people.c.id == person_id))).rowcount)

    return await database.write(work)


async def _check_name(connection: AsyncConnection, name: str, *, but: int | None) -> None:
    taken = await connection.scalar(select(people.c.id).where(people.c.name_key == key_of(name)))
    if taken is not None and taken != but:
        raise InvalidInputError("somebody has that name already")


async def _check_admins(connection: AsyncConnection, person_id: int) -> None:
    """Somebody must stay who can let others in."""
    rows = await connection.execute(
        select(people.c.id).where(people.c.role == "admin", people.c.password.is_not(None)).with_for_update()
    )
    if [int(row.id) for row in rows] == [person_id]:
        raise ConflictError("they are the only admin who can log in; make somebody else an admin first")


async def _known(database: Database, person_id: int) -> Person:
    found = await fetch(database, person_id)
    if found is None:
        raise NotFoundError("there is no such person")
    return found


def key_of(name: str) -> str:
    """What makes two names the same."""
    return " ".join(name.casefold().split())


def new_person(values: Mapping[str, Any]) -> dict[str, Any]:
    """The row of somebody who is added: what is not said is nothing, and conversations are assigned to them."""
    return _stored({"is_available": True, "alerts": ()} | dict(values))


def _stored(values: Mapping[str, Any]) -> dict[str, Any]:
    stored = dict(values)
    if "name" in stored:
        stored["name_key"] = key_of(stored["name"])
    if "alerts" in stored:
        stored["alerts"] = ",".join(stored["alerts"])
    return stored


def person_of(row: Row[Any]) -> Person:
    """The person that a row is."""
    return Person(
        id=row.id,
        name=row.name,
        email=row.email,
        phone=row.phone,
        is_available=row.is_available,
        alerts=tuple(row.alerts.split(",")) if row.alerts else (),
        quiet=row.quiet,
        created_at=row.created_at,
        role=row.role,
        can_log_in=row.password is not None,
    )
