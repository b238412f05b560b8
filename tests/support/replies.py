"""What tests of answering share: a sure agent, what was drafted, and what happened."""

import asyncio
from typing import Any

from tests.support.desk import Reply, RunningDesk
from tests.support.openai_server import FakeOpenAI

from frontdesk.store import outbox

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


async def sent(desk: RunningDesk, outbox_id: int) -> None:
    """The phone tells that a message of ours has left."""
    outgoing = await outbox.fetch(desk.backend.desk.database, outbox_id)
    assert outgoing is not None
    body = {"state": "sent", "channel_key": outgoing.channel_key}
    headers = {"authorization": f"Bearer {desk.settings.webhook_secret}"}
    async with desk.session.post(f"{desk.url}/outbox/acknowledgements", json=body, headers=headers) as response:
        assert response.status == 200


def sure(openai: FakeOpenAI, **changes: Any) -> None:
    """An agent that is sure, and a message that puts nothing at stake, but for the changes."""
    openai.ratings |= {"urgency_score": 3, "category": "inquiry", "needs_task": False} | changes
    openai.draft |= {"reply": "We close at six.", "confidence": 0.9, "actions": []}


async def when(desk: RunningDesk, type_: str, *, number: int = 1) -> dict[str, Any]:
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
