"""Contacts: who writes, what is known of them, and which of them are one."""

from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from frontdesk.domain.contacts import normalise_phone, usual_region
from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError
from frontdesk.domain.profiles import LONGEST_VALUE, parsed_fields
from frontdesk.store import directory, merging, profiles
from frontdesk.web.api.bodies import MAX_ID, read_body, read_document, whole_number
from frontdesk.web.contact_documents import ContactsDocument, contact_of
from frontdesk.web.desk import DESK, Desk

DEFAULT_LIMIT = 50
MAX_LIMIT = 200
LONGEST_QUERY = 100

Value = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_VALUE)]


class ContactChanges(BaseModel):
    """The body of ``PATCH /contacts/{id}``."""

    model_config = ConfigDict(extra="forbid")

    is_important: bool | None = Field(default=None, strict=True, description="Whether they are a VIP; null leaves it")
    fields: dict[str, Value | None] = Field(
        default={}, max_length=50, description="Field → what you know; null forgets it. Messages never overwrite it"
    )


class MergeDraft(BaseModel):
    """The body of ``POST /contacts/{id}/merge``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    contact_id: int = Field(ge=1, le=MAX_ID, description="The contact that goes on as this one")


class UnmergeDraft(BaseModel):
    """The body of ``POST /contacts/{id}/unmerge``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    merge_id: int = Field(ge=1, le=2**31 - 1)


class NumberDraft(BaseModel):
    """The body of ``DELETE /contacts/{id}/numbers``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    phone: str = Field(max_length=40, description="As people write it: +1 555 0100111")


class NewNumberDraft(NumberDraft):
    """The body of ``POST /contacts/{id}/numbers``."""

    merges: bool = Field(default=False, description="Whose number it was goes on as this contact; else that is refused")


async def all_contacts(request: web.Request) -> web.Response:
    """``GET /contacts?q=&before=&limit=``: by a part of a name, a number or something that is known."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    query = request.query
    limit = whole_number("limit", query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    before = whole_number("before", query.get("before"), default=MAX_ID, least=1, most=MAX_ID)
    text = query.get("q", "").strip()
    if len(text) > LONGEST_QUERY or "\0" in text or any("\ud800" <= character <= "\udfff" for character in text):
        problem = FieldProblem(pointer="q", detail=f"must be at most {LONGEST_QUERY} characters of text")
        raise InvalidInputError("the query does not fit", (problem,))
    found = await profiles.find(desk.database, text=text or None, before=before, limit=limit)
    wanted = _wanted(desk)
    document = ContactsDocument(contacts=[contact_of(contact, wanted) for contact in found])
    return web.json_response(text=document.model_dump_json())


async def one(request: web.Request) -> web.Response:
    """``GET /contacts/{id}``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    return await _shown(desk, _number(request))


async def change(request: web.Request) -> web.Response:
    """``PATCH /contacts/{id}``: what a person knows."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(ContactChanges, await read_body(request))
    known = _wanted(desk)
    unknown = sorted(set(draft.fields) - set(known))
    if unknown:
        problem = FieldProblem(pointer="/fields", detail=f"must be among {', '.join(known)} (PROFILE_FIELDS)")
        raise InvalidInputError("the body does not fit the contract", (problem,))
    number = _number(request)
    if draft.is_important is not None:
        await directory.set_important(desk.database, number, is_important=draft.is_important, now=desk.clock())
    if draft.fields or draft.is_important is None:
        await profiles.write(desk.database, number, draft.fields, now=desk.clock())
    desk.feed.announce()
    return await _shown(desk, number)


async def merge(request: web.Request) -> web.Response:
    """``POST /contacts/{id}/merge``: another contact goes on as this one."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(MergeDraft, await read_body(request))
    number = _number(request)
    await merging.merge(desk.database, number, draft.contact_id, now=desk.clock())
    desk.feed.announce()
    return await _shown(desk, number)


async def add_number(request: web.Request) -> web.Response:
    """``POST /contacts/{id}/numbers``: where they are reached, as a person knows it."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(NewNumberDraft, await read_body(request))
    phone, number = await _phone(desk, draft.phone), _number(request)
    await merging.add_number(desk.database, number, phone, merges=draft.merges, now=desk.clock())
    desk.feed.announce()
    return await _shown(desk, number)


async def remove_number(request: web.Request) -> web.Response:
    """``DELETE /contacts/{id}/numbers``: it is not theirs."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(NumberDraft, await read_body(request))
    phone, number = await _phone(desk, draft.phone), _number(request)
    await merging.remove_number(desk.database, number, phone, now=desk.clock())
    desk.feed.announce()
    return await _shown(desk, number)


async def _phone(desk: Desk, text: str) -> str:
    region = desk.settings.default_region
    is_whole = text.lstrip().startswith(("+", "00"))
    if not is_whole and region is None:
        # A number as people there write it: the country is most likely that of the others.
        region = usual_region(await directory.latest_phones(desk.database))
    phone = normalise_phone(text, region=region) if is_whole or region else None
    if phone is None:
        detail = "must be a phone number with its country’s code, such as +1 555 0100111"
        problems = (FieldProblem(pointer="/phone", detail=detail),)
        raise InvalidInputError("the body does not fit the contract", problems)
    return phone


async def unmerge(request: web.Request) -> web.Response:
    """``POST /contacts/{id}/unmerge``: they are two again."""
    desk = request.app[DESK]
    desk.gate.check(request, "write")
    draft = read_document(UnmergeDraft, await read_body(request))
    number = _number(request)
    await merging.undo(desk.database, number, draft.merge_id, now=desk.clock())
    desk.feed.announce()
    return await _shown(desk, number)


def _number(request: web.Request) -> int:
    number = int(request.match_info["id"])
    if number > MAX_ID:
        raise NotFoundError("there is no such contact")
    return number


def _wanted(desk: Desk) -> list[str]:
    return list(parsed_fields(desk.settings.profile_fields))


async def _shown(desk: Desk, number: int) -> web.Response:
    found = await profiles.fetch(desk.database, number)
    if found is None:
        raise NotFoundError("there is no such contact")
    return web.json_response(text=contact_of(found, _wanted(desk)).model_dump_json())
