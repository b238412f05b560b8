"""What a connector has to know, and what it tells apart from messages."""

from datetime import UTC, datetime
from typing import Annotated

from aiohttp import web
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from frontdesk.channels.whatsapp_web import MediaEntry, MessageText, Name
from frontdesk.domain.changes import ChangeKind, MessageChange, SessionState
from frontdesk.domain.errors import FieldProblem, InvalidInputError
from frontdesk.domain.messages import Media
from frontdesk.store import accounts, changes, directory
from frontdesk.web.api.bodies import read_body, read_document
from frontdesk.web.desk import DESK

MAX_ID_BYTES = 255
Moment = Annotated[AwareDatetime, Field(strict=False, description="ISO 8601 with an offset")]


class ChangeDraft(BaseModel):
    """The body of ``POST /webhook/changes``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    message_id: str = Field(min_length=1, max_length=255, description="The channel's id of the message")
    change: ChangeKind
    at: Moment
    text: MessageText | None = Field(
        default=None, description="The new text, the reaction, the chosen options, or why there is no file"
    )
    sender_id: Name | None = None
    phone_number: Name | None = None
    from_me: bool = False
    message_type: str | None = Field(default=None, max_length=32, description="Of a message that was decrypted late")
    media: MediaEntry | None = None


class SessionDraft(BaseModel):
    """The body of ``POST /connector/status``."""

    model_config = ConfigDict(extra="ignore", strict=True)

    state: SessionState
    reason: str | None = Field(default=None, max_length=500)
    at: Moment


async def settings(request: web.Request) -> web.Response:
    """``GET /connector/settings``: the critical groups, for a connector with its account's secret."""
    desk = request.app[DESK]
    desk.gate.connector_of(request)
    return web.json_response({"critical_groups": await directory.list_groups(desk.database)})


async def change(request: web.Request) -> web.Response:
    """``POST /webhook/changes``: something happened to a message. The same told again changes nothing."""
    desk = request.app[DESK]
    body = await read_body(request)
    account = desk.gate.account_of(request, body)
    draft = read_document(ChangeDraft, body)
    if any(len(id_.encode()) > MAX_ID_BYTES for id_ in (draft.message_id, draft.sender_id or "")):
        raise InvalidInputError(
            "the body does not fit the contract", (FieldProblem(pointer="", detail="ids may take at most 255 bytes"),)
        )
    told = MessageChange(
        message_id=draft.message_id,
        kind=draft.change,
        at=_in_utc(draft.at),
        text=draft.text,
        sender_id=draft.sender_id,
        from_us=draft.from_me,
        type=draft.message_type,
        media=Media(**draft.media.model_dump()) if draft.media else None,
    )
    is_new = await changes.record(desk.database, account, told, now=desk.clock())
    desk.feed.announce()
    return web.json_response({"new": is_new})


async def status(request: web.Request) -> web.Response:
    """``POST /connector/status``: the session's state has changed."""
    desk = request.app[DESK]
    body = await read_body(request)
    account = desk.gate.account_of(request, body)
    draft = read_document(SessionDraft, body)
    is_new = await accounts.note_session(
        desk.database, account, draft.state, draft.reason, at=_in_utc(draft.at), now=desk.clock()
    )
    desk.feed.announce()
    return web.json_response({"new": is_new})


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise InvalidInputError(
            "the body does not fit the contract", (FieldProblem(pointer="/at", detail="has no place in UTC"),)
        ) from None
