"""Everything that is stored about somebody: told, or erased.

Events stay: they hold ids and facts, and never what somebody wrote or who it was.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Table, and_, delete, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.contacts import Identity
from frontdesk.store import indexing, merging, waits
from frontdesk.store.contact_tables import contact_fields, contact_merges
from frontdesk.store.database import Database
from frontdesk.store.desk_tables import corrections, episodes, task_messages, tasks
from frontdesk.store.desk_tables import waits as wait_table
from frontdesk.store.inbox_tables import notes
from frontdesk.store.reply_tables import alerts, dialogues, turns
from frontdesk.store.tables import (
    agent_routing,
    analytics_results,
    attachments,
    contact_identities,
    contacts,
    conversations,
    important_customers,
    message_changes,
    message_history,
    outbox,
    understandings,
    webhook_messages,
)

Item = TypeVar("Item")
ERASED = "[erased]"
AT_ONCE = 500
"""Ids in one statement."""


async def contact_of(database: Database, identity: Identity) -> int | None:
    """The contact that somebody is known as, or None."""
    table = contact_identities
    async with database.read() as connection:
        found = await connection.scalar(
            select(table.c.contact_id).where(table.c.kind == identity.kind, table.c.value == identity.value)
        )
    return None if found is None else int(found)


async def everything_about(database: Database, contact_id: int) -> dict[str, list[dict[str, Any]]] | None:
    """Every row about a contact, by table; None where there is none. In a group only what they wrote themselves."""
    message = webhook_messages
    async with database.read() as connection:
        known = (await connection.execute(select(contacts).where(contacts.c.id == contact_id))).mappings().first()
        if known is None:
            return None
        ids_of = await merging.family(connection, contact_id)
        own = await _direct(connection, ids_of)
        in_own = message.c.conversation_id.in_(own) if own else message.c.contact_id.in_(ids_of)
        mine = or_(message.c.contact_id.in_(ids_of), in_own)
        ids = select(message.c.id).where(mine)
        names = select(message.c.message_id).where(mine)
        wanted: tuple[tuple[Table, ColumnElement[bool]], ...] = (
            (contact_identities, contact_identities.c.contact_id.in_(ids_of)),
            (contact_fields, contact_fields.c.contact_id.in_(ids_of)),
            (contact_merges, contact_merges.c.kept_id.in_(ids_of)),
            (notes, notes.c.contact_id.in_(ids_of)),
            (conversations, conversations.c.contact_id.in_(ids_of)),
            (message, mine),
            (message_history, message_history.c.conversation_id.in_(own)),
            (analytics_results, analytics_results.c.webhook_message_id.in_(ids)),
            (agent_routing, agent_routing.c.webhook_message_id.in_(ids)),
            (corrections, corrections.c.webhook_message_id.in_(ids)),
            (message_changes, message_changes.c.message_id.in_(names)),
            (attachments, attachments.c.message_id.in_(names)),
            (understandings, understandings.c.message_id.in_(names)),
            (outbox, outbox.c.conversation_id.in_(own)),
            (tasks, or_(tasks.c.contact_id.in_(ids_of), tasks.c.conversation_id.in_(own))),
            (wait_table, wait_table.c.conversation_id.in_(own)),
            (episodes, episodes.c.conversation_id.in_(own)),
            (turns, turns.c.conversation_id.in_(own)),
            (dialogues, dialogues.c.conversation_id.in_(own)),
            (alerts, alerts.c.conversation_id.in_(own)),
        )
        found: dict[str, list[dict[str, Any]]] = {"contacts": [dict(known)]}
        for table, condition in wanted:
            rows = (await connection.execute(select(table).where(condition))).mappings()
            found[table.name] = [{name: _plain(value) for name, value in row.items()} for row in rows]
        found["contacts"] = [{name: _plain(value) for name, value in known.items()}]
        return found


async def forget(database: Database, contact_id: int, *, now: datetime) -> tuple[int, list[str]]:
    """Erase a contact: their chats with us whole, and in groups what they wrote; how many messages, and files that nobody has any more."""
    message = webhook_messages

    async def work(connection: AsyncConnection) -> tuple[int, list[str]]:
        ids_of = await merging.family(connection, contact_id)
        own = await _direct(connection, ids_of, locked=True)
        in_own = await ids_where(connection, message.c.id, message.c.conversation_id.in_(own)) if own else []
        elsewhere = await ids_where(
            connection, message.c.id, and_(message.c.contact_id.in_(ids_of), message.c.conversation_id.not_in(own))
        )
        files = await erase_what_belongs_to(connection, [*in_own, *elsewhere])
        await _erase_words(connection, ids_of, elsewhere, now)
        for part in parts(await ids_where(connection, outbox.c.id, outbox.c.conversation_id.in_(own)) if own else []):
            await indexing.forget(connection, indexing.SENT, part)
        for table in (tasks, wait_table, episodes, turns, dialogues, alerts, outbox):
            for part in parts(own):
                await connection.execute(delete(table).where(table.c.conversation_id.in_(part)))
        for part in parts(in_own):
            await connection.execute(delete(message).where(message.c.id.in_(part)))
        for part in parts(own):
            await connection.execute(delete(message_history).where(message_history.c.conversation_id.in_(part)))
            await indexing.forget(connection, indexing.CHAT, part)
            await connection.execute(delete(conversations).where(conversations.c.id.in_(part)))
        for one in reversed(ids_of):
            is_needed = await connection.scalar(select(message.c.id).where(message.c.contact_id == one).limit(1))
            await _erase_contact(connection, one, is_needed=is_needed is not None)
        return len(in_own) + len(elsewhere), files

    return await database.write(work)


async def memories_of(database: Database, contact_id: int) -> list[str]:
    """The conversations that a model's provider keeps with a contact."""
    async with database.read() as connection:
        own = await _direct(connection, await merging.family(connection, contact_id))
        rows = await connection.execute(
            select(dialogues.c.memory_id).where(
                dialogues.c.conversation_id.in_(own), dialogues.c.memory_id.is_not(None)
            )
        )
        return [str(row.memory_id) for row in rows]


async def to_forget(database: Database, *, before: datetime, limit: int) -> list[int]:
    """Contacts who confirmed before a moment that they are to be forgotten."""
    table = dialogues
    async with database.read() as connection:
        rows = await connection.execute(
            select(conversations.c.contact_id)
            .join(table, table.c.conversation_id == conversations.c.id)
            .where(table.c.erase_at <= before, conversations.c.contact_id.is_not(None))
            .limit(limit)
        )
        return sorted({int(row.contact_id) for row in rows})


async def is_used(database: Database, sha256: str) -> bool:
    """Whether any message has brought a file."""
    table = attachments
    async with database.read() as connection:
        found = await connection.scalar(select(table.c.size).where(table.c.sha256 == bytes.fromhex(sha256)).limit(1))
    return found is not None


async def erase_what_belongs_to(connection: AsyncConnection, message_ids: Sequence[int]) -> list[str]:
    """Everything that hangs on messages; the files that nobody else has."""
    message = webhook_messages
    files: set[bytes] = set()
    for part in parts(message_ids):
        named = (
            await connection.execute(select(message.c.account_id, message.c.message_id).where(message.c.id.in_(part)))
        ).all()
        task_ids = await ids_where(connection, task_messages.c.task_id, task_messages.c.message_id.in_(part))
        await connection.execute(delete(task_messages).where(task_messages.c.message_id.in_(part)))
        await indexing.forget(connection, indexing.RECEIVED, part)
        asked_by_others = set(
            await ids_where(connection, task_messages.c.task_id, task_messages.c.task_id.in_(task_ids))
        )
        gone = sorted(set(task_ids) - asked_by_others)
        await connection.execute(delete(tasks).where(tasks.c.id.in_(gone)))
        await connection.execute(
            delete(wait_table).where(or_(wait_table.c.message_id.in_(part), wait_table.c.first_message_id.in_(part)))
        )
        for table in (agent_routing, analytics_results, corrections):
            await connection.execute(delete(table).where(table.c.webhook_message_id.in_(part)))
        await _erase_turns(connection, part)
        for account_id in {row.account_id for row in named}:
            names = [row.message_id for row in named if row.account_id == account_id]
            theirs = attachments.c.account_id == account_id, attachments.c.message_id.in_(names)
            files |= {
                bytes(row.sha256) for row in await connection.execute(select(attachments.c.sha256).where(*theirs))
            }
            await connection.execute(delete(attachments).where(*theirs))
            await connection.execute(
                delete(understandings).where(
                    understandings.c.account_id == account_id, understandings.c.message_id.in_(names)
                )
            )
            await connection.execute(
                delete(message_changes).where(
                    message_changes.c.account_id == account_id, message_changes.c.message_id.in_(names)
                )
            )
    return await unused(connection, files)


async def _erase_turns(connection: AsyncConnection, message_ids: Sequence[int]) -> None:
    """What was drafted for messages quotes them, also where the last of the burst was somebody else's."""
    message, route = webhook_messages, agent_routing
    rows = (
        await connection.execute(select(message.c.id, message.c.conversation_id).where(message.c.id.in_(message_ids)))
    ).all()
    for conversation_id in sorted({row.conversation_id for row in rows}):
        ids = sorted(row.id for row in rows if row.conversation_id == conversation_id)
        bursts = await connection.execute(
            select(turns.c.id, turns.c.first_message_id, turns.c.last_message_id).where(
                turns.c.conversation_id == conversation_id,
                turns.c.first_message_id <= ids[-1],
                turns.c.last_message_id >= ids[0],
            )
        )
        gone = [
            int(burst.id)
            for burst in bursts
            if any(burst.first_message_id <= id_ <= burst.last_message_id for id_ in ids)
        ]
        for part in parts(gone):
            await connection.execute(update(route).where(route.c.turn_id.in_(part)).values(response=None, turn_id=None))
            await connection.execute(delete(turns).where(turns.c.id.in_(part)))


async def unused(connection: AsyncConnection, files: set[bytes]) -> list[str]:
    """Those of the files that no message has any more, by their SHA-256."""
    table = attachments
    used: set[bytes] = set()
    for part in parts(sorted(files)):
        rows = await connection.execute(select(table.c.sha256).where(table.c.sha256.in_(part)))
        used |= {bytes(row.sha256) for row in rows}
    return sorted(digest.hex() for digest in files - used)


async def _erase_words(
    connection: AsyncConnection, contact_ids: Sequence[int], message_ids: Sequence[int], now: datetime
) -> None:
    """What somebody wrote in groups: in the messages, in the history of others, and where others quote it."""
    message, history = webhook_messages, message_history
    rows_of = await connection.execute(select(contacts.c.name).where(contacts.c.id.in_(contact_ids)))
    known_as = {str(row.name) for row in rows_of if row.name}
    for part in parts(message_ids):
        rows = (
            await connection.execute(
                select(message.c.id, message.c.conversation_id, message.c.sender_id, message.c.sender_name).where(
                    message.c.id.in_(part)
                )
            )
        ).all()
        groups = sorted({row.conversation_id for row in rows})
        ids = {row.sender_id for row in rows if row.sender_id}
        names = ids | {row.sender_name for row in rows if row.sender_name} | known_as
        await connection.execute(
            delete(history).where(history.c.conversation_id.in_(groups), history.c.sender.in_(sorted(names)))
        )
        for id_ in ids:
            theirs = message.c.conversation_id.in_(groups), message.c.quoted.contains(id_, autoescape=True)
            await connection.execute(update(message).where(*theirs).values(quoted=None))
        for row in rows:
            erased = {"message_id": f"erased_{row.id}", "current_message": ERASED, "state": "processed"}
            none = dict.fromkeys(
                ("sender_name", "sender_id", "phone_number", "media", "quoted", "history_digests", "error")
            )
            await connection.execute(update(message).where(message.c.id == row.id).values(**erased, **none))
        for group in groups:
            await waits.recount(connection, group)
            # What was told of the group before is told no more; nobody who works on it may store what they know.
            last = await connection.scalar(select(func.max(message.c.id)).where(message.c.conversation_id == group))
            await connection.execute(
                update(dialogues)
                .where(dialogues.c.conversation_id == group)
                .values(summary="", summarised_up_to=last or 0)
            )
            await connection.execute(
                update(conversations)
                .where(conversations.c.id == group, conversations.c.owner.is_not(None))
                .values(owner=None, ready_at=now)
            )


async def _erase_contact(connection: AsyncConnection, contact_id: int, *, is_needed: bool) -> None:
    identity = contact_identities
    rows = (
        await connection.execute(select(identity.c.kind, identity.c.value).where(identity.c.contact_id == contact_id))
    ).all()
    for row in rows:
        customer = important_customers
        await connection.execute(delete(customer).where(customer.c.kind == row.kind, customer.c.value == row.value))
    await connection.execute(delete(identity).where(identity.c.contact_id == contact_id))
    await connection.execute(delete(contact_fields).where(contact_fields.c.contact_id == contact_id))
    await connection.execute(delete(notes).where(notes.c.contact_id == contact_id))
    await indexing.forget(connection, indexing.CONTACT, [contact_id])
    await connection.execute(
        delete(contact_merges).where(
            or_(contact_merges.c.kept_id == contact_id, contact_merges.c.merged_id == contact_id)
        )
    )
    await connection.execute(update(tasks).where(tasks.c.contact_id == contact_id).values(contact_id=None))
    if is_needed:
        # What they wrote in groups stays somebody's, of whom nothing is known.
        await connection.execute(update(contacts).where(contacts.c.id == contact_id).values(name=None, language=None))
    else:
        await connection.execute(delete(contacts).where(contacts.c.id == contact_id))


async def _direct(connection: AsyncConnection, contact_ids: Sequence[int], *, locked: bool = False) -> list[int]:
    wanted = select(conversations.c.id).where(conversations.c.contact_id.in_(contact_ids)).order_by(conversations.c.id)
    rows = await connection.execute(wanted.with_for_update() if locked else wanted)
    return [int(row.id) for row in rows]


async def ids_where(
    connection: AsyncConnection, column: ColumnElement[int], condition: ColumnElement[bool]
) -> list[int]:
    """The distinct values of a column of ids, of the rows that fit."""
    return [int(row[0]) for row in await connection.execute(select(column).where(condition).distinct())]


def parts(ids: Sequence[Item]) -> Iterable[Sequence[Item]]:
    """Ids in portions that fit into one statement."""
    return (ids[start : start + AT_ONCE] for start in range(0, len(ids), AT_ONCE))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else value
