"""What was said before the desk knew of it: judged by whoever brings it, and never routed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.tasks import Wish
from frontdesk.store import glance, messages, tasks, waits
from frontdesk.store.database import Database
from frontdesk.store.messages import Judged
from frontdesk.store.tables import analytics_results, conversations, webhook_messages
from frontdesk.store.tasks import Asked
from frontdesk.store.waits import Wanted


@dataclass(frozen=True, kw_only=True)
class Past:
    """A message of the past and what is thought of it; ``message_id`` is that of the store."""

    message_id: int
    since: datetime
    judged: Judged
    wishes: tuple[Wish, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Answered:
    """Up to which message we had answered, and when."""

    up_to: int
    at: datetime


async def is_new(database: Database, conversation_id: int, *, first_message_id: int) -> bool:
    """Whether a conversation began with this message: nobody has written there over the desk yet."""
    table = webhook_messages
    async with database.read() as connection:
        first = await connection.scalar(select(func.min(table.c.id)).where(table.c.conversation_id == conversation_id))
    return bool(first == first_message_id)


async def keep(
    database: Database, conversation_id: int, past: Sequence[Past], *, answered: Answered | None, now: datetime
) -> None:
    """Store what is thought of messages of one conversation; what is known already stays.

    Who was not answered waits from then on; with ``answered`` None nobody does, since newer messages are there already.
    """

    async def work(connection: AsyncConnection) -> None:
        held = select(conversations.c.account_id, conversations.c.contact_id).where(
            conversations.c.id == conversation_id
        )
        place = (await connection.execute(held.with_for_update())).one()
        analysis = analytics_results
        ids = [item.message_id for item in past]
        rows = await connection.execute(
            select(analysis.c.webhook_message_id).where(analysis.c.webhook_message_id.in_(ids))
        )
        known = {int(row.webhook_message_id) for row in rows}
        new = [item for item in past if item.message_id not in known]
        if new:
            rows_of_new = [
                {"webhook_message_id": item.message_id, "revision": 1}
                # Nobody waits for what was said before newer messages, and nothing may find a deadline there later.
                | messages.analysis_values(
                    item.judged if answered else replace(item.judged, deadline=None), item.judged.usage, now
                )
                for item in new
            ]
            await connection.execute(insert(analysis), rows_of_new)
        if answered is not None and new:
            await glance.judged(connection, {conversation_id: new[-1].judged.analysis})
        if answered is not None:
            await _wait(connection, conversation_id, place.account_id, new, answered)
        asked = [
            Asked(
                account_id=place.account_id, conversation_id=conversation_id, contact_id=place.contact_id,
                message_id=item.message_id, wishes=item.wishes,
            )
            for item in new
        ]  # fmt: skip
        await tasks.apply(connection, asked, now=now)

    await database.write(work)


async def _wait(
    connection: AsyncConnection, conversation_id: int, account_id: int, new: Sequence[Past], answered: Answered
) -> None:
    if answered.up_to:
        await waits.answered(connection, conversation_id, up_to=answered.up_to, by="phone", now=answered.at)
    await waits.begin(
        connection,
        [
            Wanted(
                account_id=account_id,
                conversation_id=conversation_id,
                message_id=item.message_id,
                since=item.since,
                deadline=item.judged.deadline,
            )
            for item in new
            if item.judged.deadline is not None
        ],
    )
