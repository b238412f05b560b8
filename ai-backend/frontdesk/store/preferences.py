"""What people set on the pages, in place of the settings and of the business's file."""

from datetime import datetime
from typing import TypeVar

from pydantic import BaseModel
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.store import events
from frontdesk.store.database import Database
from frontdesk.store.inbox_tables import preferences

Value = TypeVar("Value", bound=BaseModel)
OPENING, KEEPING = "opening", "keeping"


async def fetch(database: Database, name: str, model: type[Value]) -> Value | None:
    """What is set, or None where nothing is."""
    async with database.read() as connection:
        text = await connection.scalar(select(preferences.c.value).where(preferences.c.name == name))
    return model.model_validate_json(text) if text is not None else None


async def keep(database: Database, name: str, value: BaseModel | None, *, now: datetime) -> None:
    """Set something, or with None leave it to the settings again."""

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(preferences).where(preferences.c.name == name))
        if value is not None:
            stored = {"name": name, "value": value.model_dump_json(), "changed_at": now}
            await connection.execute(insert(preferences).values(**stored))
        await events.add(connection, [events.row("settings.changed", now=now, data={"name": name})])

    await database.write(work)
