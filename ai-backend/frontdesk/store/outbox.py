"""The outbox: what is to be sent, and what became of it."""

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, and_, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.errors import ConflictError
from frontdesk.domain.outgoing import ACKNOWLEDGED, OPEN_STATES, Outgoing, OutgoingState
from frontdesk.domain.replies import Turn
from frontdesk.store import duties, events, indexing, turns, waits
from frontdesk.store.addresses import Chat
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.duties import Duty, Held
from frontdesk.store.tables import accounts, conversations, outbox, webhook_messages
from frontdesk.store.waits import AnsweredBy

SENDING = "send"
"""The duty of sending for an account is called send:<account's id>."""


async def enqueue(
    database: Database,
    chat: Chat,
    *,
    recipient: str,
    text: str,
    key: str,
    is_automatic: bool,
    trace: str | None,
    now: datetime,
    turn: Turn | None = None,
) -> tuple[int, bool]:
    """Put a message into the outbox; its id, and whether it is new. The same key again changes nothing.

    ``turn`` is the turn whose answer it is. What a person writes keeps the robot silent from now on.

    Raises:
        ConflictError: the key was used for another message, or the turn was dismissed or replaced meanwhile.
    """
    table = outbox

    async def work(connection: AsyncConnection) -> tuple[int, bool]:
        known = (
            await connection.execute(
                select(table).where(table.c.account_id == chat.account_id, table.c.idempotency_key == key)
            )
        ).first()
        if known is not None:
            if (known.conversation_id, known.content) != (chat.conversation_id, text):
                raise ConflictError("this idempotency key was used for another message")
            if turn is not None:
                await turns.queued(connection, turn.id, known.id, now=now)
            return int(known.id), False
        # The duty first: the order in which the sender locks, too.
        await duties.wake(connection, f"{SENDING}:{chat.account_id}", now=now)
        if not is_automatic:
            place = conversations.c.id == chat.conversation_id
            await connection.execute(update(conversations).where(place).values(person_wrote_at=now, unread=0))
        seen = select(func.max(webhook_messages.c.id)).where(webhook_messages.c.conversation_id == chat.conversation_id)
        row = await connection.execute(
            insert(table).values(
                # A turn answers its own messages, and not what came while it was written.
                answers_up_to=turn.last_message_id if turn and is_automatic else await connection.scalar(seen),
                account_id=chat.account_id,
                conversation_id=chat.conversation_id,
                idempotency_key=key,
                channel_key=_new_channel_key(),
                recipient=recipient,
                content=text,
                is_automatic=is_automatic,
                state="queued",
                attempts=0,
                trace=trace,
                created_at=now,
                queued_at=now,
                changed_at=now,
            )
        )
        id_ = inserted_id(row)
        await indexing.note(connection, indexing.SENT, {id_: text}, is_new=True)
        if turn is not None:
            await turns.queued(connection, turn.id, id_, now=now)
        if not is_automatic:
            await turns.supersede(connection, chat.conversation_id, now=now)
        await events.add(connection, [_changed(chat.account_id, chat.conversation_id, id_, "queued", now)])
        return id_, True

    return await database.write(work)


async def fetch(database: Database, outbox_id: int) -> Outgoing | None:
    """One message of the outbox, or None."""
    async with database.read() as connection:
        row = (await connection.execute(selected().where(outbox.c.id == outbox_id))).first()
        return outgoing_of(row) if row else None


async def next_to_send(database: Database, account_id: int, *, now: datetime) -> Outgoing | None:
    """The oldest message of an account that is due and not behind another of its conversation."""
    table = outbox
    async with database.read() as connection:
        row = (
            await connection.execute(
                selected()
                .where(
                    table.c.account_id == account_id,
                    table.c.state.in_(OPEN_STATES),
                    or_(table.c.due_at.is_(None), table.c.due_at <= now),
                    _is_first_of_its_conversation(now),
                )
                .order_by(table.c.id)
                .limit(1)
            )
        ).first()
        return outgoing_of(row) if row else None


async def next_due(database: Database, account_id: int, *, now: datetime) -> datetime | None:
    """When an account has something to send: now, later, or never (None)."""
    table = outbox
    async with database.read() as connection:
        row = (
            await connection.execute(
                select(func.min(table.c.due_at), func.count(table.c.due_at), func.count()).where(
                    table.c.account_id == account_id,
                    table.c.state.in_(OPEN_STATES),
                    _is_first_of_its_conversation(now),
                )
            )
        ).one()
    # One without a time is due now.
    moment: datetime | None = row[0] if row[1] == row[2] else now
    return moment


async def mark(
    database: Database,
    duty: Duty,
    outgoing: Outgoing,
    state: OutgoingState,
    *,
    now: datetime,
    error: str | None = None,
    channel_message_id: str | None = None,
    attempts: int | None = None,
    due_at: datetime | None = None,
    queued_at: datetime | None = None,
    held: Held | None = None,
) -> bool:
    """Change the state of a message that is being sent.

    False where the duty of sending was lost to somebody else, or the message was acknowledged or ended in the meantime.
    ``held`` says anew how long the duty is ours, and its pace.
    """
    table = outbox
    given = {"attempts": attempts, "queued_at": queued_at, "channel_message_id": channel_message_id}
    changes: dict[str, Any] = {
        "state": state, "error": error, "due_at": due_at, "changed_at": now,
        **{name: value for name, value in given.items() if value is not None},
        **({"sent_at": now} if channel_message_id is not None else {}),
        # Its turn may be sent by a person yet, as another message.
        **({"idempotency_key": f"withdrawn-{outgoing.id}-{outgoing.channel_key}"} if state == "withdrawn" else {}),
    }  # fmt: skip

    async def work(connection: AsyncConnection) -> bool:
        if not await duties.is_held(connection, duty):
            return False
        if held is not None:
            await duties.hold(connection, duty, held)
        known = (await connection.execute(_left().where(table.c.id == outgoing.id).with_for_update())).first()
        if known is None or known.state not in OPEN_STATES:
            return False
        await connection.execute(update(table).where(table.c.id == outgoing.id).values(**changes))
        if state == "withdrawn":
            await turns.withdrawn(connection, outgoing.id, error or "")
        # Repeated after a commit whose answer was lost, it has happened already.
        if known.state != state:
            if state in ACKNOWLEDGED:
                await _answered(connection, known, now)
            await events.add(
                connection, [_changed(outgoing.account_id, outgoing.conversation_id, outgoing.id, state, now)]
            )
        return True

    return await database.write(work)


async def acknowledge(
    database: Database,
    *,
    account: str,
    state: OutgoingState,
    channel_key: str | None,
    channel_message_id: str | None,
    error: str | None,
    now: datetime,
) -> int | None:
    """The channel reports what became of a message of ours; its id in the outbox, or None where it is none of ours.

    Reports may come twice, late and in any order: a message never goes back to an earlier state.
    """
    table = outbox
    named = [table.c.channel_key == channel_key] if channel_key else []
    named += [table.c.channel_message_id == channel_message_id] if channel_message_id else []

    wanted_row = _left().where(or_(*named)).limit(1)

    async def work(connection: AsyncConnection) -> int | None:
        # Not joined: the lock below would be on the account, too, which every new message of it refers to.
        account_id = await connection.scalar(select(accounts.c.id).where(accounts.c.name == account))
        mine = wanted_row.where(table.c.account_id == account_id)
        row = (await connection.execute(mine)).first()
        if row is None:
            return None
        if row.state in OPEN_STATES:
            # What is behind it need not wait any more. The duty first: the order in which the sender locks, too.
            await duties.wake(connection, f"{SENDING}:{account_id}", now=now)
        row = (await connection.execute(mine.with_for_update())).one()
        known = ACKNOWLEDGED.index(row.state) if row.state in ACKNOWLEDGED else -1
        wanted = ACKNOWLEDGED.index(state) if state in ACKNOWLEDGED else -1
        if (wanted > known) or (state == "failed" and known <= 0 and row.state != "failed"):
            changes: dict[str, Any] = {"state": state, "error": error, "due_at": None, "changed_at": now}
            if channel_message_id:
                changes["channel_message_id"] = channel_message_id
            if known < 0 and state != "failed":
                changes["sent_at"] = now
            await connection.execute(update(table).where(table.c.id == row.id).values(**changes))
            await events.add(connection, [_changed(row.account_id, row.conversation_id, row.id, state, now)])
            if known < 0 and state != "failed":
                await _answered(connection, row, now)
        return int(row.id)

    return await database.write(work)


async def send_again(database: Database, outbox_id: int, *, recipient: str | None = None, now: datetime) -> bool:
    """Queue a message again that failed or is of unknown outcome: a person has decided; False where it is neither.

    With ``recipient`` it goes there and not where it went before. It is another sending to the channel, which would answer the old key with what it knows of the old one.
    """
    table = outbox

    async def work(connection: AsyncConnection) -> bool:
        row = (await connection.execute(select(table).where(table.c.id == outbox_id))).first()
        if row is None:
            return False
        await duties.wake(connection, f"{SENDING}:{row.account_id}", now=now)
        changed = await connection.execute(
            update(table)
            .where(table.c.id == outbox_id, table.c.state.in_(("failed", "unknown")))
            .values(
                state="queued",
                recipient=recipient or table.c.recipient,
                channel_key=_new_channel_key(),
                channel_message_id=None,
                attempts=0,
                error=None,
                due_at=None,
                queued_at=now,
                changed_at=now,
            )
        )
        if not changed.rowcount:
            return False
        await events.add(connection, [_changed(row.account_id, row.conversation_id, row.id, "queued", now)])
        return True

    return await database.write(work)


async def waiting(database: Database) -> dict[str, int]:
    """How many messages are queued or being sent, and how many of unknown outcome."""
    async with database.read() as connection:
        rows = await connection.execute(
            select(outbox.c.state, func.count())
            .where(outbox.c.state.in_((*OPEN_STATES, "unknown")))
            .group_by(outbox.c.state)
        )
        found = {str(state): int(number) for state, number in rows}
    return {"queued": 0, "sending": 0, "unknown": 0, **found}


def _left() -> Select[Any]:
    return select(
        outbox.c.id, outbox.c.account_id, outbox.c.conversation_id, outbox.c.state, outbox.c.answers_up_to,
        outbox.c.is_automatic,
    )  # fmt: skip


async def _answered(connection: AsyncConnection, row: Row[Any], now: datetime) -> None:
    """It has left: what was there when it was written is answered, unless it answers a command or says that somebody will answer."""
    turn = await turns.of_outbox(connection, row.id)
    if turn is None or turn.kind == "answer":
        by: AnsweredBy = "automatic" if row.is_automatic else "person"
        await waits.answered(connection, row.conversation_id, up_to=row.answers_up_to or 0, by=by, now=now)
    data = {"automatic": row.is_automatic, "turn_id": turn and turn.id}
    event = events.row(
        "reply.sent", now=now, account_id=row.account_id, conversation_id=row.conversation_id, outbox_id=row.id, data=data
    )  # fmt: skip
    await events.add(connection, [event])


def _new_channel_key() -> str:
    return uuid.uuid4().hex


def _is_first_of_its_conversation(now: datetime) -> ColumnElement[bool]:
    """Nothing earlier of the conversation is still to be sent; what was put off to working hours is not earlier."""
    earlier = outbox.alias()
    return ~exists().where(
        earlier.c.conversation_id == outbox.c.conversation_id,
        earlier.c.state.in_(OPEN_STATES),
        earlier.c.id < outbox.c.id,
        earlier.c.queued_at <= now,
    )


def _changed(account_id: int, conversation_id: int, id_: int, state: str, now: datetime) -> dict[str, Any]:
    return events.row(f"outbox.{state}", now=now, account_id=account_id, conversation_id=conversation_id, outbox_id=id_)


def selected() -> Any:
    """A query for messages with all that :func:`outgoing_of` makes a value of."""
    return select(outbox, accounts.c.name.label("account")).join(accounts, and_(accounts.c.id == outbox.c.account_id))


def outgoing_of(row: Row[Any]) -> Outgoing:
    """The message that a row is."""
    return Outgoing(
        id=row.id,
        account_id=row.account_id,
        account=row.account,
        conversation_id=row.conversation_id,
        key=row.idempotency_key,
        channel_key=row.channel_key,
        recipient=row.recipient,
        text=row.content,
        is_automatic=row.is_automatic,
        state=row.state,
        attempts=row.attempts,
        due_at=row.due_at,
        error=row.error,
        channel_message_id=row.channel_message_id,
        trace=row.trace,
        created_at=row.created_at,
        queued_at=row.queued_at,
        sent_at=row.sent_at,
    )
