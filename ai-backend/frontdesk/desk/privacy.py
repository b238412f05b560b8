"""What the law gives people: to be told what is stored about them, and to be forgotten."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog

from frontdesk.domain.business import Keeping
from frontdesk.domain.contacts import Identity
from frontdesk.domain.errors import AnalyserError, ConfigurationError, NotFoundError
from frontdesk.media.files import MediaFiles
from frontdesk.model.client import ModelClient
from frontdesk.store import erasure, expiry, preferences
from frontdesk.store.database import Database
from frontdesk.store.preferences import KEEPING

log = structlog.get_logger(__name__)

AT_ONCE = 500
ANSWER_LEAVES = timedelta(minutes=1)

Everything = Mapping[str, Sequence[Mapping[str, Any]]]


async def told(database: Database, identity: Identity) -> Everything:
    """Every row about somebody, by table.

    Raises:
        NotFoundError: nobody is known by this.
    """
    contact_id = await erasure.contact_of(database, identity)
    found = None if contact_id is None else await erasure.everything_about(database, contact_id)
    if found is None:
        raise NotFoundError("nobody is known by this number or id")
    return found


async def forget(
    database: Database, media: MediaFiles, identity: Identity, *, memory: ModelClient | None = None
) -> tuple[int, int]:
    """Erase somebody; how many messages and how many files. The rows first: a file without a row is found by nobody.

    ``memory`` is the provider that may keep conversations with them. Those go before everything: where that fails nothing is
    erased, and it can be tried again.

    Raises:
        NotFoundError: nobody is known by this. ConfigurationError, AnalyserError: the provider keeps something that it cannot be
        asked to erase.
    """
    contact_id = await erasure.contact_of(database, identity)
    if contact_id is None:
        raise NotFoundError("nobody is known by this number or id")
    return await _forget(database, media, memory, contact_id)


async def _forget(
    database: Database, media: MediaFiles, memory: ModelClient | None, contact_id: int
) -> tuple[int, int]:
    for memory_id in await erasure.memories_of(database, contact_id):
        if memory is None:
            raise ConfigurationError(
                "the provider keeps conversations with them, and there is no OPENAI_API_KEY to erase them"
            )
        await memory.forget_memory(memory_id)
    messages, files = await erasure.forget(database, contact_id, now=database.now())
    return messages, await _remove(database, media, files)


class Retention:
    """Keeps messages, files and events for so many days."""

    def __init__(
        self, *, database: Database, media: MediaFiles, memory: ModelClient | None = None, keeping: Keeping,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._database = database
        self._media = media
        self._memory = memory
        self._keeping = keeping
        self._clock = clock

    async def keeping(self) -> Keeping:
        """For how long: as people set it on the page, else as the settings say."""
        return await preferences.fetch(self._database, KEEPING, Keeping) or self._keeping

    async def expire(self) -> None:
        """Erase what is older, a part at a time, so that nobody waits for it."""
        keeping = await self.keeping()
        if keeping.messages_days:
            before = self._before(keeping.messages_days)
            while (found := await expiry.expire_messages(self._database, before, limit=AT_ONCE))[0]:
                await _remove(self._database, self._media, found[1])
            await expiry.expire_history(self._database, before)
        if keeping.files_days:
            before = self._before(keeping.files_days)
            while (found := await expiry.expire_files(self._database, before, limit=AT_ONCE))[0]:
                await _remove(self._database, self._media, found[1])
        if keeping.events_days:
            while await expiry.expire_events(self._database, self._before(keeping.events_days), limit=AT_ONCE):
                pass

    async def forget_who_asked(self) -> None:
        """Erase those who asked for it themselves and confirmed it, when the answer to that had time to leave."""
        for contact_id in await erasure.to_forget(self._database, before=self._clock() - ANSWER_LEAVES, limit=AT_ONCE):
            try:
                await _forget(self._database, self._media, self._memory, contact_id)
            except (AnalyserError, ConfigurationError) as error:
                # It is tried again; nobody else waits for it.
                log.warning("not_forgotten_yet", contact=contact_id, reason=error.detail)

    def _before(self, days: int) -> datetime:
        return self._clock() - timedelta(days=days)


async def _remove(database: Database, media: MediaFiles, files: Sequence[str]) -> int:
    removed = 0
    for sha256 in files:
        # Somebody may have sent the same file meanwhile.
        if not await erasure.is_used(database, sha256):
            await media.remove(sha256)
            removed += 1
    return removed


def as_json(everything: Everything) -> str:
    """For programs."""
    return json.dumps(everything, ensure_ascii=False, indent=2, default=str)


def as_text(everything: Everything) -> str:
    """For people: who it is, what was said, what was thought of it, and what is to be done."""
    (contact,) = everything["contacts"]
    lines = [f"Contact {contact['id']}: {contact['name'] or 'without a name'}"]
    lines += [f"Known as: {row['kind']} {row['value']}" for row in everything["contact_identities"]]
    lines.append(f"First seen {contact['first_seen_at']}, last seen {contact['last_seen_at']}")
    judged = {row["webhook_message_id"]: json.loads(row["document"]) for row in everything["analytics_results"]}
    said = [
        (row["chat_time"], "us" if row["is_from_us"] else "them", row["current_message"], judged.get(row["id"]))
        for row in everything["webhook_messages"]
    ]
    said += [(row["created_at"], "us", row["content"], None) for row in everything["outbox"]]
    lines += ["", "What was said"]
    for at, who, text, analysis in sorted(said, key=lambda item: item[0]):
        lines.append(f"{at}  {who}: {text}")
        if analysis:
            lines.append(
                f"    judged by {analysis['analyser']}: {analysis['category']}, urgency {analysis['urgency_score']}, "
                f"{analysis['sentiment']}, {analysis['language']}; {analysis['summary']}"
            )
    lines += ["", "Files"] + [
        f"{row['created_at']}  {row['mimetype']}, {row['size']} bytes  {row['filename'] or ''}"
        for row in everything["attachments"]
    ]
    lines += ["", "What is to be done"] + [
        f"{row['created_at']}  {row['status']}: {row['title']}" for row in everything["tasks"]
    ]
    return "\n".join(lines) + "\n"
