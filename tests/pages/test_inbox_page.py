"""The inbox in a real browser: what people see, do and are told."""

import re
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Locator, Page, expect
from tests.support.browser import looking
from tests.support.chats import ADA, CEM, three_chats
from tests.support.desk import RunningDesk, webhook
from tests.support.visitors import PASSWORD, come_in, link_for

pytestmark = pytest.mark.browser


def row(page: Page, title: str) -> Locator:
    """The row of a chat in the list."""
    return page.locator(f"#list .chat-row:has(.who:text-is('{title}'))")


async def test_the_first_visit_leads_from_the_link_to_the_inbox(desk: RunningDesk, browser: Browser) -> None:
    """Open the link, say who you are, and be there; the next time by name and password."""
    path = await link_for(desk.backend.desk.database)
    async with looking(browser, desk) as page:
        await page.goto(path)
        await page.get_by_label("Your name").fill("Ada Admin")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Go on").click()
        await expect(page.get_by_text("No messages yet.")).to_be_visible()
        await page.get_by_role("button", name="You").click()
        await page.get_by_role("button", name="Log out").click()
        await expect(page).to_have_url(re.compile("/login"))
        await page.goto("/settings/people")
        await page.get_by_label("Name or e-mail address").fill("ada admin")
        await page.get_by_label("Password").fill("not it at all")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("alert")).to_contain_text("name or password is wrong")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await expect(page).to_have_url(re.compile("/settings/people$"))
        await page.goto(path)
        await expect(page.get_by_text("This link has been used")).to_be_visible()


async def test_what_arrives_is_there_by_itself_the_most_urgent_first(desk: RunningDesk, browser: Browser) -> None:
    """Without a reload; the title counts who waits."""
    visitor = await come_in(desk)
    await desk.post(webhook("How much is a full service?", chat_name="Ada", phone_number=ADA))
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto("/")
        await expect(page.locator(".chat-row")).to_have_count(1)
        await desk.post(webhook("URGENT: the pipe burst, we are flooding!!", chat_name="Cem", phone_number=CEM))
        await expect(page.locator(".chat-row .who")).to_have_text(["Cem", "Ada"])
        await expect(page).to_have_title(re.compile(r"^\(2\) Inbox"))
        await row(page, "Cem").click()
        await expect(page.locator("#chat-title")).to_have_text("Cem")
        await desk.post(webhook("Please, hurry", chat_name="Cem", phone_number=CEM))
        await expect(page.locator(".bubble .text").last).to_have_text("Please, hurry")
        await expect(row(page, "Cem").locator(".line .count")).to_have_count(0)


async def test_views_filters_and_search_show_what_fits(desk: RunningDesk, browser: Browser) -> None:
    """A view, a category, and words as one types; back goes back."""
    visitor = await come_in(desk)
    await three_chats(desk)
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto("/")
        await expect(page.locator(".chat-row .who")).to_have_text(["Cem", "Ada"])
        await visitor.call("PATCH", "/messages/1/analysis", {"urgency_score": 4})
        await visitor.call("PATCH", "/messages/3/analysis", {"urgency_score": 6})
        await expect(page.locator(".chat-row .who")).to_have_text(["Ada", "Cem"])
        await page.locator("#views").get_by_label("First").select_option("The most urgent")
        await expect(page.get_by_text("Choose a conversation, or press j.")).to_be_visible()
        await expect(page).to_have_url(re.compile("order=urgency"))
        await expect(page.locator(".chat-row .who")).to_have_text(["Cem", "Ada"])
        await page.locator("#views").get_by_role("link", name="All", exact=True).click()
        await expect(page.locator(".chat-row .who")).to_have_text(["Cem", "Ben", "Ada"])
        await page.locator("#views").get_by_label("Category").select_option("Sales")
        await expect(page.locator(".chat-row .who")).to_have_text(["Ada"])
        page.once("dialog", lambda dialog: dialog.accept("My sales"))
        await page.get_by_role("button", name="Save this filter").click()
        await expect(page.get_by_role("link", name="My sales")).to_be_visible()
        await page.goto("/")
        await page.locator("body").press("/")
        await page.keyboard.type("burst pi")
        await expect(page.locator("#list .chat-row .who")).to_have_text(["Cem"])
        await page.keyboard.press("Enter")
        await page.keyboard.press("Enter")
        await expect(page.locator("#chat-title")).to_have_text("Cem")
        await page.get_by_role("searchbox").fill("cem pipe")
        await expect(page.locator("#list .chat-row .who")).to_have_text(["Cem"])
        for period, found in (
            ("today", ["Cem"]),
            ("last week", []),
            ("in the last 30 days", ["Cem"]),
            ("yesterday", []),
        ):
            await page.get_by_label("Said").select_option(period)
            await expect(page.locator("#list .chat-row .who")).to_have_text(found)
        await page.get_by_label("Said").select_option("on certain days …")
        await expect(page.get_by_label("Said")).to_have_value("days")
        await page.get_by_label("Last day").fill("2026-01-01")
        await expect(page.get_by_text("Nothing with “cem pipe”.")).to_be_visible()
        await page.get_by_role("searchbox").fill("burst")
        await expect(page.get_by_text("Nothing with “burst”.")).to_be_visible()
        await page.get_by_label("Last day").fill("2200-01-01")
        await expect(page.locator("#list .chat-row .who")).to_have_text(["Cem"])


async def test_who_reads_the_unread_stays_where_they_are(desk: RunningDesk, browser: Browser) -> None:
    """The chat that is open keeps its place; what lies over it goes away by its button or a click beside it."""
    visitor = await come_in(desk)
    await three_chats(desk)
    async with looking(browser, desk, visitor.cookie, viewport={"width": 1280, "height": 800}) as page:
        await page.goto("/?view=unread")
        await row(page, "Ben").click()
        await expect(page.locator("#chat-title")).to_have_text("Ben")
        await expect(page.locator(".chat-row.unread .who")).to_have_text(["Cem", "Ada"])
        await expect(row(page, "Ben")).to_be_visible()
        about, beside = page.get_by_role("button", name="About this chat"), page.locator("#contact")
        await about.click()
        await expect(beside).to_be_visible()
        await beside.get_by_role("button", name="Close").click()
        await expect(beside).to_be_hidden()
        await about.click()
        await page.locator("#entries").click()
        await expect(beside).to_be_hidden()
        await row(page, "Cem").click()
        await expect(page.locator("#chat-title")).to_have_text("Cem")
        await expect(row(page, "Ben")).to_have_count(0)


async def test_everything_can_be_done_with_the_keyboard(desk: RunningDesk, browser: Browser) -> None:
    """Down, open, archive, undo, unread, done, reply, help."""
    visitor = await come_in(desk)
    await three_chats(desk)
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto("/?view=all")
        body = page.locator("body")
        await body.press("j")
        await page.keyboard.press("j")
        await expect(page.locator(".chat-row:focus .who")).to_have_text("Ben")
        await page.keyboard.press("Enter")
        await expect(page.locator("#chat-title")).to_have_text("Ben")
        await body.press("e")
        await expect(page.locator("#toast")).to_contain_text("Archived.")
        await expect(page.locator(".chat-row .who")).to_have_text(["Cem", "Ada"])
        await page.get_by_role("button", name="Undo").click()
        await expect(page.locator(".chat-row .who")).to_have_text(["Cem", "Ben", "Ada"])
        await body.press("r")
        await expect(page.get_by_label("Your answer")).to_be_focused()
        await page.keyboard.press("Escape")
        await body.press("u")
        await expect(page.locator("#toast")).to_contain_text("Marked as unread.")
        await body.press("?")
        await expect(page.get_by_role("dialog")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.goto("/")
        await page.locator("body").press("j")
        await page.keyboard.press("Enter")
        await expect(page.locator("#chat-title")).to_have_text("Cem")
        await page.locator("body").press("x")
        await expect(page.locator("#toast")).to_contain_text("Done")
        await expect(page.locator(".chat-row .who")).to_have_text(["Ada"])


async def test_a_wrong_score_is_corrected_where_it_is_shown(desk: RunningDesk, browser: Browser) -> None:
    """With its reasons; the correction stands when it is judged again."""
    visitor = await come_in(desk)
    ids = await three_chats(desk)
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{ids['Ada']}")
        await page.get_by_text("Why?").click()
        await expect(page.locator(".scores")).to_contain_text("Judged by")
        form = page.locator("form.correct")
        await form.get_by_label("Category").select_option("Complaint")
        await form.get_by_label("Urgency").fill("8")
        await form.get_by_role("button", name="Correct").click()
        await expect(page.locator(".analysis summary")).to_contain_text("Complaint")
        await expect(row(page, "Ada").locator(".urgency")).to_contain_text("8")
        await expect(page.locator(".analysis")).to_contain_text("Something is to be done within the hour.")
        await expect(page.locator(".analysis p:has(s)").first).to_contain_text(re.compile(r"Urgency: \d 8 · Ada, "))
        await page.get_by_role("button", name="Judge it again").click()
        await expect(page.locator(".analysis summary")).to_contain_text("Complaint")
    message = (await desk.get("/messages")).document["messages"][-1]
    assert (message["analysis"]["category"], message["analysis"]["urgency_score"]) == ("complaint", 8)


async def test_what_is_known_of_somebody_is_kept_beside_the_chat(desk: RunningDesk, browser: Browser) -> None:
    """VIP, a label, a task, a note, whose it is, and who answers."""
    visitor = await come_in(desk, "Mia")
    ids = await three_chats(desk)
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{ids['Ada']}")
        side = page.locator("#contact")
        await side.get_by_label("VIP: always first").check()
        await expect(page.get_by_role("status").get_by_text("Saved.")).to_be_visible()
        await expect(side.locator("h3 .vip")).to_be_visible()
        await side.get_by_label("Labels, with commas between them").fill("wedding, Leeds")
        await side.get_by_role("button", name="Save").first.click()
        await expect(row(page, "Ada").locator(".tag.label")).to_have_text(["wedding", "Leeds"])
        await side.get_by_label("What is to be done?").fill("Ring Ada")
        await side.get_by_role("button", name="Add").first.click()
        await expect(side.get_by_text("Ring Ada")).to_be_visible()
        await side.get_by_label("Ring Ada").check()
        await expect(side.get_by_text("Ring Ada")).to_have_count(0)
        await side.get_by_label("A note for your people").fill("Likes to be rung")
        await side.get_by_role("button", name="Add").last.click()
        await expect(side.get_by_text("Likes to be rung")).to_be_visible()
        await page.get_by_role("button", name="Take over").click()
        await expect(row(page, "Ada").get_by_text("@ Mia")).to_be_visible()
        await page.get_by_role("button", name="Undo").click()
        await expect(row(page, "Ada").get_by_text("@ Mia")).to_have_count(0)
        await side.get_by_label("Person").select_option("Mia")
        await expect(row(page, "Ada").get_by_text("@ Mia")).to_be_visible()
        await page.get_by_role("button", name="Take over").click()
        await expect(page.get_by_text("Mia answers here; the robot is silent.")).to_be_visible()
        await expect(page.get_by_role("button", name="Take over")).to_be_disabled()
        await page.get_by_role("button", name="Give it back to the robot").click()
        await expect(page.locator("#toast")).to_be_hidden()
        await expect(page.get_by_text("Mia answers here; the robot is silent.")).to_have_count(0)
        await expect(row(page, "Ada").get_by_text("@ Mia")).to_have_count(0)
        await page.get_by_role("button", name="Take over").click()
        await expect(page.get_by_text("Mia answers here; the robot is silent.")).to_be_visible()
        await expect(row(page, "Ada").get_by_text("A person answers")).to_be_visible()
    shown = (await desk.get(f"/conversations/{ids['Ada']}")).document
    assert (shown["is_important"], shown["labels"], shown["reply"]["is_handed_over"]) == (
        True,
        ["wedding", "Leeds"],
        True,
    )


async def test_two_people_see_what_the_other_does(desk: RunningDesk, browser: Browser) -> None:
    """At once, and the one who writes keeps their words."""
    ids = await three_chats(desk)
    mia, ben = await come_in(desk, "Mia"), await come_in(desk, "Ben", "agent")
    async with looking(browser, desk, mia.cookie) as one, looking(browser, desk, ben.cookie) as other:
        for page in (one, other):
            await page.goto(f"/inbox/{ids['Ada']}?view=all")
        await other.get_by_label("Your answer").fill("I am just writing")
        await one.get_by_label("Your answer").fill("It is 49.")
        await one.keyboard.press("Control+Enter")
        await expect(other.locator(".entry.ours .text")).to_have_text("It is 49.")
        await expect(other.get_by_label("Your answer")).to_have_value("I am just writing")
        await one.keyboard.press("Escape")
        await one.keyboard.press("e")
        await expect(other.locator(".chat-row .who")).to_have_text(["Cem", "Ben"])


async def test_who_only_looks_is_not_offered_to_act(desk: RunningDesk, browser: Browser) -> None:
    """And what they look at stays unread."""
    ids = await three_chats(desk)
    visitor = await come_in(desk, "Vera", "viewer")
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto(f"/inbox/{ids['Ada']}")
        await expect(page.locator(".bubble .text").first).to_be_visible()
        for name in ("Send", "Archive", "Done", "Correct", "Block this chat"):
            await expect(page.get_by_role("button", name=name)).to_have_count(0)
        await page.goto("/settings/people")
        await expect(page.get_by_text("This page needs more rights")).to_be_visible()
    assert (await desk.get(f"/conversations/{ids['Ada']}")).document["unread"] == 1


async def test_on_a_phone_it_is_one_thing_at_a_time(desk: RunningDesk, browser: Browser) -> None:
    """The list, then the chat, and back; nothing is wider than the screen."""
    visitor = await come_in(desk)
    await three_chats(desk)
    async with looking(browser, desk, visitor.cookie, viewport={"width": 390, "height": 780}, has_touch=True) as page:
        await page.goto("/")
        await expect(page.locator("#chat")).to_be_hidden()
        await row(page, "Cem").tap()
        await expect(page.locator("#chat-title")).to_have_text("Cem")
        await expect(page.locator("#list")).to_be_hidden()
        width = await page.evaluate("document.documentElement.scrollWidth")
        assert width <= 390
        await page.get_by_role("link", name="Back to the list").click()
        await expect(page.locator(".chat-row").first).to_be_visible()
        await page.get_by_role("button", name="Views").click()
        await page.locator("#narrow-views").get_by_role("link", name="All", exact=True).click()
        await expect(page.locator(".chat-row")).to_have_count(3)


@pytest.mark.parametrize(("width", "height"), [(1440, 900), (1100, 700), (390, 780)])
async def test_with_many_chats_and_long_names_everything_is_within_reach(
    desk: RunningDesk, browser: Browser, width: int, height: int
) -> None:
    """The list scrolls, the field to answer is on the screen, and nothing of the chat lies beyond its edge."""
    visitor = await come_in(desk)
    for count in range(30):
        name = f"Somebody With A Rather Long Name {count}" if count else "W" * 180
        posted = await desk.post(webhook("How much is it?", chat_name=name, phone_number=f"+155501{count:05}"))
    number = posted.document["conversation_id"]
    async with looking(browser, desk, visitor.cookie, viewport={"width": width, "height": height}) as page:
        await page.goto("/?view=all")
        await expect(page.locator(".chat-row")).to_have_count(30)
        assert await page.locator("#list").evaluate("box => box.scrollHeight > box.clientHeight + 100")
        for chat in (number, 1):
            await page.goto(f"/inbox/{chat}?view=all")
            for field in (page.get_by_role("button", name="Send", exact=True), page.locator("#reply-text")):
                await expect(field).to_be_in_viewport(ratio=1)
            beyond = await page.locator(".thread").evaluate(
                "box => [...box.querySelectorAll('*')].filter(item => item.getClientRects().length && !item.closest('.visually-hidden')"
                " && item.getBoundingClientRect().right > box.getBoundingClientRect().right + 1 && !item.closest('h2')).map(item => item.outerHTML.slice(0, 80))"
            )
            assert beyond == []
            places = [
                await page.locator(name).bounding_box() for name in (".chat-head", "#answering", "#entries", "#compose")
            ]
            ends = [place["y"] + place["height"] for place in places if place]
            assert all(place and place["y"] >= end - 1 for place, end in zip(places[1:], ends, strict=False))


async def test_a_message_that_was_found_is_jumped_to_however_old(desk: RunningDesk, browser: Browser) -> None:
    """It is loaded with what was said around it; older and newer parts are at hand, and a reload stays there."""
    visitor = await come_in(desk)
    await desk.post(webhook("the turquoise one", chat_name="Ada", phone_number=ADA))
    for count in range(70):
        await desk.post(webhook(f"line {count}", chat_name="Ada", phone_number=ADA))
    async with looking(browser, desk, visitor.cookie) as page:
        await page.goto("/")
        await page.get_by_role("searchbox").fill("turquoise")
        await page.locator("#list .chat-row").first.click()
        found = page.locator(".entry.found .text")
        await expect(found).to_have_text("the turquoise one")
        await expect(found).to_be_in_viewport()
        await page.reload()
        await expect(page.locator(".entry.found .text")).to_be_in_viewport()
        await page.get_by_role("link", name="To the latest messages").click()
        await expect(page.locator(".entry .text").last).to_have_text("line 69")


async def test_what_is_not_there_is_said_in_words(desk: RunningDesk, browser: Browser) -> None:
    """With the way back."""
    visitor = await come_in(desk)
    async with looking(browser, desk, visitor.cookie) as page:
        for path in ("/inbox/99999", "/settings/nothing"):
            await page.goto(path)
            await expect(page.get_by_text("There is nothing at this address")).to_be_visible()
        await page.get_by_role("link", name="Back to the inbox").click()
        await expect(page.get_by_text("No messages yet.")).to_be_visible()


@pytest.mark.parametrize(
    "next_", ["//evil.example/x", "/\\evil.example", "https://evil.example", "http://[", "/settings/you"]
)
async def test_logging_in_leads_to_pages_of_ours_only(desk: RunningDesk, browser: Browser, next_: str) -> None:
    """A link to the desk that somebody else made must not end elsewhere."""
    await come_in(desk, "Mia")
    async with looking(browser, desk) as page:
        await page.goto(f"/login?next={quote(next_, safe='')}")
        await page.get_by_label("Name or e-mail address").fill("Mia")
        await page.get_by_label("Password").fill(PASSWORD)
        await page.get_by_role("button", name="Log in").click()
        await page.wait_for_url(lambda url: "/login" not in url)
        assert page.url in {f"{desk.url}/", f"{desk.url}/settings/you"}
        assert page.url.endswith("/settings/you") == (next_ == "/settings/you")
