"""Answering in a real browser: what is typed, drafted, sent, and sent again."""

import pytest
from playwright.async_api import Browser, expect
from tests.support.browser import looking
from tests.support.chats import ADA, CEM, three_chats
from tests.support.desk import RunningDesk, webhook
from tests.support.visitors import come_in

from frontdesk.domain.outgoing import OutgoingState
from frontdesk.store import outbox

pytestmark = pytest.mark.browser


async def test_an_answer_is_written_and_stands_in_the_thread(desk: RunningDesk, browser: Browser) -> None:
    """Typed, sent with Ctrl and Enter; or the agent's draft, as it is or in other words."""
    visitor = await come_in(desk)
    ids = await three_chats(desk)
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{ids['Ada']}")
        await expect(page.locator("#draft .draft-text")).to_be_visible()
        await page.get_by_label("Your answer").fill("It is 49, and takes an hour.")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".entry.ours .text")).to_have_text("It is 49, and takes an hour.")
        await page.goto(f"/inbox/{ids['Cem']}")
        draft = await page.locator("#draft .draft-text").inner_text()
        await page.locator("body").press("d")
        await expect(page.get_by_label("Your answer")).to_have_value(draft)
        await page.get_by_label("Your answer").fill("We are on our way.")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator(".entry.ours .text")).to_have_text("We are on our way.")
        await expect(page.locator("#draft .draft-text")).to_have_count(0)
    turns = (await desk.get(f"/turns?state=all&conversation_id={ids['Cem']}")).document["turns"]
    assert turns[0]["state"] == "queued"


async def test_ready_answers_fill_in_who_it_is_about(desk: RunningDesk, browser: Browser) -> None:
    """Typed once, used every day."""
    visitor = await come_in(desk, "Mia")
    ids = await three_chats(desk)
    await visitor.call("POST", "/canned-replies", {"name": "Hours", "text": "Dear {name}, until six. {me}, {business}"})
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{ids['Ada']}")
        await page.get_by_label("Ready answers").select_option("Hours")
        business = desk.backend.desk.business.name
        await expect(page.get_by_label("Your answer")).to_have_value(f"Dear Ada, until six. Mia, {business}")


async def test_a_draft_goes_when_somebody_has_answered(desk: RunningDesk, browser: Browser) -> None:
    """Also when they used words of their own: one more click would send a second answer."""
    visitor = await come_in(desk)
    ids = await three_chats(desk)
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{ids['Ada']}")
        await page.locator("body").press("d")
        await page.get_by_label("Your answer").fill("It is 50.")
        await page.reload()
        await expect(page.get_by_label("Your answer")).to_have_value("It is 50.")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator(".entry.ours .text")).to_have_text("It is 50.")
        await expect(page.locator("#draft .draft-text")).to_have_count(0)
        await page.goto(f"/inbox/{ids['Cem']}")
        await page.get_by_label("Your answer").fill("On our way")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator("#draft .draft-text")).to_have_count(0)
    turns = (await desk.get("/turns?state=all")).document["turns"]
    states = {turn["conversation_id"]: turn["state"] for turn in turns if turn["kind"] == "answer"}
    assert (states[ids["Ada"]], states[ids["Cem"]]) == ("queued", "superseded")


async def test_a_colleagues_answer_takes_the_draft_from_everybody(desk: RunningDesk, browser: Browser) -> None:
    """Else the next one sends a second answer."""
    ids = await three_chats(desk)
    mia, ben = await come_in(desk, "Mia"), await come_in(desk, "Ben", "agent")
    async with looking(browser, desk, mia.cookie) as one, looking(browser, desk, ben.cookie) as other:
        for page in (one, other):
            await page.goto(f"/inbox/{ids['Ada']}")
            await expect(page.locator("#draft .draft-text")).to_be_visible()
        await one.get_by_label("Your answer").fill("It is 49.")
        await one.keyboard.press("Control+Enter")
        await expect(other.locator("#draft .draft-text")).to_have_count(0)


async def test_words_outlive_the_draft_that_they_were_made_of(desk: RunningDesk, browser: Browser) -> None:
    """Something new came while it was edited: that is said once, and what was written can still be sent."""
    visitor = await come_in(desk)
    ids = await three_chats(desk)
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{ids['Ada']}")
        await page.locator("body").press("d")
        await page.get_by_label("Your answer").fill("It is 49, and takes an hour.")
        await desk.post(webhook("And for two bicycles?", chat_name="Ada", phone_number=ADA))
        await expect(page.locator(".entry.theirs .text").last).to_have_text("And for two bicycles?")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator("#problem")).to_contain_text("this turn is superseded already")
        await expect(page.get_by_label("Your answer")).to_have_value("It is 49, and takes an hour.")
        await page.get_by_role("button", name="Send", exact=True).click()
        await expect(page.locator(".entry.ours .text")).to_have_text("It is 49, and takes an hour.")


async def test_what_was_not_sent_is_sent_again_where_it_stands(desk: RunningDesk, browser: Browser) -> None:
    """With the reason why."""
    visitor = await come_in(desk)
    ids = await three_chats(desk)
    database = desk.backend.desk.database

    async def end(state: OutgoingState, error: str) -> None:
        found = await outbox.fetch(database, 1)
        assert found is not None
        await outbox.acknowledge(
            database, account=found.account, state=state, channel_key=found.channel_key, channel_message_id=None,
            error=error, now=database.now(),
        )  # fmt: skip

    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{ids['Ada']}")
        await page.get_by_label("Your answer").fill("It is 49.")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".entry.ours .tick")).to_have_attribute("title", "Waits to be sent")
        await end("failed", "the number is not on WhatsApp")
        await page.reload()
        await expect(page.locator(".entry.ours .bad")).to_contain_text("Not sent: the number is not on WhatsApp")
        await page.get_by_role("button", name="Send it again").click()
        await expect(page.locator(".entry.ours .tick")).to_have_attribute("title", "Waits to be sent")
        await expect(page.locator(".entry.ours .bad")).to_have_count(0)
    assert (await visitor.call("POST", "/outbox/1/resend")).status == 409
    assert (await visitor.call("POST", "/outbox/2/resend")).status == 404


async def test_a_chat_without_a_number_gets_one(desk: RunningDesk, browser: Browser) -> None:
    """Typed where the answer would be; where it is somebody's already one is asked, and can take it back."""
    visitor = await come_in(desk)
    ids = await three_chats(desk)
    posted = await desk.post(webhook("Is it ready?", chat_name="Zoe", phone_number=None, sender_id="export:Zoe"))
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{posted.document['conversation_id']}")
        number = page.get_by_label("Where can they be reached?")
        await number.fill("12")
        await page.get_by_role("button", name="Keep the number").click()
        await expect(page.get_by_role("alert")).to_contain_text("Must be a phone number")
        await number.fill(ADA)
        page.once("dialog", lambda dialog: dialog.accept())
        await page.get_by_role("button", name="Keep the number").click()
        await page.get_by_label("Your answer").fill("It is.")
        await page.keyboard.press("Control+Enter")
        await expect(page.locator(".entry.ours .text")).to_have_text("It is.")
        await expect(page.locator("#contact").get_by_role("link", name="Ada")).to_be_visible()
        await page.locator("#contact").get_by_role("button", name="Undo").click()
        await expect(page.locator("#contact").get_by_role("link", name="Ada")).to_have_count(0)
        await page.reload()
        await number.fill("+1 555 0100199")
        await page.get_by_role("button", name="Keep the number").click()
        page.once("dialog", lambda dialog: dialog.accept())
        await page.locator("#contact").get_by_role("button", name="not theirs").click()
        await expect(number).to_be_visible()
        await page.goto(f"/inbox/{ids['Cem']}")
        await expect(page.locator("#contact").get_by_text(CEM)).to_be_visible()
        await expect(page.locator("#contact").get_by_role("button", name="not theirs")).to_have_count(0)
    assert (await desk.get("/outbox/1")).document["recipient"] == "15550100111@c.us"
    assert (await desk.get(f"/conversations/{ids['Ada']}")).document["unread"] == 1


async def test_a_draft_is_written_where_there_is_none(desk: RunningDesk, browser: Browser) -> None:
    """As for chats that were read in from files, or after the first one was thrown away."""
    visitor = await come_in(desk)
    ids = await three_chats(desk)
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{ids['Ada']}")
        await page.get_by_role("button", name="Throw away").click()
        await expect(page.locator("#draft .draft-text")).to_have_count(0)
        await page.get_by_role("button", name="Have a draft written").click()
        await expect(page.locator("#draft .draft-text")).to_be_visible()
        await page.get_by_role("button", name="Send as it is").click()
        await expect(page.locator(".entry.ours .tick")).to_have_attribute("title", "Waits to be sent")
