"""A real Chromium that looks at the desk's own pages."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from playwright.async_api import Browser, Page, async_playwright
from tests.support.desk import RunningDesk

from frontdesk.settings import ROOT

AXE = ROOT / "ai-backend" / "node_modules" / "axe-core" / "axe.min.js"
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")


@asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """The browser that the connector would use, too."""
    path = os.environ.get("CHROME_BIN") or next(filter(None, map(shutil.which, BROWSERS)), None)
    assert path is not None, "no Chromium is installed: make browser"
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


@asynccontextmanager
async def looking(
    browser: Browser, desk: RunningDesk, cookie: str | None = None, **options: Any
) -> AsyncIterator[Page]:
    """A page of its own, as somebody who carries a cookie, or nobody. What goes wrong in it fails the test."""
    context = await browser.new_context(
        **{
            "base_url": desk.url,
            "viewport": {"width": 1440, "height": 900},
            "locale": "en-GB",
            "timezone_id": "Europe/London",
            **options,
        }
    )
    wrongs: list[str] = []
    try:
        if cookie is not None:
            name, _, value = cookie.partition("=")
            await context.add_cookies([{"name": name, "value": value, "url": desk.url}])
        page = await context.new_page()
        page.on("pageerror", lambda error: wrongs.append(f"error: {error}"))
        page.on("console", lambda line: wrongs.append(f"console: {line.text}") if line.type == "error" else None)
        yield page
        expected = ("401", "409", "422", "429", "403", "404", "net::ERR", "503")
        assert [wrong for wrong in wrongs if not any(code in wrong for code in expected)] == []
    finally:
        await context.close()


async def violations(page: Page) -> list[str]:
    """What axe-core finds wrong with a page, a line each."""
    await page.evaluate(AXE.read_text(encoding="utf-8"))
    found = await page.evaluate("async () => (await axe.run(document)).violations")
    return [
        f"{item['id']}: {item['help']}: {node['html'][:200]} {node.get('failureSummary', '')[:200]}"
        for item in found
        for node in item["nodes"]
    ]
