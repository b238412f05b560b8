"""The channel to WhatsApp: the backend's half, alone and against the connector's own."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from tests.support.processes import free_port

from frontdesk.channels.connector import Connector
from frontdesk.channels.whatsapp_web import address_of
from frontdesk.cli.serve import serving
from frontdesk.domain.errors import (
    ChannelError,
    ChannelRejectedError,
    UnknownOutcomeError,
)
from frontdesk.domain.outgoing import Outgoing

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def test_a_chat_is_answered_where_it_came_from() -> None:
    """A LID is an address; a made-up id is none."""
    assert address_of(group_id="1203@g.us", sender_ids=(), phone_number=None) == "1203@g.us"
    assert address_of(group_id=None, sender_ids=("x", "122@lid"), phone_number="+15550100111") == "122@lid"
    assert address_of(group_id=None, sender_ids=("x",), phone_number="+15550100111") == "15550100111@c.us"
    assert address_of(group_id=None, sender_ids=("x",), phone_number=None) is None


@asynccontextmanager
async def _connector(answer: Callable[[web.Request], web.StreamResponse]) -> AsyncIterator[Connector]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return answer(request)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    port = free_port()
    async with serving([(app, "127.0.0.1", port)]):
        connector = Connector(url=f"http://127.0.0.1:{port}", token="t")
        yield connector
        await connector.close()


OUTGOING = Outgoing(
    id=1, account_id=1, account="main", conversation_id=1, key="k", channel_key="k/1", recipient="15550100111@c.us", text="hi",
    is_automatic=False, state="sending", attempts=0, due_at=None, error=None, channel_message_id=None, trace=None,
    created_at=NOW, queued_at=NOW, sent_at=None,
)  # fmt: skip


@pytest.mark.parametrize(
    ("status", "document", "error"),
    [
        (429, {"code": "too_many"}, ChannelError),
        (503, {"code": "not_ready"}, ChannelError),
        (401, {"code": "unauthenticated"}, ChannelError),
        (422, {"code": "number_not_on_whatsapp"}, ChannelRejectedError),
        (504, {"code": "unknown_outcome"}, UnknownOutcomeError),
        (500, {"code": "error"}, UnknownOutcomeError),
        (201, [], UnknownOutcomeError),
        (201, {}, UnknownOutcomeError),
    ],
)
async def test_what_the_connector_answers_is_told_apart(
    status: int, document: object, error: type[ChannelError]
) -> None:
    """Not sent, never to be sent, and perhaps sent are three things."""
    async with _connector(
        lambda _: web.json_response(document, status=status, headers={"retry-after": "7"})
    ) as connector:
        with pytest.raises(ChannelError) as caught:
            await connector.send(OUTGOING)
    assert type(caught.value) is error
    assert status not in {429, 503} or caught.value.retry_after_s == 7


async def test_the_connector_is_asked_by_key() -> None:
    """Sent, not sent, or nobody knows."""
    answers = iter([{"state": "sent", "message_id": "id"}, {"state": "not_sent"}, {"state": "unknown"}])
    paths: list[str] = []

    def answer(request: web.Request) -> web.StreamResponse:
        paths.append(request.raw_path)
        return web.json_response(next(answers))

    async with _connector(answer) as connector:
        assert await connector.find(OUTGOING) == "id"
        assert await connector.find(OUTGOING) is None
        with pytest.raises(UnknownOutcomeError):
            await connector.find(OUTGOING)
    assert set(paths) == {"/messages/k%2F1"}


async def test_both_sides_of_the_channel_mean_the_same(tmp_path: Path) -> None:
    """The backend's half against the connector's own."""
    process = await asyncio.create_subprocess_exec(
        "node", str(Path(__file__).parents[1] / "support" / "connector_api.mjs"), str(tmp_path / "sends"), "t",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    connector = Connector(url=f"http://127.0.0.1:{int(await process.stdout.readline())}", token="t")

    def outgoing(key: str, text: str, recipient: str = "15550100111@c.us") -> Outgoing:
        return OUTGOING.model_copy(update={"channel_key": key, "text": text, "recipient": recipient})

    first = await connector.send(outgoing("one", "hello"))
    assert await connector.send(outgoing("one", "hello")) == first
    assert await connector.find(outgoing("one", "hello")) == first
    assert await connector.find(outgoing("never", "hello")) is None
    with pytest.raises(ChannelRejectedError):
        await connector.send(outgoing("one", "another text"))
    # As long as the backend takes it, in any script, and to groups of all ages.
    assert await connector.send(outgoing("long", "م" * 65_536))
    assert await connector.send(outgoing("pictures", "🚲" * 65_536))
    assert await connector.send(outgoing("group", "hello", "15550100111-1400000000@g.us"))
    # What WhatsApp confirms late is unknown at first, and known then.
    with pytest.raises(UnknownOutcomeError):
        await connector.send(outgoing("slow", "slow"))
    found: str | None = None
    while found is None:
        with contextlib.suppress(UnknownOutcomeError):
            found = await connector.find(outgoing("slow", "slow"))
    assert await connector.send(outgoing("slow", "slow")) == found
    await connector.close()
    process.kill()
    await process.wait()


async def test_a_connector_that_is_not_there_has_sent_nothing() -> None:
    """Refused connections are not doubts."""
    connector = Connector(url=f"http://127.0.0.1:{free_port()}", token="t")
    with pytest.raises(ChannelError) as caught:
        await connector.send(OUTGOING)
    assert type(caught.value) is ChannelError
    await connector.close()
