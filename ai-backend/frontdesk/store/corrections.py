"""What people say of judgements: stored beside them, and heeded by every later one."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.analysis import Correction
from frontdesk.domain.messages import Record
from frontdesk.store import messages
from frontdesk.store.database import Database
from frontdesk.store.desk_tables import corrections
from frontdesk.store.messages import Judged


async def of_messages(database: Database, ids: Sequence[int]) -> dict[int, tuple[Correction, ...]]:
    """What people said of each message of which they said something."""
    table = corrections
    found: defaultdict[int, list[Correction]] = defaultdict(list)
    if ids:
        async with database.read() as connection:
            rows = await connection.execute(
                select(table).where(table.c.webhook_message_id.in_(ids)).order_by(table.c.id)
            )
            for row in rows:
                found[row.webhook_message_id].append(
                    Correction(
                        field=row.field, judged=json.loads(row.judged), value=json.loads(row.value), person=row.person,
                        corrected_at=row.corrected_at,
                    )
                )  # fmt: skip
    return {id_: tuple(said) for id_, said in found.items()}


async def of_message(database: Database, message_id: int) -> dict[str, Any]:
    """Field → the right value, of a message."""
    return {item.field: item.value for item in (await of_messages(database, [message_id])).get(message_id, ())}


async def correct(
    database: Database,
    record: Record,
    values: Mapping[str, Any],
    *,
    judged: Judged,
    person: str | None,
    now: datetime,
) -> None:
    """A person says what is right of a message that is judged. ``judged`` takes the place of what was thought."""
    assert record.analysis is not None  # noqa: S101 (the caller looks)
    before = record.analysis.model_dump(mode="json")

    async def work(connection: AsyncConnection) -> None:
        table = corrections
        for field, value in values.items():
            mine = table.c.webhook_message_id == record.id, table.c.field == field
            stored = {"value": json.dumps(value), "person": person, "corrected_at": now}
            known = await connection.scalar(select(table.c.id).where(*mine))
            if known is None:
                await connection.execute(
                    insert(table).values(
                        webhook_message_id=record.id, field=field, judged=json.dumps(before[field]), **stored
                    )
                )
            else:
                # What was judged at first stays what it was.
                await connection.execute(update(table).where(*mine).values(**stored))

    await database.write(work)
    await messages.replace_analysis(database, record, judged, now=now)


async def corrected_messages(database: Database, *, limit: int) -> list[int]:
    """Messages that people corrected, the newest first."""
    table = corrections
    async with database.read() as connection:
        rows = await connection.execute(
            select(table.c.webhook_message_id)
            .group_by(table.c.webhook_message_id)
            .order_by(table.c.webhook_message_id.desc())
            .limit(limit)
        )
        return [int(row.webhook_message_id) for row in rows]
