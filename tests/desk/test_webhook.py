"""``POST /webhook`` on both stores: commit, then acknowledge, and say clearly what is wrong."""

import asyncio
import gzip
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text
from tests.support.desk import SECRETS, DeskFactory, RunningDesk, webhook


async def test_a_message_is_answered_with_analysis_and_routing(desk: RunningDesk) -> None:
    """The documented answer, field by field."""
    body = webhook("Hello, how much is a full service? I would like to book one.")
    reply = await desk.post(body)
    assert reply.status == 200
    document = reply.document
    assert document["success"] is True
    assert document["message_id"] == body["message_id"]
    assert document["database_id"] >= 1
    assert document["processed_at"]
    analysis = document["analysis"]
    assert analysis["category"] == "sales"
    assert 1 <= analysis["urgency_score"] <= 10
    assert analysis["analyser"] == "rules"
    assert set(analysis) >= {
        "sentiment", "keywords", "priority_level", "action_required", "recommended_response_time", "business_context",
        "suggested_next_action", "summary", "language", "entities", "confidence",
    }  # fmt: skip
    assert document["routing"]["success"] is True
    assert document["routing"]["agent"] == "business_workflow"
    assert "75 EUR" in document["routing"]["response"]["reply"]


async def test_the_same_message_again_gets_the_first_result_and_is_worked_on_once(desk: RunningDesk) -> None:
    """Connectors repeat what they are not sure of."""
    body = webhook()
    first, again = await desk.post(body), await desk.post({**body, "current_message": "something else"})
    assert again.status == 200
    assert again.document == first.document
    assert (await desk.get("/stats")).document["received"] == 1


async def test_two_at_the_same_moment_are_one_message(desk: RunningDesk) -> None:
    """Both wait for the same work and get the same answer."""
    body = webhook()
    replies = await asyncio.gather(*(desk.post(body) for _ in range(6)))
    assert {reply.status for reply in replies} == {200}
    assert len({json.dumps(reply.document, sort_keys=True) for reply in replies}) == 1
    assert (await desk.get("/stats")).document["received"] == 1


async def test_a_caller_who_does_not_wait_finds_the_result_at_the_location(desk: RunningDesk) -> None:
    """RFC 7240: respond-async."""
    reply = await desk.post(webhook(), headers={"prefer": "respond-async"})
    assert reply.status == 202
    assert reply.headers["Preference-Applied"] == "respond-async"
    assert reply.headers["Location"] == f"/messages/{reply.document['database_id']}"
    await desk.backend.desk.completions.wait(reply.document["database_id"], timeout_s=20)
    found = await desk.get(reply.headers["Location"])
    assert found.status == 200
    assert found.document["analysis"]["analyser"] == "rules"
    assert found.document["history"][0]["content"] == "Good morning"


async def test_wait_zero_is_answered_at_once(desk: RunningDesk) -> None:
    """A patience of nothing is a patience."""
    reply = await desk.post(webhook(), headers={"prefer": "wait=0"})
    assert reply.status == 202
    assert reply.headers["Preference-Applied"] == "wait=0"


async def test_an_important_sender_is_critical_whatever_they_write(start_desk: DeskFactory) -> None:
    """Policy is code, after every analyser."""
    desk: RunningDesk = await start_desk(important_customers="+1 555 010 0111=Ada", critical_groups="Suppliers")
    plain = await desk.post(webhook("what time do you close?", phone_number="+15550100199"))
    vip = await desk.post(webhook("what time do you close?", phone_number="15550100111"))
    assert vip.document["analysis"]["priority_level"] == "critical"
    assert vip.document["analysis"]["recommended_response_time"] == "immediate"
    assert vip.document["analysis"]["urgency_score"] == min(10, plain.document["analysis"]["urgency_score"] + 3)
    group = await desk.post(
        webhook(
            "what time do you close?",
            phone_number="+15550100198",
            is_group=True,
            chat_id="1@g.us",
            chat_name="suppliers",
        )
    )
    assert group.document["analysis"]["priority_level"] == "critical"


async def test_hostile_text_is_kept_and_flagged(desk: RunningDesk) -> None:
    """Lone surrogates and NUL are not bad structure: nobody's message is lost for them."""
    raw = json.dumps(webhook("PLACE")).replace("PLACE", "a\\ud800b\\u0000c \\ud83d\\ude00").encode()
    reply = await desk.post(raw)
    assert reply.status == 200
    found = (await desk.get(f"/messages/{reply.document['database_id']}")).document
    assert found["current_message"] == "a\ufffdb\ufffdc 😀"
    assert found["is_repaired"] is True


@pytest.mark.parametrize("text_", ["𝓣𝓱𝓮 😀🏳️‍🌈👩‍👩‍👧", "வணக்கம், விலை என்ன?", "شكرا جزيلا", "e\u0301 ≠ é", "x " * 20_000])
async def test_every_script_survives_the_store(desk: RunningDesk, text_: str) -> None:
    """utf8mb4 throughout."""
    reply = await desk.post(webhook(text_, chat_name=text_[:60], history=[_item(text_)]))
    found = (await desk.get(f"/messages/{reply.document['database_id']}")).document
    assert found["current_message"] == text_
    assert found["chat_name"] == text_[:60]
    assert found["history"][0]["content"] == text_


async def test_a_phone_number_that_is_none_is_kept_as_the_senders_id(desk: RunningDesk) -> None:
    """Somebody wrote, whatever they are called."""
    reply = await desk.post(webhook(phone_number="Customer service"))
    found = (await desk.get(f"/messages/{reply.document['database_id']}")).document
    assert found["phone_number"] is None
    assert found["sender_id"] == "Customer service"


async def test_digits_of_a_lid_are_not_a_phone_number(desk: RunningDesk) -> None:
    """A LID looks like a number."""
    reply = await desk.post(webhook(phone_number=None, sender_id="122999491567856@lid", lid="122999491567856@lid"))
    found = (await desk.get(f"/messages/{reply.document['database_id']}")).document
    assert found["phone_number"] is None
    assert found["sender_id"] == "122999491567856@lid"


async def test_a_lid_whose_number_becomes_known_stays_the_same_contact(desk: RunningDesk) -> None:
    """One person, one conversation, however WhatsApp names them."""
    for sender in (
        {"phone_number": None, "sender_id": "122999491567856@lid"},
        {"phone_number": "+15550100122", "sender_id": "122999491567856@lid"},
        {"phone_number": "+15550100122", "sender_id": None},
    ):
        assert (await desk.post(webhook(**sender))).status == 200
    async with desk.backend.desk.database.read() as connection:
        rows = await connection.execute(text("SELECT DISTINCT contact_id, conversation_id FROM webhook_messages"))
        assert len(rows.all()) == 1


async def test_history_is_stored_once_however_often_it_is_sent(desk: RunningDesk) -> None:
    """The window of twenty moves on by two and comes again and again."""
    start = datetime.now(UTC) - timedelta(days=1)
    items = [_item(f"line {n}", start + timedelta(minutes=n)) for n in range(26)]
    for shift in (0, 2, 4, 4, 6):
        await desk.post(webhook(f"message {shift} {datetime.now(UTC)}", history=items[shift : shift + 20]))
    async with desk.backend.desk.database.read() as connection:
        assert await connection.scalar(text("SELECT COUNT(*) FROM message_history")) == 26


async def test_equal_lines_of_a_history_are_kept_apart(desk: RunningDesk) -> None:
    """“ok” twice in one second is two messages."""
    moment = datetime.now(UTC) - timedelta(hours=2)
    reply = await desk.post(webhook(history=[_item("ok", moment), _item("ok", moment)]))
    found = (await desk.get(f"/messages/{reply.document['database_id']}")).document
    assert [item["content"] for item in found["history"]] == ["ok", "ok"]


def _item(content: str, moment: datetime | None = None) -> dict[str, Any]:
    moment = moment or datetime.now(UTC) - timedelta(hours=3)
    return {"sender": "Ada Example", "content": content, "timestamp": moment.isoformat(), "type": "chat"}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no id": ({"message_id": None}, "/message_id"),
    "empty id": ({"message_id": ""}, "/message_id"),
    "id of the wrong type": ({"message_id": 7}, "/message_id"),
    "text of the wrong type": ({"current_message": ["x"]}, "/current_message"),
    "naive time": ({"chat_time": "2026-11-20T10:00:00"}, "/chat_time"),
    "no time": ({"chat_time": "yesterday"}, "/chat_time"),
    "before WhatsApp": ({"chat_time": "1999-01-01T00:00:00Z"}, "/chat_time"),
    "far future": ({"chat_time": "2999-01-01T00:00:00Z"}, "/chat_time"),
    "edge of the calendar": ({"chat_time": "0001-01-01T00:00:00+14:00"}, "/chat_time"),
    "history no list": ({"history": "x"}, "/history"),
    "history of thousands": ({"history": [_item("x")] * 3000}, "/history"),
    "bad item": ({"history": [{"sender": "x"}]}, "/history/0/content"),
    "naive time in the history": (
        {"history": [{**_item("x"), "timestamp": "2026-01-01T00:00:00"}]},
        "/history/0/timestamp",
    ),
    "nobody": ({"phone_number": None}, "/phone_number"),
    "group without an id": ({"is_group": True}, "/chat_id"),
    "name too long": ({"chat_name": "x" * 300}, "/chat_name"),
    "id too long in bytes": ({"message_id": "ü" * 200}, "/"),
}


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_named_and_nothing_is_stored(desk: RunningDesk, name: str) -> None:
    """RFC 9457 with a stable code and a pointer to each problem."""
    changes, pointer = BAD[name]
    reply = await desk.post(webhook(**changes))
    assert reply.status == 422
    assert reply.headers["Content-Type"].startswith("application/problem+json")
    assert reply.document["code"] == "invalid_input"
    assert pointer in {f"/{item['pointer'].lstrip('/')}" for item in reply.document["errors"]}
    assert (await desk.get("/stats")).document["received"] == 0


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "not_json"),
        (b"hello", 400, "not_json"),
        (b'{"message_id": NaN}', 400, "not_json"),
        (b"[" * 100_000, 400, "not_json"),
        (b'{"x": ' + b"9" * 5000 + b"}", 400, "not_json"),
        (b"[]", 422, "invalid_input"),
        ("{}".encode("utf-16"), 415, "unsupported_encoding"),
        (b'{"message_id": "\xff"}', 415, "unsupported_encoding"),
    ],
)
async def test_what_is_not_json_is_refused(desk: RunningDesk, body: bytes, status: int, code: str) -> None:
    """The caller learns what is wrong, whatever was sent."""
    token = {"authorization": f"Bearer {SECRETS['webhook_secret']}"}
    reply = await desk.post(body, headers=token, signed=False)
    assert (reply.status, reply.document["code"]) == (status, code)


async def test_other_encodings_are_refused_and_gzip_is_read(desk: RunningDesk) -> None:
    """A declared encoding counts."""
    raw = json.dumps(webhook()).encode()
    token = {"authorization": f"Bearer {SECRETS['webhook_secret']}"}
    latin = await desk.post(raw, headers={**token, "content-type": "application/json; charset=latin-1"}, signed=False)
    assert latin.status == 415
    strange = await desk.post(raw, headers={**token, "content-encoding": "rot13"}, signed=False)
    assert strange.status == 415
    zipped = await desk.post(gzip.compress(raw), headers={**token, "content-encoding": "gzip"}, signed=False)
    assert zipped.status == 200
    spoiled = await desk.post(raw, headers={**token, "content-encoding": "gzip"}, signed=False)
    assert (spoiled.status, spoiled.document["code"]) == (415, "unsupported_encoding")


@pytest.mark.parametrize(
    "query", ["wait=0000000000000000000999999999", "after=10000000000000000000", "limit=0", "limit=501", "after=-1", "after=x",
              "after=" + "9" * 4400],
)  # fmt: skip
async def test_numbers_out_of_their_range_are_named(desk: RunningDesk, query: str) -> None:
    """However they are written."""
    reply = await desk.get(f"/events?{query}")
    assert (reply.status, reply.document["code"]) == (422, "invalid_input")
    assert reply.document["errors"][0]["pointer"] == query.partition("=")[0]


async def test_a_stream_cannot_be_asked_for_without_its_body(desk: RunningDesk) -> None:
    """A HEAD that answered with events would spoil the connection for the next request."""
    headers = {"authorization": f"Bearer {SECRETS['api_token']}", "accept": "text/event-stream"}
    async with desk.session.head(f"{desk.url}/events", headers=headers) as response:
        assert response.status == 405


async def test_a_body_that_is_too_large_is_refused(start_desk: DeskFactory) -> None:
    """Also where it grew large only when unpacked."""
    desk: RunningDesk = await start_desk(max_body_bytes=4096)
    body = webhook("x" * 10_000)
    assert (await desk.post(body)).status == 413
    token = {"authorization": f"Bearer {SECRETS['webhook_secret']}", "content-encoding": "gzip"}
    packed = gzip.compress(json.dumps(body).encode())
    assert len(packed) < 4096
    assert (await desk.post(packed, headers=token, signed=False)).status == 413


async def test_back_pressure_answers_at_once(start_desk: DeskFactory) -> None:
    """More than the desk can hold is asked to come back."""
    desk: RunningDesk = await start_desk(max_waiting=1)
    desk.backend.desk.webhooks_in_hand = 1
    reply = await desk.post(webhook())
    assert reply.status == 503
    assert int(reply.headers["Retry-After"]) > 0
    assert reply.document["code"] == "unavailable"
