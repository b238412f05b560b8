"""What people see of conversations: every view of them, the thread, and what they keep there."""

from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.support.chats import ADA, BEN, CEM, ask, three_chats
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.visitors import come_in

from frontdesk.desk.reading import read_thread
from frontdesk.domain.contacts import Identity
from frontdesk.domain.messages import IncomingMessage
from frontdesk.store import outbox as outbox_rows
from frontdesk.store.database import Database
from frontdesk.store.intake import Intake
from frontdesk.store.tables import conversations, outbox


def incoming(message_id: str, *, phone: str, type: str) -> IncomingMessage:  # noqa: A002 (the field's name)
    """A message of a chat."""
    identity = Identity(kind="phone", value=phone)
    return IncomingMessage(
        account="main", message_id=message_id, sent_at=datetime.now(UTC), chat_name="Ada", text="hi", type=type,
        identities=(identity,),
    )  # fmt: skip


async def seen(desk: RunningDesk, query: str) -> list[str]:
    """The titles of conversations that a query gives."""
    reply = await desk.get(f"/conversations?{query}")
    assert reply.status == 200, reply.document
    return [item["title"] for item in reply.document["conversations"]]


async def test_each_view_shows_what_it_says(desk: RunningDesk) -> None:
    """The first is whom to answer first; the others show the latest first."""
    ids = await three_chats(desk)
    assert await seen(desk, "") == ["Cem", "Ada"]
    assert await seen(desk, "view=all") == ["Cem", "Ben", "Ada"]
    assert await seen(desk, "view=unread") == ["Cem", "Ben", "Ada"]
    assert await seen(desk, "view=text") == ["Cem", "Ben", "Ada"]
    assert await seen(desk, "view=voice") == []
    assert await seen(desk, "view=groups") == []
    assert set(await seen(desk, "view=drafts")) >= {"Ada", "Cem"}
    assert await seen(desk, "view=unassigned") == ["Cem", "Ada"]
    await desk.post(webhook("", chat_name="Ben", phone_number=BEN, message_type="ptt"))
    assert await seen(desk, "view=voice") == ["Ben"]
    await ask(desk, "POST", "/tasks", {"title": "Ring Ada", "conversation_id": ids["Ada"]})
    assert "Ada" in await seen(desk, "view=tasks")
    assert await seen(desk, "view=all&category=sales") == ["Ada"]
    assert (await desk.get("/conversations?view=nothing")).status == 422
    assert (await desk.get("/conversations?category=nothing")).status == 422
    counted = (await desk.get("/conversations/counts")).document
    assert (counted["waiting"], counted["unread"], counted["mine"]) == (2, 3, 0)


async def test_the_most_urgent_may_come_first(desk: RunningDesk) -> None:
    """Whoever is overdue since long; page by page, without gaps."""
    words = ("How much is it?", "URGENT: the pipe burst, help now!!", "Where is my order 4411?", "Is it open?")
    for count, text in enumerate(words):
        name, phone = f"N{count}", f"+1555010021{count}"
        await desk.post(webhook(text, chat_name=name, sender_name=name, phone_number=phone))
    by_urgency = "view=waiting&order=urgency"
    found = (await desk.get(f"/conversations?{by_urgency}")).document["conversations"]
    urgencies = [item["urgency"] for item in found]
    assert urgencies == sorted(urgencies, reverse=True)
    assert found != (await desk.get("/conversations")).document["conversations"]
    assert len(found) == 4
    paged: list[int] = []
    after: str | None = ""
    while after is not None:
        page = (await desk.get(f"/conversations?{by_urgency}&limit=1{after}")).document
        paged += [item["conversation_id"] for item in page["conversations"]]
        after = f"&after={page['next']}" if page["next"] else None
    assert paged == [item["conversation_id"] for item in found]
    assert (await desk.get("/conversations?order=size")).status == 422
    # What is due counts, and not what was added to it: the same that the list shows.
    await desk.post(webhook("please answer", chat_name="N1", sender_name="N1", phone_number="+15550100211"))
    for query in (by_urgency, "view=waiting&urgency_from=8", f"{by_urgency}&sentiment=urgent"):
        assert (await seen(desk, query))[0] == "N1", query
    # Where the last one seen is judged anew before the next page, nobody is passed over.
    first = (await desk.get(f"/conversations?{by_urgency}&limit=1")).document
    seen_first = first["conversations"][0]["conversation_id"]
    await ask(desk, "PATCH", f"/messages/{seen_first}/analysis", {"urgency_score": 1})
    after = first["next"]
    rest = (await desk.get(f"/conversations?{by_urgency}&after={after}")).document["conversations"]
    assert {item["conversation_id"] for item in rest} >= set(paged) - {seen_first}
    moment, number, _ = after.split("_")
    for wrong in (moment, f"{moment}_x", f"{after}_1", f"{moment}_{number}_11", f"{moment}_{number}_x"):
        assert (await desk.get(f"/conversations?{by_urgency}&after={wrong}")).status == 422


async def test_pages_follow_each_other_without_gaps(desk: RunningDesk) -> None:
    """Also while something new comes in between."""
    await three_chats(desk)
    first = (await desk.get("/conversations?view=all&limit=2")).document
    await desk.post(webhook("hello", chat_name="Dora", phone_number="+15550100114"))
    second = (await desk.get(f"/conversations?view=all&limit=2&after={first['next']}")).document
    assert [item["title"] for item in first["conversations"] + second["conversations"]] == ["Cem", "Ben", "Ada"]
    assert second["next"] is None
    assert (await desk.get("/conversations?view=all&after=nowhere")).status == 422


async def test_unread_counts_until_somebody_looks_or_answers(desk: RunningDesk) -> None:
    """And can be set again, for later."""
    ids = await three_chats(desk)
    await desk.post(webhook("and how long does it take?", chat_name="Ada", phone_number=ADA))

    async def unread(title: str) -> int:
        number: int = (await desk.get(f"/conversations/{ids[title]}")).document["unread"]
        return number

    assert await unread("Ada") == 2
    assert (await ask(desk, "PATCH", f"/conversations/{ids['Ada']}", {"is_read": True})).document["unread"] == 0
    assert (await ask(desk, "PATCH", f"/conversations/{ids['Ada']}", {"is_read": False})).document["unread"] == 1
    await ask(desk, "POST", f"/conversations/{ids['Ada']}/messages", {"text": "49, in an hour"})
    assert await unread("Ada") == 0
    assert await unread("Cem") == 1
    await desk.post(webhook("Ok, coming", chat_name="Cem", phone_number=CEM, from_me=True))
    assert await unread("Cem") == 0


async def test_what_is_archived_comes_back_with_something_new(desk: RunningDesk) -> None:
    """Out of the way, not out of sight for ever."""
    ids = await three_chats(desk)
    await ask(desk, "PATCH", f"/conversations/{ids['Ben']}", {"is_archived": True})
    assert await seen(desk, "view=all") == ["Cem", "Ada"]
    assert await seen(desk, "view=archived") == ["Ben"]
    await desk.post(webhook("one more thing", chat_name="Ben", phone_number=BEN))
    assert await seen(desk, "view=all") == ["Ben", "Cem", "Ada"]


async def test_nothing_follows_from_what_a_blocked_chat_writes(desk: RunningDesk) -> None:
    """It is kept, and nobody is bothered; until it is not blocked any more."""
    ids = await three_chats(desk)
    await ask(desk, "PATCH", f"/conversations/{ids['Ben']}", {"is_blocked": True})
    kept = (await desk.post(webhook("buy cheap pills now", chat_name="Ben", phone_number=BEN))).document
    message = (await desk.get(f"/messages/{kept['database_id']}")).document
    assert (message["state"], message["analysis"], message["routing"]) == ("processed", None, None)
    assert await seen(desk, "view=blocked") == ["Ben"]
    assert "Ben" not in await seen(desk, "view=all")
    assert (await desk.get(f"/conversations/{ids['Ben']}")).document["unread"] == 1
    await ask(desk, "PATCH", f"/conversations/{ids['Ben']}", {"is_blocked": False})
    judged = (await desk.post(webhook("how much is a tyre?", chat_name="Ben", phone_number=BEN))).document
    assert judged["analysis"] is not None


async def test_a_thread_is_both_sides_in_the_order_of_time(desk: RunningDesk) -> None:
    """Page by page to its beginning, each message once."""
    ids = await three_chats(desk)
    number = ids["Ada"]
    for count in range(5):
        await desk.post(webhook(f"question {count}", chat_name="Ada", phone_number=ADA))
        await ask(desk, "POST", f"/conversations/{number}/messages", {"text": f"answer {count}"})
    told: list[str] = []
    before = ""
    while True:
        part = (await desk.get(f"/conversations/{number}/thread?limit=3{before}")).document
        told = [
            entry["received"]["current_message"] if entry["received"] else entry["sent"]["text"]
            for entry in part["entries"]
        ] + told
        if part["before"] is None:
            break
        before = f"&before={part['before']}"
    assert told == [
        "Good morning, how much is a full service?",
        *(text for count in range(5) for text in (f"question {count}", f"answer {count}")),
    ]
    assert (await desk.get("/conversations/999/thread")).status == 404


async def test_notes_answers_and_filters_are_kept(desk: RunningDesk) -> None:
    """By whoever may write; notes with who wrote them, filters for oneself or for all."""
    ids = await three_chats(desk)
    ada, ben = await come_in(desk, "Ada Admin"), await come_in(desk, "Ben Agent", "agent")
    contact = (await desk.get(f"/conversations/{ids['Ada']}")).document["contact_id"]
    note = (await ben.call("POST", f"/contacts/{contact}/notes", {"text": "Likes to be rung"})).document
    assert (note["person"], note["text"]) == ("Ben Agent", "Likes to be rung")
    assert (await ada.call("GET", f"/contacts/{contact}/notes")).document["notes"] == [note]
    assert (await ada.call("POST", "/contacts/999/notes", {"text": "x"})).status == 404
    assert (await ada.call("DELETE", f"/notes/{note['note_id']}")).status == 204
    assert (await ada.call("DELETE", f"/notes/{note['note_id']}")).status == 404

    reply = (await ben.call("POST", "/canned-replies", {"name": "hours", "text": "Until 6, {name}."})).document
    assert (await ben.call("POST", "/canned-replies", {"name": "hours", "text": "x"})).status == 409
    changed = await ben.call("PUT", f"/canned-replies/{reply['reply_id']}", {"name": "hours", "text": "Until 7."})
    assert (changed.status, changed.document["text"]) == (200, "Until 7.")
    assert (await ben.call("PUT", "/canned-replies/99", {"name": "x", "text": "x"})).status == 404
    assert [item["name"] for item in (await ada.call("GET", "/canned-replies")).document["replies"]] == ["hours"]
    assert (await ben.call("DELETE", f"/canned-replies/{reply['reply_id']}")).status == 204

    wanted = {"view": "waiting", "sentiment": "negative"}
    own = (await ben.call("POST", "/filters", {"name": "Angry", "filter": wanted})).document
    await ben.call("POST", "/filters", {"name": "All angry", "filter": wanted, "is_shared": True})
    assert [item["name"] for item in (await ben.call("GET", "/filters")).document["filters"]] == ["All angry", "Angry"]
    assert [item["name"] for item in (await ada.call("GET", "/filters")).document["filters"]] == ["All angry"]
    assert (await ada.call("DELETE", f"/filters/{own['filter_id']}")).status == 404
    assert (await ben.call("POST", "/filters", {"name": "x", "filter": {"view": "no"}})).status == 422


async def test_mine_are_those_of_who_asks(desk: RunningDesk) -> None:
    """A token is nobody, and has none."""
    ids = await three_chats(desk)
    ben = await come_in(desk, "Ben", "agent")
    me = (await ben.call("GET", "/me")).document["person_id"]
    await ben.call("PATCH", f"/conversations/{ids['Cem']}", {"assignee_id": me})
    mine = (await ben.call("GET", "/conversations?view=mine")).document["conversations"]
    assert [item["title"] for item in mine] == ["Cem"]
    assert await seen(desk, "view=mine") == []
    assert await seen(desk, f"view=all&assignee_id={me}") == ["Cem"]
    assert (await ben.call("GET", "/conversations/counts")).document["mine"] == 1
    # Who takes over what is nobody's has it, and takes it from nobody.
    await ben.call("PATCH", f"/conversations/{ids['Ben']}", {"handed_over": True})
    mia = await come_in(desk, "Mia", "agent")
    await mia.call("PATCH", f"/conversations/{ids['Ben']}", {"handed_over": True})
    assert await seen(desk, f"view=all&assignee_id={me}") == ["Cem", "Ben"]
    await ben.call("PATCH", f"/conversations/{ids['Ada']}", {"labels": ["wedding", "50%"]})
    assert await seen(desk, "view=all&label=wedding") == ["Ada"]
    assert await seen(desk, "view=all&label=50%25") == ["Ada"]
    assert await seen(desk, "view=all&label=wed") == []


async def test_the_wait_of_an_archived_chat_is_still_shown(desk: RunningDesk) -> None:
    """Whoever waits is answered, wherever the chat lies."""
    ids = await three_chats(desk)
    await ask(desk, "PATCH", f"/conversations/{ids['Ada']}", {"is_archived": True})
    assert "Ada" in await seen(desk, "")


async def test_a_batch_counts_each_chats_own_and_takes_its_types_as_they_are(database: Database) -> None:
    """Chats that get more than others in one transaction; and a type is a stranger's word, whatever it says."""
    types = ["chat", "', unread = 99 -- %s \\", "ptt"]
    batch = [
        incoming(f"m{place}", phone=phone, type=types[place])
        for place, phone in enumerate(("+15550100111", "+15550100111", "+15550100112"))
    ]
    ids = [item.conversation_id for item in await Intake(database).accept(batch, now=database.now())]
    async with database.read() as connection:
        rows = await connection.execute(select(conversations.c.id, conversations.c.unread, conversations.c.last_type))
        found = {row.id: (row.unread, row.last_type) for row in rows}
    assert found == {ids[0]: (2, types[1]), ids[2]: (1, "ptt")}
    (again,) = await Intake(database).accept([incoming("m3", phone="+15550100112", type=types[1])], now=database.now())
    async with database.read() as connection:
        last = await connection.scalar(
            select(conversations.c.last_type).where(conversations.c.id == again.conversation_id)
        )
    assert last == types[1]


async def test_withdrawn_answers_do_not_hide_what_lies_before_them(desk: RunningDesk) -> None:
    """They are not shown, and count for nothing where a page ends."""
    number = (await three_chats(desk))["Ada"]
    for count in range(6):
        await ask(desk, "POST", f"/conversations/{number}/messages", {"text": f"answer {count}"})
    database = desk.backend.desk.database

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(
            update(outbox).where(outbox.c.content.in_(("answer 3", "answer 4", "answer 5"))).values(state="withdrawn")
        )

    await database.write(work)
    latest = await read_thread(database, number, limit=2)
    assert [entry.sent and entry.sent.text for entry in latest.entries] == ["answer 1", "answer 2"]
    assert latest.before is not None


async def test_a_text_is_queued_over_http_and_can_be_followed(start_desk: DeskFactory) -> None:
    """202, a place to look, and clear errors."""
    desk: RunningDesk = await start_desk(embedded_worker=False)
    number = (await desk.post(webhook(), headers={"prefer": "respond-async"})).document["conversation_id"]
    path = f"/conversations/{number}/messages"
    reply = await ask(desk, "POST", path, {"text": "Your bike is ready."}, **{"idempotency-key": "order-1"})
    assert reply.status == 202
    found = (await desk.get(reply.headers["Location"])).document
    assert (found["state"], found["recipient"], found["idempotency_key"]) == ("queued", "15550100111@c.us", "order-1")
    again = await ask(desk, "POST", path, {"text": "Your bike is ready."}, **{"idempotency-key": "order-1"})
    assert again.document == reply.document
    assert (await ask(desk, "POST", path, {"text": "else"}, **{"idempotency-key": "order-1"})).status == 409
    assert (await ask(desk, "POST", path, {"text": "  "})).document["code"] == "invalid_input"
    assert (await ask(desk, "POST", path, {"text": "x"}, **{"idempotency-key": "k" * 129})).status == 422
    assert (await ask(desk, "POST", "/conversations/999/messages", {"text": "x"})).status == 404
    assert (await desk.get("/outbox/999")).status == 404
    stored = await outbox_rows.fetch(desk.backend.desk.database, found["outbox_id"])
    assert stored is not None
    acknowledged = await ask(
        desk, "POST", "/outbox/acknowledgements", {"state": "read", "channel_key": stored.channel_key}
    )
    assert acknowledged.status == 200
    assert (await desk.get(reply.headers["Location"])).document["state"] == "read"
    assert (await ask(desk, "POST", "/outbox/acknowledgements", {"state": "read"})).status == 422
    wide = {"state": "read", "channel_key": stored.channel_key, "message_id": "é" * 200}
    assert (await ask(desk, "POST", "/outbox/acknowledgements", wide)).document["errors"][0]["pointer"] == "/message_id"
    # What a page elsewhere makes a browser do carries only the cookie.
    cookie = {"cookie": (await come_in(desk)).cookie}
    async with desk.session.post(desk.url + path, json={"text": "x"}, headers=cookie) as response:
        assert response.status == 403
    traced = await ask(desk, "POST", path, {"text": "x"}, traceparent="x" * 300)
    assert traced.status == 202
