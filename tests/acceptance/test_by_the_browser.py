"""A person with a browser and the link that is printed first: from an empty desk to the reply on the customer's phone."""

from pathlib import Path

import pytest
from playwright.async_api import expect
from tests.support.browser import chromium
from tests.support.system import System
from tests.support.visitors import PASSWORD
from tests.support.whatsapp import Phone

pytestmark = pytest.mark.browser

ADA = "15550100111@c.us"


async def test_from_the_first_link_to_the_reply_on_the_phone(tmp_path: Path) -> None:
    """Choose a password, link the account, see the message arrive, answer it, and see that it was delivered."""
    phone = Phone()
    phone.know(ADA, "Ada Example")
    async with phone.serving():
        system = System(tmp_path, phone)
        async with system.running(), chromium() as browser:
            page = await browser.new_page(base_url=system.url, viewport={"width": 1440, "height": 900})
            await page.goto(await system.entrance())
            await page.get_by_label("Your name").fill("Mia")
            await page.get_by_label("Password").fill(PASSWORD)
            await page.get_by_role("button", name="Go on").click()
            await page.get_by_role("link", name="Link WhatsApp").click()
            await expect(page.get_by_role("img", name="QR code to link WhatsApp")).to_be_visible(timeout=60_000)
            await phone.scan()
            await expect(page.get_by_text("Connected")).to_be_visible(timeout=60_000)
            await page.get_by_role("link", name="Inbox", exact=True).first.click()
            await phone.receive(ADA, "How much is a full service?")
            row = page.locator(".chat-row", has_text="Ada Example")
            await expect(row).to_be_visible(timeout=30_000)
            await row.click()
            await page.get_by_label("Your answer").fill("It is 49, and takes an hour.")
            await page.get_by_role("button", name="Send", exact=True).click()
            await expect(page.locator(".entry.ours .text")).to_have_text("It is 49, and takes an hour.")

            async def arrived() -> bool:
                return bool(phone.sent)

            await system.until(arrived, "the reply on the phone")
            assert [(sent["chat"], sent["body"]) for sent in phone.sent] == [(ADA, "It is 49, and takes an hour.")]
            # Who was answered waits no more.
            await expect(page.get_by_text("Nobody waits for an answer.")).to_be_visible(timeout=20_000)
            await expect(page.locator(".entry.ours .tick")).to_have_attribute("title", "Sent", timeout=20_000)
