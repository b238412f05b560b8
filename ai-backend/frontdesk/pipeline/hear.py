"""Before a message is judged: what its voice note, picture or document says, waited for so long and no longer.

What is not known in time is made up for later, and the message is judged again with it.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Literal

import structlog

from frontdesk import telemetry
from frontdesk.domain.errors import AnalyserError, FrontdeskError, UnavailableError
from frontdesk.domain.messages import Record
from frontdesk.domain.understanding import Understood, kind_of_media
from frontdesk.domain.usage import Usage
from frontdesk.media.files import MediaFiles
from frontdesk.pipeline.pauses import Patience
from frontdesk.store import changes, messages, understandings
from frontdesk.store.database import Database
from frontdesk.store.understandings import ToUnderstand
from frontdesk.understanding.understander import CannotUnderstandError, Understander

log = structlog.get_logger(__name__)

LATE_S = 120
"""How long one file may take that nobody waits for."""
LOOKED_AGAIN = timedelta(seconds=3)
"""A file wakes its message when it comes; that it will not come is seen within this time."""


class Hearer:
    """Has files understood. ``timeout`` is how long a message waits for it, from when it was accepted."""

    def __init__(
        self,
        *,
        database: Database,
        media: MediaFiles,
        understander: Understander,
        patience: Patience,
        timeout: timedelta,
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._media = media
        self._understander = understander
        self._patience = patience
        self._timeout = timeout
        self._clock = clock

    async def hear(self, record: Record) -> Record | datetime:
        """The message with what its file says, as far as that is known in time; or when to look again."""
        until, now = record.created_at + self._timeout, self._clock()
        if record.understood is None and now < until and self._may_say_something(record):
            whereabouts = await self._file_of(record)
            if whereabouts == "coming":
                return min(until, now + LOOKED_AGAIN)
            if whereabouts == "here":
                # It came after the message was read from the store.
                record = await messages.fetch(self._database, record.id) or record
        understood = record.understood
        if understood is None:
            return record
        if understood.status in {"completed", "failed"} or now >= until:
            return record
        lease = until - now
        file = await understandings.begin(
            self._database, record.account_id, record.message.message_id, now=now, lease=lease
        )
        if file is None:
            return min(until, now + LOOKED_AGAIN)
        with telemetry.span("understand"), telemetry.stage("understand"):
            told = await self._understand(
                file, record.message.text, timeout_s=lease.total_seconds(), is_waited_for=True
            )
        return record.model_copy(update={"understood": told})

    async def hear_late(self) -> bool:
        """Understand one file whose message was judged without it; False where there is none."""
        lease = timedelta(seconds=LATE_S * 1.5)
        file = await understandings.begin_oldest(self._database, now=self._clock(), lease=lease)
        if file is None:
            return False
        await self._understand(file, "", timeout_s=LATE_S, is_waited_for=False)
        return True

    def _may_say_something(self, record: Record) -> bool:
        media = record.message.media
        return (
            media is not None
            and media.status == "pending"
            and self._understander.understands(kind_of_media(media.kind))
        )

    async def _file_of(self, record: Record) -> Literal["coming", "here", "never"]:
        key = (record.account_id, record.message.message_id)
        if await changes.attachments_of(self._database, [key]):
            return "here"
        told = (await changes.of_messages(self._database, [key])).get(key, [])
        return "never" if any(change.kind == "media" for change in told) else "coming"

    async def _content(self, file: ToUnderstand) -> bytes:
        content = await self._media.read(file.sha256)
        if content is None:
            raise CannotUnderstandError("the file is gone")
        return content

    async def _understand(
        self, file: ToUnderstand, caption: str, *, timeout_s: float, is_waited_for: bool
    ) -> Understood:
        usage, model, due_at = Usage(), None, None
        try:
            async with asyncio.timeout(timeout_s):
                content = await self._content(file)
                languages = (
                    await understandings.languages_of(self._database, file.contact_id) if file.contact_id else []
                )
                understood, usage, model = await self._understander.understand(
                    file.kind,
                    content,
                    file.mimetype,
                    caption=caption,
                    languages=languages,
                    key=f"understand-{file.account_id}-{file.sha256[:16]}",
                )
        except CannotUnderstandError as error:
            understood = Understood(kind=file.kind, status="failed", error=str(error))
        except (UnavailableError, asyncio.CancelledError):
            raise
        except Exception as error:
            # Whatever a stranger's file makes of a library: it is tried so often, and no more.
            if not isinstance(error, AnalyserError | TimeoutError):
                log.exception("understanding_broke", message=file.number, kind=file.kind)
            reason = error.detail if isinstance(error, FrontdeskError) else _told(error)
            is_over = self._patience.is_over(file.attempts)
            understood = Understood(kind=file.kind, status="failed" if is_over else "pending", error=reason)
            due_at = None if is_over else self._clock() + self._patience.pause(file.attempts)
        log.info(
            "file_understood",
            message=file.number,
            kind=file.kind,
            status=understood.status,
            attempt=file.attempts,
            bytes=file.size,
            latency_ms=usage.latency_ms,
        )
        await understandings.finish(
            self._database,
            file,
            understood,
            usage=usage,
            model=model,
            due_at=due_at,
            is_judged=is_waited_for and understood.status == "completed",
            now=self._clock(),
        )
        return understood


def _told(error: Exception) -> str:
    return "it took too long" if isinstance(error, TimeoutError) else type(error).__name__
