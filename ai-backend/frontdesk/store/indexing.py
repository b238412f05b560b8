"""The words by which things are found: written in the transaction that makes a text known, gone with what they are of.

An inverted index in the database, the same in each store; ``store/search.py`` looks in it. See docs/decisions/0017.
"""

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from sqlalchemy import Select, delete, insert, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.searching import words_of
from frontdesk.store.contact_tables import contact_fields
from frontdesk.store.database import Database
from frontdesk.store.inbox_tables import search_words
from frontdesk.store.tables import contact_identities, contacts, conversations, outbox, webhook_messages

RECEIVED, SENT, CONTACT, CHAT = 1, 2, 3, 4
"""What a word is of: a message of ``webhook_messages``, of the outbox, a contact, or a conversation's title."""
REBUILT_AT_ONCE = 500


async def note(connection: AsyncConnection, kind: int, texts: Mapping[int, str], *, is_new: bool = False) -> None:
    """Texts are found by their words from now on, and no more by those that they had: a part of the transaction that makes it so."""
    if not texts:
        return
    if not is_new:
        await forget(connection, kind, texts)
    rows = [
        {"kind": kind, "subject_id": subject_id, "word": word}
        for subject_id, text in sorted(texts.items())
        for word in sorted(words_of(text))
    ]
    if rows:
        await connection.execute(insert(search_words), rows)


async def note_contacts(connection: AsyncConnection, contact_ids: Iterable[int]) -> None:
    """Contacts are found by name, number and what is known of them: a part of the transaction that changed it."""
    ids = sorted(set(contact_ids))
    if not ids:
        return
    texts: dict[int, list[str]] = {id_: [] for id_ in ids}
    identity, known = contact_identities, contact_fields
    for wanted in (
        select(contacts.c.id, contacts.c.name).where(contacts.c.id.in_(ids), contacts.c.name.is_not(None)),
        select(identity.c.contact_id, identity.c.value).where(identity.c.contact_id.in_(ids)),
        select(known.c.contact_id, known.c.value).where(known.c.contact_id.in_(ids)),
    ):
        for contact_id, text in await connection.execute(wanted):
            texts[int(contact_id)].append(str(text))
    await note(connection, CONTACT, {id_: "\n".join(parts) for id_, parts in texts.items()})


async def forget(connection: AsyncConnection, kind: int, subject_ids: Iterable[int]) -> None:
    """What is erased is not found any more: a part of the transaction that erases it."""
    table, ids = search_words, sorted(subject_ids)
    if ids:
        await connection.execute(delete(table).where(table.c.kind == kind, table.c.subject_id.in_(ids)))


async def rebuild(database: Database) -> int:
    """Write the words of everything anew, a portion at a time; of how many things."""
    message, chat, done = webhook_messages, conversations, 0
    sources: tuple[tuple[int, Any, Any], ...] = (
        (RECEIVED, message.c.id, message.c.current_message),
        (SENT, outbox.c.id, outbox.c.content),
        (CHAT, chat.c.id, chat.c.title),
        (CONTACT, contacts.c.id, literal("")),
    )
    for kind, id_, text in sources:
        wanted = select(id_.label("id"), text.label("text")).order_by(id_).limit(REBUILT_AT_ONCE)
        last = 0
        while ids := await database.write(partial(_rebuild, kind, wanted.where(id_ > last))):
            last, done = ids[-1], done + len(ids)
    return done


async def _rebuild(kind: int, wanted: Select[Any], connection: AsyncConnection) -> list[int]:
    rows = (await connection.execute(wanted)).all()
    if kind == CONTACT:
        await note_contacts(connection, [row.id for row in rows])
    else:
        await note(connection, kind, {row.id: row.text for row in rows})
    return [int(row.id) for row in rows]
