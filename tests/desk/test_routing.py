"""Which agent gets a message, and what happens when it is down."""

import asyncio
from pathlib import Path

import click
import pytest
from aiohttp import web
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.processes import free_port

from frontdesk.cli.rules import add
from frontdesk.config.manifests import load_manifests
from frontdesk.domain.agents import AgentReply
from frontdesk.domain.routing import Rule
from frontdesk.store import directory


async def test_who_is_in_danger_is_not_told_about_devices(desk: RunningDesk) -> None:
    """Whatever else the message names."""
    text = "URGENT: error 500 at the door lock, my friend is bleeding inside, help us now!!"
    posted = (await desk.post(webhook(text))).document
    assert posted["routing"]["agent"] == "code_debugger"
    assert "emergency number" in posted["routing"]["response"]["reply"]
    assert "500s" not in posted["routing"]["response"]["reply"]


async def test_manifests_decide_by_category_and_keyword(desk: RunningDesk) -> None:
    """A keyword beats a category; the reason is told."""
    sales = (await desk.post(webhook("how much is a full service? I want to order"))).document["routing"]
    assert (sales["agent"], sales["reason"]) == ("business_workflow", "category sales of business_workflow")
    trace = (await desk.post(webhook("my order page says Traceback (most recent call last), what now"))).document[
        "routing"
    ]
    assert trace["agent"] == "code_debugger"
    assert "traceback" in trace["reason"]


async def test_an_operators_rule_comes_first(desk: RunningDesk) -> None:
    """Ordered rules in the database override the manifests; one for an agent that is gone is passed over."""
    database = desk.backend.desk.database
    await directory.add_rule(database, Rule(id=0, position=1, agent="gone", category="sales"))
    number = await directory.add_rule(database, Rule(id=0, position=2, agent="general_purpose", category="sales"))
    routing = (await desk.post(webhook("how much is a full service? I want to order"))).document["routing"]
    assert (routing["agent"], routing["reason"]) == ("general_purpose", f"rule {number} at position 2")


async def test_the_hub_takes_over_for_an_agent_that_is_down(start_desk: DeskFactory, agents_dir: Path) -> None:
    """Somebody answers, and the reason says who and why."""
    # This one runs the agents; the message is the other's.
    await start_desk(embedded_worker=False)
    _move(agents_dir / "business_workflow")
    again: RunningDesk = await start_desk(agent_attempts=1, with_agents=False)
    routing = (await again.post(webhook("how much is a full service? I want to order"))).document["routing"]
    assert routing["success"] is True
    assert routing["agent"] in {"hub", "general_purpose"}
    assert "business_workflow failed" in routing["reason"]
    assert "hub took over" in routing["reason"]


async def test_what_reached_nobody_stays_due_and_is_retried(start_desk: DeskFactory) -> None:
    """Visible at once, delivered later, with the analysis that was made at first."""
    desk: RunningDesk = await start_desk(
        with_agents=False,
        agent_attempts=1,
        retry_base_s=0.05,
        retry_max_s=0.1,
        breaker_pause_s=0.05,
        sweep_interval_s=0.05,
    )
    reply = await desk.post(webhook("how much is a full service?"))
    assert reply.status == 200
    assert reply.document["routing"]["success"] is False
    assert "hub failed" in reply.document["routing"]["reason"]
    assert (await desk.get("/stats")).document["waiting"]["unrouted"] == 1
    later: RunningDesk = await start_desk()
    async with asyncio.timeout(20):
        while True:
            found = (await later.get(f"/messages/{reply.document['database_id']}")).document
            if found["state"] == "processed":
                break
            await desk.backend.desk.completions.wait(-1, timeout_s=0.05)
    assert found["routing"]["success"] is True
    assert found["analysis"] == reply.document["analysis"]


async def test_a_message_without_an_agent_does_not_hold_up_the_next(start_desk: DeskFactory) -> None:
    """Only what waits for its analysis keeps its place."""
    desk: RunningDesk = await start_desk(with_agents=False, agent_attempts=1, retry_base_s=3600, retry_max_s=3600)
    for text in ("first message, how much?", "second message, how much?"):
        assert (await desk.post(webhook(text))).document["analysis"]["category"]


async def test_an_agent_that_keeps_failing_is_left_alone(start_desk: DeskFactory) -> None:
    """After some failures it is not called for a while, and the health says so."""
    desk: RunningDesk = await start_desk(
        with_agents=False, agent_attempts=1, breaker_failures=2, breaker_pause_s=60, retry_base_s=3600, retry_max_s=3600
    )
    reasons = [
        (await desk.post(webhook(f"how much is it? {n}", phone_number=f"+1555010020{n}"))).document["routing"]["reason"]
        for n in range(3)
    ]
    assert "cannot be reached" in reasons[0]
    assert "is left alone after 2 failures" in reasons[2]
    health = (await desk.get("/health")).document
    assert health["agents"]["hub"] == "left alone"


async def test_an_agent_may_only_propose_what_its_manifest_names(start_desk: DeskFactory, agents_dir: Path) -> None:
    """Agents decide, the backend acts: on what is allowed, and under names that exist."""

    async def process(request: web.Request) -> web.Response:
        document = await request.json()
        assert document["message"]
        actions = [{"type": "schedule_follow_up", "after_hours": 1, "reason": "x"}, {"type": "tag", "label": "hot"}]
        reply = {"agent": "somebody_else", "reply": "hi", "confidence": 1, "answered_by": "x", "actions": actions}
        return web.json_response(reply)

    app = web.Application()
    app.router.add_post("/process", process)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        _move(agents_dir / "general_purpose", port=runner.addresses[0][1])
        desk: RunningDesk = await start_desk(with_agents=False)
        response = (await desk.post(webhook("what time do you close today?"))).document["routing"]["response"]
    finally:
        await runner.cleanup()
    reply = AgentReply.model_validate(response)
    assert reply.agent == "general_purpose"
    assert [action.type for action in reply.actions] == ["tag"]


async def test_adding_an_agent_is_adding_a_folder(start_desk: DeskFactory, agents_dir: Path) -> None:
    """Nothing else changes: it is served, found, asked, and answers by its own rules."""
    folder = agents_dir / "florist"
    folder.mkdir()
    folder.joinpath("agent.toml").write_text(
        f'title = "Florist"\ndescription = "Flowers."\nport = {free_port()}\nkeywords = ["tulip"]\nactions = ["tag"]\n'
    )
    folder.joinpath("prompt.md").write_text("You sell flowers.\n")
    folder.joinpath("agent.py").write_text(
        "from frontdesk.domain.agents import AgentReply\n\n\n"
        "def answer(request, business):\n"
        "    return AgentReply(agent='florist', reply='Tulips bloom in May.', confidence=1, answered_by='rules')\n"
    )
    desk: RunningDesk = await start_desk()
    routing = (await desk.post(webhook("do you have tulips?"))).document["routing"]
    assert routing["agent"] == "florist"
    assert routing["response"]["reply"] == "Tulips bloom in May."
    assert (await desk.get("/health")).document["agents"]["florist"] == "up"


async def test_the_agents_tell_what_they_can_and_refuse_strangers(desk: RunningDesk, agents_dir: Path) -> None:
    """Each agent's three addresses."""
    ports = {manifest.name: manifest.port for manifest in load_manifests(agents_dir)}
    for name, port in ports.items():
        async with desk.session.get(f"http://127.0.0.1:{port}/capabilities") as response:
            assert (await response.json())["name"] == name
        async with desk.session.post(f"http://127.0.0.1:{port}/process", data=b"{}") as response:
            assert response.status == 401
    async with desk.session.get(f"http://127.0.0.1:{ports['hub']}/health") as response:
        assert (await response.json())["agents"] == dict.fromkeys(sorted(set(ports) - {"hub"}), True)


def _move(folder: Path, *, port: int | None = None) -> None:
    path = folder / "agent.toml"
    lines = [
        f"port = {port or free_port()}" if line.startswith("port") else line for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines) + "\n")


async def test_a_rule_that_would_take_every_message_is_refused() -> None:
    """It is a slip: the manifests have been written for a reason."""
    callback = add.callback
    assert callback is not None
    with pytest.raises(click.UsageError, match="condition"):
        await callback(
            agent="hub",
            position=100,
            category=None,
            keyword=None,
            minimum_urgency=None,
            vip_only=False,
            group_only=False,
        )
