"""A conversation as people read it: both sides in the order of time, with what happened to each message and what was made of it."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from frontdesk.domain.analysis import Correction
from frontdesk.domain.changes import Attachment, MessageChange
from frontdesk.domain.messages import Record
from frontdesk.domain.outgoing import Outgoing
from frontdesk.store import changes, corrections, thread
from frontdesk.store.database import Database
from frontdesk.store.thread import Spent


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One message of a thread: received (or typed on the phone), or sent by the desk."""

    at: datetime
    received: Record | None = None
    spent: Spent | None = None
    changes: Sequence[MessageChange] = ()
    attachment: Attachment | None = None
    corrections: Sequence[Correction] = ()
    sent: Outgoing | None = None


@dataclass(frozen=True, kw_only=True)
class Thread:
    """A part of a thread, the oldest first. ``before`` is where the part before it ends, or None at the beginning."""

    entries: Sequence[Entry]
    before: datetime | None


async def read_thread(
    database: Database,
    conversation_id: int,
    *,
    before: datetime | None = None,
    since: datetime | None = None,
    limit: int,
) -> Thread:
    """The newest part of a thread, or that before a moment, or all since one. Messages of one moment are never parted."""
    # One more than asked: it tells whether there is anything before.
    received, sent = await asyncio.gather(
        thread.received(database, conversation_id, before=before, limit=limit + 1),
        thread.sent(database, conversation_id, before=before, limit=limit + 1),
    )
    keys = [(record.account_id, record.message.message_id) for record, _ in received]
    happened, files, corrected = await asyncio.gather(
        changes.of_messages(database, keys),
        changes.attachments_of(database, keys),
        corrections.of_messages(database, [record.id for record, _ in received]),
    )
    entries = [
        Entry(
            at=record.created_at, received=record, spent=spent, changes=happened.get(key, ()),
            attachment=files.get(key), corrections=corrected.get(record.id, ()),
        )
        for key, (record, spent) in zip(keys, received, strict=True)
    ]  # fmt: skip
    entries += [Entry(at=item.created_at, sent=item) for item in sent]
    entries.sort(key=_order)
    if since is not None:
        return Thread(entries=[entry for entry in entries if entry.at >= since], before=since)
    shown = entries[-limit:]
    if len(shown) == len(entries):
        return Thread(entries=shown, before=None)
    first = shown[0].at
    shown = [entry for entry in entries if entry.at >= first]
    return Thread(entries=shown, before=first)


def _order(entry: Entry) -> tuple[datetime, int, int]:
    if entry.received is not None:
        return entry.at, 0, entry.received.id
    return entry.at, 1, entry.sent.id if entry.sent else 0
