"""Logins, one-time links and tokens: who somebody is, by the digest of what they carry."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.access import INVITATION_LASTS, LOGIN_LASTS, Right, Token
from frontdesk.domain.errors import NotFoundError
from frontdesk.domain.people import Person
from frontdesk.store import events
from frontdesk.store.access_tables import api_tokens, invitations, logins
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.people import key_of, new_person, person_of
from frontdesk.store.reply_tables import people

NOTED_AFTER = timedelta(minutes=10)
"""That somebody was seen is not written with every look."""


async def is_set_up(database: Database) -> bool:
    """Whether anybody can let others in."""
    async with database.read() as connection:
        return await _is_set_up(connection)


async def credentials_of(database: Database, name: str) -> tuple[Person, str] | None:
    """Somebody by name or e-mail address, and the hash of their password; None where nobody can log in so."""
    wanted = or_(people.c.name_key == key_of(name), people.c.email == name.strip())
    async with database.read() as connection:
        rows = (await connection.execute(select(people).where(wanted, people.c.password.is_not(None)))).all()
    return (person_of(rows[0]), str(rows[0].password)) if len(rows) == 1 else None


async def log_in(database: Database, person: Person, digest: bytes, *, device: str, now: datetime) -> None:
    """Somebody is known by a cookie from now on."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(logins).where(logins.c.expires_at <= now))
        await _log_in(connection, person.id, digest, device=device, now=now)
        await events.add(connection, [events.row("person.logged_in", now=now, data={"person_id": person.id})])

    await database.write(work)


async def logged_in(database: Database, digest: bytes, *, now: datetime) -> Person | None:
    """Who carries a cookie, or None. Who comes again stays logged in."""
    async with database.read() as connection:
        row = (
            await connection.execute(
                select(people, logins.c.seen_at)
                .join(logins, logins.c.person_id == people.c.id)
                .where(logins.c.digest == digest, logins.c.expires_at > now)
            )
        ).first()
    if row is not None and now - row.seen_at > NOTED_AFTER:
        await _note(
            database, update(logins).where(logins.c.digest == digest).values(seen_at=now, expires_at=now + LOGIN_LASTS)
        )
    return person_of(row) if row else None


async def log_out(database: Database, digest: bytes) -> None:
    """A cookie is nobody's any more."""
    await _note(database, delete(logins).where(logins.c.digest == digest))


async def change_password(database: Database, person_id: int, password: str, *, keep: bytes, now: datetime) -> None:
    """Somebody chose another password; ``keep`` is the only login that lasts."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(update(people).where(people.c.id == person_id).values(password=password))
        others = logins.c.person_id == person_id, logins.c.digest != keep
        await connection.execute(delete(logins).where(*others))
        await events.add(connection, [events.row("person.password", now=now, data={"person_id": person_id})])

    await database.write(work)


async def invite(database: Database, digest: bytes, *, person_id: int | None, now: datetime) -> None:
    """Make a link by which somebody chooses a password. Without a person it makes the first admin.

    Raises:
        NotFoundError: there is no such person.
    """

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(invitations).where(invitations.c.expires_at <= now))
        if person_id is not None:
            if await connection.scalar(select(people.c.id).where(people.c.id == person_id)) is None:
                raise NotFoundError("there is no such person")
            # The newest link is the one that counts.
            await connection.execute(delete(invitations).where(invitations.c.person_id == person_id))
        await connection.execute(
            insert(invitations).values(
                digest=digest, person_id=person_id, created_at=now, expires_at=now + INVITATION_LASTS
            )
        )

    await database.write(work)


async def invited(database: Database, digest: bytes, *, now: datetime) -> tuple[Person | None] | None:
    """Whom a link is for, (None,) where it makes the first admin, or None where it is used, too old or wrong."""
    async with database.read() as connection:
        return await _invited(connection, digest, now)


async def set_up(
    database: Database, invitation: bytes, login: bytes, *, name: str, password: str, device: str, now: datetime
) -> Person:
    """Somebody follows a link, chooses a password and is logged in; the link has no use any more.

    Raises:
        NotFoundError: it is used, too old or wrong.
    """

    async def work(connection: AsyncConnection) -> int:
        found = await _invited(connection, invitation, now, for_update=True)
        if found is None:
            raise NotFoundError("this link has been used, or is too old")
        (person,) = found
        person_id = person.id if person else await _first_admin(connection, name, now)
        await connection.execute(update(people).where(people.c.id == person_id).values(password=password))
        of_theirs = invitations.c.person_id == person.id if person else invitations.c.person_id.is_(None)
        await connection.execute(delete(invitations).where(of_theirs))
        await connection.execute(delete(logins).where(logins.c.person_id == person_id))
        await _log_in(connection, person_id, login, device=device, now=now)
        await events.add(connection, [events.row("person.password", now=now, data={"person_id": person_id})])
        return person_id

    person_id = await database.write(work)
    async with database.read() as connection:
        return person_of((await connection.execute(select(people).where(people.c.id == person_id))).one())


async def make_token(
    database: Database, digest: bytes, *, name: str, scopes: Iterable[Right], by: str | None, now: datetime
) -> Token:
    """A key for a program."""
    values: dict[str, Any] = {"name": name, "scopes": ",".join(scopes), "created_by": by, "created_at": now}

    async def work(connection: AsyncConnection) -> int:
        await events.add(connection, [events.row("token.made", now=now, data={"name": name, "by": by})])
        return inserted_id(await connection.execute(insert(api_tokens).values(digest=digest, **values)))

    id_ = await database.write(work)
    async with database.read() as connection:
        return _token((await connection.execute(select(api_tokens).where(api_tokens.c.id == id_))).one())


async def tokens(database: Database) -> list[Token]:
    """All keys of programs, the oldest first."""
    async with database.read() as connection:
        return [_token(row) for row in await connection.execute(select(api_tokens).order_by(api_tokens.c.id))]


async def token_of(database: Database, digest: bytes, *, now: datetime) -> Token | None:
    """The key that a program carries, or None."""
    async with database.read() as connection:
        row = (await connection.execute(select(api_tokens).where(api_tokens.c.digest == digest))).first()
    if row is not None and (row.used_at is None or now - row.used_at > NOTED_AFTER):
        await _note(database, update(api_tokens).where(api_tokens.c.id == row.id).values(used_at=now))
    return _token(row) if row else None


async def revoke_token(database: Database, token_id: int, *, now: datetime) -> bool:
    """A key opens nothing any more; False where there was none."""

    async def work(connection: AsyncConnection) -> bool:
        gone = await connection.execute(delete(api_tokens).where(api_tokens.c.id == token_id))
        if gone.rowcount:
            await events.add(connection, [events.row("token.revoked", now=now, data={"token_id": token_id})])
        return bool(gone.rowcount)

    return await database.write(work)


async def _note(database: Database, statement: Any) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(statement)

    await database.write(work)


async def _is_set_up(connection: AsyncConnection) -> bool:
    admins = people.c.role == "admin", people.c.password.is_not(None)
    return bool(await connection.scalar(select(func.count()).select_from(people).where(*admins)))


async def _invited(
    connection: AsyncConnection, digest: bytes, now: datetime, *, for_update: bool = False
) -> tuple[Person | None] | None:
    wanted = select(invitations).where(invitations.c.digest == digest, invitations.c.expires_at > now)
    row = (await connection.execute(wanted.with_for_update() if for_update else wanted)).first()
    if row is None:
        return None
    if row.person_id is None:
        return None if await _is_set_up(connection) else (None,)
    person = (await connection.execute(select(people).where(people.c.id == row.person_id))).first()
    return (person_of(person),) if person else None


async def _first_admin(connection: AsyncConnection, name: str, now: datetime) -> int:
    """Somebody of that name becomes the admin, or is made."""
    known = await connection.scalar(select(people.c.id).where(people.c.name_key == key_of(name)))
    if known is not None:
        await connection.execute(update(people).where(people.c.id == known).values(role="admin"))
        return int(known)
    values = new_person({"name": name, "role": "admin"})
    return inserted_id(await connection.execute(insert(people).values(**values, created_at=now)))


async def _log_in(connection: AsyncConnection, person_id: int, digest: bytes, *, device: str, now: datetime) -> None:
    await connection.execute(
        insert(logins).values(
            digest=digest, person_id=person_id, device=device[:255], created_at=now, seen_at=now,
            expires_at=now + LOGIN_LASTS,
        )
    )  # fmt: skip


def _token(row: Row[Any]) -> Token:
    return Token(
        id=row.id,
        name=row.name,
        scopes=tuple(row.scopes.split(",")),
        created_by=row.created_by,
        created_at=row.created_at,
        used_at=row.used_at,
    )
