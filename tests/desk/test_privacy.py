"""Somebody asks what is stored about them, and then to be forgotten."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.support.desk import DeskFactory, RunningDesk, webhook

from frontdesk.desk import privacy
from frontdesk.domain.business import Keeping
from frontdesk.domain.contacts import Identity, parse_identity
from frontdesk.domain.errors import NotFoundError
from frontdesk.store import directory
from frontdesk.store.all_tables import metadata

ADA, BOB = "+15550100111", "+15550100222"
GROUP = {"chat_id": "123-456@g.us", "is_group": True, "chat_name": "Suppliers"}
SECRETS = ("15550100111", "Ada Example", "squeaks", "whisper", "lovelace")


async def fill(desk: RunningDesk, connector: Callable[..., Any] | None = None) -> dict[str, Any]:
    """Ada writes in her own chat and in a group, is answered, sends a file; Bob writes, too, and quotes her."""
    ids: dict[str, Any] = {}
    direct = webhook(
        "My bicycle squeaks, please repair it by next Friday at 3pm", media={"kind": "image", "status": "pending"}
    )
    ids["direct"] = (await desk.post(direct)).document
    secret = {"authorization": f"Bearer {desk.settings.webhook_secret}"}
    for message_id, name in ((direct["message_id"], "lovelace"), ("bob-1", "another")):
        url, content = f"{desk.url}/media/{message_id}", b"\xff\xd8\xff\xe0 " + name.encode()
        async with desk.session.put(url, data=content, headers=secret | {"X-Filename": f"{name}.jpg"}) as response:
            assert response.status == 201
    in_group = webhook(
        "can you whisper to me what a full service costs today?", message_id="false_123-456@g.us_3EB0_15550100111@c.us", sender_id="15550100111@c.us",
        sender_name="Ada Example", **GROUP,
    )  # fmt: skip
    ids["group"] = (await desk.post(in_group)).document
    history = [
        {
            "sender": "Ada Example",
            "content": "can you whisper to me what a full service costs today?",
            "timestamp": None,
            "type": "chat",
        }
    ]
    quoted = {
        "message_id": in_group["message_id"],
        "sender": "15550100111@c.us",
        "content": "can you whisper to me what a full service costs today?",
    }
    bob = webhook(
        "Where is my order?", message_id="bob-1", phone_number=BOB, sender_id="15550100222@c.us", sender_name="Bob",
        history=history, quoted=quoted, **GROUP,
    )  # fmt: skip
    ids["bob"] = (await desk.post(bob)).document
    await directory.add_customer(
        desk.backend.desk.database, Identity(kind="phone", value=ADA), "Ada Example", now=datetime.now(UTC)
    )
    await desk.backend.desk.sender.send(ids["direct"]["conversation_id"], "Bring it, lovelace", key="answer")
    return ids


async def dump(desk: RunningDesk) -> dict[str, str]:
    """Each table as text."""
    async with desk.backend.desk.database.read() as connection:
        return {
            table.name: json.dumps(
                [[value.decode("latin-1") if isinstance(value, bytes) else str(value) for value in row] for row in await connection.execute(select(table))]
            )
            for table in metadata.sorted_tables
        }  # fmt: skip


async def test_somebody_is_told_everything(desk: RunningDesk) -> None:
    """As rows for programs and as text for people; of a group only their own words."""
    await fill(desk)
    found = await privacy.told(desk.backend.desk.database, parse_identity(ADA))
    assert len(found["webhook_messages"]) == len(found["analytics_results"]) == 2
    assert len(found["attachments"]) == len(found["tasks"]) == len(found["outbox"]) == 1
    assert [row["value"] for row in found["contact_identities"]] == [ADA]
    document = json.loads(privacy.as_json(found))
    assert document["outbox"][0]["content"] == "Bring it, lovelace"
    text = privacy.as_text(found)
    for part in ("Ada Example", ADA, "squeaks", "whisper", "us: Bring it", "urgency", "image/jpeg", "open: My bicycle"):
        assert part in text
    assert "Where is my order?" not in text
    with pytest.raises(NotFoundError):
        await privacy.told(desk.backend.desk.database, parse_identity("+15550100999"))


async def test_who_is_forgotten_is_nowhere_any_more(desk: RunningDesk) -> None:
    """No table has a word, a number or a name of theirs; others keep what is theirs."""
    ids = await fill(desk)
    before = await dump(desk)
    assert any(secret in text for secret in SECRETS for text in before.values())
    database, media = desk.backend.desk.database, desk.backend.desk.media
    path = media.local_path(next(iter((await privacy.told(database, parse_identity(ADA)))["attachments"]))["sha256"])
    assert path is not None
    assert path.exists()
    assert await privacy.forget(database, media, parse_identity(ADA)) == (2, 1)
    after = await dump(desk)
    left = {(name, secret) for name, text in after.items() for secret in SECRETS if secret in text}
    assert not left
    assert not path.exists()
    assert (await desk.get(f"/messages/{ids['direct']['database_id']}")).status == 404
    erased = (await desk.get(f"/messages/{ids['group']['database_id']}")).document
    assert (erased["current_message"], erased["analysis"], erased["phone_number"]) == ("[erased]", None, None)
    kept = (await desk.get(f"/messages/{ids['bob']['database_id']}")).document
    assert kept["current_message"] == "Where is my order?"
    assert (kept["media"] is None, kept["quoted"], kept["history"]) == (True, None, [])
    (waiting,) = (await desk.get("/conversations")).document["conversations"]
    assert waiting["waiting"]["message_id"] == ids["bob"]["database_id"]
    with pytest.raises(NotFoundError):
        await privacy.forget(database, media, parse_identity(ADA))
    # Who writes again is somebody new.
    again = (await desk.post(webhook("Hello again"))).document
    assert again["conversation_id"] != ids["direct"]["conversation_id"]


async def test_what_is_older_than_it_is_to_be_kept_is_erased(start_desk: DeskFactory) -> None:
    """Messages with all that is theirs, files, events; what is to be done stays, and what is younger."""
    desk: RunningDesk = await start_desk()
    ids = await fill(desk)
    database, media = desk.backend.desk.database, desk.backend.desk.media
    found = await privacy.told(database, parse_identity(ADA))
    path = media.local_path(found["attachments"][0]["sha256"])
    assert path is not None
    later = timedelta(days=10)

    def kept(**days: int) -> privacy.Retention:
        keeping = Keeping(**days)
        return privacy.Retention(
            database=database, media=media, keeping=keeping, clock=lambda: datetime.now(UTC) + later
        )

    await kept().expire()
    await kept(messages_days=11, files_days=11, events_days=11).expire()
    assert len((await desk.get("/messages")).document["messages"]) == 3
    assert path.exists()
    await kept(files_days=9).expire()
    assert not path.exists()
    shown = (await desk.get(f"/messages/{ids['direct']['database_id']}")).document
    assert shown["media"]["status"] == "pending"
    await kept(events_days=9).expire()
    assert (await desk.get("/events?after=0")).document["events"] == []
    await kept(messages_days=9).expire()
    assert (await desk.get("/messages")).document["messages"] == []
    left = await dump(desk)
    for table in ("analytics_results", "agent_routing", "message_changes", "attachments", "waits", "task_messages"):
        assert left[table] == "[]", table
    open_ones = (await desk.get("/tasks")).document["tasks"]
    assert "My bicycle squeaks, please repair it by next Friday at 3pm" in [task["title"] for task in open_ones]
    assert {task["message_id"] for task in open_ones} == {None}
