"""What customers tell the desk itself."""

from datetime import UTC, datetime, timedelta

from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI
from tests.support.replies import AUTO, drafted, shown, sure

from frontdesk.desk.privacy import Retention
from frontdesk.domain.business import Keeping
from frontdesk.domain.contacts import Identity
from frontdesk.store import erasure


async def test_customers_tell_the_desk_itself_what_they_want(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """In a word of their language; no agent is asked."""
    sure(openai)
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
    sure(openai)
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
        database=database, media=desk.backend.desk.media, keeping=Keeping(),
        clock=lambda: datetime.now(UTC) + timedelta(minutes=2),
    )  # fmt: skip
    await later.forget_who_asked()
    assert await erasure.contact_of(database, ada) is None
    assert (await desk.get("/messages")).document["messages"] == []
