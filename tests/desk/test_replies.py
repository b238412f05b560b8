"""Drafts, answers that leave by themselves, and people who take over."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.support.clock import Ahead, Clock
from tests.support.desk import DeskFactory, Reply, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI
from tests.support.recording import RecordingChannel

from frontdesk.desk.privacy import Retention
from frontdesk.domain.business import Business
from frontdesk.domain.contacts import Identity
from frontdesk.pipeline.deliver import Deliverer
from frontdesk.store import erasure, outbox

KEY = {"openai_api_key": "sk-test", "analyser": "decisions"}
AUTO = {**KEY, "reply_mode": "auto", "auto_outside_hours": True}


async def call(desk: RunningDesk, method: str, path: str, **body: Any) -> Reply:
    """Ask for something with the API token."""
    headers = {"authorization": f"Bearer {desk.settings.api_token}"}
    async with desk.session.request(method, desk.url + path, json=body, headers=headers) as response:
        document = await response.json(content_type=None) if response.status != 204 else None
        return Reply(response.status, document, dict(response.headers))


async def shown(desk: RunningDesk, conversation_id: int) -> dict[str, Any]:
    """A conversation as the API shows it."""
    document: dict[str, Any] = (await desk.get(f"/conversations/{conversation_id}")).document
    return document


async def drafted(desk: RunningDesk) -> list[dict[str, Any]]:
    """All turns, the newest first, when what was chosen is in the outbox."""
    async with asyncio.timeout(10):
        while True:
            found: list[dict[str, Any]] = (await desk.get("/turns?state=all")).document["turns"]
            if all(turn["state"] != "chosen" for turn in found):
                return found


async def _sent(desk: RunningDesk, outbox_id: int) -> None:
    """The phone tells that a message of ours has left."""
    outgoing = await outbox.fetch(desk.backend.desk.database, outbox_id)
    assert outgoing is not None
    body = {"state": "sent", "channel_key": outgoing.channel_key}
    headers = {"authorization": f"Bearer {desk.settings.webhook_secret}"}
    async with desk.session.post(f"{desk.url}/outbox/acknowledgements", json=body, headers=headers) as response:
        assert response.status == 200


def _sure(openai: FakeOpenAI, **changes: Any) -> None:
    openai.ratings |= {"urgency_score": 3, "category": "inquiry", "needs_task": False} | changes
    openai.draft |= {"reply": "We close at six.", "confidence": 0.9, "actions": []}


async def _when(desk: RunningDesk, type_: str, *, number: int = 1) -> dict[str, Any]:
    """The first event of a type, or a later one, as soon as it is there."""
    last = 0
    async with asyncio.timeout(20):
        while True:
            document = (await desk.get(f"/events?after={last}&wait=5&limit=500")).document
            last = document["last"]
            for event in document["events"]:
                number -= event["type"] == type_
                if not number:
                    found: dict[str, Any] = event
                    return found


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


async def test_in_auto_what_is_sure_and_safe_is_sent_once(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """And counts as the answer to what it answers."""
    _sure(openai)
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
    body = webhook("When do you close?")
    result = (await desk.post(body)).document
    await desk.post(body)
    await _when(desk, "outbox.queued")
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
    _sure(openai, **changes)
    openai.draft |= draft
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
    await desk.post(webhook("When do you close?"))
    (turn,) = await drafted(desk)
    assert (turn["state"], turn["reason"]) == ("suggested", reason)


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
    _sure(openai, **changes)
    openai.draft |= draft
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
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
    _sure(openai, wants_person=False, sentiment="neutral")
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
    _sure(openai)
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
    queued = await _when(desk, "outbox.queued")
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


async def test_a_burst_is_answered_once(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Three short messages are one turn, as urgent as the most urgent of them."""
    _sure(openai)
    clock = Ahead()
    desk: RunningDesk = await start_desk(
        **KEY,
        openai_base_url=openai.base_url,
        reply_settle_s=120,
        reply_settle_max_s=600,
        sweep_interval_s=0.1,
        clock=clock,
    )
    async with asyncio.TaskGroup() as group:
        waiting = []
        for text in ("Hello", "I have a question", "When do you close?"):
            waiting.append(group.create_task(desk.post(webhook(text))))
            await _when(desk, "message.analysed", number=len(waiting))
        clock.pass_by(seconds=121)
    results = [task.result().document for task in waiting]
    asked = [body for path, body, _ in openai.calls if path == "/responses" and "reply" in str(body["text"])]
    assert len(asked) == 1
    told = json.loads(asked[0]["input"].splitlines()[-1])
    assert told["text"] == "Hello\nI have a question\nWhen do you close?"
    (turn,) = (await desk.get("/turns")).document["turns"]
    ids = sorted(result["database_id"] for result in results)
    assert (turn["first_message_id"], turn["last_message_id"]) == (ids[0], ids[-1])
    assert {result["routing"]["response"]["reply"] for result in results} == {"We close at six."}


async def test_an_endless_burst_is_answered_while_it_goes_on(start_desk: DeskFactory) -> None:
    """Quiet is waited for, but not for ever."""
    clock = Ahead()
    desk: RunningDesk = await start_desk(reply_settle_s=120, reply_settle_max_s=150, sweep_interval_s=0.1, clock=clock)
    number = (await desk.post(webhook("Hello"), headers={"prefer": "respond-async"})).document["database_id"]
    await _when(desk, "message.analysed")
    clock.pass_by(seconds=100)
    await desk.post(webhook("when do you close?"), headers={"prefer": "respond-async"})
    await _when(desk, "message.analysed", number=2)
    assert (await desk.get(f"/messages/{number}")).document["state"] == "settling"
    clock.pass_by(seconds=51)
    await _when(desk, "message.routed", number=2)


async def test_who_floods_is_answered_in_parts(start_desk: DeskFactory) -> None:
    """So many messages are enough for an answer, and nothing is claimed again and again meanwhile."""
    desk: RunningDesk = await start_desk(reply_settle_s=120, reply_settle_max_s=600, sweep_interval_s=0.1)
    for n in range(25):
        await desk.post(webhook(f"And number {n}?"), headers={"prefer": "respond-async"})
    await _when(desk, "message.routed", number=20)
    await _when(desk, "message.analysed", number=25)
    states = [item["state"] for item in (await desk.get("/messages?limit=200")).document["messages"]]
    assert states.count("processed") >= 20
    assert set(states) <= {"processed", "settling"}


async def test_what_settles_is_answered_after_a_restart(start_desk: DeskFactory) -> None:
    """Its analysis is stored, and its time comes."""
    clock = Ahead()
    slow = {"reply_settle_s": 120, "sweep_interval_s": 0.1, "clock": clock}
    first: RunningDesk = await start_desk(**slow)
    number = (await first.post(webhook("When do you close?"), headers={"prefer": "respond-async"})).document[
        "database_id"
    ]
    await _when(first, "message.analysed")
    first.backend.stop()
    clock.pass_by(seconds=121)
    second: RunningDesk = await start_desk(**slow, with_agents=False)
    await _when(second, "message.routed")
    found = (await second.get(f"/messages/{number}")).document
    assert (found["state"], found["routing"]["success"]) == ("processed", True)


async def test_observing_asks_nobody(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Messages are judged and make tasks, and that is all."""
    _sure(openai, needs_task=True)
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
    _sure(openai)
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
    _sure(openai, category="complaint")
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
    result = (await desk.post(webhook("My order is broken"))).document
    _sure(openai)
    await desk.post(webhook("When do you close?"))
    (newest, *_) = await drafted(desk)
    assert (newest["state"], newest["reason"]) == ("suggested", "an earlier message waits for a person")
    await desk.post(webhook("/info"))
    (answer, *_) = await drafted(desk)
    await _sent(desk, answer["outbox_id"])
    waiting = (await shown(desk, result["conversation_id"]))["waiting"]
    assert waiting["message_id"] == result["database_id"]


async def test_who_steps_in_while_an_agent_writes_is_not_passed_over(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """What was decided before the agent was asked holds only if nobody decided otherwise meanwhile."""
    _sure(openai)
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


async def test_in_a_group_each_persons_words_are_their_own(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """A burst of two people is two turns: what one tells is not the other's."""
    _sure(openai)
    clock = Ahead()
    desk: RunningDesk = await start_desk(
        **KEY,
        openai_base_url=openai.base_url,
        reply_settle_s=120,
        reply_settle_max_s=600,
        sweep_interval_s=0.1,
        clock=clock,
    )
    group = {"chat_id": "1203@g.us", "is_group": True}
    texts = (("+15550100111", "I am ada@example.org"), ("+15550100222", "ok then"))
    for count, (phone, text) in enumerate(texts, start=1):
        await desk.post(webhook(text, phone_number=phone, **group), headers={"prefer": "respond-async"})
        await _when(desk, "message.analysed", number=count)
    clock.pass_by(seconds=121)
    await _when(desk, "message.routed", number=2)
    assert len((await desk.get("/turns?state=all")).document["turns"]) == 2
    assert len((await desk.get("/contacts?q=ada@example.org")).document["contacts"]) <= 1
    bob = (await desk.get("/contacts?q=15550100222")).document["contacts"][0]["contact_id"]
    assert "email" not in {item["field"] for item in (await desk.get(f"/contacts/{bob}")).document["fields"]}


async def test_two_robots_do_not_talk_for_ever(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """After so many automatic messages within an hour a person takes over."""
    _sure(openai)
    desk: RunningDesk = await start_desk(**AUTO, auto_per_hour=3, openai_base_url=openai.base_url)
    for _ in range(5):
        result = (await desk.post(webhook("Thank you for your message! How can we help?"))).document
    found = await drafted(desk)
    assert [turn["state"] for turn in reversed(found) if turn["kind"] == "answer"] == ["queued"] * 3 + [
        "superseded",
        "suggested",
    ]
    reply = (await shown(desk, result["conversation_id"]))["reply"]
    assert reply["handed_over_reason"] == "3 automatic messages within an hour"


async def test_customers_tell_the_desk_itself_what_they_want(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """In a word of their language; no agent is asked."""
    _sure(openai)
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)

    async def said(text: str) -> str:
        await desk.post(webhook(text))
        turn = (await drafted(desk))[0]
        assert turn["state"] == "queued"
        assert turn["kind"] == ("notice" if text == "/human" else "command")
        answer: str = turn["text"]
        return answer

    await desk.post(webhook("When do you close?"))
    asked = openai.paths().count("/responses")
    assert "+15550100111" in await said("/info")
    assert "When do you close?" in await said("/history")
    assert "otomatik" in await said("/dur")
    number = (await desk.get("/messages")).document["messages"][0]["conversation_id"]
    assert (await shown(desk, number))["reply"]["is_stopped"]
    await desk.post(webhook("When do you open?"))
    assert (await desk.get("/turns")).document["turns"][0]["reason"] == "the customer wants no automatic messages"
    asked += 2
    await said("/start")
    assert not (await shown(desk, number))["reply"]["is_stopped"]
    await said("/reset")
    # The answer to /reset is all that was said since.
    assert "When do you close?" not in await said("/history")
    assert "person" in await said("/human")
    assert (await shown(desk, number))["reply"]["is_handed_over"]
    assert openai.paths().count("/responses") == asked
    # In a group it is a word as any other.
    await desk.post(webhook("/stop", chat_id="1203@g.us", is_group=True))
    assert (await drafted(desk))[0]["kind"] == "answer"


async def test_a_customer_is_forgotten_who_asks_for_it_and_confirms(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """Not without the confirmation, not at once, and then for good."""
    _sure(openai)
    desk: RunningDesk = await start_desk(**AUTO, openai_base_url=openai.base_url)
    database = desk.backend.desk.database
    ada = Identity(kind="phone", value="+15550100111")
    await desk.post(webhook("/yes"))
    assert (await drafted(desk))[0]["kind"] == "answer"
    await desk.post(webhook("/delete"))
    assert "/yes" in (await drafted(desk))[0]["text"]
    await desk.post(webhook("/yes"))
    assert "erased" in (await drafted(desk))[0]["text"]
    assert await erasure.to_forget(database, before=datetime.now(UTC) - timedelta(seconds=30), limit=10) == []
    later = Retention(
        database=database, media=desk.backend.desk.media, messages_days=0, files_days=0, events_days=0,
        clock=lambda: datetime.now(UTC) + timedelta(minutes=2),
    )  # fmt: skip
    await later.forget_who_asked()
    assert await erasure.contact_of(database, ada) is None
    assert (await desk.get("/messages")).document["messages"] == []


async def test_the_context_stays_small_and_the_whole_chat_is_kept(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """However long a chat is, an agent is told so much and a summary of the rest."""
    _sure(openai)
    openai.words["summary"] = "They talked about bicycles."
    desk: RunningDesk = await start_desk(**KEY, reply_lines=5, openai_base_url=openai.base_url)
    sizes = []
    for n in range(30):
        await desk.post(webhook(f"Question number {n} about my bicycle", history=[]))
        sizes.append(len(openai.calls[-1][1]["input"].splitlines()))
    assert max(sizes) == 11
    assert "They talked about bicycles." in openai.calls[-1][1]["instructions"]
    assert "They talked" in (await shown(desk, 1))["reply"]["summary"]
    assert len((await desk.get("/messages?limit=200")).document["messages"]) == 30


async def test_without_a_model_the_summary_is_made_of_shortened_lines(start_desk: DeskFactory) -> None:
    """And stays as small."""
    desk: RunningDesk = await start_desk(reply_lines=3)
    for n in range(12):
        await desk.post(webhook(f"Question number {n}: " + "bicycle " * 80, history=[]))
    summary = (await shown(desk, 1))["reply"]["summary"]
    assert "Question number 5" in summary
    assert "Question number 11" not in summary
    assert len(summary) <= 1500
