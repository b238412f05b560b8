"""Messages that belong together are answered together, with what was said before."""

import asyncio
import json

from tests.support.clock import Ahead
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI
from tests.support.replies import KEY, shown, sure, when


async def test_a_burst_is_answered_once(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Three short messages are one turn, as urgent as the most urgent of them."""
    sure(openai)
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
            await when(desk, "message.analysed", number=len(waiting))
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
    await when(desk, "message.analysed")
    clock.pass_by(seconds=100)
    await desk.post(webhook("when do you close?"), headers={"prefer": "respond-async"})
    await when(desk, "message.analysed", number=2)
    assert (await desk.get(f"/messages/{number}")).document["state"] == "settling"
    clock.pass_by(seconds=51)
    await when(desk, "message.routed", number=2)


async def test_who_floods_is_answered_in_parts(start_desk: DeskFactory) -> None:
    """So many messages are enough for an answer, and nothing is claimed again and again meanwhile."""
    desk: RunningDesk = await start_desk(reply_settle_s=120, reply_settle_max_s=600, sweep_interval_s=0.1)
    for n in range(25):
        await desk.post(webhook(f"And number {n}?"), headers={"prefer": "respond-async"})
    await when(desk, "message.routed", number=20)
    await when(desk, "message.analysed", number=25)
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
    await when(first, "message.analysed")
    first.backend.stop()
    clock.pass_by(seconds=121)
    second: RunningDesk = await start_desk(**slow, with_agents=False)
    await when(second, "message.routed")
    found = (await second.get(f"/messages/{number}")).document
    assert (found["state"], found["routing"]["success"]) == ("processed", True)


async def test_in_a_group_each_persons_words_are_their_own(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """A burst of two people is two turns: what one tells is not the other's."""
    sure(openai)
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
        await when(desk, "message.analysed", number=count)
    clock.pass_by(seconds=121)
    await when(desk, "message.routed", number=2)
    assert len((await desk.get("/turns?state=all")).document["turns"]) == 2
    assert len((await desk.get("/contacts?q=ada@example.org")).document["contacts"]) <= 1
    bob = (await desk.get("/contacts?q=15550100222")).document["contacts"][0]["contact_id"]
    assert "email" not in {item["field"] for item in (await desk.get(f"/contacts/{bob}")).document["fields"]}


async def test_the_context_stays_small_and_the_whole_chat_is_kept(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """However long a chat is, an agent is told so much and a summary of the rest."""
    sure(openai)
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
