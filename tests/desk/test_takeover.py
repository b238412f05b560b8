"""When a person takes over, and that the robot is silent then."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import Clock
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI
from tests.support.recording import RecordingChannel
from tests.support.replies import AUTO, KEY, call, drafted, sent, shown, sure, when

from frontdesk.domain.business import Business
from frontdesk.pipeline.deliver import Deliverer


@pytest.mark.parametrize(
    ("changes", "draft", "reason"),
    [
        ({"wants_person": True}, {}, "the customer asks for a person"),
        ({"sentiment": "negative", "urgency_score": 7}, {}, "the customer is angry"),
        ({}, {"confidence": 0.2}, "the agent is not sure (0.20)"),
        (
            {},
            {
                "actions": [
                    {"type": "hand_off", "text": "a refund", "number": 0, "kind": "other", "due": "", "updates": 0}
                ]
            },
            "the agent asks for a person: a refund",
        ),
    ],
)
async def test_a_person_takes_over_and_the_customer_is_told_once(
    start_desk: DeskFactory, openai: FakeOpenAI, changes: dict[str, Any], draft: dict[str, Any], reason: str
) -> None:
    """Whatever the reason is; the robot says no more until a person is done."""
    sure(openai, **changes)
    openai.draft |= draft
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
    # Who only looks is given nothing.
    await call(desk, "POST", "/people", name="Al", role="viewer")
    names = ("Bo", "Cy")
    ids = [(await call(desk, "POST", "/people", name=name)).document["person_id"] for name in names]
    result = (await desk.post(webhook("I want to talk to somebody"))).document
    number = result["conversation_id"]
    reply = (await shown(desk, number))["reply"]
    assert (reply["is_handed_over"], reply["handed_over_reason"], reply["assignee_id"]) == (True, reason, ids[0])
    notices = [turn for turn in (await drafted(desk)) if turn["kind"] == "notice"]
    assert len(notices) == 1
    assert "A person from" in notices[0]["text"]
    assert notices[0]["state"] == "queued"
    # Who waits still waits: nobody has answered.
    assert (await shown(desk, number))["waiting"] is not None
    sure(openai, wants_person=False, sentiment="neutral")
    await desk.post(webhook("When do you close?"))
    found = await drafted(desk)
    assert (found[0]["state"], found[0]["reason"]) == ("suggested", "a person answers here")
    assert sum(turn["kind"] == "notice" for turn in found) == 1
    # The next one is somebody else's.
    openai.ratings["wants_person"] = True
    other = (await desk.post(webhook("a person please", phone_number="+15550100222"))).document
    assert (await shown(desk, other["conversation_id"]))["reply"]["assignee_id"] == ids[1]
    # A person is done: the robot's again.
    openai.ratings["wants_person"] = False
    assert (await call(desk, "PATCH", f"/conversations/{number}", status="done")).document["reply"][
        "assignee_id"
    ] is None
    await desk.post(webhook("When do you open?"))
    assert (await drafted(desk))[0]["state"] == "queued"


async def test_a_person_who_writes_silences_the_robot_and_what_it_had_queued(
    start_desk: DeskFactory, openai: FakeOpenAI, tmp_path: Path
) -> None:
    """From the desk or on the phone; an automatic message that waits for opening hours is withdrawn."""
    sure(openai)
    business = tmp_path / "closed.toml"
    day = datetime.now(UTC).date().isoformat()
    tomorrow = (datetime.now(UTC).date() + timedelta(days=1)).isoformat()
    business.write_text(
        'name = "X"\ntimezone = "UTC"\n[hours]\nmonday = "09:00-18:00"\n'
        f'[holidays]\n"{day}" = "closed"\n"{tomorrow}" = "closed"\n'
    )
    desk: RunningDesk = await start_desk(
        **KEY, reply_mode="auto", openai_base_url=openai.base_url, business_file=business
    )
    result = (await desk.post(webhook("When do you close?"))).document
    queued = await when(desk, "outbox.queued")
    await desk.post(webhook("At six!", from_me=True))
    assert (await shown(desk, result["conversation_id"]))["reply"]["is_paused"]
    await desk.post(webhook("Thanks, and on Saturday?"))
    assert (await desk.get("/turns")).document["turns"][0]["reason"] == "a person answers here"
    # A week later it is open, and too late for what the robot had to say.
    channel, database = RecordingChannel(), desk.backend.desk.database
    clock = Clock()
    clock.now = datetime.now(UTC) + timedelta(days=8)
    deliverer = Deliverer(
        database=database, channel=channel, calendar_of=lambda _: Business(name="x").calendar_of("main"),
        send_per_minute=600, max_attempts=3, retry_base_s=1, lease_s=20, expires_after=timedelta(days=30),
        announce=lambda: None, clock=clock,
    )  # fmt: skip
    await deliverer.deliver_due(asyncio.Event())
    sent = (await desk.get(f"/outbox/{queued['outbox_id']}")).document
    assert (sent["state"], sent["error"], channel.sent) == ("withdrawn", "a person has answered", [])


async def test_people_are_added_changed_and_removed(desk: RunningDesk) -> None:
    """By the API; a name is somebody's."""
    made = await call(
        desk, "POST", "/people", name=" Bo ", phone="+1 555 010 0177", alerts=["email"], email="bo@example.org"
    )
    assert (made.status, made.document["name"], made.document["phone"]) == (201, "Bo", "+15550100177")
    where = made.headers["Location"]
    assert (await call(desk, "POST", "/people", name="BO")).status == 422
    assert (await call(desk, "POST", "/people", name="Cy", quiet="25:00-07:00")).status == 422
    changed = await call(desk, "PATCH", where, quiet="22:00-07:00", is_available=False)
    assert (changed.document["quiet"], changed.document["is_available"], changed.document["email"]) == (
        "22:00-07:00", False, "bo@example.org",
    )  # fmt: skip
    result = (await desk.post(webhook("When do you close?"))).document
    number = result["conversation_id"]
    await call(desk, "PATCH", f"/conversations/{number}", assignee_id=made.document["person_id"], labels=["regular"])
    assert (await shown(desk, number))["reply"]["labels"] == ["regular"]
    assert (await call(desk, "DELETE", where)).status == 204
    assert (await shown(desk, number))["reply"]["assignee_id"] is None
    assert (await call(desk, "DELETE", where)).status == 404
    assert (await desk.get("/people")).document["people"] == []


async def test_an_answer_to_a_later_message_does_not_pass_for_an_earlier_one(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """Who complained and then asks for the hours still waits for a person; a command answers nothing but itself."""
    sure(openai, category="complaint")
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
    result = (await desk.post(webhook("My order is broken"))).document
    sure(openai)
    await desk.post(webhook("When do you close?"))
    (newest, *_) = await drafted(desk)
    assert (newest["state"], newest["reason"]) == ("suggested", "an earlier message waits for a person")
    await desk.post(webhook("/info"))
    (answer, *_) = await drafted(desk)
    await sent(desk, answer["outbox_id"])
    waiting = (await shown(desk, result["conversation_id"]))["waiting"]
    assert waiting["message_id"] == result["database_id"]


async def test_who_steps_in_while_an_agent_writes_is_not_passed_over(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """What was decided before the agent was asked holds only if nobody decided otherwise meanwhile."""
    sure(openai)
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
    first = (await desk.post(webhook("When do you close?"))).document
    await drafted(desk)
    openai.hang = asyncio.Event()
    waiting = asyncio.create_task(desk.post(webhook("And on Sunday?")))
    calls = len(openai.calls)
    async with asyncio.timeout(10):
        while len(openai.calls) == calls:
            await desk.get("/ready")
    await call(desk, "PATCH", f"/conversations/{first['conversation_id']}", handed_over=True)
    openai.hang.set()
    await waiting
    (newest, *_) = await drafted(desk)
    assert newest["state"] == "suggested"
    assert newest["reason"] in {"a person answers here", "somebody stepped in while it was written"}


async def test_two_robots_do_not_talk_for_ever(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """After so many automatic messages within an hour a person takes over."""
    sure(openai)
    desk: RunningDesk = await start_desk(**AUTO, auto_per_hour=3, openai_base_url=openai.base_url)
    for _ in range(5):
        result = (await desk.post(webhook("Thank you for your message! How can we help?"))).document
    found = await drafted(desk)
    states = [turn["state"] for turn in reversed(found) if turn["kind"] == "answer"]
    assert states == ["queued"] * 3 + ["superseded", "suggested"], [turn["reason"] for turn in reversed(found)]
    reply = (await shown(desk, result["conversation_id"]))["reply"]
    assert reply["handed_over_reason"] == "3 automatic messages within an hour"
