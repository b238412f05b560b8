"""Firefox and WebKit show the inbox, too, and answer by it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from tests.support.chats import ADA, CEM
from tests.support.desk import RunningDesk, webhook
from tests.support.other_browsers import OtherBrowser, firefox, webkit
from tests.support.visitors import PASSWORD, link_for

pytestmark = pytest.mark.servers

FILL = (
    "(() => {{ const field = document.querySelector('{field}'); field.value = {value!r};"
    " field.dispatchEvent(new Event('input', {{ bubbles: true }})); return true }})()"
)
CLICK = "(() => {{ document.querySelector('{button}').click(); return true }})()"


@pytest.mark.parametrize("browser", [firefox, webkit])
async def test_it_works_in_other_browsers(
    desk: RunningDesk, browser: Callable[[Path], AbstractAsyncContextManager[OtherBrowser]], tmp_path: Path
) -> None:
    """Come in by the link, see what arrives, open it, answer it."""
    home = tmp_path / "home"
    home.mkdir()
    link = await link_for(desk.backend.desk.database)
    await desk.post(webhook("How much is a full service?", chat_name="Ada", phone_number=ADA))
    async with browser(home) as page:
        await page.go(desk.url + link)
        await page.evaluate(FILL.format(field="[name=name]", value="Mia"))
        await page.evaluate(FILL.format(field="[name=password]", value=PASSWORD))
        await page.evaluate(CLICK.format(button="form button"))
        await page.until("document.querySelectorAll('.chat-row').length === 1")
        await desk.post(webhook("URGENT: the pipe burst, we are flooding!!", chat_name="Cem", phone_number=CEM))
        await page.until("document.querySelector('.chat-row .who').textContent === 'Cem'")
        await page.evaluate(CLICK.format(button=".chat-row"))
        await page.until("document.querySelector('#chat-title')?.textContent === 'Cem'")
        await page.evaluate(FILL.format(field="#reply-text", value="We are on our way."))
        await page.evaluate(CLICK.format(button=".reply button.primary"))
        await page.until("document.querySelector('.entry.ours[id] .text')?.textContent === 'We are on our way.'")
        wide = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0
        await page.go(f"{desk.url}/analytics")
        await page.until("document.querySelectorAll('.u-wrap').length >= 7")
