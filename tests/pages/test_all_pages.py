"""What holds for every page: nobody is shut out, no text becomes markup, little is loaded, both languages are whole."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po
from playwright.async_api import Browser, expect
from tests.support.browser import looking, violations
from tests.support.chats import three_chats
from tests.support.desk import RunningDesk, webhook
from tests.support.proxy import Proxy
from tests.support.visitors import come_in, link_for

from frontdesk.settings import ROOT

PAGES = (
    "/", "/?view=all", "/?q=service", "/inbox/1", "/connection", "/analytics", "/settings/answers", "/settings/important",
    "/settings/routing", "/settings/robot", "/settings/business", "/settings/hours", "/settings/people", "/settings/you", "/docs",
)  # fmt: skip
WEB = ROOT / "ai-backend" / "frontdesk" / "web"
NAUGHTY = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "\"><svg/onload=document.title='owned'>",
    "javascript:document.title='owned'",
    "{{ 7 * 7 }} ${7*7} #{7*7} <%= 7*7 %>",
    "&lt;b&gt;not bold&lt;/b&gt; &#x3C;b&#x3E;",
    "\u202etxet desrever\u202c and \u2066isolated\u2069",
    "zero\u200bwidth\u200djoined\ufeffhere",
    "مرحبا، كيف الحال؟ 123 abc",
    "👩‍👩‍👧‍👦🏳️‍🌈 Z̷͈͗a̶͓͂l̵̰̈g̶̨̛o̵͖̚",
    "'; DROP TABLE webhook_messages; --",
    "a" * 20_000,
    "line one\nline two\r\n\ttabbed   spaced",
    "%(name)s %s {name} {0} __class__",
)


@pytest.mark.browser
@pytest.mark.parametrize("theme", ["light", "dark"])
async def test_nobody_is_shut_out(desk: RunningDesk, browser: Browser, theme: str) -> None:
    """axe-core finds nothing wrong on any page, in either theme."""
    visitor = await come_in(desk)
    await three_chats(desk)
    await visitor.call("POST", "/canned-replies", {"name": "Hours", "text": "Until six."})
    found: dict[str, list[str]] = {}
    async with looking(browser, desk, visitor.cookie, color_scheme=theme, reduced_motion="reduce") as page:
        for path in PAGES:
            await page.goto(path)
            if path == "/inbox/1":
                await page.get_by_text("Why?").first.click()
            found[path] = await violations(page)
    link = await link_for(desk.backend.desk.database, "Ben")
    async with looking(browser, desk, color_scheme=theme) as page:
        for path in ("/login", link):
            await page.goto(path)
            found[path] = await violations(page)
    assert {path: wrongs for path, wrongs in found.items() if wrongs} == {}


@pytest.mark.browser
async def test_text_is_shown_as_text_whatever_it_is(desk: RunningDesk, browser: Browser) -> None:
    """In the list, the thread, the search and beside the chat; from strangers and from us."""
    visitor = await come_in(desk)
    number = 0
    for text in NAUGHTY:
        posted = await desk.post(
            webhook(text, chat_name=text[:200], sender_name=text[:200], phone_number="+15550100111")
        )
        assert posted.status in {200, 202}
        number = posted.document["conversation_id"]
        await visitor.call("POST", f"/conversations/{number}/messages", {"text": text})
    contact = (await desk.get(f"/conversations/{number}")).document["contact_id"]
    await visitor.call("POST", f"/contacts/{contact}/notes", {"text": NAUGHTY[0]})
    await visitor.call("PATCH", f"/conversations/{number}", {"labels": [text[:30] for text in NAUGHTY[:5]]})
    await visitor.call("POST", "/tasks", {"title": NAUGHTY[1], "conversation_id": number})
    async with looking(browser, desk, visitor.cookie) as page:
        for path in (f"/inbox/{number}?view=all", "/?q=owned"):
            await page.goto(path)
            await expect(page).to_have_title(re.compile("Inbox"))
            assert (
                await page.evaluate(
                    "document.querySelectorAll('main img[src=x], main script, main svg[onload]').length"
                )
                == 0
            )
        await page.goto(f"/inbox/{number}?view=all")
        shown = await page.locator(".entry.theirs .bubble .text").all_text_contents()
        assert shown == [text.replace("\r\n", "\n").strip("\n") if "\r" in text else text for text in NAUGHTY]
        assert await page.evaluate("document.documentElement.scrollWidth") <= 1440


@pytest.mark.browser
async def test_the_first_view_is_small(desk: RunningDesk, browser: Browser) -> None:
    """Under 200 KB for who has never been here, all scripts and styles included."""
    visitor = await come_in(desk)
    for count in range(40):
        await desk.post(webhook("How much is it?", chat_name=f"Contact {count}", phone_number=f"+155501{count:05}"))
    async with looking(browser, desk, visitor.cookie) as page:
        sizes: list[int] = []
        session = await page.context.new_cdp_session(page)
        await session.send("Network.enable")
        session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
        await page.goto("/")
        await expect(page.locator(".chat-row")).to_have_count(40)
        assert 10_000 < sum(sizes) < 200_000


@pytest.mark.browser
async def test_the_page_comes_back_when_the_desk_does(desk: RunningDesk, browser: Browser) -> None:
    """It says that it is cut off, goes on by itself, and has missed nothing."""
    visitor = await come_in(desk)
    await three_chats(desk)
    async with Proxy(int(desk.url.rpartition(":")[2])).serving() as proxy:
        through = replace(desk, url=f"http://127.0.0.1:{proxy.port}")
        async with looking(browser, through, visitor.cookie) as page:
            await page.goto("/?view=all")
            await expect(page.locator(".chat-row")).to_have_count(3)
            proxy.is_open = False
            proxy.cut()
            await expect(page.locator("#stale")).to_be_visible()
            await desk.post(webhook("Are you there?", chat_name="Dora", phone_number="+15550100119"))
            proxy.is_open = True
            await expect(page.locator("#stale")).to_be_hidden(timeout=15_000)
            await expect(page.locator(".chat-row .who").first).to_have_text("Dora")


@pytest.mark.browser
async def test_it_speaks_the_readers_language_and_clock(desk: RunningDesk, browser: Browser) -> None:
    """By the browser's wish, or as chosen."""
    visitor = await come_in(desk)
    await three_chats(desk)
    async with looking(browser, desk, visitor.cookie, locale="tr-TR", timezone_id="Asia/Tokyo") as page:
        await page.goto("/login")
        await page.goto("/")
        await expect(page.locator("html")).to_have_attribute("lang", "tr")
        await expect(page.locator("#views a").first).to_contain_text("Yanıt gerekiyor")
        cookies = await page.context.cookies()
        assert any(cookie["name"] == "zone" and "Tokyo" in str(cookie["value"]) for cookie in cookies)
        await page.goto("/settings/routing")
        await expect(page.get_by_role("heading", name="Teknik sorunlar")).to_be_visible()


@pytest.mark.browser
async def test_a_link_to_come_in_is_copied(desk: RunningDesk, browser: Browser) -> None:
    """To be sent to who is to come in."""
    visitor = await come_in(desk)
    async with looking(browser, desk, visitor.cookie, permissions=["clipboard-read", "clipboard-write"]) as page:
        await page.goto("/settings/people")
        await expect(page.get_by_role("button", name="Copy")).to_have_count(0)
        await page.get_by_role("button", name="New link to come in").click()
        await page.get_by_role("button", name="Copy").click()
        await expect(page.get_by_role("button", name="Copied.")).to_be_visible()
        link = await page.evaluate("navigator.clipboard.readText()")
        assert link == await page.locator("output").first.text_content()
        await page.goto(link)
        await expect(page.get_by_label("Password")).to_be_visible()


def test_every_text_of_the_pages_is_in_turkish() -> None:
    """As the templates have them now, and with the same places for names and numbers."""
    with (WEB / "locale" / "tr.po").open("rb") as file:
        known: Catalog = read_po(file, locale="tr")
    texts: set[str] = set()
    sources = [("templates/**.html", "jinja2"), ("pages/sayings.py", "python")]
    for _, _, text, _, _ in extract_from_dir(str(WEB), method_map=sources):
        texts.add(text[0] if isinstance(text, tuple) else text)
    missing, odd = [], []
    for text in sorted(texts):
        message = known.get(text)
        said = message.string if message else ""
        told = said[0] if isinstance(said, tuple | list) else said
        if not told:
            missing.append(text)
        elif text not in told and sorted(re.findall(r"%\(\w+\)s|\{\w+\}", text)) != sorted(
            re.findall(r"%\(\w+\)s|\{\w+\}", told)
        ):
            odd.append((text, told))
    assert (missing, odd) == ([], [])
    assert len(texts) > 300


def test_scripts_and_styles_name_nothing_elsewhere() -> None:
    """No font, script or picture of another site; no style in an attribute, which the policy forbids."""
    for path in sorted([*Path(WEB / "templates").rglob("*.html"), *Path(WEB / "static").iterdir()]):
        text = path.read_text(encoding="utf-8")
        outside = re.findall(r"(?:src|href|url\()=?[\"'(]?(https?://[^\"')\s]+)", text)
        assert [link for link in outside if "standardwebhooks" not in link] == [], path
        assert not re.search(r"\sstyle=|\son[a-z]+=\"", text), path
