"""A chat that WhatsApp exported: judged as if it came now, stored if that is wanted, and told about."""

import re
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b
from mimetypes import guess_type
from pathlib import Path
from statistics import median

from frontdesk.channels.whatsapp_export import Export, ExportedMessage, attached
from frontdesk.desk.wishes import asks_for_something, wishes_of
from frontdesk.domain.analysis import Analysis
from frontdesk.domain.contacts import FROM_FILE, Identity, normalise_phone
from frontdesk.domain.deadlines import deadline_of
from frontdesk.domain.errors import InvalidInputError, StorageFullError
from frontdesk.domain.hours import Calendar
from frontdesk.domain.messages import HistoryItem, IncomingMessage, Media, Record
from frontdesk.domain.ports import Subject
from frontdesk.domain.tasks import Wish, is_repeated
from frontdesk.media.files import MediaFiles
from frontdesk.store import changes, erasure, merging, past, stats
from frontdesk.store.database import Database
from frontdesk.store.intake import Intake
from frontdesk.store.messages import Judged
from frontdesk.store.past import Answered, Past
from frontdesk.triage.assess import Assessor

BATCH = 100
WINDOW = 20
DIGEST_BYTES = 12
COMPARED = 50
WISHES_OF = timedelta(days=30)
"""Older wishes of a chat were granted, or are forgotten."""
WAITS_FOR_DAYS = 30
"""Who wrote longer ago waits no more: they would stand before everybody who waits now."""
_PREFIX = "import_"
_SIGNS = re.compile(r"[^\w]+")


@dataclass(frozen=True, kw_only=True)
class Chat:
    """An export, and who is who in it. ``phone`` is the other side's number, where somebody told it."""

    export: Export
    us: frozenset[str]
    is_group: bool
    title: str
    phone: str | None = None


@dataclass(kw_only=True)
class Waiting:
    """Somebody who was not answered."""

    sender: str
    text: str
    since: datetime
    due_at: datetime
    analysis: Analysis


@dataclass(kw_only=True)
class Report:
    """What a chat is about. ``answered_in`` are seconds from a question that needed an answer to the answer.

    ``files_lost`` are named in the chat and not kept: not there, damaged or too large, or there was no room (``problem``).
    """

    messages: int = 0
    judged: int = 0
    stored: int = 0
    files: int = 0
    files_lost: int = 0
    problem: str | None = None
    categories: Counter[str] = field(default_factory=Counter)
    sentiments: Counter[str] = field(default_factory=Counter)
    waiting: list[Waiting] = field(default_factory=list)
    wishes: list[tuple[datetime, Wish]] = field(default_factory=list)
    answered_in: list[float] = field(default_factory=list)
    cost_micro_usd: int = 0

    @property
    def median_answer_s(self) -> float | None:
        """Half of the answers came sooner."""
        return median(self.answered_in) if self.answered_in else None


def who_is_who(export: Export, *, me: Sequence[str], phone: str | None = None) -> Chat:
    """Tell our side from the others: as ``me`` says, else by the file's name, which is the other side's.

    Raises:
        InvalidInputError: nobody can tell; the text names those who wrote.
    """
    names = list(export.senders)
    mine = [" ".join(name.split()) for name in me]
    unknown = [name for name in mine if name not in names]
    listed = ", ".join(f"“{name}”" for name in names[:10])
    if len(names) == 1 and unknown:
        # Only the other side wrote.
        return Chat(export=export, us=frozenset(), is_group=False, title=names[0], phone=phone)
    if unknown:
        raise InvalidInputError(f"nobody called “{unknown[0]}” wrote in {export.name}; there are {listed}")
    us = frozenset(mine)
    others = [name for name in names if name not in us]
    if not us and len(names) <= 2:
        named = [name for name in names if _is_named_after(export.title, name)]
        if len(named) == 1:
            others, us = named, frozenset(names) - set(named)
            return Chat(export=export, us=us, is_group=False, title=named[0], phone=phone)
    if not us:
        raise InvalidInputError(f"{export.name}: which of them are you? say it with --me NAME; there are {listed}")
    is_group = len(others) > 1
    return Chat(
        export=export,
        us=us,
        is_group=is_group,
        title=export.title if is_group or not others else others[0],
        phone=phone,
    )


def _is_named_after(title: str, sender: str) -> bool:
    """File names have no signs that names may have."""
    one, other = (" ".join(_SIGNS.sub(" ", name).casefold().split()) for name in (title, sender))
    return bool(other) and (one == other or one.endswith(f" {other}"))


class Importer:
    """Reads a chat in. ``database`` and ``media`` are None where nothing is to be stored."""

    def __init__(
        self, *, assessor: Assessor, calendar: Calendar, account: str, region: str | None, database: Database | None,
        media: MediaFiles | None, now: datetime, waits_for_days: int = WAITS_FOR_DAYS,
    ) -> None:  # fmt: skip
        self._waits_for = timedelta(days=waits_for_days)
        self._assessor = assessor
        self._calendar = calendar
        self._account = account
        self._region = region
        self._database = database
        self._media = media
        self._now = now

    async def read(self, chat: Chat, path: Path, *, advance: Callable[[int], None]) -> Report:
        """Judge each message with what was said before it; ``advance`` is told how many are done."""
        report = Report(messages=len(chat.export.messages))
        store = self._storing(path, report) if self._database is not None else None
        window: list[HistoryItem] = []
        batch: list[_Judged] = []
        seen: Counter[bytes] = Counter()
        end = chat.export.messages[-1].at
        for item in chat.export.messages:
            message = self._message(chat, item, tuple(window), seen)
            judged = await self._judge(message, end) if not message.from_us else None
            _count(report, item, message, judged)
            batch.append(_Judged(item=item, message=message, judged=judged))
            window = [
                *window[1 - WINDOW :],
                HistoryItem(sender=item.sender, content=item.text, sent_at=item.at, from_us=message.from_us),
            ]
            if len(batch) == BATCH:
                if store is not None:
                    await store(batch)
                advance(len(batch))
                batch = []
        if store is not None and batch:
            await store(batch)
        if self._database is not None:
            for hour in sorted({stats.hour_of(item.at) for item in chat.export.messages}):
                await stats.roll_up(self._database, hour, keeps=True)
        advance(len(batch))
        if self._database is not None:
            await self._keep_number(self._database, chat)
        return report

    async def _keep_number(self, database: Database, chat: Chat) -> None:
        """Also of a chat that was read in before without it: whoever had the number goes on as its contact."""
        if chat.phone is None or chat.is_group:
            return
        contact_id = await erasure.contact_of(database, _name_in_exports(chat.title))
        if contact_id is not None:
            await merging.add_number(database, contact_id, chat.phone, merges=True, now=self._now)

    def _message(
        self, chat: Chat, item: ExportedMessage, window: tuple[HistoryItem, ...], seen: Counter[bytes]
    ) -> IncomingMessage:
        from_us = item.sender in chat.us
        # Of a message of ours the contact is whom it was written to.
        other = chat.title if from_us and not chat.is_group else item.sender
        text = f"{item.at.isoformat()}\x1f{item.sender}\x1f{item.text}\x1f{item.attachment}"
        digest = blake2b(f"{chat.title}\x1f{text}".encode(), digest_size=DIGEST_BYTES)
        seen[digest.digest()] += 1
        # Who is no contact of the phone is called by the number.
        phone = (None if chat.is_group else chat.phone) or normalise_phone(other, region=self._region)
        known = (Identity(kind="phone", value=phone),) if phone else ()
        identities = (*known, _name_in_exports(other))
        return IncomingMessage(
            account=self._account,
            message_id=f"{_PREFIX}{digest.hexdigest()}_{seen[digest.digest()]}",
            sent_at=item.at,
            chat_name=chat.title,
            text=item.text,
            type=_type_of(item),
            identities=identities,
            sender_id=other,
            sender_name=other,
            chat_id=f"{FROM_FILE}{chat.title}" if chat.is_group else None,
            history=() if from_us else window,
            media=_media_of(item),
            from_us=from_us,
            is_past=True,
        )

    async def _judge(self, message: IncomingMessage, end: datetime) -> Past:
        subject = Subject.of(message, key=f"message-{message.message_id}")
        assessment = await self._assessor.assess(subject, is_important=False)
        judged = Judged(
            analysis=assessment.analysis,
            usage=assessment.usage,
            model=assessment.model,
            degraded_reason=None,
            deadline=deadline_of(assessment.analysis, since=message.sent_at, calendar=self._calendar),
        )
        record = _record(message, assessment.analysis)
        is_recent = end - message.sent_at <= WISHES_OF and asks_for_something(record, None)
        wishes = wishes_of(record, None, self._calendar) if is_recent else ()
        return Past(message_id=0, since=message.sent_at, judged=judged, wishes=wishes)

    def _storing(self, path: Path, report: Report) -> Callable[[Sequence["_Judged"]], Awaitable[None]]:
        assert self._database is not None  # noqa: S101 (asked for only then)
        database = self._database
        intake = Intake(database)
        is_new: dict[int, bool] = {}
        answered: dict[int, Answered] = {}

        async def store(batch: Sequence[_Judged]) -> None:
            accepted = await intake.accept([item.message for item in batch], now=self._now)
            by_conversation: defaultdict[int, list[Past]] = defaultdict(list)
            for item, found in zip(batch, accepted, strict=True):
                id_ = found.conversation_id
                if id_ not in is_new:
                    is_new[id_] = await past.is_new(database, id_, first_message_id=found.id)
                report.stored += found.is_new
                if item.judged is None:
                    answered[id_] = Answered(up_to=found.id, at=item.item.at)
                    by_conversation[id_] += ()
                else:
                    is_old = self._now - item.judged.since > self._waits_for
                    judged = replace(item.judged.judged, deadline=None) if is_old else item.judged.judged
                    by_conversation[id_].append(replace(item.judged, message_id=found.id, judged=judged))
            for id_, items in by_conversation.items():
                known = answered.get(id_, Answered(up_to=0, at=self._now)) if is_new[id_] else None
                await past.keep(database, id_, items, answered=known, now=self._now)
            await self._keep_files(path, batch, report)

        return store

    async def _keep_files(self, path: Path, batch: Sequence["_Judged"], report: Report) -> None:
        """Files are of less weight than words: what cannot be kept is counted, with the reason where there is one."""
        if self._media is None or self._database is None:
            return
        for item in batch:
            name = item.item.attachment
            if name is None:
                continue
            content = attached(path, name, max_bytes=self._media.max_bytes)
            if content is None:
                report.files_lost += 1
                continue
            try:
                attachment = await self._media.keep(_chunks(content), expected=len(content), filename=name)
            except StorageFullError as error:
                report.files_lost += 1
                report.problem = error.detail
                continue
            message_id = item.message.message_id
            kept = await changes.keep_attachment(self._database, self._account, message_id, attachment, now=self._now)
            report.files += kept.is_new


@dataclass(frozen=True, kw_only=True)
class _Judged:
    item: ExportedMessage
    message: IncomingMessage
    judged: Past | None


def _count(report: Report, item: ExportedMessage, message: IncomingMessage, past: Past | None) -> None:
    if past is None:
        if report.waiting:
            report.answered_in.append((item.at - report.waiting[0].since).total_seconds())
            report.waiting.clear()
        return
    analysis = past.judged.analysis
    report.judged += 1
    report.categories[analysis.category] += 1
    report.sentiments[analysis.sentiment] += 1
    report.cost_micro_usd += past.judged.usage.cost_micro_usd
    known = [wish.text for _, wish in report.wishes[-COMPARED:]]
    new = (wish for wish in past.wishes if not any(is_repeated(text, wish.text) for text in known))
    report.wishes += [(item.at, wish) for wish in new]
    if past.judged.deadline is not None:
        report.waiting.append(
            Waiting(
                sender=item.sender, text=message.text, since=item.at, due_at=past.judged.deadline.due_at, analysis=analysis
            )
        )  # fmt: skip


def _name_in_exports(name: str) -> Identity:
    return Identity(kind="id", value=f"{FROM_FILE}{name}")


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content


def _type_of(item: ExportedMessage) -> str:
    media = _media_of(item)
    return "chat" if media is None else "ptt" if media.kind == "voice" else media.kind


def _media_of(item: ExportedMessage) -> Media | None:
    if not item.has_media:
        return None
    name = item.attachment or ""
    mimetype = guess_type(name)[0]
    kind = (mimetype or "document").split("/")[0]
    if name.upper().startswith("PTT") or name.lower().endswith(".opus"):
        kind = "voice"
    return Media(
        kind=kind if kind in {"image", "video", "audio", "voice"} else "document",
        mimetype=mimetype,
        filename=item.attachment,
    )


def _record(message: IncomingMessage, analysis: Analysis) -> Record:
    """A message as the stages see it, before it is stored."""
    return Record(
        id=0, account_id=0, conversation_id=0, contact_id=0, message=message, is_vip_customer=False,
        is_critical_group=False, state="processed", attempts=0, error=None, created_at=message.sent_at,
        processed_at=message.sent_at, analysis=analysis,
    )  # fmt: skip
