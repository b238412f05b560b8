"""Drafts for people to send, and answers that leave by themselves."""

from typing import Any

import pytest
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI
from tests.support.replies import AUTO, KEY, call, drafted, shown, sure, when


async def test_a_draft_waits_for_a_person_who_sends_it(desk: RunningDesk) -> None:
    """By default nothing leaves by itself; a draft that was sent is sent once, however often it is asked for."""
    result = (await desk.post(webhook("When do you close?"))).document
    (draft,) = (await desk.get("/turns")).document["turns"]
    assert (draft["state"], draft["kind"], draft["agent"]) == ("suggested", "answer", "general_purpose")
    assert draft["text"] == result["routing"]["response"]["reply"]
    assert draft["last_message_id"] == result["database_id"]
    assert (await shown(desk, result["conversation_id"]))["draft"] == draft
    first = await call(desk, "POST", f"/turns/{draft['turn_id']}/accept")
    again = await call(desk, "POST", f"/turns/{draft['turn_id']}/accept")
    assert (first.status, again.status) == (202, 202)
    assert first.document == again.document
    sent = (await desk.get(first.headers["Location"])).document
    assert (sent["text"], sent["automatic"]) == (draft["text"], False)
    after = (await desk.get(f"/turns/{draft['turn_id']}")).document
    assert (after["state"], after["outbox_id"]) == ("queued", sent["outbox_id"])
    assert (await shown(desk, result["conversation_id"]))["reply"]["is_paused"]
    assert (await call(desk, "POST", f"/turns/{draft['turn_id']}/dismiss")).status == 409
    assert (await desk.get("/turns/999")).status == 404


async def test_a_person_changes_a_draft_or_throws_it_away(desk: RunningDesk) -> None:
    """What is sent is what the person wrote; what was thrown away cannot be sent."""
    await desk.post(webhook("When do you close?"))
    await desk.post(webhook("And where are you?", phone_number="+15550100222"))
    (second, first) = (await desk.get("/turns")).document["turns"]
    sent = await call(desk, "POST", f"/turns/{first['turn_id']}/accept", text="At six, Ada.")
    assert (await desk.get(sent.headers["Location"])).document["text"] == "At six, Ada."
    assert (await call(desk, "POST", f"/turns/{second['turn_id']}/dismiss")).document["state"] == "dismissed"
    assert (await call(desk, "POST", f"/turns/{second['turn_id']}/accept")).status == 409
    assert (await desk.get("/turns")).document["turns"] == []


async def test_a_newer_draft_takes_the_place_of_an_older_one(desk: RunningDesk) -> None:
    """A conversation has one draft at a time."""
    await desk.post(webhook("When do you close?"))
    await desk.post(webhook("And on Saturday?"))
    found = await drafted(desk)
    assert [turn["state"] for turn in found] == ["suggested", "superseded"]


async def test_thanks_leave_the_draft_for_the_question_where_it_is(desk: RunningDesk) -> None:
    """Who asked still waits for the price, and nobody needs an answer to “thanks”."""
    number = (await desk.post(webhook("How much is a full service?"))).document["conversation_id"]
    before = (await shown(desk, number))["draft"]
    await desk.post(webhook("thanks 👍"))
    assert (await shown(desk, number))["draft"] == before
    assert [turn["state"] for turn in await drafted(desk)] == ["superseded", "suggested"]
    # Where nobody waits, as after an answer, it gets a draft of its own.
    await call(desk, "PATCH", f"/conversations/{number}", status="done")
    await desk.post(webhook("thanks"))
    assert (await shown(desk, number))["draft"]["turn_id"] != before["turn_id"]


async def test_a_draft_is_written_when_somebody_asks_for_one(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Of what was only observed, or anew of what was thrown away; it waits for a person also where answers leave by themselves."""
    sure(openai)
    desk: RunningDesk = await start_desk(**KEY, openai_base_url=openai.base_url, reply_mode="observe")
    result = (await desk.post(webhook("When do you close?"))).document
    path = f"/conversations/{result['conversation_id']}/drafts"
    assert await drafted(desk) == []
    made = await call(desk, "POST", path)
    assert (made.status, made.document["state"], made.document["text"]) == (201, "suggested", "We close at six.")
    assert made.document["last_message_id"] == result["database_id"]
    await call(desk, "POST", f"/turns/{made.document['turn_id']}/dismiss")
    await call(desk, "PATCH", f"/conversations/{result['conversation_id']}", mode="auto")
    openai.draft["reply"] = "At six, as always."
    again = await call(desk, "POST", path)
    assert (again.document["state"], again.document["text"]) == ("suggested", "At six, as always.")
    assert [turn["state"] for turn in await drafted(desk)] == ["suggested"]
    await call(desk, "POST", f"/turns/{again.document['turn_id']}/accept")
    assert (await call(desk, "POST", path)).status == 409
    assert (await call(desk, "POST", "/conversations/999/drafts")).status == 404


async def test_where_no_agent_writes_a_draft_that_is_said(start_desk: DeskFactory) -> None:
    """And nothing is left behind of it."""
    desk: RunningDesk = await start_desk(with_agents=False, reply_mode="observe")
    number = (await desk.post(webhook("When do you close?"))).document["conversation_id"]
    refused = await call(desk, "POST", f"/conversations/{number}/drafts")
    assert (refused.status, refused.document["code"]) == (502, "agent_failed")
    assert await drafted(desk) == []


async def test_in_auto_what_is_sure_and_safe_is_sent_once(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """And counts as the answer to what it answers."""
    sure(openai)
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
    body = webhook("When do you close?")
    result = (await desk.post(body)).document
    await desk.post(body)
    await when(desk, "outbox.queued")
    (turn,) = await drafted(desk)
    assert (turn["state"], turn["text"]) == ("queued", "We close at six.")
    sent = (await desk.get(f"/outbox/{turn['outbox_id']}")).document
    assert (sent["automatic"], sent["conversation_id"]) == (True, result["conversation_id"])
    assert await desk.backend.desk.sender.send_chosen() == 0


@pytest.mark.parametrize(
    ("changes", "draft", "reason"),
    [
        ({}, {"confidence": 0.6}, "not sure enough (0.60)"),
        ({"urgency_score": 8}, {}, "too much at stake (0.7)"),
        ({"category": "complaint"}, {}, "too much at stake (0.6)"),
        ({"needs_human": True}, {}, "too much at stake (0.8)"),
    ],
)
async def test_in_auto_what_is_unsure_or_unsafe_waits_for_a_person(
    start_desk: DeskFactory, openai: FakeOpenAI, changes: dict[str, Any], draft: dict[str, Any], reason: str
) -> None:
    """Each limit by itself."""
    sure(openai, **changes)
    openai.draft |= draft
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
    await desk.post(webhook("When do you close?"))
    (turn,) = await drafted(desk)
    assert (turn["state"], turn["reason"]) == ("suggested", reason)


async def test_observing_asks_nobody(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Messages are judged and make tasks, and that is all."""
    sure(openai, needs_task=True)
    desk: RunningDesk = await start_desk(**KEY, reply_mode="observe", openai_base_url=openai.base_url)
    result = (await desk.post(webhook("Please repair my bicycle"))).document
    assert result["routing"]["success"]
    assert result["routing"]["response"] is None
    assert await drafted(desk) == []
    assert [task["source"] for task in (await desk.get("/tasks")).document["tasks"]] == ["analysis"]


async def test_modes_are_of_the_conversation_then_of_the_account_then_of_the_settings(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """The nearest one counts, from the next message on."""
    sure(openai)
    desk: RunningDesk = await start_desk(**KEY, auto_outside_hours=True, openai_base_url=openai.base_url)

    async def newest() -> str:
        await desk.post(webhook("When do you close?"))
        state: str = (await drafted(desk))[0]["state"]
        return state

    assert await newest() == "suggested"
    # What waits for a person there is settled by one.
    assert (await call(desk, "PATCH", "/conversations/1", status="done")).status == 200
    changed = await call(
        desk, "PATCH", "/bots/main", reply_mode="auto", name="Mia", personality="casual", languages=["tr"]
    )
    assert (changed.status, changed.document["effective_mode"]) == (200, "auto")
    assert await newest() == "queued"
    instructions = openai.calls[-1][1]["instructions"]
    assert "Mia" in instructions
    assert "Turkish" in instructions or "tr" in instructions
    number = (await desk.get("/messages")).document["messages"][0]["conversation_id"]
    assert (await call(desk, "PATCH", f"/conversations/{number}", mode="suggest")).document["reply"][
        "effective_mode"
    ] == "suggest"
    assert await newest() == "suggested"
    assert (await call(desk, "PATCH", "/bots/main", personality="rude")).status == 422
    assert (await call(desk, "PATCH", "/bots/other", name="x")).status == 404
    assert (await call(desk, "PATCH", f"/conversations/{number}", assignee_id=77)).status == 422
    assert (await call(desk, "PATCH", "/conversations/999", mode="auto")).status == 404
