"""The inbox: whom to answer first, the chats themselves, and who writes there."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, get_args
from urllib.parse import urlencode

from aiohttp import web

from frontdesk.channels.whatsapp_web import address_of
from frontdesk.desk.reading import Entry, Thread, read_thread
from frontdesk.domain.analysis import Category, Sentiment
from frontdesk.domain.errors import NotFoundError
from frontdesk.domain.inbox import VIEWS, Filter, Note
from frontdesk.domain.profiles import parsed_fields
from frontdesk.domain.replies import ReplyMode
from frontdesk.store import addresses, dialogues, directory, inbox, jottings, people, profiles, search, tasks, turns
from frontdesk.store.thread import bounds_around
from frontdesk.web.api.bodies import MAX_ID, day, whole_number
from frontdesk.web.api.conversations import filter_of, place_of, written
from frontdesk.web.api.searching import period_of, searched
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.pages.entrance import entered
from frontdesk.web.pages.rendering import Reader, html, page, rendered

ROWS = 40
PART = 40
MOST_OF_PART = 400
FOUND = 40
RENDERED_AT_ONCE = 256
PERIODS = ("today", "yesterday", "seven_days", "last_week", "thirty_days", "days")
"""What is searched may be bounded by; ``days`` by those that are named, ``from`` one ``to`` another."""
Render = Callable[[], Awaitable[str]]


@dataclass
class _Rendered:
    number: int
    text: str


class Renderings:
    """Lists that many look at are rendered once for all of them: a list is what it was until something happens."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[object, ...], _Rendered] = OrderedDict()
        self._turns: dict[tuple[object, ...], asyncio.Lock] = {}

    async def of(self, key: tuple[object, ...], number: int, render: Render) -> str:
        """The text as of event ``number``, which several may ask for at the same moment."""
        async with self._turns.setdefault(key, asyncio.Lock()):
            known = self._known.get(key)
            if known is None or known.number != number:
                known = _Rendered(number, await render())
                self._known[key] = known
                if len(self._known) > RENDERED_AT_ONCE:
                    gone, _ = self._known.popitem(last=False)
                    self._turns.pop(gone, None)
            return known.text


RENDERINGS = web.AppKey("renderings", Renderings)


@entered()
async def home(request: web.Request) -> web.Response:
    """``GET /``: the list, and no chat yet."""
    return await _whole(request, None)


@entered()
async def one(request: web.Request) -> web.Response:
    """``GET /inbox/{id}``: the list, and a chat."""
    return await _whole(request, _number(request))


async def rows(request: web.Request) -> web.Response:
    """``GET /inbox/list``: the rows of a view, or what a search finds."""
    request.app[DESK].gate.check(request, "read")
    return html(request, await _list(request, Reader(request)))


async def sidebar(request: web.Request) -> web.Response:
    """``GET /inbox/views``: the views with their numbers."""
    request.app[DESK].gate.check(request, "read")
    reader = Reader(request)
    return html(request, await _views(request, reader))


async def chat(request: web.Request) -> web.Response:
    """``GET /inbox/{id}/chat``: a chat with its contact."""
    request.app[DESK].gate.check(request, "read")
    reader = Reader(request)
    return html(request, await _chat(request, reader, _number(request)))


async def entries(request: web.Request) -> web.Response:
    """``GET /inbox/{id}/entries?before=|since=``: a part of a thread."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    reader, number = Reader(request), _number(request)
    before, since = place_of(request.query.get("before")), place_of(request.query.get("since"))
    thread = await read_thread(
        desk.database, number, before=before[0] if before else None, since=since[0] if since else None,
        limit=MOST_OF_PART if since else PART,
    )  # fmt: skip
    return page(request, "inbox/entries.html", reader=reader, number=number, **_told(reader, thread))


async def beside(request: web.Request) -> web.Response:
    """``GET /inbox/{id}/beside``: what stands around the messages of a chat, without them."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    conversation = await _known(desk, _number(request))
    return page(request, "inbox/beside.html", **await _contact(desk, conversation))


async def _whole(request: web.Request, number: int | None) -> web.Response:
    reader = Reader(request)
    values: dict[str, Any] = {
        "number": number, "list": await _list(request, reader), "sidebar": await _views(request, reader),
        "query": _query(request), "chat": await _chat(request, reader, number) if number is not None else None,
        "last_event": await request.app[DESK].feed.last_number(), "searched": searched(request),
    }  # fmt: skip
    return page(request, "inbox/inbox.html", reader=reader, section="inbox", **values)


async def _list(request: web.Request, reader: Reader) -> str:
    desk = request.app[DESK]
    text = searched(request)
    if text:
        first, last = _days(request, reader, desk.clock().astimezone(reader.zone).date())
        results = await search.find(desk.database, text, limit=FOUND, period=period_of(first, last, reader.zone))
        return rendered(
            request, "inbox/found.html", reader=reader, found=results.messages, chats=results.chats, text=text,
            query=urlencode(_query(request)), periods=PERIODS, period=request.query.get("period"), first=first, last=last,
        )  # fmt: skip
    wanted, after = filter_of(request), place_of(request.query.get("after"))
    me = reader.person

    async def render() -> str:
        shown = await inbox.find(desk.database, wanted, limit=ROWS, after=after, me=me.id if me else None)
        more = _query(request) | {"after": written(inbox.place_of(shown[-1], wanted))} if len(shown) == ROWS else None
        names = {person.id: person.name for person in await people.find(desk.database)}
        return rendered(
            request, "inbox/rows.html", reader=reader, shown=shown, now=desk.clock(), names=names, wanted=wanted,
            more=more and urlencode(more), query=urlencode(_query(request)), is_first=after is None,
            several=len(desk.settings.accounts) > 1, any_at_all=bool(shown) or await inbox.has_any(desk.database),
        )  # fmt: skip

    own = me.id if me and wanted.view == "mine" else None
    today = desk.clock().astimezone(reader.zone).date()
    key = (wanted, after, reader.language, str(reader.zone), own, today)
    return await request.app[RENDERINGS].of(key, await desk.feed.last_number(), render)


def _days(request: web.Request, reader: Reader, today: date) -> tuple[date | None, date | None]:
    """The first and the last day that a search is bounded by."""
    week = today - timedelta(days=(today.weekday() - reader.locale.first_week_day) % 7)
    first, last = day("from", request.query.get("from")), day("to", request.query.get("to"))
    named = (min(first, last), max(first, last)) if first and last else (first, last)
    return {
        "today": (today, today),
        "yesterday": (today - timedelta(days=1), today - timedelta(days=1)),
        "seven_days": (today - timedelta(days=6), today),
        "last_week": (week - timedelta(days=7), week - timedelta(days=1)),
        "thirty_days": (today - timedelta(days=29), today),
        "days": named,
    }.get(request.query.get("period", ""), (None, None))


async def _views(request: web.Request, reader: Reader) -> str:
    desk = request.app[DESK]
    me = reader.person
    person_id = me.id if me else None
    counted = await inbox.counts(desk.database, me=person_id, now=desk.clock())
    return rendered(
        request, "inbox/views.html", reader=reader, counts=counted, views=VIEWS, wanted=filter_of(request),
        filters=await jottings.filters(desk.database, person_id=person_id), categories=get_args(Category),
        sentiments=get_args(Sentiment), agents=sorted(desk.dispatcher.names()), is_searching=bool(searched(request)),
        link=lambda wanted: urlencode({name: value for name, value in wanted.items() if value is not None}),
    )  # fmt: skip


async def _chat(request: web.Request, reader: Reader, number: int) -> str:
    desk = request.app[DESK]
    conversation = await _known(desk, number)
    wanted = whole_number("message", request.query.get("message"), default=0, least=0, most=MAX_ID)
    around = await bounds_around(desk.database, number, wanted, later=PART // 2) if wanted else None
    before = around[1] if around else None
    thread, beside, canned = await asyncio.gather(
        read_thread(desk.database, number, before=before, limit=PART),
        _contact(desk, conversation),
        jottings.replies(desk.database),
    )
    return rendered(
        request, "inbox/chat.html", reader=reader, number=number, is_anchored=before is not None,
        **_told(reader, thread), **beside, query=urlencode(_query(request)), canned=canned,
    )  # fmt: skip


async def _contact(desk: Desk, conversation: inbox.Conversation) -> dict[str, Any]:
    database, number, contact_id = desk.database, conversation.id, conversation.contact_id
    chat, dialogue, drafts, everybody, found = await asyncio.gather(
        addresses.chat_of(database, number),
        dialogues.fetch(database, number),
        turns.find(database, state="suggested", conversation_id=number, limit=1),
        people.find(database),
        tasks.find(database, conversation_id=number, status="open", limit=50),
    )
    known, is_vip = None, False
    notes: list[Note] = []
    others: Sequence[inbox.Conversation] = ()
    if contact_id is not None:
        known, is_vip, notes, others = await asyncio.gather(
            profiles.fetch(database, contact_id),
            directory.is_important(database, contact_id),
            jottings.notes_of(database, contact_id),
            inbox.of_contact(database, contact_id),
        )
    now = desk.clock()
    return {
        "conversation": conversation,
        "is_reachable": chat is not None
        and address_of(group_id=chat.group_id, sender_ids=chat.sender_ids, phone_number=chat.phone_number) is not None,
        "dialogue": dialogue,
        "is_with_person": dialogue is not None and dialogue.is_with_person(now=now, pause=desk.limits.human_pause),
        "mode": desk.limits.mode_of(dialogue) if dialogue else "suggest",
        "modes": get_args(ReplyMode),
        "contact": known,
        # WhatsApp's own numbers come back with the next message; what people said of a chat from a file can be taken back.
        "is_from_file": known is not None and any(item.is_from_file for item in known.identities),
        "is_vip": is_vip,
        "notes": notes,
        "draft": drafts[0] if drafts else None,
        "people": everybody,
        "assignee": next((person.name for person in everybody if person.id == conversation.assignee_id), None),
        "tasks": found,
        "fields": list(parsed_fields(desk.settings.profile_fields)),
        "mood": _sparkline(known.moods) if known else None,
        "others": [item for item in others if item.id != number],
        "now": now,
    }


def _told(reader: Reader, thread: Thread) -> dict[str, Any]:
    """What the entries of a thread are shown with: the day before each, and where the part before them is."""
    days: list[tuple[Entry, datetime | None]] = []
    last = None
    for entry in thread.entries:
        date_ = entry.at.astimezone(reader.zone).date()
        days.append((entry, entry.at if date_ != last else None))
        last = date_
    first = thread.entries[0].at if thread.entries else None
    return {
        "entries": days,
        "before": written(inbox.Place(thread.before)) if thread.before else None,
        "since": written(inbox.Place(first)) if first else "",
        "sentiments": get_args(Sentiment),
        "categories": get_args(Category),
    }


def _sparkline(moods: tuple[profiles.Mood, ...], *, width: int = 220, height: int = 40) -> dict[str, Any] | None:
    """Points of a small chart, by week from left to right, glad at the top."""
    latest = moods[-26:]
    if len(latest) < 2:
        return None
    step = width / max(1, len(latest) - 1)
    points = [(round(place * step, 1), round((1 - mood.mean) / 2 * height, 1)) for place, mood in enumerate(latest)]
    return {
        "points": " ".join(f"{x},{y}" for x, y in points), "last": points[-1], "width": width, "height": height,
        "first": latest[0].week, "now": latest[-1].mean, "weeks": latest,
    }  # fmt: skip


async def _known(desk: Desk, number: int) -> inbox.Conversation:
    found = await inbox.fetch(desk.database, number) if number <= MAX_ID else None
    if found is None:
        raise NotFoundError("there is no such conversation")
    return found


def _query(request: web.Request) -> dict[str, str]:
    """The filter of the address, or what is searched, as it goes on from page to page."""
    names = (*Filter.model_fields, "q", "period", "from", "to")
    return {name: value for name in names if (value := request.query.get(name))}


def _number(request: web.Request) -> int:
    return int(request.match_info["id"])
