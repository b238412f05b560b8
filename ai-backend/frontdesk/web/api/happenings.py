"""``GET /events``: what happened, by long poll or as Server-Sent Events."""

import asyncio
import contextlib

from aiohttp import web

from frontdesk.domain.errors import UnavailableError
from frontdesk.domain.events import Event
from frontdesk.web.api.bodies import MAX_ID, whole_number
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.documents import EventsDocument

DEFAULT_LIMIT = 100
MAX_LIMIT = 500
MAX_WAIT_S = 60
HEARTBEAT_S = 15


async def events(request: web.Request) -> web.StreamResponse:
    """Events later than ``after`` (or than Last-Event-ID), the oldest first.

    JSON answers at once, or after at most ``wait`` seconds where there is nothing yet. A stream (``Accept:
    text/event-stream``) goes on until it is cut, and begins with what happens from now on where nothing else is asked.
    """
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    query = request.query
    limit = whole_number("limit", query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    wait_s = whole_number("wait", query.get("wait"), default=0, least=0, most=MAX_WAIT_S)
    after = query.get("after")
    if "text/event-stream" in request.headers.get("Accept", ""):
        after = request.headers.get("Last-Event-ID") or after
        number = whole_number("after", after, default=-1, least=0, most=MAX_ID)
        return await _stream(request, desk, number, named=query.get("named") != "false")
    number = whole_number("after", after, default=0, least=0, most=MAX_ID)
    found = await desk.feed.after(number, limit=limit, wait_s=wait_s)
    document = EventsDocument(events=found, last=found[-1].number if found else number)
    return web.json_response(text=document.model_dump_json(), headers={"Cache-Control": "no-store"})


async def _stream(request: web.Request, desk: Desk, number: int, *, named: bool) -> web.StreamResponse:
    if number < 0:
        number = await desk.feed.last_number()
    headers = {
        "Content-Type": "text/event-stream; charset=utf-8",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",
    }
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    # Tells the reader where it stands, also before anything happens.
    await response.write(f"retry: 2000\nid: {number}\nevent: ready\ndata: {{}}\n\n".encode())
    with contextlib.suppress(ConnectionError):
        while not desk.feed.is_stopped:
            try:
                # Who has logged out, or may look no more, is told no more: also while much happens.
                if await desk.gate.recognise(request) is None:
                    break
                found = await desk.feed.after(number, limit=MAX_LIMIT)
            except UnavailableError:
                # The reader comes back with the number of its last event.
                break
            if found:
                number = found[-1].number
                await response.write("".join(_told(item, named=named) for item in found).encode())
                continue
            try:
                async with asyncio.timeout(HEARTBEAT_S):
                    await desk.feed.moved_beyond(number)
            except TimeoutError:
                await response.write(b": still here\n\n")
    return response


def _told(event: Event, *, named: bool) -> str:
    """An event of a stream. Browsers hand those with a name only to who asks for that name; ``named=false`` is for who wants all."""
    name = f"event: {event.type}\n" if named else ""
    return f"id: {event.number}\n{name}data: {event.model_dump_json()}\n\n"
