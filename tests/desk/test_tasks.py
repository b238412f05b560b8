"""What messages ask for becomes a task once, with the time that they name."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import icalendar
import pytest
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI

from frontdesk.domain.tasks import is_repeated
from frontdesk.store import messages
from frontdesk.web.auth import calendar_token

KEY = {"openai_api_key": "sk-test"}
WEDNESDAY = datetime(2026, 3, 4, 9, 0, tzinfo=UTC).isoformat()
REPAIR = "My bicycle is broken, please repair it by next Friday at 3pm"


async def tasks(desk: RunningDesk, **query: str) -> list[dict[str, Any]]:
    """The tasks as the API lists them."""
    found: list[dict[str, Any]] = (await desk.get("/tasks", params=query)).document["tasks"]
    return found


async def edit(desk: RunningDesk, method: str, path: str, **body: Any) -> tuple[int, Any]:
    """Make or change a task with the API token."""
    headers = {"authorization": f"Bearer {desk.settings.api_token}"}
    async with desk.session.request(method, desk.url + path, json=body, headers=headers) as response:
        return response.status, await response.json(content_type=None)


async def test_a_wish_becomes_a_task_with_its_time(desk: RunningDesk) -> None:
    """In the time zone of the business, seen from when it was written; the message is kept with it."""
    result = (await desk.post(webhook(REPAIR, chat_time=WEDNESDAY))).document
    (task,) = await tasks(desk)
    assert result["analysis"]["needs_task"]
    assert task["type"] == "repair"
    assert task["description"] == REPAIR
    assert (task["status"], task["source"], task["account"]) == ("open", "agent", "main")
    assert task["message_id"] == result["database_id"]
    assert task["conversation_id"] == result["conversation_id"]
    # 3 pm in Istanbul, on the Friday of that week.
    assert datetime.fromisoformat(task["due_at"]) == datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
    assert not task["is_all_day"]
    assert 1 <= task["priority"] <= 5


async def test_what_asks_for_nothing_makes_no_task(desk: RunningDesk) -> None:
    """A thank-you is none."""
    await desk.post(webhook("Thank you, that was great!"))
    assert await tasks(desk) == []


async def test_the_same_wish_twice_is_one_task(desk: RunningDesk) -> None:
    """The same message again changes nothing; a later one that repeats it renews the task, and its time counts."""
    body = webhook(REPAIR, chat_time=WEDNESDAY)
    first = (await desk.post(body)).document
    await desk.post(body)
    again = (
        await desk.post(webhook("Again, my bicycle is broken, please repair it by next Saturday", chat_time=WEDNESDAY))
    ).document
    (task,) = await tasks(desk)
    assert task["message_id"] == first["database_id"]
    assert "next Saturday" in task["description"]
    assert (task["due_at"], task["is_all_day"]) == ("2026-03-07T20:59:59Z", True)
    shown = (await desk.get(f"/tasks/{task['task_id']}")).document
    assert shown["messages"] == [first["database_id"], again["database_id"]]


async def test_another_customers_wish_is_another_task(desk: RunningDesk) -> None:
    """Two people with a broken bicycle are two repairs; and what is done is not asked for again."""
    await desk.post(webhook(REPAIR))
    await desk.post(webhook(REPAIR, phone_number="+15550100222", message_id="other"))
    found = await tasks(desk)
    assert len(found) == 2
    status, _ = await edit(desk, "PATCH", f"/tasks/{found[0]['task_id']}", status="done")
    assert status == 200
    await desk.post(webhook(REPAIR, **({} if found[0]["message_id"] == 1 else {"phone_number": "+15550100222"})))
    assert len(await tasks(desk)) == 2
    assert len(await tasks(desk, status="all")) == 3
    assert len(await tasks(desk, status="done")) == 1


async def test_a_wish_outlives_an_agent_that_never_answers(start_desk: DeskFactory) -> None:
    """Parked without an agent, the message's task is made from its analysis."""
    desk: RunningDesk = await start_desk(
        with_agents=False, agent_attempts=1, max_attempts=1, breaker_failures=1000, retry_base_s=0.01
    )
    result = (await desk.post(webhook(REPAIR, chat_time=WEDNESDAY))).document
    assert not result["routing"]["success"]
    (task,) = await tasks(desk)
    assert task["source"] == "analysis"
    assert task["due_at"] == "2026-03-06T12:00:00Z"
    # Taken up again by a person, it still asks for one thing.
    assert (await messages.retry_failed(desk.backend.desk.database, message_id=None, now=desk.backend.desk.clock()))[
        0
    ] == 1
    desk.backend.pipeline.worker.wake()
    async with asyncio.timeout(10):
        while (await desk.get(f"/messages/{result['database_id']}")).document["state"] != "failed":
            await desk.backend.desk.completions.wait(-1, timeout_s=0.05)
    again = (await desk.get(f"/messages/{result['database_id']}")).document
    assert again["error"] == again["routing"]["reason"] == result["routing"]["reason"]
    assert await tasks(desk) == [task]


async def test_a_model_says_which_task_a_message_repeats(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Where no two words are the same; a task of somebody else cannot be named."""
    openai.ratings["needs_task"] = 0.9
    proposed = {
        "type": "create_task",
        "text": "Repair",
        "number": 2,
        "kind": "repair",
        "due": "next Friday",
        "updates": 0,
    }
    openai.draft["actions"] = [proposed]
    desk: RunningDesk = await start_desk(**KEY, openai_base_url=openai.base_url, analyser="decisions")
    await desk.post(webhook("Mein Fahrrad ist kaputt", phone_number="+15550100222", message_id="other"))
    await desk.post(webhook("It squeaks and stops", chat_time=WEDNESDAY))
    (theirs, ours) = sorted(await tasks(desk), key=lambda task: task["task_id"])
    assert (ours["title"], ours["type"], ours["priority"]) == ("Repair", "repair", 2)
    assert ours["due_at"] == "2026-03-06T20:59:59Z"
    openai.draft["actions"] = [proposed | {"updates": ours["task_id"], "due": "", "number": 1}]
    await desk.post(webhook("Any news about what I brought you?"))
    instructions = openai.calls[-1][1]["instructions"]
    told = instructions.split("not to be made again:\n")[1].splitlines()[0]
    assert json.loads(told) == {"id": ours["task_id"], "title": "Repair", "kind": "repair"}
    found = sorted(await tasks(desk), key=lambda task: task["task_id"])
    assert [task["task_id"] for task in found] == [theirs["task_id"], ours["task_id"]]
    assert found[1]["priority"] == 1
    assert found[1]["due_at"] == ours["due_at"]
    openai.draft["actions"] = [proposed | {"updates": ours["task_id"], "due": "", "number": 5}]
    await desk.post(webhook("No hurry any more"))
    assert (await desk.get(f"/tasks/{ours['task_id']}")).document["priority"] == 1
    openai.draft["actions"] = [proposed | {"updates": theirs["task_id"]}]
    await desk.post(webhook("Something else entirely"))
    assert "Something else" not in (await desk.get(f"/tasks/{theirs['task_id']}")).document["description"]
    assert len(await tasks(desk)) == 3


async def test_two_wishes_of_one_message_are_two_tasks(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Their words are the same, being those of the message."""
    openai.ratings["needs_task"] = 0.9
    wish = {"type": "create_task", "text": "Book a demo", "number": 2, "kind": "demo", "due": "", "updates": 0}
    openai.draft["actions"] = [wish, wish | {"text": "Send a proposal", "kind": "proposal"}]
    desk: RunningDesk = await start_desk(**KEY, openai_base_url=openai.base_url, analyser="decisions")
    await desk.post(webhook("Please book a demo for us and send me a proposal"))
    assert [task["type"] for task in await tasks(desk)] == ["demo", "proposal"]
    # Repeated, they renew both; an id that is none of theirs is told from the words.
    openai.draft["actions"] = [wish | {"updates": 1}, wish | {"updates": 999, "kind": "proposal"}]
    await desk.post(webhook("Please book a demo for us and send me a proposal!"))
    assert [len(task["description"].split("— ")) for task in await tasks(desk)] == [2, 2]


async def test_people_make_edit_and_end_tasks(desk: RunningDesk) -> None:
    """What is left out stays; what does not fit is named."""
    conversation = (await desk.post(webhook("Hello"))).document["conversation_id"]
    status, made = await edit(
        desk, "POST", "/tasks", title=" Ring Ada ", type="call", due_at="2026-12-01T10:00:00+03:00", tags=["vip"],
        assignee="Grace", conversation_id=conversation,
    )  # fmt: skip
    assert status == 201
    assert (made["title"], made["due_at"], made["source"]) == ("Ring Ada", "2026-12-01T07:00:00Z", "person")
    path = f"/tasks/{made['task_id']}"
    status, changed = await edit(desk, "PATCH", path, priority=1)
    assert changed == made | {"priority": 1, "changed_at": changed["changed_at"]}
    status, changed = await edit(desk, "PATCH", path, due_at=None, assignee=None, tags=[])
    assert (changed["due_at"], changed["assignee"], changed["tags"]) == (None, None, [])
    status, changed = await edit(desk, "PATCH", path, status="done")
    assert changed["done_at"] is not None
    status, changed = await edit(desk, "PATCH", path, status="open")
    assert changed["done_at"] is None
    assert [task["task_id"] for task in await tasks(desk, conversation_id=str(conversation))] == [made["task_id"]]
    assert await tasks(desk, assignee="Grace") == []
    for body in (
        {"title": " "},
        {"title": None},
        {"priority": 6},
        {"type": "x"},
        {"is_all_day": True},
        {"due_at": "2026-12-01T10:00:00"},
        {"due_at": "9999-12-31T23:59:59Z"},
        {"id": 3},
    ):
        assert (await edit(desk, "PATCH", path, **body))[0] == 422, body
    assert (await edit(desk, "POST", "/tasks", title="x", conversation_id=999))[0] == 422
    assert (await edit(desk, "PATCH", "/tasks/999", status="done"))[0] == 404
    assert (await desk.get("/tasks/999")).status == 404
    for query in (
        {"status": "x"},
        {"due_before": "x"},
        {"due_before": "2026-01-01T00:00:00"},
        {"conversation_id": "x"},
    ):
        assert (await desk.get("/tasks", params=query)).status == 422, query


async def test_tasks_come_in_the_order_in_which_they_are_due(desk: RunningDesk) -> None:
    """Those without a time last, the important ones of them first."""
    for title, more in (
        ("some day", {}), ("important", {"priority": 1}), ("later", {"due_at": "2027-01-02T10:00:00Z"}),
        ("sooner", {"due_at": "2027-01-01T10:00:00Z"}),
    ):  # fmt: skip
        await edit(desk, "POST", "/tasks", title=title, **more)
    assert [task["title"] for task in await tasks(desk)] == ["sooner", "later", "important", "some day"]
    assert [task["title"] for task in await tasks(desk, due_before="2027-01-02T00:00:00Z")] == ["sooner"]


async def test_tasks_are_read_page_by_page(desk: RunningDesk) -> None:
    """Each once and in order, also those that are due at the same time or at none."""
    for title, more in (
        ("undated", {}), ("undated too", {}), ("undated, important", {"priority": 1}),
        ("due", {"due_at": "2027-01-01T10:00:00Z"}), ("due too", {"due_at": "2027-01-01T10:00:00Z"}),
        ("due, important", {"due_at": "2027-01-01T10:00:00Z", "priority": 2}), ("later", {"due_at": "2027-01-02T10:00:00Z"}),
    ):  # fmt: skip
        await edit(desk, "POST", "/tasks", title=title, **more)
    for size in ("1", "2", "3"):
        seen: list[str] = []
        page = (await desk.get("/tasks", params={"limit": size})).document
        while True:
            seen += [task["title"] for task in page["tasks"]]
            if page["next"] is None:
                break
            page = (await desk.get("/tasks", params={"limit": size, "after": page["next"]})).document
        assert seen == [
            "due, important", "due", "due too", "later", "undated, important", "undated", "undated too",
        ], size  # fmt: skip
    for wrong in ("x", "-1", "999", "", "9" * 30, "²"):
        assert (await desk.get("/tasks", params={"after": wrong})).status == 422, wrong


async def test_tasks_are_found_by_type_and_tag(desk: RunningDesk) -> None:
    """A tag as a whole, whatever is in it."""
    for title, more in (
        ("one", {"tags": ["shop", 'a "b"']}), ("two", {"tags": ["workshop", "Shop"]}), ("three", {"type": "call", "tags": ["dükkân"]}),
    ):  # fmt: skip
        await edit(desk, "POST", "/tasks", title=title, **more)
    for query, found in (
        ({"tag": "shop"}, ["one"]), ({"tag": 'a "b"'}, ["one"]), ({"tag": "b"}, []), ({"tag": "dükkân"}, ["three"]),
        ({"type": "call"}, ["three"]), ({"type": "call", "tag": "shop"}, []), ({"tag": "%"}, []), ({"tag": ", "}, []), ({"tag": " shop "}, ["one"]),
    ):  # fmt: skip
        assert [task["title"] for task in await tasks(desk, **query)] == found, query
    assert (await desk.get("/tasks", params={"type": "party"})).status == 422


async def test_a_calendar_can_subscribe_to_what_is_due(desk: RunningDesk) -> None:
    """By its own token, which lets it read tasks and nothing else; days are days where the business is."""
    await edit(desk, "POST", "/tasks", title="Ring Ada; at home, or not", due_at="2027-01-01T10:00:00Z", tags=["vip"])
    await edit(desk, "POST", "/tasks", title="Whole day", due_at="2027-01-01T21:30:00Z", is_all_day=True)
    await edit(desk, "POST", "/tasks", title="No time")
    assert (await desk.get("/tasks.ics", token=None)).status == 401
    assert (await desk.get("/tasks.ics?token=x", token=None)).status == 401
    token = calendar_token(desk.settings.api_token)
    assert (await desk.get("/tasks", token=token)).status == 401
    reply = await desk.get(f"/tasks.ics?token={token}", token=None)
    assert reply.headers["Content-Type"] == "text/calendar; charset=utf-8"
    first, second = icalendar.Calendar.from_ical(reply.document).walk("VEVENT")
    assert first["summary"] == "Ring Ada; at home, or not"
    assert first.decoded("dtstart") == datetime(2027, 1, 1, 10, tzinfo=UTC)
    assert second.decoded("dtstart").isoformat() == "2027-01-02"
    assert second.decoded("dtend").isoformat() == "2027-01-03"


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Please repair my bike", "please repair my bike!!", True),
        ("Please repair my bike by Friday", "Hello? Please repair my bike", True),
        ("I need 10 chairs for the party", "I need 20 chairs for the party", False),
        ("I need 10 chairs for the party", "I need chairs for the party", True),
        ("Please repair my bike", "Please sell me a bike", False),
        ("can you call me", "can you call me? the heating is broken and I want to cancel the contract and my money back", False),
        ("Please call me", "call", False), ("", "", False), ("自転車を修理してください", "自転車を修理してください。", True),
    ],
)  # fmt: skip
def test_a_repeated_wish_is_known_again(one: str, other: str, *, same: bool) -> None:
    """Without a model: two tasks too many are less bad than a wish that is lost."""
    assert is_repeated(one, other) is same
