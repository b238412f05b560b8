"""``make pictures``: the main pages in both themes, as README and docs show them, of a desk with made-up chats."""

import asyncio
import shutil
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from playwright.async_api import Page
from tests.support.browser import chromium, looking
from tests.support.desk import AT_ONCE, SECRETS, RunningDesk, running_desk, webhook, with_free_ports
from tests.support.visitors import come_in

from frontdesk.settings import ROOT, load_settings
from frontdesk.store import stats

CHATS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Deniz Örnek", "+15550100112", ("Merhaba, bisikletimi dün teslim edecektiniz, hâlâ haber yok. Üçüncü kez yazıyorum 😡",)),
    ("Ada Example", "+15550100111", ("Hello! How much is a full service, and do I need an appointment?", "No rush at all, tomorrow is fine 🙂")),
    ("Lin Example", "+15550100114", ("What time do you close on Saturday?",)),
    ("Noor Example", "+15550100115", ("شكرا جزيلا، الدراجة ممتازة", "كم سعر القفل؟")),
    ("Tom Example", "+15550100116", ("Where is my order 4411? It should have been here on Monday.",)),
    ("Eva Beispiel", "+15550100117", ("Könnt ihr morgen um 15 Uhr meinen Platten flicken?",)),
    ("Sam Example", "+15550100113", ("The booking page shows error 500 when I pay, my trip starts in an hour!!", "URGENT: the rental bike's brakes failed, my friend is bleeding, what do we do")),
    ("Mia Example", "+15550100118", ("thanks 👍",)),
)  # fmt: skip


async def main(target: Path) -> None:
    """Take them all."""
    directory = Path(tempfile.mkdtemp(prefix="frontdesk-pictures-"))
    shutil.copytree(ROOT / "agents", directory / "agents", ignore=shutil.ignore_patterns("__pycache__"))
    with_free_ports(directory / "agents")
    settings = load_settings(
        directory / "no.env", **SECRETS, **AT_ONCE, database_url=f"sqlite:///{directory / 'desk.db'}",
        var_dir=directory / "var", agents_dir=directory / "agents", log_level="error",
        business_file=ROOT / "business.example.toml", important_customers="+15550100114=Lin Example",
    )  # fmt: skip
    try:
        async with running_desk(settings) as desk, chromium() as browser:
            visitor = await come_in(desk, "Mia")
            ids = await _fill(desk)
            await visitor.call(
                "POST", "/canned-replies", {"name": "Opening hours", "text": "Hello {name}, we are open until six."}
            )
            sam = ids["Sam Example"]
            await visitor.call("PATCH", f"/conversations/{sam}", {"labels": ["rental"], "assignee_id": 1})
            await visitor.call("POST", "/tasks", {"title": "Check all rental brakes", "conversation_id": sam})
            for theme in ("light", "dark"):
                async with looking(browser, desk, visitor.cookie, color_scheme=theme, device_scale_factor=1) as page:
                    await _take(page, f"/inbox/{sam}", target / f"inbox-{theme}.png", opened="Why?")
                    await _take(page, "/analytics", target / f"analytics-{theme}.png")
                    await _take(page, "/connection", target / f"connection-{theme}.png")
                    await _take(page, "/settings/routing", target / f"settings-{theme}.png")
            phone: dict[str, Any] = {"viewport": {"width": 390, "height": 780}}
            async with looking(browser, desk, visitor.cookie, **phone) as page:
                await _take(page, "/", target / "phone-list.png")
                await _take(page, f"/inbox/{sam}", target / "phone-chat.png")
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _fill(desk: RunningDesk) -> dict[str, int]:
    ids: dict[str, int] = {}
    for name, phone, texts in CHATS:
        for text in texts:
            reply = await desk.post(webhook(text, chat_name=name, sender_name=name, phone_number=phone, history=[]))
            ids[name] = reply.document["conversation_id"]
    now = datetime.now(UTC)
    for back in range(3):
        await stats.roll_up(desk.backend.desk.database, now - timedelta(hours=back))
    return ids


async def _take(page: Page, address: str, path: Path, *, opened: str | None = None) -> None:
    await page.goto(address)
    await page.wait_for_load_state("load")
    if opened:
        await page.get_by_text(opened).first.click()
        await page.locator("#entries").evaluate("box => { box.scrollTop = box.scrollHeight }")
    await page.evaluate("document.fonts.ready")
    await page.wait_for_function("!document.querySelector('.plot') || document.querySelector('.u-wrap')")
    await page.screenshot(path=path)


if __name__ == "__main__":
    chosen = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "pictures"
    chosen.mkdir(parents=True, exist_ok=True)
    asyncio.run(main(chosen))
