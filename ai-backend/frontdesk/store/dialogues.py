"""Where conversations stand between their customer, the robot and people, and how the desk speaks for an account."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, delete, func, insert, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.errors import InvalidInputError, NotFoundError
from frontdesk.domain.replies import HOUR, Bot, Dialogue
from frontdesk.store import accounts as account_rows
from frontdesk.store import events
from frontdesk.store.database import Database
from frontdesk.store.desk_tables import waits
from frontdesk.store.reply_tables import bots, dialogues, people, turns
from frontdesk.store.tables import accounts, conversations, outbox

SAID_SO = "a person said so"
BLANK: Mapping[str, Any] = {
    "is_stopped": False, "context_after": 0, "summary": "", "summarised_up_to": 0, "memory_up_to": 0, "labels": "[]",
}  # fmt: skip


async def fetch(database: Database, conversation_id: int) -> Dialogue | None:
    """Where a conversation stands, or None where there is none."""
    async with database.read() as connection:
        return await fetch_in(connection, conversation_id)


async def fetch_in(connection: AsyncConnection, conversation_id: int) -> Dialogue | None:
    """Where a conversation stands, as a part of a transaction."""
    row = (await connection.execute(_selected().where(conversations.c.id == conversation_id))).first()
    return _dialogue(row) if row else None


async def keep_memory(database: Database, conversation_id: int, memory_id: str) -> None:
    """A provider keeps a conversation for this one: known before anything is told there."""

    async def work(connection: AsyncConnection) -> None:
        held = select(conversations.c.id).where(conversations.c.id == conversation_id).with_for_update()
        if await connection.scalar(held) is not None:
            await change(connection, conversation_id, memory_id=memory_id, memory_item=None)

    await database.write(work)


async def is_awaited(database: Database, conversation_id: int, *, before: int) -> bool:
    """Whether a draft for an earlier message waits for a person: an answer to a later one must not pass for it."""
    drafted = (
        turns.c.conversation_id == conversation_id,
        turns.c.state == "suggested",
        turns.c.kind == "answer",
        turns.c.last_message_id < before,
    )
    async with database.read() as connection:
        found = await connection.scalar(
            select(turns.c.id)
            .join(waits, and_(waits.c.conversation_id == turns.c.conversation_id, waits.c.is_open == true()))
            .where(*drafted, waits.c.first_message_id <= turns.c.last_message_id)
            .limit(1)
        )
    return found is not None


async def sent_within_hour(database: Database, conversation_id: int, *, now: datetime) -> int:
    """How many automatic messages a conversation got, or is about to get, within the last hour."""
    table = outbox
    async with database.read() as connection:
        left = await connection.scalar(
            select(func.count()).where(
                table.c.conversation_id == conversation_id,
                table.c.is_automatic.is_(True),
                table.c.created_at > now - HOUR,
            )
        )
        chosen = await connection.scalar(
            select(func.count()).where(turns.c.conversation_id == conversation_id, turns.c.state == "chosen")
        )
    return int(left or 0) + int(chosen or 0)


async def change(connection: AsyncConnection, conversation_id: int, **values: Any) -> None:
    """Change where a conversation stands: a part of a transaction that holds the conversation."""
    table = dialogues
    if "labels" in values:
        values["labels"] = json.dumps(list(values["labels"]), ensure_ascii=False)
    mine = table.c.conversation_id == conversation_id
    if await connection.scalar(select(table.c.conversation_id).where(mine)) is None:
        await connection.execute(insert(table).values(conversation_id=conversation_id, **{**BLANK, **values}))
    else:
        await connection.execute(update(table).where(mine).values(**values))


async def hand_over(
    connection: AsyncConnection, dialogue: Dialogue, reason: str, *, assigns: bool, now: datetime
) -> None:
    """A person is to answer from now on: a part of a transaction that holds the conversation.

    ``assigns``: it becomes that of whoever was given one longest ago, unless it is somebody's already.
    """
    values: dict[str, Any] = {"handed_over_at": now, "handed_over_reason": reason}
    if assigns and dialogue.assignee_id is None:
        values["assignee_id"] = await _next_person(connection, now)
    await change(connection, dialogue.conversation_id, **values)
    data = {"reason": reason, "assignee_id": values.get("assignee_id", dialogue.assignee_id)}
    await events.add(
        connection, [await _event(connection, "conversation.handed_over", dialogue.conversation_id, data, now)]
    )


async def edit(
    database: Database, conversation_id: int, values: Mapping[str, Any], *, by: int | None = None, now: datetime
) -> None:
    """A person (``by``, where that is known) says how a conversation goes on; who takes over what is nobody's has it.

    ``values``: ``mode``, ``assignee_id``, ``labels``, ``is_stopped``, and ``handed_over`` (whether a person is to answer).

    Raises:
        NotFoundError: there is no such conversation. InvalidInputError: there is no such person.
    """

    async def work(connection: AsyncConnection) -> None:
        held = select(conversations.c.id).where(conversations.c.id == conversation_id).with_for_update()
        if await connection.scalar(held) is None:
            raise NotFoundError("there is no such conversation")
        changes = dict(values)
        person = changes.get("assignee_id")
        if person is not None and await connection.scalar(select(people.c.id).where(people.c.id == person)) is None:
            raise InvalidInputError("there is no such person")
        if "handed_over" in changes:
            is_over = changes.pop("handed_over")
            changes |= {
                "handed_over_at": now if is_over else None,
                "handed_over_reason": SAID_SO if is_over else None,
            }
            if is_over and by is not None and "assignee_id" not in changes:
                mine = dialogues.c.conversation_id == conversation_id
                if await connection.scalar(select(dialogues.c.assignee_id).where(mine)) is None:
                    changes["assignee_id"] = by
            if not is_over:
                await connection.execute(
                    update(conversations).where(conversations.c.id == conversation_id).values(person_wrote_at=None)
                )
        await change(connection, conversation_id, **changes)
        data = {name: value for name, value in values.items() if name != "labels"}
        await events.add(connection, [await _event(connection, "conversation.changed", conversation_id, data, now)])

    await database.write(work)


async def settle(connection: AsyncConnection, conversation_id: int) -> None:
    """A conversation is done: what comes next is the robot's again. A part of the transaction that says so."""
    table = dialogues
    mine = table.c.conversation_id == conversation_id
    await connection.execute(
        update(table).where(mine).values(handed_over_at=None, handed_over_reason=None, assignee_id=None)
    )
    await connection.execute(
        update(conversations).where(conversations.c.id == conversation_id).values(person_wrote_at=None)
    )


async def list_bots(database: Database, names: Sequence[str]) -> list[Bot]:
    """How the desk speaks for each of the accounts."""
    async with database.read() as connection:
        rows = await connection.execute(
            select(bots, accounts.c.name.label("account")).join(accounts, accounts.c.id == bots.c.account_id)
        )
        known = {row.account: _bot(row, row.account) for row in rows}
    return [known.get(name) or Bot(account=name) for name in names]


async def keep_bot(database: Database, bot: Bot, *, now: datetime) -> None:
    """Store how the desk speaks for an account."""

    async def work(connection: AsyncConnection) -> None:
        account_id = await account_rows.id_of(connection, bot.account, now)
        values = bot.model_dump(exclude={"account"}) | {"languages": json.dumps(bot.languages)}
        await connection.execute(delete(bots).where(bots.c.account_id == account_id))
        await connection.execute(insert(bots).values(account_id=account_id, **values))
        await events.add(connection, [events.row("bot.changed", now=now, account_id=account_id)])

    await database.write(work)


async def _next_person(connection: AsyncConnection, now: datetime) -> int | None:
    row = (
        await connection.execute(
            select(people.c.id)
            # Who only looks cannot answer.
            .where(people.c.is_available.is_(True), people.c.role != "viewer")
            .order_by(people.c.assigned_at.is_not(None), people.c.assigned_at, people.c.id)
            .limit(1)
            .with_for_update()
        )
    ).first()
    if row is None:
        return None
    await connection.execute(update(people).where(people.c.id == row.id).values(assigned_at=now))
    return int(row.id)


async def _event(
    connection: AsyncConnection, type_: str, conversation_id: int, data: dict[str, Any], now: datetime
) -> dict[str, Any]:
    account_id = await connection.scalar(
        select(conversations.c.account_id).where(conversations.c.id == conversation_id)
    )
    return events.row(type_, now=now, account_id=account_id, conversation_id=conversation_id, data=data)


def _selected() -> Any:
    bot = [column.label(f"bot_{column.name}") for column in bots.c if column.name != "account_id"]
    return (
        select(
            dialogues, *bot,
            conversations.c.id, conversations.c.is_group, conversations.c.person_wrote_at,
            accounts.c.name.label("account"),
        )
        .select_from(conversations)
        .join(accounts, accounts.c.id == conversations.c.account_id)
        .outerjoin(dialogues, dialogues.c.conversation_id == conversations.c.id)
        .outerjoin(bots, bots.c.account_id == conversations.c.account_id)
    )  # fmt: skip


def _dialogue(row: Row[Any]) -> Dialogue:
    bot = Bot(account=row.account)
    if row.bot_personality is not None:
        bot = Bot(
            account=row.account,
            reply_mode=row.bot_reply_mode,
            name=row.bot_name,
            personality=row.bot_personality,
            languages=tuple(json.loads(row.bot_languages)),
            model=row.bot_model,
            system_prompt=row.bot_system_prompt,
            handover_below=row.bot_handover_below,
        )
    place: dict[str, Any] = {
        "conversation_id": row.id, "account": row.account, "is_group": row.is_group,
        "person_wrote_at": row.person_wrote_at, "bot": bot,
    }  # fmt: skip
    if row.conversation_id is None:
        return Dialogue(**place)
    return Dialogue(
        **place,
        mode=row.mode,
        handed_over_at=row.handed_over_at,
        handed_over_reason=row.handed_over_reason,
        told_at=row.told_at,
        assignee_id=row.assignee_id,
        is_stopped=row.is_stopped,
        context_after=row.context_after,
        erase_asked_at=row.erase_asked_at,
        summary=row.summary,
        summarised_up_to=row.summarised_up_to,
        memory_id=row.memory_id,
        memory_item=row.memory_item,
        memory_up_to=row.memory_up_to,
        summarised_at=row.summarised_at,
        labels=tuple(json.loads(row.labels)),
    )


def _bot(row: Row[Any], account: str) -> Bot:
    return Bot(
        account=account,
        reply_mode=row.reply_mode,
        name=row.name,
        personality=row.personality,
        languages=tuple(json.loads(row.languages)),
        model=row.model,
        system_prompt=row.system_prompt,
        handover_below=row.handover_below,
    )
