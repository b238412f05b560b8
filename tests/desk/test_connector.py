"""What the backend takes from connectors apart from messages, and what it asks of them."""

import asyncio
import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web
from tests.support.desk import SECRETS, DeskFactory, Reply, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI
from tests.support.processes import free_port
from tests.support.visitors import come_in

from frontdesk.cli.serve import serving
from frontdesk.domain.errors import ConfigurationError
from frontdesk.media.files import sniffed
from frontdesk.settings import Settings
from frontdesk.wire.signing import sign

AT = "2026-11-21T10:00:00+00:00"
OTHER = "whsec_" + base64.b64encode(b"o" * 24).decode()


async def tell(desk: RunningDesk, path: str, document: Any, *, secret: str = SECRETS["webhook_secret"]) -> Reply:
    """Post what a connector tells, signed."""
    raw = json.dumps(document).encode()
    headers = {"content-type": "application/json", **sign(secret, raw, message_id="msg_test")}
    async with desk.session.post(desk.url + path, data=raw, headers=headers) as response:
        return Reply(response.status, await response.json(), dict(response.headers))


async def put(desk: RunningDesk, message_id: str, content: bytes, **headers: str) -> Reply:
    """Bring a file as a connector does."""
    token = {"authorization": f"Bearer {SECRETS['webhook_secret']}"}
    async with desk.session.put(f"{desk.url}/media/{message_id}", data=content, headers=token | headers) as response:
        return Reply(response.status, await response.json(), dict(response.headers))


async def ask(desk: RunningDesk, path: str, document: Any = None, **headers: str) -> Reply:
    """Post as a person's program, or with these headers instead."""
    given = headers or {"authorization": f"Bearer {SECRETS['api_token']}"}
    async with desk.session.post(desk.url + path, json=document, headers=given, allow_redirects=False) as response:
        found = await response.json() if "json" in response.content_type else None
        return Reply(response.status, found, dict(response.headers))


async def stored(desk: RunningDesk, **changes: Any) -> tuple[int, str]:
    """A processed message: our id and the channel's."""
    body = webhook(**changes)
    reply = await desk.post(body, headers={"prefer": "wait=20"})
    return reply.document["database_id"], body["message_id"]


async def events(desk: RunningDesk, type_: str, *, count: int = 1) -> list[dict[str, Any]]:
    """All events of a type so far, as soon as there are so many."""
    async with asyncio.timeout(20):
        while True:
            found = (await desk.get("/events?limit=500")).document
            mine = [event for event in found["events"] if event["type"] == type_]
            if len(mine) >= count:
                return mine
            await desk.get(f"/events?wait=5&after={found['last']}")


async def test_what_happened_to_a_message_shows_with_it_once(desk: RunningDesk) -> None:
    """The same told again, as after an answer that was lost, is the same change."""
    number, message_id = await stored(desk)
    told = [
        {"message_id": message_id, "change": "reaction", "at": AT, "text": "👍", "sender_id": "1@lid"},
        {"message_id": message_id, "change": "deleted", "at": AT},
    ]
    for document in (*told, *told):
        assert (await tell(desk, "/webhook/changes", document)).status == 200
    changes = (await desk.get(f"/messages/{number}")).document["changes"]
    assert [(change["change"], change["text"], change["sender_id"]) for change in changes] == [
        ("reaction", "👍", "1@lid"),
        ("deleted", None, None),
    ]
    happened = await events(desk, "message.changed", count=2)
    assert [event["data"]["change"] for event in happened] == ["reaction", "deleted"]
    assert {event["message_id"] for event in happened} == {number}


async def test_an_edited_message_is_judged_by_its_new_words(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """“Tuesday” and “no, today!” are not the same; the old words stay visible."""
    desk = await start_desk(
        openai_api_key="sk-test", openai_base_url=openai.base_url, analyser="chat", rerate_interval_s=0.1
    )
    number, message_id = await stored(desk, current_message="my chain is loose")
    edit = {"message_id": message_id, "change": "edited", "at": AT, "text": "my brakes are broken"}
    assert (await tell(desk, "/webhook/changes", edit)).document == {"new": True}
    async with asyncio.timeout(20):
        while not any("brakes" in json.dumps(body) for _, body, _ in openai.calls):
            await desk.get("/events?wait=1&after=999999")
    document = (await desk.get(f"/messages/{number}")).document
    assert document["current_message"] == "my brakes are broken"
    assert document["changes"][0]["replaced"] == "my chain is loose"


async def test_an_edit_while_the_message_is_judged_is_judged_after_it(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """Most edits come within seconds; so does a second one, while the first is being judged."""
    desk = await start_desk(
        openai_api_key="sk-test", openai_base_url=openai.base_url, analyser="chat", rerate_interval_s=0.1
    )
    body = webhook(current_message="my chain is loose")
    number = None
    for words in ("my brakes squeak", "my brakes are gone"):
        hang = openai.hang = asyncio.Event()
        calls = len(openai.calls)
        if number is None:
            number = (await desk.post(body, headers={"prefer": "respond-async"})).document["database_id"]
        async with asyncio.timeout(20):
            while len(openai.calls) == calls:
                await desk.get("/events?wait=1&after=999999")
        edit = {"message_id": body["message_id"], "change": "edited", "at": AT, "text": words}
        assert (await tell(desk, "/webhook/changes", edit)).status == 200
        openai.hang = None
        hang.set()
    async with asyncio.timeout(20):
        while not any("brakes are gone" in json.dumps(sent) for _, sent, _ in openai.calls):
            await desk.get("/events?wait=1&after=999999")
    document = (await desk.get(f"/messages/{number}")).document
    assert document["current_message"] == "my brakes are gone"
    assert [change["replaced"] for change in document["changes"]] == ["my chain is loose", "my brakes squeak"]


async def test_an_edit_is_judged_by_rules_where_there_is_no_model(start_desk: DeskFactory) -> None:
    """Also one that came before its message."""
    desk = await start_desk(rerate_interval_s=0.1)
    body = webhook(current_message="hello")
    edit = {
        "message_id": body["message_id"],
        "change": "edited",
        "at": AT,
        "text": "this is an emergency, help me now!",
    }
    await tell(desk, "/webhook/changes", edit)
    number = (await desk.post(body, headers={"prefer": "wait=20"})).document["database_id"]
    judged = await events(desk, "message.analysed", count=2)
    assert judged[1]["data"]["urgency_score"] > judged[0]["data"]["urgency_score"]
    document = (await desk.get(f"/messages/{number}")).document
    assert document["current_message"] == edit["text"]
    assert document["changes"][0]["replaced"] == "hello"


async def test_what_is_decrypted_late_becomes_what_it_was(desk: RunningDesk) -> None:
    """A picture without words, too."""
    number, message_id = await stored(
        desk, current_message="[message that could not be read]", message_type="unreadable"
    )
    media = {"kind": "image", "mimetype": "image/png", "status": "pending"}
    told = {
        "message_id": message_id,
        "change": "decrypted",
        "at": AT,
        "text": "",
        "message_type": "image",
        "media": media,
    }
    assert (await tell(desk, "/webhook/changes", told)).document == {"new": True}
    document = (await desk.get(f"/messages/{number}")).document
    assert (document["message_type"], document["current_message"]) == ("image", "")
    assert document["media"]["status"] == "pending"


async def test_a_change_of_a_message_that_is_not_there_yet_is_kept(desk: RunningDesk) -> None:
    """Files on the connector's disk can change places in a crash."""
    body = webhook()
    told = {"message_id": body["message_id"], "change": "deleted", "at": AT}
    assert (await tell(desk, "/webhook/changes", told)).status == 200
    reply = await desk.post(body, headers={"prefer": "wait=20"})
    document = (await desk.get(f"/messages/{reply.document['database_id']}")).document
    assert [change["change"] for change in document["changes"]] == ["deleted"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"change": "eaten"}, {"at": "yesterday"}, {"at": "2026-11-21T10:00:00"}, {"message_id": ""}, {"text": 7},
        {"message_id": "é" * 200}, {"at": "0001-01-01T00:00:00+14:00"},
    ],
)  # fmt: skip
async def test_a_change_that_does_not_fit_is_refused(desk: RunningDesk, wrong: dict[str, Any]) -> None:
    """With the reason, and nothing stored."""
    told = {"message_id": "x", "change": "deleted", "at": AT} | wrong
    reply = await tell(desk, "/webhook/changes", told)
    assert (reply.status, reply.document["code"]) == (422, "invalid_input")


@pytest.mark.parametrize(
    "accounts",
    [f"a={OTHER},a={OTHER[:-1]}P", f"a={OTHER},b={OTHER}", f"my shop={OTHER}", f"a={SECRETS['webhook_secret']}"],
)
def test_accounts_that_could_be_taken_for_each_other_are_refused(
    settings_of: Callable[..., Settings], accounts: str
) -> None:
    """Messages of one would be answered from another's phone."""
    with pytest.raises(ConfigurationError, match="EXTRA_ACCOUNTS"):
        settings_of(extra_accounts=accounts)


async def test_only_connectors_tell(desk: RunningDesk) -> None:
    """No signature, no change, no file, no state."""
    for path in ("/webhook/changes", "/connector/status"):
        assert (await tell(desk, path, {}, secret=OTHER)).status == 401
    async with desk.session.put(f"{desk.url}/media/x", data=b"x") as response:
        assert response.status == 401


async def test_a_file_is_kept_by_its_content_and_shown_to_those_who_may(desk: RunningDesk) -> None:
    """Its type is that of its bytes, whatever the sender called it; the same file twice lies there once."""
    media = {"kind": "image", "mimetype": "text/html", "filename": "x.html", "size": 9, "status": "pending"}
    number, message_id = await stored(desk, media=media, message_type="image")
    assert (await desk.get(f"/messages/{number}")).document["media"]["status"] == "pending"
    picture = b"\x89PNG\r\n\x1a\n" + b"\0" * 64
    first = await put(desk, message_id, picture, **{"x-filename": "Sch%C3%B6n.png"})
    again = await put(desk, message_id, picture)
    assert (first.status, again.status) == (201, 200)
    _, other_id = await stored(desk, media=media, message_type="image")
    await put(desk, other_id, picture)
    folder = desk.settings.var_dir / "media"
    assert [path.name for path in folder.rglob("*") if path.is_file()] == [first.document["sha256"]]

    shown = (await desk.get(f"/messages/{number}")).document["media"]
    assert (shown["status"], shown["mimetype"], shown["size"], shown["filename"]) == (
        "stored", "image/png", len(picture), "Schön.png",
    )  # fmt: skip
    async with desk.session.get(desk.url + shown["url"]) as response:
        assert response.status == 401
    token = {"authorization": f"Bearer {SECRETS['api_token']}"}
    async with desk.session.get(desk.url + shown["url"], headers=token) as response:
        assert await response.read() == picture
        assert response.content_type == "image/png"
        assert response.headers["Content-Disposition"] == "inline; filename*=UTF-8''Sch%C3%B6n.png"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in response.headers["Content-Security-Policy"]
    assert (await events(desk, "message.media"))[0]["data"] == {"mimetype": "image/png", "size": len(picture)}


async def test_names_and_ids_that_are_no_text_do_no_harm(desk: RunningDesk) -> None:
    """Bytes that are no UTF-8, as a careless program sends them."""
    token = f"authorization: Bearer {SECRETS['webhook_secret']}".encode()
    for path, header, expected in ((b"/media/%FF", b"x-a: b", 201), (b"/media/ok", b"x-filename: \xff\xfe.png", 201)):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(desk.url.rpartition(":")[2]))
        head = (b"PUT " + path + b" HTTP/1.1", b"host: x", b"content-length: 1", token, header)
        writer.write(b"\r\n".join(head) + b"\r\n\r\nx")
        assert int((await reader.readline()).split()[1]) == expected
        writer.close()
        await writer.wait_closed()


async def test_a_page_in_a_picture_runs_nowhere(desk: RunningDesk) -> None:
    """What a browser could run is given out for saving only."""
    number, message_id = await stored(desk, media={"kind": "image", "mimetype": "image/png", "status": "pending"})
    await put(desk, message_id, b"<html><script>alert(1)</script>")
    token = {"authorization": f"Bearer {SECRETS['api_token']}"}
    async with desk.session.get(f"{desk.url}/messages/{number}/media", headers=token) as response:
        assert response.content_type == "application/octet-stream"
        assert response.headers["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(("told", "status"), [("unavailable", "unavailable"), ("too_large", "too_large")])
async def test_a_file_that_does_not_come_is_told(desk: RunningDesk, told: str, status: str) -> None:
    """The message says so, and it is no change of the message."""
    number, message_id = await stored(desk, media={"kind": "image", "status": "pending"})
    await tell(desk, "/webhook/changes", {"message_id": message_id, "change": "media", "at": AT, "text": told})
    document = (await desk.get(f"/messages/{number}")).document
    assert document["media"]["status"] == status
    assert document["changes"] == []
    assert (await desk.get(f"/messages/{number}/media")).status == 404


@pytest.mark.parametrize(
    ("limits", "status", "code"),
    [
        ({"max_media_bytes": 10}, 413, "body_too_large"),
        ({"media_quota_mb": 0}, 507, "storage_full"),
        ({"media_min_free_mb": 10**9}, 507, "storage_full"),
    ],
)
async def test_a_file_without_room_is_refused_and_leaves_nothing(
    start_desk: DeskFactory, limits: dict[str, int], status: int, code: str
) -> None:
    """By its announced length and, where that lies, by what comes; the connector comes back where that helps."""
    desk = await start_desk(with_agents=False, **limits)

    async def chunked() -> Any:
        yield b"x" * 8
        yield b"x" * 8

    for content in (b"x" * 16, chunked()):
        token = {"authorization": f"Bearer {SECRETS['webhook_secret']}"}
        async with desk.session.put(f"{desk.url}/media/some", data=content, headers=token) as response:
            if status == 507 and "media_quota_mb" in limits and not isinstance(content, bytes):
                # Nothing announced: it is measured when it is there.
                continue
            assert (response.status, (await response.json())["code"]) == (status, code)
            assert ("Retry-After" in response.headers) == (status == 507)
    if status == 413:
        assert not [path for path in (desk.settings.var_dir / "media").rglob("*") if path.is_file()]


def test_types_are_told_by_the_first_bytes() -> None:
    """What WhatsApp sends, and what nobody can tell."""
    assert sniffed(b"OggS\0\2" + b"\0" * 22 + b"OpusHead") == "audio/ogg"
    assert sniffed(b"\xff\xd8\xff\xe0\0\x10JFIF") == "image/jpeg"
    assert sniffed(b"%PDF-1.7\n") == "application/pdf"
    assert sniffed(b"\0\0\0\x18ftypmp42") == "video/mp4"
    assert sniffed(b"just words") == "application/octet-stream"
    assert sniffed(b"") == "application/octet-stream"


async def test_the_state_of_a_session_is_an_event_once(desk: RunningDesk) -> None:
    """Old news, as from a spool after an outage, change nothing."""
    later = "2026-11-21T11:00:00+00:00"
    states = (("STARTING", AT), ("WORKING", AT), ("DISCONNECTED", later), ("DISCONNECTED", later), ("WORKING", AT))
    for state, at in states:
        assert (await tell(desk, "/connector/status", {"state": state, "at": at, "reason": "x"})).status == 200
    assert [event["data"]["state"] for event in await events(desk, "session.status", count=3)] == [
        "STARTING",
        "WORKING",
        "DISCONNECTED",
    ]


async def test_each_account_has_its_connector(start_desk: DeskFactory) -> None:
    """A message leaves by its own account's phone, and people see and command each link."""
    asked: list[tuple[str, str, Any]] = []

    def connector(name: str) -> web.Application:
        async def answer(request: web.Request) -> web.Response:
            body = await request.json() if request.can_read_body else None
            asked.append((name, f"{request.method} {request.path}", body))
            if request.path == "/status":
                return web.json_response({"state": "WORKING", "me": name})
            if request.path == "/session/pairing-code":
                return web.json_response({"code": "ABCD1234"})
            if request.path == "/session/logout":
                return web.json_response({"detail": "no account is linked"}, status=409)
            return web.json_response({"message_id": f"true_{name}"}, status=201)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", answer)
        return app

    port = free_port()
    async with serving([(connector("main"), "127.0.0.1", port), (connector("shop2"), "127.0.0.1", port + 1)]):
        desk = await start_desk(
            with_agents=False, extra_accounts=f"shop2={OTHER}", connector_url=f"http://127.0.0.1:{port}"
        )
        headers = {"authorization": f"Bearer {OTHER}", "prefer": "respond-async"}
        async with desk.session.post(desk.url + "/webhook", json=webhook(), headers=headers) as response:
            number = (await response.json())["conversation_id"]
        queued = await ask(desk, f"/conversations/{number}/messages", {"text": "hello"})
        assert queued.status == 202
        sent = await events(desk, "outbox.sent")
        assert sent[0]["outbox_id"] == queued.document["outbox_id"]
        assert [name for name, what, _ in asked if what == "POST /messages"] == ["shop2"]

        links = (await desk.get("/connections")).document["connections"]
        assert [(link["account"], link["me"]) for link in links] == [("main", "main"), ("shop2", "shop2")]
        assert (await ask(desk, "/connections/shop2/restart")).status == 202
        assert asked[-1] == ("shop2", "POST /session/restart", {})
        code = await ask(desk, "/connections/main/pairing-code", {"phone_number": "+1 555 010 0100"})
        assert (code.status, code.document) == (200, {"code": "ABCD1234"})
        refused = await ask(desk, "/connections/main/logout")
        assert (refused.status, refused.document["code"]) == (502, "channel_failed")
        assert "no account is linked" in refused.document["detail"]
        assert (await ask(desk, "/connections/nobody/restart")).status == 404


async def test_only_peoples_own_pages_command_a_connection(desk: RunningDesk) -> None:
    """The cookie comes along with what another site makes a browser do; the browser says so, and the page's word is missing."""
    visitor = await come_in(desk)
    path = "/connections/main/restart"
    assert (await ask(desk, path, x="y")).status == 401
    word = {"x-csrf-token": visitor.csrf}
    for headers in (
        {},
        {"sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "same-origin", "x-csrf-token": "0" * 64},
        {"sec-fetch-site": "cross-site", **word},
        {"origin": "http://evil.example", **word},
    ):
        assert (await ask(desk, path, cookie=visitor.cookie, **headers)).status == 403
    for headers in ({"sec-fetch-site": "same-origin"}, {"origin": desk.url}):
        reply = await ask(desk, path, cookie=visitor.cookie, **headers, **word)
        # There is no connector here; it was asked.
        assert (reply.status, reply.document["code"]) == (502, "channel_failed")
