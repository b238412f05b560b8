"""The linked accounts, and what their connectors say of them."""

from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.changes import SessionState
from frontdesk.store import events
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.tables import accounts, sessions

CHANNEL = "whatsapp_web"


async def id_of(connection: AsyncConnection, name: str, now: datetime) -> int:
    """An account's id; it is made where it is new."""
    found = await connection.scalar(select(accounts.c.id).where(accounts.c.name == name))
    if found is None:
        values = insert(accounts).values(name=name, channel=CHANNEL, created_at=now)
        return inserted_id(await connection.execute(values))
    return int(found)


async def note_session(
    database: Database, name: str, state: SessionState, reason: str | None, *, at: datetime, now: datetime
) -> bool:
    """The connector tells of a change; True where it is news. What is older than what is known changes nothing."""
    table = sessions
    # A clock that was ahead must not silence what comes when it is set.
    at = min(at, now)

    async def work(connection: AsyncConnection) -> bool:
        account_id = await id_of(connection, name, now)
        values = {"state": state, "reason": reason, "changed_at": at}
        known = (
            await connection.execute(select(table).where(table.c.account_id == account_id).with_for_update())
        ).first()
        if known is None:
            await connection.execute(insert(table).values(account_id=account_id, **values))
        elif known.changed_at < at or (known.changed_at == at and (known.state, known.reason) != (state, reason)):
            await connection.execute(update(table).where(table.c.account_id == account_id).values(**values))
        else:
            return False
        data = {"account": name, "state": state, "reason": reason, "at": at.isoformat()}
        await events.add(connection, [events.row("session.status", now=now, account_id=account_id, data=data)])
        return True

    return await database.write(work)
