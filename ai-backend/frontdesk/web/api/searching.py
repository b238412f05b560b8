"""Search: what was said, and who said it."""

from datetime import date, datetime, time, timedelta, tzinfo

from aiohttp import web

from frontdesk.domain.errors import FieldProblem, InvalidInputError
from frontdesk.store import search
from frontdesk.store.search import Period
from frontdesk.web.api.bodies import MAX_ID, day, whole_number
from frontdesk.web.desk import DESK
from frontdesk.web.inbox_documents import FoundChatDocument, FoundMessageDocument, SearchDocument

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
LONGEST_QUERY = 100


async def find(request: web.Request) -> web.Response:
    """``GET /search?q=&from=&to=&before=&limit=``: chats by name, number or profile, and messages by their words; the newest first."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    text = searched(request)
    limit = whole_number("limit", request.query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    before = whole_number("before", request.query.get("before"), default=MAX_ID, least=1, most=MAX_ID)
    period = _period(request, desk.zone_of(None))
    found = await search.find(
        desk.database, text, limit=limit, before=before if before < MAX_ID else None, period=period
    )
    received = [item.message_id for item in found.messages if item.message_id is not None]
    document = SearchDocument(
        chats=[FoundChatDocument(**vars(chat)) for chat in found.chats],
        messages=[FoundMessageDocument(**vars(item)) for item in found.messages],
        before=min(received) if len(received) == limit else None,
    )
    return web.json_response(text=document.model_dump_json())


def searched(request: web.Request) -> str:
    """What is looked for.

    Raises:
        InvalidInputError: it is too long, or no text.
    """
    text = request.query.get("q", "").strip()
    if len(text) > LONGEST_QUERY or "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        problem = FieldProblem(pointer="q", detail=f"must be at most {LONGEST_QUERY} characters of text")
        raise InvalidInputError("the query does not fit", (problem,))
    return text


def _period(request: web.Request, zone: tzinfo) -> Period:
    first, last = day("from", request.query.get("from")), day("to", request.query.get("to"))
    if first and last and first > last:
        raise InvalidInputError(
            "the query does not fit", (FieldProblem(pointer="from", detail="must not be after “to”"),)
        )
    return period_of(first, last, zone)


def period_of(first: date | None, last: date | None, zone: tzinfo) -> Period:
    """From the beginning of one day to the end of another, where somebody is."""
    return Period(
        since=datetime.combine(first, time(), zone) if first else None,
        until=datetime.combine(last + timedelta(days=1), time(), zone) if last else None,
    )
