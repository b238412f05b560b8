"""Files: a connector brings them, people look at them."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote, unquote

from aiohttp import web

from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError, UnavailableError
from frontdesk.domain.understanding import kind_of_file
from frontdesk.media.files import MediaFiles
from frontdesk.store import changes
from frontdesk.web.api.reading import asked_for
from frontdesk.web.desk import DESK

MAX_ID_BYTES = 255
LONGEST_NAME = 255
CHUNK_BYTES = 64 * 1024
STALLED_S = 30
SHOWN = ("image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "audio/")
"""What a browser may show in its place: nothing of it can run."""


async def put(request: web.Request) -> web.Response:
    """``PUT /media/{message_id}``: the file of a message, streamed; 201, or 200 where it is there already."""
    desk = request.app[DESK]
    account = desk.gate.connector_of(request)
    message_id = request.match_info["message_id"]
    if not is_storable(message_id) or len(message_id.encode()) > MAX_ID_BYTES:
        problem = FieldProblem(pointer="message_id", detail=f"must have at most {MAX_ID_BYTES} bytes of UTF-8")
        raise InvalidInputError("the request does not fit the contract", (problem,))
    sent = request.headers.get("X-Filename", "").encode("utf-8", "replace").decode()
    name = unquote(sent, errors="replace").replace("\0", "")[:LONGEST_NAME] or None
    attachment = await desk.media.keep(_arriving(request), expected=request.content_length, filename=name)
    kind = kind_of_file(attachment.mimetype)
    kept = await changes.keep_attachment(
        desk.database, account, message_id, attachment, now=desk.clock(),
        says=kind if desk.understander.understands(kind) else None,
    )  # fmt: skip
    desk.feed.announce()
    if kept.conversation_id is not None:
        desk.wakeups.voice([kept.conversation_id])
    is_new = kept.is_new
    document = {"sha256": attachment.sha256, "size": attachment.size, "mimetype": attachment.mimetype}
    return web.json_response(document, status=201 if is_new else 200)


def is_storable(text: str) -> bool:
    """Whether a text is one in UTF-8: aiohttp lets other bytes through in disguise."""
    return not any("\ud800" <= character <= "\udfff" for character in text) and "\0" not in text


async def _arriving(request: web.Request) -> AsyncIterator[bytes]:
    """What comes, as long as it does.

    Raises:
        UnavailableError: nothing came for a while, or the caller is gone.
    """
    chunks = request.content.iter_chunked(CHUNK_BYTES)
    while True:
        try:
            async with asyncio.timeout(STALLED_S):
                chunk = await anext(chunks)
        except StopAsyncIteration:
            return
        except TimeoutError:
            raise UnavailableError("the file did not arrive; try again") from None
        yield chunk


async def get(request: web.Request) -> web.StreamResponse:
    """``GET /messages/{id}/media``: the file that a message brought."""
    desk = request.app[DESK]
    record = await asked_for(request)
    key = (record.account_id, record.message.message_id)
    attachment = (await changes.attachments_of(desk.database, [key])).get(key)
    size = await desk.media.size(attachment.sha256) if attachment else None
    if attachment is None or size is None:
        raise NotFoundError("there is no file of this message")
    is_shown = attachment.mimetype.startswith(SHOWN)
    name = quote(attachment.filename or f"message-{record.id}", safe="")
    headers = {
        "Content-Type": attachment.mimetype if is_shown else "application/octet-stream",
        "Content-Disposition": f"{'inline' if is_shown else 'attachment'}; filename*=UTF-8''{name}",
        "Content-Security-Policy": "default-src 'none'; sandbox",
        "X-Content-Type-Options": "nosniff",
        "Cache-Control": "private, max-age=31536000, immutable",
    }
    path = desk.media.local_path(attachment.sha256)
    if path is not None:
        return web.FileResponse(path, headers=headers)
    return await _streamed(request, desk.media, attachment.sha256, size, headers)


async def _streamed(
    request: web.Request, media: MediaFiles, digest: str, size: int, headers: dict[str, str]
) -> web.StreamResponse:
    """A file that lies elsewhere, or the part of it that a player asks for (RFC 9110, 14)."""
    begin, end, status = 0, size, 200
    try:
        wanted = request.http_range
        if wanted.start is not None or wanted.stop is not None:
            begin, end, _ = wanted.indices(size)
            status = 206
    except ValueError:
        begin, end = 0, 0
    if begin >= end and size:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{size}"})
    response = web.StreamResponse(status=status, headers=headers | {"Accept-Ranges": "bytes"})
    response.content_length = end - begin
    if status == 206:
        response.headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
    await response.prepare(request)
    if request.method != "HEAD":
        async for chunk in media.chunks(digest, begin, end):
            await response.write(chunk)
    await response.write_eof()
    return response
