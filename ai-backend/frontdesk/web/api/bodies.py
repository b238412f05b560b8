"""Reading what callers send: once, at the edge, with every problem named."""

import asyncio
import re
from datetime import date
from typing import TypeVar

from aiohttp import web
from pydantic import BaseModel, ValidationError

from frontdesk.channels.whatsapp_web import problems_of, read_json
from frontdesk.domain.errors import FieldProblem, InvalidInputError, UnavailableError, UnsupportedEncodingError

Document = TypeVar("Document", bound=BaseModel)
When = TypeVar("When", bound=date)

UPLOAD_S = 30
MAX_ID = 2**63 - 1
MAX_DIGITS = 19
EARLIEST_YEAR, LATEST_YEAR = 2000, 2200
_TRACEPARENT = re.compile(r"[\da-f]{2}-[\da-f]{32}-[\da-f]{16}-[\da-f]{2}")


async def read_body(request: web.Request) -> bytes:
    """The raw body, which a signature is over.

    Raises:
        UnavailableError: it did not arrive in time. UnsupportedEncodingError: it cannot be unpacked.
    """
    try:
        async with asyncio.timeout(UPLOAD_S):
            return await request.read()
    except TimeoutError:
        raise UnavailableError("the body did not arrive in time; try again") from None
    except web.RequestPayloadError:
        raise UnsupportedEncodingError("the body is not what Content-Encoding says") from None


def read_document(model: type[Document], body: bytes) -> Document:
    """A body as a value.

    Raises:
        NotJsonError, UnsupportedEncodingError: it cannot be read. InvalidInputError: it does not fit the contract.
    """
    document, _ = read_json(body)
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidInputError("the body does not fit the contract", problems_of(error)) from None


def is_near(moment: When) -> When:
    """A time or a day that calendars and time zones can reckon with.

    Raises:
        ValueError: it is centuries away.
    """
    if not EARLIEST_YEAR <= moment.year <= LATEST_YEAR:
        raise ValueError(f"must lie between {EARLIEST_YEAR} and {LATEST_YEAR}")
    return moment


def traceparent(request: web.Request) -> str | None:
    """The trace that a request belongs to, as W3C Trace Context has it; anything else is none."""
    value = request.headers.get("traceparent", "")
    return value if _TRACEPARENT.fullmatch(value) else None


def whole_number(name: str, text: str | None, *, default: int, least: int, most: int) -> int:
    """A number of the query.

    Raises:
        InvalidInputError: it is none, or out of its range.
    """
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > MAX_DIGITS or not least <= int(text) <= most:
        problem = FieldProblem(pointer=name, detail=f"must be a number from {least} to {most}")
        raise InvalidInputError("the query does not fit", (problem,))
    return int(text)


def day(name: str, text: str | None) -> date | None:
    """A day of the query, or None where it names none.

    Raises:
        InvalidInputError: it is no day, or centuries away.
    """
    if not text:
        return None
    try:
        return is_near(date.fromisoformat(text))
    except ValueError:
        problem = FieldProblem(pointer=name, detail="must be a day, as 2026-01-31")
        raise InvalidInputError("the query does not fit", (problem,)) from None
