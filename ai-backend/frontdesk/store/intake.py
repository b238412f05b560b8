"""Taking messages in: rows, histories, contacts and places in the queue of many messages, in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, case, insert, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.messages import HistoryItem, IncomingMessage, history_digests
from frontdesk.store import events, glance, indexing, turns, waits
from frontdesk.store.accounts import id_of
from frontdesk.store.contacts import find_contacts
from frontdesk.store.conversations import IMPORTANT_LANE, ORDINARY_LANE, wake
from frontdesk.store.database import Database, inserted_id
from frontdesk.store.directory import group_key, important_contacts, known_groups
from frontdesk.store.history import StoredDigests, keep_history
from frontdesk.store.tables import accounts, conversations, webhook_messages

MessageKey = tuple[int, str]
"""Account and the channel's id: what makes a message the same message."""


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """A message that is in the store. ``is_new`` is False where it was there before."""

    id: int
    conversation_id: int
    is_new: bool


@dataclass(frozen=True, kw_only=True)
class _Conversation:
    id: int
    title: str
    lane: int
    is_blocked: bool = False


@dataclass(kw_only=True)
class _Fresh:
    """A message that is not in the store yet, and what the transaction found out about it."""

    key: MessageKey
    message: IncomingMessage
    contact_id: int = 0
    conversation: _Conversation = field(init=False)
    is_vip: bool = False
    is_critical: bool = False
    digests: tuple[bytes, ...] = ()

    @property
    def is_kept_only(self) -> bool:
        """Whether nothing follows from it: it is past, our own, or of a chat that is blocked."""
        return self.message.from_us or self.message.is_past or self.conversation.is_blocked

    @property
    def lane(self) -> int:
        """Where it waits."""
        return IMPORTANT_LANE if self.is_vip or self.is_critical else ORDINARY_LANE

    def at(self, now: datetime) -> datetime:
        """When it came: what is past came when it was said."""
        return self.message.sent_at if self.message.is_past else now

    @property
    def chat_key(self) -> str:
        """What its conversation is known by within the account."""
        return f"group:{self.message.chat_id}" if self.message.is_group else f"contact:{self.contact_id}"


class Intake:
    """Commits messages with all that belongs to them; the same ``message_id`` again changes nothing.

    It remembers which accounts there are and which history was stored, and trusts that memory once: where the store says
    otherwise the transaction is repeated without it.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._accounts: dict[str, int] = {}
        self._stored = StoredDigests()

    async def accept(self, messages: Sequence[IncomingMessage], *, now: datetime) -> list[Accepted]:
        """Take messages in, in this order and in one transaction.

        Two transactions that bring the same at the same moment meet at a unique key: one is repeated and finds the other's.

        Raises:
            UnavailableError: the store does not commit.
        """
        is_repeated = False
        kept: dict[int, set[bytes]] = {}

        async def work(connection: AsyncConnection) -> list[Accepted]:
            nonlocal is_repeated
            if is_repeated:
                self._accounts.clear()
                self._stored.forget(kept)
            is_repeated = True
            kept.clear()
            return await self._accept(connection, messages, now, kept)

        accepted = await self._database.write(work)
        self._stored.remember(kept)
        return accepted

    async def _accept(
        self,
        connection: AsyncConnection,
        messages: Sequence[IncomingMessage],
        now: datetime,
        kept: dict[int, set[bytes]],
    ) -> list[Accepted]:
        keys = [(await self._account(connection, message.account, now), message.message_id) for message in messages]
        known = await _known(connection, keys)
        fresh = {
            key: _Fresh(key=key, message=message)
            for key, message in zip(reversed(keys), reversed(messages), strict=True)
            if key not in known
        }
        # Reversed twice: of two that are the same within a batch the first counts.
        new = list(reversed(fresh.values()))
        if new:
            # Contacts, conversations and what refers to them, each by its id: transactions that all lock in one order
            # wait for each other and never lock each other out.
            contact_ids = await find_contacts(connection, [item.message for item in new], now)
            for item, contact_id in zip(new, contact_ids, strict=True):
                item.contact_id = contact_id
            await _find_the_important(connection, new)
            await _find_conversations(connection, new, now)
            await _make_ready(connection, new, now)
            windows = _windows(new)
            # Noted before: these are forgotten where the store says otherwise.
            kept.update({id_: set(window) for id_, window in windows.items() if window})
            await keep_history(connection, windows, self._stored)
            await connection.execute(insert(webhook_messages), [_row(item, now) for item in new])
            stored = await _known(connection, [item.key for item in new])
            await _note_words(connection, new, stored)
            news = [item for item in new if not item.message.is_past]
            await events.add(connection, [_received(item, stored[item.key].id, now) for item in news])
            known |= stored
            await _answered(connection, news, stored, now)
        results: list[Accepted] = []
        for key in keys:
            found = known[key]
            results.append(
                Accepted(id=found.id, conversation_id=found.conversation_id, is_new=fresh.pop(key, None) is not None)
            )
        return results

    async def _account(self, connection: AsyncConnection, name: str, now: datetime) -> int:
        if name not in self._accounts:
            found = await connection.scalar(select(accounts.c.id).where(accounts.c.name == name))
            if found is None:
                # Not remembered yet: this transaction may still fail.
                return await id_of(connection, name, now)
            self._accounts[name] = int(found)
        return self._accounts[name]


def _windows(new: Sequence[_Fresh]) -> dict[int, dict[bytes, HistoryItem]]:
    windows: defaultdict[int, dict[bytes, HistoryItem]] = defaultdict(dict)
    for item in new:
        item.digests = history_digests(item.message.history)
        windows[item.conversation.id].update(zip(item.digests, item.message.history, strict=True))
    return windows


async def _note_words(
    connection: AsyncConnection, new: Sequence[_Fresh], stored: Mapping[MessageKey, Accepted]
) -> None:
    """What is not going to be judged is found from now on; the rest when it has been."""
    texts = {stored[item.key].id: item.message.text for item in new if item.is_kept_only}
    await indexing.note(connection, indexing.RECEIVED, texts, is_new=True)


async def _answered(
    connection: AsyncConnection, new: Sequence[_Fresh], stored: Mapping[MessageKey, Accepted], now: datetime
) -> None:
    """What somebody wrote on the phone answers what came before it."""
    last = {item.conversation.id: stored[item.key].id for item in new if item.message.from_us}
    for conversation_id, up_to in sorted(last.items()):
        await waits.answered(connection, conversation_id, up_to=up_to, by="phone", now=now)
        await turns.supersede(connection, conversation_id, now=now)


async def _known(connection: AsyncConnection, keys: Sequence[MessageKey]) -> dict[MessageKey, Accepted]:
    table = webhook_messages
    wanted: defaultdict[int, list[str]] = defaultdict(list)
    for account_id, message_id in keys:
        wanted[account_id].append(message_id)
    found: dict[MessageKey, Accepted] = {}
    for account_id, message_ids in wanted.items():
        rows = await connection.execute(
            select(table.c.id, table.c.message_id, table.c.conversation_id).where(
                table.c.account_id == account_id, table.c.message_id.in_(message_ids)
            )
        )
        for row in rows:
            accepted = Accepted(id=row.id, conversation_id=row.conversation_id, is_new=False)
            found[account_id, row.message_id] = accepted
    return found


async def _find_the_important(connection: AsyncConnection, new: Sequence[_Fresh]) -> None:
    vips = await important_contacts(connection, {item.contact_id for item in new})
    groups = [item for item in new if item.message.is_group]
    critical = await known_groups(connection, [name for item in groups for name in _names(item)]) if groups else set()
    for item in new:
        item.is_vip = item.contact_id in vips
        item.is_critical = item.message.is_group and any(group_key(name) in critical for name in _names(item))


def _names(item: _Fresh) -> tuple[str, ...]:
    return tuple(name for name in (item.message.chat_id, item.message.chat_name) if name)


async def _find_conversations(connection: AsyncConnection, new: Sequence[_Fresh], now: datetime) -> None:
    table = conversations
    by_account: defaultdict[int, dict[str, _Fresh]] = defaultdict(dict)
    for item in new:
        by_account[item.key[0]].setdefault(item.chat_key, item)
    for account_id, firsts in sorted(by_account.items()):
        rows = await connection.execute(
            select(table.c.id, table.c.chat_key, table.c.title, table.c.lane, table.c.is_blocked).where(
                table.c.account_id == account_id, table.c.chat_key.in_(sorted(firsts))
            )
        )
        known = {
            row.chat_key: _Conversation(id=row.id, title=row.title, lane=row.lane, is_blocked=row.is_blocked)
            for row in rows
        }
        for chat_key, first in sorted(firsts.items()):
            if chat_key in known:
                continue
            message = first.message
            values = insert(table).values(
                account_id=account_id,
                chat_key=chat_key,
                contact_id=None if message.is_group else first.contact_id,
                title=message.chat_name,
                is_group=message.is_group,
                created_at=first.at(now),
                last_message_at=first.at(now),
                lane=first.lane,
                version=0,
                claimed_version=0,
            )
            id_ = inserted_id(await connection.execute(values))
            known[chat_key] = _Conversation(id=id_, title=message.chat_name, lane=first.lane)
            await indexing.note(connection, indexing.CHAT, {id_: message.chat_name}, is_new=True)
        for item in new:
            if item.key[0] == account_id:
                item.conversation = known[item.chat_key]


async def _make_ready(connection: AsyncConnection, new: Sequence[_Fresh], now: datetime) -> None:
    arrived: defaultdict[int, list[_Fresh]] = defaultdict(list)
    for item in new:
        if not item.is_kept_only:
            arrived[item.conversation.id].append(item)
    await _show_past(connection, [item for item in new if item.message.is_past], now)
    await _lock_answered(connection, new, arrived)
    if not arrived:
        return
    # One statement, which locks in the one order.
    shown: dict[str, Any] = {
        "unread": _more_unread({id_: len(items) for id_, items in arrived.items()}),
        "last_type": glance.each({id_: items[-1].message.type for id_, items in arrived.items()}),
        "archived_at": None,
        "last_message_at": now,
    }
    await wake(connection, arrived, now=now, **shown)
    for id_, items in sorted(arrived.items()):
        await _follow(connection, id_, items)


def _more_unread(numbers: Mapping[int, int]) -> ColumnElement[int]:
    """So many more in each. The numbers are literals: as bound values MariaDB's driver turns them into text."""
    table = conversations
    literals: dict[int, ColumnElement[int]] = {id_: literal_column(str(n)) for id_, n in sorted(numbers.items())}
    return table.c.unread + case(literals, value=table.c.id)


async def _follow(connection: AsyncConnection, conversation_id: int, items: Sequence[_Fresh]) -> None:
    """A chat has another name now, or belongs to somebody who matters."""
    table, known, latest = conversations, items[0].conversation, items[-1].message
    lane = min(item.lane for item in items)
    changes: dict[str, Any] = {}
    if latest.chat_name != known.title:
        changes["title"] = latest.chat_name
        await indexing.note(connection, indexing.CHAT, {conversation_id: latest.chat_name})
    if lane < known.lane:
        changes["lane"] = lane
    if changes:
        await connection.execute(update(table).where(table.c.id == conversation_id).values(**changes))


async def _show_past(connection: AsyncConnection, past: Sequence[_Fresh], now: datetime) -> None:
    """What was said before the desk knew of it is the latest of its chat, where nothing later is there."""
    latest: dict[int, tuple[datetime, str]] = {}
    for item in past:
        shown = item.at(now), item.message.type
        latest[item.conversation.id] = max(latest.get(item.conversation.id, shown), shown)
    table = conversations
    for id_, (moment, type_) in sorted(latest.items()):
        of_earlier = table.c.id == id_, table.c.last_message_at <= moment
        await connection.execute(update(table).where(*of_earlier).values(last_message_at=moment, last_type=type_))


async def _lock_answered(connection: AsyncConnection, new: Sequence[_Fresh], arrived: Iterable[int]) -> None:
    """What we wrote ends a wait: then all conversations are locked now, in the one order, and not one after the other later."""
    ours = {item.conversation.id for item in new if item.message.from_us and not item.message.is_past}
    if ours:
        table = conversations
        ids = sorted(ours.union(arrived))
        await connection.execute(select(table.c.id).where(table.c.id.in_(ids)).order_by(table.c.id).with_for_update())


def _row(item: _Fresh, now: datetime) -> dict[str, Any]:
    message = item.message
    is_done = item.is_kept_only
    return {
        "account_id": item.key[0],
        "message_id": message.message_id,
        "conversation_id": item.conversation.id,
        "contact_id": item.contact_id,
        "chat_time": message.sent_at,
        "chat_name": message.chat_name,
        "phone_number": message.phone_number,
        "sender_id": message.sender_id,
        "sender_name": message.sender_name,
        "current_message": message.text,
        "message_type": message.type,
        "is_forwarded": message.forwarded,
        "media": message.media.model_dump_json() if message.media else None,
        "quoted": message.quoted.model_dump_json() if message.quoted else None,
        "is_from_us": message.from_us,
        "is_repaired": message.repaired,
        "is_vip_customer": item.is_vip,
        "is_critical_group": item.is_critical,
        "history_digests": b"".join(item.digests),
        "trace": message.trace,
        # What we wrote ourselves is kept for the thread and never judged.
        "state": "processed" if is_done else "pending",
        "attempts": 0,
        "created_at": item.at(now),
        "processed_at": item.at(now) if is_done else None,
    }


def _received(item: _Fresh, id_: int, now: datetime) -> dict[str, Any]:
    return events.row(
        "message.received",
        now=now,
        account_id=item.key[0],
        conversation_id=item.conversation.id,
        message_id=id_,
        data={"from_us": item.message.from_us, "important": item.lane == IMPORTANT_LANE},
    )
