"""What was drafted for conversations, and what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.errors import ConflictError, NotFoundError
from frontdesk.domain.outgoing import Outgoing
from frontdesk.domain.profiles import Learned
from frontdesk.domain.replies import Dialogue, Turn, TurnKind, TurnState
from frontdesk.store import dialogues, events, profiles
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.reply_tables import bots, turns
from frontdesk.store.reply_tables import dialogues as dialogue_table
from frontdesk.store.tables import accounts, conversations

LONGEST_REASON = 1000
ANSWERED = "a person has answered"


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Something to be said to a customer: suggested to people, chosen to be sent, or superseded by what waits already."""

    kind: TurnKind
    state: TurnState
    agent: str | None
    text: str
    confidence: float
    reason: str


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a turn brings about.

    ``hand_over`` says why a person is to answer; ``changes`` are the dialogue's; ``learned`` is what it tells of the contact.
    """

    dialogue: Dialogue
    drafts: tuple[Draft, ...] = ()
    hand_over: str | None = None
    assigns: bool = False
    changes: tuple[tuple[str, Any], ...] = ()
    learned: tuple[Learned, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A turn of a conversation that has ended, with the messages that it answers."""

    account_id: int
    conversation_id: int
    first_message_id: int
    last_message_id: int
    outcome: Outcome


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was stored: the id of each answer, by the last message of its turn, and events that are to be told of it."""

    answers: Mapping[int, int]
    told: Sequence[Mapping[str, Any]]


async def keep(connection: AsyncConnection, ended: Sequence[Ended], *, now: datetime) -> Kept:
    """Store what turns brought about: a part of the transaction that ends their messages, which holds their conversations.

    A new draft takes the place of an older one. A message that is answered again keeps its first answer.
    """
    ended = [await _as_it_is_now(connection, item) for item in ended]
    there = await _kinds(connection, [item.last_message_id for item in ended])
    drafted = [
        (item, draft)
        for item in ended
        for draft in item.outcome.drafts
        if (item.last_message_id, draft.kind) not in there
    ]
    for item in ended:
        outcome = item.outcome
        if outcome.hand_over is not None:
            await dialogues.hand_over(connection, outcome.dialogue, outcome.hand_over, assigns=outcome.assigns, now=now)
        if outcome.changes:
            await dialogues.change(connection, item.conversation_id, **dict(outcome.changes))
    await profiles.learn(connection, [fact for item in ended for fact in item.outcome.learned], now=now)
    if not drafted:
        return Kept(answers={}, told=())
    answered = sorted({item.conversation_id for item, draft in drafted if _is_open_answer(draft)})
    await connection.execute(
        update(turns)
        .where(turns.c.conversation_id.in_(answered), turns.c.state == "suggested", turns.c.kind == "answer")
        .values(state="superseded", decided_at=now)
    )
    await connection.execute(insert(turns), [_row(item, draft, now) for item, draft in drafted])
    rows = (
        await connection.execute(
            select(turns.c.id, turns.c.last_message_id, turns.c.kind, turns.c.state).where(
                turns.c.last_message_id.in_([item.last_message_id for item in ended])
            )
        )
    ).all()
    by_message = {item.last_message_id: item for item in ended}
    return Kept(
        answers={int(row.last_message_id): int(row.id) for row in rows if row.kind == "answer"},
        told=[
            _told("reply.suggested", by_message[row.last_message_id], row.id, now)
            for row in rows
            if row.state == "suggested" and row.last_message_id in by_message
        ],
    )


async def suggest(database: Database, asked: Ended, *, now: datetime) -> Turn:
    """A draft that somebody asked for, in place of what was drafted for its message before.

    Raises:
        ConflictError: an answer to that message is on its way.
    """
    (draft,) = asked.outcome.drafts
    place, values = turns.c.conversation_id == asked.conversation_id, _row(asked, draft, now)

    async def work(connection: AsyncConnection) -> int:
        held = select(conversations.c.id).where(conversations.c.id == asked.conversation_id)
        await connection.execute(held.with_for_update())
        mine = turns.c.last_message_id == asked.last_message_id, turns.c.kind == draft.kind
        known = (await connection.execute(select(turns.c.id, turns.c.state).where(*mine))).first()
        if known is not None and known.state in {"chosen", "queued"}:
            raise ConflictError("an answer to this is on its way already")
        await connection.execute(
            update(turns)
            .where(place, turns.c.state == "suggested", turns.c.kind == draft.kind)
            .values(state="superseded", decided_at=now)
        )
        if asked.outcome.changes:
            await dialogues.change(connection, asked.conversation_id, **dict(asked.outcome.changes))
        if known is None:
            id_ = inserted_id(await connection.execute(insert(turns).values(**values)))
        else:
            id_ = int(known.id)
            await connection.execute(update(turns).where(turns.c.id == id_).values(**values))
        await events.add(connection, [_told("reply.suggested", asked, id_, now)])
        return id_

    found = await fetch(database, await database.write(work))
    assert found is not None  # noqa: S101 (it has just been written)
    return found


async def _as_it_is_now(connection: AsyncConnection, item: Ended) -> Ended:
    """An agent takes seconds to answer. What was decided before that holds only if nobody decided otherwise meanwhile."""
    outcome = item.outcome
    chosen = any(draft.state == "chosen" and draft.kind != "command" for draft in outcome.drafts)
    if not chosen and not any(name == "labels" for name, _ in outcome.changes):
        return item
    now = await dialogues.fetch_in(connection, item.conversation_id)
    if now is None:
        return item
    before = outcome.dialogue
    changes = tuple(
        (name, tuple(dict.fromkeys((*now.labels, *value))) if name == "labels" else value)
        for name, value in outcome.changes
    )
    watched = ("person_wrote_at", "handed_over_at", "is_stopped", "mode")
    is_same = all(getattr(now, name) == getattr(before, name) for name in watched) and now.bot == before.bot
    drafts = outcome.drafts
    if not is_same:
        drafts = tuple(
            replace(draft, state="suggested", reason="somebody stepped in while it was written")
            if draft.state == "chosen" and draft.kind != "command"
            else draft
            for draft in drafts
            if draft.kind != "notice"
        )
    return replace(item, outcome=replace(outcome, drafts=drafts, changes=changes))


def _is_open_answer(draft: Draft) -> bool:
    return draft.kind == "answer" and draft.state != "superseded"


async def _kinds(connection: AsyncConnection, message_ids: Sequence[int]) -> set[tuple[int, str]]:
    if not message_ids:
        return set()
    rows = await connection.execute(
        select(turns.c.last_message_id, turns.c.kind).where(turns.c.last_message_id.in_(message_ids))
    )
    return {(int(row.last_message_id), str(row.kind)) for row in rows}


def _row(item: Ended, draft: Draft, now: datetime) -> dict[str, Any]:
    return {
        "account_id": item.account_id,
        "conversation_id": item.conversation_id,
        "first_message_id": item.first_message_id,
        "last_message_id": item.last_message_id,
        "kind": draft.kind,
        "state": draft.state,
        "agent": draft.agent,
        "content": draft.text,
        "confidence": draft.confidence,
        "reason": draft.reason[:LONGEST_REASON],
        "created_at": now,
        "decided_at": None if draft.state == "suggested" else now,
    }


async def fetch(database: Database, turn_id: int) -> Turn | None:
    """One turn, or None."""
    async with database.read() as connection:
        row = (await connection.execute(_selected().where(turns.c.id == turn_id))).first()
        return _turn(row) if row else None


async def find(
    database: Database,
    *,
    state: TurnState | None = None,
    conversation_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[Turn]:
    """Turns, the newest first; ``before`` is the id of the last one seen."""
    wanted = _selected().order_by(turns.c.id.desc()).limit(limit)
    for column, value in ((turns.c.state, state), (turns.c.conversation_id, conversation_id)):
        if value is not None:
            wanted = wanted.where(column == value)
    if before is not None:
        wanted = wanted.where(turns.c.id < before)
    async with database.read() as connection:
        return [_turn(row) for row in await connection.execute(wanted)]


async def chosen(database: Database, *, conversation_id: int | None = None, limit: int) -> list[Turn]:
    """Turns that are to be sent and are not in the outbox yet, the oldest first."""
    wanted = _selected().where(turns.c.state == "chosen").order_by(turns.c.id).limit(limit)
    if conversation_id is not None:
        wanted = wanted.where(turns.c.conversation_id == conversation_id)
    async with database.read() as connection:
        return [_turn(row) for row in await connection.execute(wanted)]


async def dismiss(database: Database, turn_id: int, *, reason: str | None = None, now: datetime) -> Turn:
    """It is not to be sent.

    Raises:
        NotFoundError: there is no such turn. ConflictError: it is on its way, or was replaced.
    """

    async def work(connection: AsyncConnection) -> None:
        values: dict[str, Any] = {"state": "dismissed", "decided_at": now}
        if reason is not None:
            values["reason"] = reason[:LONGEST_REASON]
        open_ = turns.c.id == turn_id, turns.c.state.in_(("suggested", "chosen"))
        if not (await connection.execute(update(turns).where(*open_).values(**values))).rowcount:
            await _refuse(connection, turn_id, "dismissed")

    await database.write(work)
    found = await fetch(database, turn_id)
    assert found is not None  # noqa: S101 (it has just been changed)
    return found


async def queued(connection: AsyncConnection, turn_id: int, outbox_id: int, *, now: datetime) -> None:
    """Its message is in the outbox: a part of the transaction that put it there.

    Raises:
        ConflictError: it was dismissed or replaced meanwhile.
    """
    open_ = turns.c.id == turn_id, or_(turns.c.state.in_(("suggested", "chosen")), turns.c.outbox_id == outbox_id)
    values = {"state": "queued", "outbox_id": outbox_id, "decided_at": now}
    if not (await connection.execute(update(turns).where(*open_).values(**values))).rowcount:
        await _refuse(connection, turn_id, "queued")


async def supersede(connection: AsyncConnection, conversation_id: int, *, now: datetime) -> None:
    """A person wrote: what was drafted for what they saw is of no use any more. A part of the transaction that says so."""
    open_ = turns.c.conversation_id == conversation_id, turns.c.state == "suggested"
    await connection.execute(
        update(turns).where(*open_).values(state="superseded", reason=ANSWERED, decided_at=now)
    )  # fmt: skip


async def _refuse(connection: AsyncConnection, turn_id: int, wanted: TurnState) -> None:
    state = await connection.scalar(select(turns.c.state).where(turns.c.id == turn_id))
    if state is None:
        raise NotFoundError("there is no such turn")
    if state != wanted:
        raise ConflictError(f"this turn is {state} already")


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What became of the reasons for an automatic message. ``overtaken`` says why it is not to be sent any more, if it is not."""

    is_command: bool = False
    overtaken: str | None = None


async def standing_of(database: Database, outgoing: Outgoing) -> Standing:
    """Whether an automatic message is still to be sent.

    Somebody of ours wrote meanwhile, a person is to answer, nothing is to leave by itself any more, or the customer wants no
    automatic messages. What tells the customer that a person answers is sent in spite of that, and so is the answer to a command.
    """
    table, place = turns, dialogue_table
    async with database.read() as connection:
        row = (
            await connection.execute(
                select(
                    table.c.kind, table.c.created_at, table.c.last_message_id,
                    conversations.c.person_wrote_at, conversations.c.answered_up_to,
                    place.c.handed_over_at, place.c.is_stopped, place.c.mode, bots.c.reply_mode,
                )
                .join(conversations, conversations.c.id == table.c.conversation_id)
                .outerjoin(place, place.c.conversation_id == table.c.conversation_id)
                .outerjoin(bots, bots.c.account_id == table.c.account_id)
                .where(table.c.outbox_id == outgoing.id)
            )
        ).first()  # fmt: skip
    if row is None:
        return Standing()
    is_command = row.kind == "command"
    return Standing(is_command=is_command, overtaken=None if is_command else _overtaken(row))


def _overtaken(row: Any) -> str | None:
    is_answered = row.answered_up_to is not None and row.answered_up_to >= row.last_message_id
    if is_answered or (row.person_wrote_at is not None and row.person_wrote_at >= row.created_at):
        return ANSWERED
    if row.kind == "notice":
        return None
    mode = row.mode or row.reply_mode
    reasons = (
        (row.handed_over_at is not None and row.handed_over_at >= row.created_at, "a person is to answer"),
        (bool(row.is_stopped), "the customer wants no automatic messages"),
        (mode is not None and mode != "auto", "nothing is to leave by itself any more"),
    )
    return next((reason for holds, reason in reasons if holds), None)


async def withdrawn(connection: AsyncConnection, outbox_id: int, reason: str) -> None:
    """Its message was withdrawn: a part of that transaction. Unless a person has answered it is a draft again."""
    mine = turns.c.outbox_id == outbox_id
    state = "dismissed" if reason == ANSWERED else "suggested"
    await connection.execute(
        update(turns).where(mine).values(state=state, outbox_id=None, reason=reason[:LONGEST_REASON])
    )


async def of_outbox(connection: AsyncConnection, outbox_id: int) -> Turn | None:
    """The turn that a message of ours belongs to, or None."""
    row = (await connection.execute(_selected().where(turns.c.outbox_id == outbox_id))).first()
    return _turn(row) if row else None


async def suggest_instead(database: Database, turn_id: int, *, reason: str) -> None:
    """It was to be sent and cannot be: a person sees why."""
    mine = turns.c.id == turn_id, turns.c.state == "chosen"

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(
            update(turns).where(*mine).values(state="suggested", reason=reason[:LONGEST_REASON], decided_at=None)
        )

    await database.write(work)


def _selected() -> Any:
    return select(turns, accounts.c.name.label("account")).join(accounts, accounts.c.id == turns.c.account_id)


def _turn(row: Row[Any]) -> Turn:
    return Turn(
        id=row.id,
        account=row.account,
        conversation_id=row.conversation_id,
        first_message_id=row.first_message_id,
        last_message_id=row.last_message_id,
        kind=row.kind,
        state=row.state,
        agent=row.agent,
        text=row.content,
        confidence=row.confidence,
        reason=row.reason,
        outbox_id=row.outbox_id,
        created_at=row.created_at,
        decided_at=row.decided_at,
    )


def _told(type_: str, item: Ended, turn_id: int, now: datetime) -> dict[str, Any]:
    return events.row(
        type_, now=now, account_id=item.account_id, conversation_id=item.conversation_id,
        message_id=item.last_message_id, data={"turn_id": turn_id},
    )  # fmt: skip
