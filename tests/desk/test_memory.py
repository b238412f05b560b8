"""What agents look up while they answer, and what a provider remembers for them."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp import web
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI
from tests.support.processes import free_port
from tests.support.replies import call, shown

from frontdesk.desk import privacy
from frontdesk.domain.contacts import Identity
from frontdesk.domain.errors import AnalyserError, ConfigurationError
from frontdesk.store import dialogues

KEY = {"openai_api_key": "sk-test", "analyser": "decisions"}


async def use(desk: RunningDesk, name: str, token: str, **arguments: Any) -> tuple[int, Any]:
    """Look something up with a token."""
    headers = {"authorization": f"Bearer {token}"}
    async with desk.session.post(f"{desk.url}/tools/{name}", json=arguments, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_an_agent_looks_things_up_before_it_answers(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Over HTTP, with the token of its request; what it finds goes to the model, which answers then."""
    desk: RunningDesk = await start_desk(**KEY, openai_base_url=openai.base_url, backend_port=free_port())
    await desk.post(webhook("Please repair my bicycle"))
    openai.lookups = [
        ("tasks", {"status": "open"}),
        ("business_facts", {"about": "When do you close?"}),
        ("nonsense", {}),
    ]
    result = (await desk.post(webhook("What about it?"))).document
    assert result["routing"]["response"]["reply"] == "Your order is on its way."
    asked = [body for path, body, _ in openai.calls if path == "/responses" and body.get("tools")]
    last = openai.calls[-1][1]
    assert "tools" not in last
    found = [json.loads(item["output"]) for item in last["input"] if item.get("type") == "function_call_output"]
    assert found[0]["tasks"][0]["title"] == "Track order"
    assert found[1]["facts"]
    assert found[2] == {"error": "there is no such tool"}
    assert [tool["name"] for tool in asked[0]["tools"]] == ["tasks", "earlier_conversations", "business_facts"]
    assert result["routing"]["response"]["usage"]["calls"] == 4


async def test_a_token_is_good_for_one_conversation_and_for_some_minutes(desk: RunningDesk) -> None:
    """Nothing that an agent is told lets it look into other chats."""
    ours = (await desk.post(webhook("My bicycle is broken, please repair it by next Friday at 3pm"))).document[
        "conversation_id"
    ]
    await desk.post(webhook("My secret is 4711", phone_number="+15550100222"))
    tools, now = desk.backend.desk.tools, datetime.now(UTC)
    token = tools.access(ours, now).token
    status, found = await use(desk, "tasks", token, status="all")
    assert (status, [task["type"] for task in found["tasks"]]) == (200, ["repair"])
    status, found = await use(desk, "earlier_conversations", token, word="")
    assert "bicycle" in found["lines"][0]["text"]
    assert (await use(desk, "earlier_conversations", token, word="4711"))[1]["lines"] == []
    assert (await use(desk, "tasks", token, status="all", conversation_id=2))[0] == 422
    assert (await use(desk, "delete_everything", token))[0] == 404
    number, until, signature = token.split(".")
    for wrong in (f"2.{until}.{signature}", f"{number}.{int(until) + 1}.{signature}", "", "1.2.3", token[:-1], "x.y.z"):
        assert (await use(desk, "tasks", wrong, status="all"))[0] == 401
    old = tools.access(ours, now - timedelta(minutes=11)).token
    assert (await use(desk, "tasks", old, status="all"))[0] == 401


async def test_what_cannot_be_looked_up_does_not_keep_an_agent_from_answering(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """It answers without."""
    desk: RunningDesk = await start_desk(
        **KEY, openai_base_url=openai.base_url, tools_url=f"http://127.0.0.1:{free_port()}"
    )
    openai.lookups = [("tasks", {"status": "open"})]
    result = (await desk.post(webhook("What about it?"))).document
    assert result["routing"]["response"]["answered_by"] == desk.settings.agent_model
    assert "cannot be looked up" in str(openai.calls[-1][1]["input"])


async def test_without_tools_none_are_offered(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """A setting."""
    desk: RunningDesk = await start_desk(**KEY, openai_base_url=openai.base_url, agent_tools=False)
    await desk.post(webhook("What about it?"))
    assert not any("tools" in body for _, body, _ in openai.calls)


async def test_the_provider_remembers_and_is_told_only_what_is_new(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Also what a person wrote in between; the store's own history stays whole."""
    desk: RunningDesk = await start_desk(
        **KEY, openai_base_url=openai.base_url, memory="conversations", agent_tools=False
    )
    result = (await desk.post(webhook("My bicycle is broken", history=[]))).document
    await desk.post(webhook("We close at six", from_me=True))
    await desk.post(webhook("And tomorrow?", history=[]))
    (memory,) = openai.memories
    asked = [body for path, body, _ in openai.calls if path == "/responses" and body.get("conversation")]
    assert [body["store"] for body in asked] == [True, True]
    second = asked[1]["input"][0]["content"]
    assert "My bicycle" not in second
    assert [json.loads(line)["text"] for line in second.splitlines()] == ["We close at six", "And tomorrow?"]
    dialogue = await dialogues.fetch(desk.backend.desk.database, result["conversation_id"])
    assert dialogue is not None
    assert (dialogue.memory_id, dialogue.memory_item) == (memory, openai.memories[memory][-1]["id"])
    # In a group nothing is remembered there.
    await desk.post(webhook("hello all", chat_id="1203@g.us", is_group=True))
    assert len(openai.memories) == 1


async def test_a_draft_that_somebody_asked_for_is_not_told_to_the_provider(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """A turn may be adding to its memory at that moment; the draft is written of what the store has."""
    desk: RunningDesk = await start_desk(
        **KEY, openai_base_url=openai.base_url, memory="conversations", agent_tools=False
    )
    number = (await desk.post(webhook("My bicycle is broken", history=[]))).document["conversation_id"]
    await desk.post(webhook("And tomorrow?", history=[]))
    (before,) = [list(items) for items in openai.memories.values()]
    assert (await call(desk, "POST", f"/conversations/{number}/drafts")).status == 201
    assert list(openai.memories.values()) == [before]
    told = openai.calls[-1][1]
    assert (told.get("conversation"), told["store"]) == (None, False)
    assert "My bicycle is broken" in told["input"]


async def test_an_answer_that_was_never_committed_is_not_remembered(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """Whoever asked died before the commit; the next one takes it back before it asks."""
    desk: RunningDesk = await start_desk(
        **KEY, openai_base_url=openai.base_url, memory="conversations", agent_tools=False
    )
    await desk.post(webhook("My bicycle is broken"))
    (memory,) = openai.memories
    before = list(openai.memories[memory])
    lost = {"type": "message", "status": "completed", "content": []}
    openai.memories[memory] += [lost | {"id": "lost_1", "role": "user"}, lost | {"id": "lost_2", "role": "assistant"}]
    await desk.post(webhook("And tomorrow?"))
    after = openai.memories[memory]
    assert after[: len(before)] == before
    assert not any(item["id"].startswith("lost") for item in after)
    assert len(after) == len(before) + 2


async def test_a_conversation_that_the_provider_lost_is_begun_anew(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Whoever deleted it there: the next answer does without, the one after that has a new one."""
    desk: RunningDesk = await start_desk(
        **KEY, openai_base_url=openai.base_url, memory="conversations", agent_tools=False
    )
    await desk.post(webhook("My bicycle is broken"))
    openai.memories.clear()
    result = (await desk.post(webhook("And tomorrow?"))).document
    assert result["routing"]["response"]["answered_by"] == desk.settings.agent_model
    await desk.post(webhook("And on Sunday?"))
    assert len(openai.memories) == 1


async def test_who_is_forgotten_is_forgotten_by_the_provider_too(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """First there: where that fails nothing is erased, and it can be tried again."""
    desk: RunningDesk = await start_desk(
        **KEY, openai_base_url=openai.base_url, memory="conversations", model_max_retries=0, reply_mode="auto"
    )
    ada = Identity(kind="phone", value="+15550100111")
    result = (await desk.post(webhook("My bicycle is broken"))).document
    database, media = desk.backend.desk.database, desk.backend.desk.media
    client = desk.backend.pipeline.worker._retention._memory
    with pytest.raises(ConfigurationError):
        await privacy.forget(database, media, ada)
    openai.failure = lambda path: web.Response(status=500) if path == "/conversations" else None
    with pytest.raises(AnalyserError):
        await privacy.forget(database, media, ada, memory=client)
    assert (await desk.get(f"/messages/{result['database_id']}")).status == 200
    openai.failure = lambda _: None
    # Beginning anew forgets it there, too.
    await desk.post(webhook("/reset"))
    assert openai.memories == {}
    await desk.post(webhook("Hello"))
    assert len(openai.memories) == 1
    await privacy.forget(database, media, ada, memory=client)
    assert openai.memories == {}
    assert (await desk.get(f"/messages/{result['database_id']}")).status == 404


async def test_a_follow_up_that_an_agent_wants_is_a_task(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Due when it said."""
    openai.ratings["needs_task"] = False
    openai.draft["actions"] = [
        {
            "type": "schedule_follow_up",
            "text": "Ask whether it fits",
            "number": 48,
            "kind": "other",
            "due": "",
            "updates": 0,
        }
    ]
    desk: RunningDesk = await start_desk(**KEY, openai_base_url=openai.base_url, agent_tools=False)
    at = datetime(2026, 3, 4, 9, 0, tzinfo=UTC)
    await desk.post(webhook("I take the blue one", chat_time=at.isoformat()))
    (task,) = (await desk.get("/tasks")).document["tasks"]
    assert (task["type"], task["title"], task["due_at"]) == ("follow_up", "Ask whether it fits", "2026-03-06T09:00:00Z")
    assert (await shown(desk, task["conversation_id"]))["conversation_id"] == task["conversation_id"]
    assert (await call(desk, "PATCH", f"/tasks/{task['task_id']}", status="done")).status == 200
