"""A conversation from its first voice note to the person who takes it over, with every part as its users have it."""

from pathlib import Path
from typing import Any

import pytest
from tests.desk.test_understanding import tone
from tests.support.openai_server import FakeOpenAI
from tests.support.system import System
from tests.support.whatsapp import Phone

pytestmark = pytest.mark.browser

ADA = "15550100111@c.us"


async def test_a_conversation_grows_and_a_person_takes_it_over(
    store_url: str, tmp_path: Path, openai: FakeOpenAI
) -> None:
    """Voice note, transcript, task, draft, the approved reply on the phone, an answer, a person, and a robot that is silent."""
    openai.heard["text"] = "My bicycle is broken, please repair it by next Friday at three."
    openai.draft |= {
        "reply": "Bring it in any day before four.",
        "actions": [
            {"type": "create_task", "text": "Repair Ada's bicycle", "number": 2, "kind": "repair", "due": "next Friday at 3pm", "updates": 0}
        ],
        "profile": [{"field": "first_name", "value": "Ada", "confidence": 0.9}],
    }  # fmt: skip
    phone = Phone()
    phone.know(ADA, "Ada Example")
    phone.files["voice"] = tone()
    async with phone.serving():
        system = System(
            tmp_path, phone, database_url=store_url, OPENAI_API_KEY="sk-test", OPENAI_BASE_URL=openai.base_url,
            ANALYSER="decisions", REPLY_SETTLE_S="2", AUTO_OUTSIDE_HOURS="true",
        )  # fmt: skip
        async with system.running():
            await system.link()
            await system.ask("POST", "/people", name="Bo")

            # A voice note is heard, and asks for something to be done.
            extra = {"directPath": "/file/voice", "mimetype": "audio/ogg; codecs=opus", "size": 4000, "duration": 1}
            noted = await system.processed(await phone.receive(ADA, "", type="ptt", extra=extra))
            assert noted["media"]["understood"]["text"] == openai.heard["text"]
            number = noted["conversation_id"]
            (task,) = (await system.get("/tasks"))["tasks"]
            assert (task["title"], task["type"], task["due_at"] is not None) == ("Repair Ada's bicycle", "repair", True)
            assert openai.heard["text"] in task["description"]

            # A draft waits; a person approves it; the customer gets it.
            draft = (await system.get(f"/conversations/{number}"))["draft"]
            assert (draft["text"], draft["state"]) == ("Bring it in any day before four.", "suggested")
            assert not phone.sent
            accepted = await system.ask("POST", f"/turns/{draft['turn_id']}/accept")
            await system.until(lambda: _is_sent(system, accepted["outbox_id"]), "the reply to be sent")
            assert [(sent["chat"], sent["body"]) for sent in phone.sent] == [(ADA, "Bring it in any day before four.")]
            assert (await system.get(f"/conversations/{number}"))["waiting"] is None

            # The robot may answer by itself from now on: it does, once, for three short messages.
            await system.ask("PATCH", f"/conversations/{number}", mode="auto", handed_over=False)
            openai.ratings |= {"urgency_score": 3, "category": "inquiry", "needs_task": False}
            openai.draft |= {"reply": "Yes, until six.", "actions": []}
            burst = [await phone.receive(ADA, text) for text in ("ok", "one more thing", "are you open today?")]
            answers = [await system.processed(message) for message in burst]
            assert {answer["routing"]["response"]["reply"] for answer in answers} == {"Yes, until six."}
            await system.until(lambda: _sent(phone, 2), "the answer on the phone")
            assert phone.sent[1]["body"] == "Yes, until six."

            # The customer wants a person: told once, assigned, and nothing more by itself.
            openai.ratings["wants_person"] = True
            await system.processed(await phone.receive(ADA, "I would rather talk to somebody"))
            await system.until(lambda: _sent(phone, 3), "the notice on the phone")
            assert "A person from" in phone.sent[2]["body"]
            reply = (await system.get(f"/conversations/{number}"))["reply"]
            assert (reply["is_handed_over"], reply["assignee_id"]) == (True, 1)
            openai.ratings["wants_person"] = False
            await system.processed(await phone.receive(ADA, "hello?"))
            assert (await system.get(f"/conversations/{number}"))["draft"]["reason"] == "a person answers here"

            # A person answers, on the phone itself: the robot stays silent, and drafts for them.
            await phone.receive(ADA, "Hi Ada, this is Bo", fromMe=True)
            await system.until(lambda: _is_paused(system, number), "the person to be seen")
            await system.processed(await phone.receive(ADA, "great, when can I come?"))
            shown = await system.get(f"/conversations/{number}")
            assert shown["draft"]["reason"] == "a person answers here"
            assert not shown["reply"]["is_handed_over"]
            assert len(phone.sent) == 3

            contact = await system.get(f"/contacts/{shown['contact_id']}")
            assert {item["field"]: item["value"] for item in contact["fields"]}["first_name"] == "Ada"
            stats = await system.get("/stats")
            assert stats["answers"]["answered"] == 3


async def _is_sent(system: System, outbox_id: int) -> bool:
    return (await system.get(f"/outbox/{outbox_id}"))["state"] in {"sent", "delivered", "read"}


async def _is_paused(system: System, conversation_id: int) -> bool:
    paused: bool = (await system.get(f"/conversations/{conversation_id}"))["reply"]["is_paused"]
    return paused


async def _sent(phone: Phone, number: int) -> list[dict[str, Any]] | None:
    return phone.sent if len(phone.sent) >= number else None
