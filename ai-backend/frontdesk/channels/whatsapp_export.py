"""WhatsApp's own chat export (“Export chat”): a text file, or a zip with the text and its media.

Every locale writes the date in its own order and with its own marks, Android and iOS differ, and nothing in the file says which it
is. So the order is found from the whole file: a part above 12 tells, else the order in which the chat goes on. What stands
between the lines is told from its marks, not from its words: Android puts what is no text between “<” and “>”, iOS begins it
with a left-to-right mark.
"""

import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Literal, get_args
from zoneinfo import ZoneInfo

from frontdesk.domain.errors import InvalidInputError

DateOrder = Literal["dmy", "mdy", "ymd"]
DATE_ORDERS: tuple[DateOrder, ...] = get_args(DateOrder)

LARGEST_TEXT = 200 * 2**20
"""Bytes of a chat's text; the longest chats that WhatsApp exports are far below."""
_MARKS = "\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff"
_SPACES = str.maketrans(dict.fromkeys("\u00a0\u202f\u2007", " "))
_DIGITS = str.maketrans("٠١٢٣٤٥٦٧٨٩۰۱۲۳۴۵۶۷۸۹०१२३४५६७८९", "0123456789" * 3)
_AM = r"a\.?\s?m\.?|öö|上午|오전|午前|ص|π\.?\s?μ\.?|पूर्वाह्न|pg|sa|fm|de\.?"
_PM = r"p\.?\s?m\.?|ös|下午|오후|午後|م|μ\.?\s?μ\.?|अपराह्न|ptg|ch|em|du\.?"
_M = f"[{_MARKS}]*"
_LINE = re.compile(
    rf"^{_M}(?P<ios>\[)?{_M}"
    rf"(?P<one>\d{{1,4}}){_M}(?:[./-]|년\s?|年){_M}\s?(?P<two>\d{{1,2}}){_M}(?:[./-]|월\s?|月){_M}\s?(?P<three>\d{{1,4}}){_M}"
    r"(?:일|日)?\.?(?:\s?г\.?)?[,،]?\s"
    # A word before the time (“à”, “klo”, “kl.”), or the half of the day.
    rf"(?:(?P<before>{_AM}|{_PM})\s?|[^\W\d_]{{1,4}}\.?\s)?(?P<hour>\d{{1,2}})[:.](?P<minute>\d{{2}})(?:[:.](?P<second>\d{{2}}))?"
    rf"(?:\s?ч\.?)?{_M}\s?(?P<after>{_AM}|{_PM})?{_M}(?(ios)\]|\s[-–])\s(?P<rest>.*)$",
    re.IGNORECASE | re.DOTALL,
)
_PAST_NOON = re.compile(_PM, re.IGNORECASE)
# No line break and no quotation mark: “Ada created group "Orders: May"” names nobody.
_SENDER = re.compile(
    rf"^[{_MARKS}~\s]*(?P<sender>[^:：\n\"“”]{{1,255}}?){_M}[:：](?:\s(?P<text>.*)|(?P<close>[\u200e<‹].*)|$)",
    re.DOTALL,
)
_FILE = r"[^<>‹›:：/\\\n]{1,200}\.[A-Za-z0-9]{2,5}"
_ANDROID_FILE = re.compile(rf"^(?P<mark>{_M})(?P<file>{_FILE})\s\([^()]{{3,40}}\)(?:\n(?P<text>.*))?$", re.DOTALL)
_IOS_FILE = re.compile(
    rf"^(?P<text>.*?)(?P<mark>{_M})[<‹][^<>‹›:：\n]{{1,40}}[:：]\s?(?P<file>{_FILE})[>›]{_M}$", re.DOTALL
)
_OWN_NAME = re.compile(r"(?:IMG|VID|PTT|AUD|STK|DOC)-\d{8}-WA\d+\.\w+|\d{8}-[A-Z]+-.*")
"""How WhatsApp itself names files; anything else may be a customer's words."""
_BRACKETS = re.compile(rf"^{_M}<[^<>\n@/.\d]{{3,60}}>$")
_EDITED = re.compile(rf"(?:\s?[{_MARKS}]+<[^<>\n@/.]{{3,60}}>|\s<[^<>\n@/.\d]{{3,40}}\s[^<>\n@/.\d]{{3,40}}>)$")
_LEFT_OUT = re.compile(
    r"omit|weggelassen|dahil edilmedi|omess|absent|ocult|weggelat|отсутств|utelat|utelämn|udelad|pomini|vynech|kihagy|omis|"
    r"省略|생략|忽略|略去|لم يتم",
    re.IGNORECASE,
)
LONGEST_NOTE = 60
NOTICES = frozenset(
    """
    null|this message was deleted|you deleted this message|missed voice call|missed video call|bu mesaj silindi|bu mesajı sildiniz|
    diese nachricht wurde gelöscht|du hast diese nachricht gelöscht|se eliminó este mensaje|eliminaste este mensaje|mensagem apagada|
    você apagou esta mensagem|ce message a été supprimé|vous avez supprimé ce message|questo messaggio è stato eliminato|
    hai eliminato questo messaggio|dit bericht is verwijderd|данное сообщение удалено|вы удалили данное сообщение|
    تم حذف هذه الرسالة|यह संदेश मिटाया गया
    """.replace("\n", "")
    .replace("    ", "")
    .split("|")
)
"""What WhatsApp says in somebody's name."""
_TITLE = re.compile(
    r"^.*?WhatsApp.*?(?:\bwith|\bmit|\bcon|\bcom|\bavec|\bmet|\bс|[-–])\s+|\s+ile WhatsApp Sohbeti$", re.IGNORECASE
)
_COPY = re.compile(r"\s*\(\d+\)$")
_FUTURE = timedelta(days=1)
_BUDDHIST = (2400, 2600)
_BUDDHIST_YEARS = 543


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportedMessage:
    """One message of an export. ``attachment`` names a file of the export; ``has_media`` also where it was left out."""

    at: datetime
    sender: str
    text: str
    attachment: str | None
    has_media: bool


@dataclass(frozen=True, kw_only=True)
class Export:
    """A chat. ``order`` is how its dates were read, and ``is_certain`` whether the file left no other way."""

    name: str
    messages: tuple[ExportedMessage, ...]
    order: DateOrder
    is_certain: bool

    @property
    def title(self) -> str:
        """The chat's name, without what the phone writes around it."""
        name = _COPY.sub("", self.name)
        return _TITLE.sub("", name) or name

    @property
    def senders(self) -> dict[str, int]:
        """Who wrote, and how many messages; who wrote most comes first."""
        counted: dict[str, int] = {}
        for message in self.messages:
            counted[message.sender] = counted.get(message.sender, 0) + 1
        return dict(sorted(counted.items(), key=lambda item: -item[1]))


@dataclass(frozen=True, slots=True)
class _Entry:
    parts: tuple[int, int, int]
    is_long: tuple[bool, bool]
    hour: int
    minute: int
    second: int
    text: str


def read_export(path: Path, *, zone: ZoneInfo, order: DateOrder | None = None) -> Export:
    """Read an export; times are those of the phone, taken to be in ``zone``.

    Raises:
        InvalidInputError: it is none, or too large; the text says what is wrong.
    """
    name, text, files = _text_of(path)
    entries = list(_entries(text))
    if not entries:
        raise InvalidInputError(f"{path.name}: no line looks like a message of a chat export")
    found, is_certain = (
        (order, True) if order else _order_of(entries, datetime.now(zone).replace(tzinfo=None) + _FUTURE)
    )
    messages = tuple(message for entry in entries if (message := _message(entry, found, zone, files)) is not None)
    if not messages:
        raise InvalidInputError(f"{path.name}: nobody wrote anything, or the dates are not in the order {found}")
    return Export(name=name, messages=messages, order=found, is_certain=is_certain)


def attached(path: Path, name: str, *, max_bytes: int) -> bytes | None:
    """A file of an export, or None where it is not there or too large."""
    try:
        if path.suffix.lower() != ".zip":
            # Beside a text lie the owner's own files, and a customer may have typed their names.
            beside = path.parent / PurePosixPath(name).name
            is_ours = _OWN_NAME.fullmatch(name) and beside.is_file() and beside.stat().st_size <= max_bytes
            return beside.read_bytes() if is_ours else None
        with zipfile.ZipFile(path) as archive:
            member = next((item for item in archive.infolist() if PurePosixPath(item.filename).name == name), None)
            if member is None or member.file_size > max_bytes:
                return None
            with archive.open(member) as file:
                return file.read(max_bytes + 1)[:max_bytes]
    except (zipfile.BadZipFile, OSError, RuntimeError, zlib.error):
        # Damaged, encrypted, or packed in a way that Python does not know: the text is what counts.
        return None


def _text_of(path: Path) -> tuple[str, str, frozenset[str]]:
    """The chat's name, as far as the files tell it, its text, and the files that came with it."""
    try:
        if path.suffix.lower() != ".zip":
            if path.stat().st_size > LARGEST_TEXT:
                raise InvalidInputError(f"{path.name}: larger than any chat export")
            return path.stem, _decoded(path.read_bytes(), path.name), frozenset()
        with zipfile.ZipFile(path) as archive:
            texts = [item for item in archive.infolist() if item.filename.lower().endswith(".txt")]
            # iOS calls it _chat.txt; Android after the chat. Sent text files may be there, too.
            texts.sort(key=lambda item: (PurePosixPath(item.filename).name != "_chat.txt", -item.file_size))
            named = [item for item in texts if PurePosixPath(item.filename).stem in {path.stem, "_chat"}]
            member = next(iter(named or texts), None)
            if member is None:
                raise InvalidInputError(f"{path.name}: there is no chat's text in it")
            if member.file_size > LARGEST_TEXT:
                raise InvalidInputError(f"{path.name}: larger than any chat export")
            with archive.open(member) as file:
                raw = file.read(LARGEST_TEXT + 1)
            stem = PurePosixPath(member.filename).stem
            files = frozenset(PurePosixPath(item.filename).name for item in archive.infolist())
            return path.stem if stem == "_chat" else stem, _decoded(raw, path.name), files
    except (zipfile.BadZipFile, OSError, RuntimeError) as error:
        raise InvalidInputError(f"{path.name}: cannot be read ({error})") from None


def _decoded(raw: bytes, name: str) -> str:
    try:
        return raw.decode("utf-16" if raw[:2] in {b"\xff\xfe", b"\xfe\xff"} else "utf-8-sig")
    except UnicodeDecodeError:
        raise InvalidInputError(f"{name}: not UTF-8; export the chat again") from None


def _entries(text: str) -> Iterator[_Entry]:
    """Each message with all its lines; what stands before the first is none."""
    head: re.Match[str] | None = None
    lines: list[str] = []
    for line in text.replace("\r\n", "\n").split("\n"):
        plain = line.translate(_SPACES).translate(_DIGITS)
        match = _LINE.match(plain)
        if match is None:
            lines.append(line)
            continue
        if head is not None:
            yield _entry(head, lines)
        # The words as they were written: only the date is translated.
        head, lines = match, [line[len(line) - len(match["rest"]) :]]
    if head is not None:
        yield _entry(head, lines)


def _entry(match: re.Match[str], lines: list[str]) -> _Entry:
    hour = int(match["hour"])
    mark = match["before"] or match["after"]
    if mark:
        hour = hour % 12 + (12 if _PAST_NOON.fullmatch(mark) else 0)
    one, two, three = match["one"], match["two"], match["three"]
    return _Entry(
        parts=(int(one), int(two), int(three)),
        is_long=(len(one) == 4, len(three) == 4),
        hour=hour,
        minute=int(match["minute"]),
        second=int(match["second"] or 0),
        text="\n".join(lines).rstrip("\n"),
    )


def _order_of(entries: Iterable[_Entry], latest: datetime) -> tuple[DateOrder, bool]:
    """The order that fits all dates, none of them in the future; among several the one in which the chat goes forward."""
    known = list(entries)
    possible: list[DateOrder] = (
        ["ymd"] if known[0].is_long[0] else ["dmy", "mdy"] if known[0].is_long[1] else ["dmy", "mdy", "ymd"]
    )
    moments = {order: [_moment(entry, order) for entry in known] for order in possible}
    fitting = {
        order: found
        for order, found in moments.items()
        if all(moment is not None and moment <= latest for moment in found)
    }
    if len(fitting) == 1:
        return next(iter(fitting)), True
    candidates = fitting or moments

    def backwards(order: DateOrder) -> tuple[int, float]:
        found = [moment for moment in candidates[order] if moment is not None]
        steps = sum(later < earlier for earlier, later in pairwise(found))
        # Of two that fit alike the one that spans less time.
        return steps + candidates[order].count(None), (found[-1] - found[0]).total_seconds() if found else 0

    ranked = sorted(candidates, key=lambda order: (backwards(order)[0], abs(backwards(order)[1])))
    best, second = (backwards(order)[0] for order in ranked[:2])
    return ranked[0], best < second


def _moment(entry: _Entry, order: DateOrder) -> datetime | None:
    one, two, three = entry.parts
    year, month, day = {"dmy": (three, two, one), "mdy": (three, one, two), "ymd": (one, two, three)}[order]
    if _BUDDHIST[0] <= year <= _BUDDHIST[1]:
        year -= _BUDDHIST_YEARS
    try:
        return datetime(year + (2000 if year < 100 else 0), month, day, entry.hour, entry.minute, entry.second)  # noqa: DTZ001
    except ValueError:
        return None


def _message(entry: _Entry, order: DateOrder, zone: ZoneInfo, files: frozenset[str]) -> ExportedMessage | None:
    """A message, or None for what WhatsApp itself says."""
    moment = _moment(entry, order)
    match = _SENDER.match(entry.text)
    if moment is None or match is None:
        return None
    text = match["text"] or match["close"] or ""
    attachment = None
    has_media = False
    file = _ANDROID_FILE.match(text) or _IOS_FILE.match(text)
    if file and (file["mark"] or file["file"] in files or _OWN_NAME.fullmatch(file["file"])):
        attachment, text, has_media = file["file"], file["text"] or "", True
    elif _BRACKETS.match(text):
        text, has_media = "", True
    elif text.startswith("\u200e") and len(text) <= LONGEST_NOTE and "?" not in text and "@" not in text:
        if not _LEFT_OUT.search(text):
            return None
        text, has_media = "", True
    else:
        text = _EDITED.sub("", text)
    text = re.sub(f"[{_MARKS}]", "", text).strip()
    if text.casefold().rstrip(".") in NOTICES:
        return None
    return ExportedMessage(
        at=moment.replace(tzinfo=zone),
        sender=_plain(match["sender"]),
        text=text,
        attachment=attachment,
        has_media=has_media,
    )


def _plain(text: str) -> str:
    return re.sub(f"[{_MARKS}]", "", text).translate(_SPACES).strip()
