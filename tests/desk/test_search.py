"""What people find: messages of both sides by their words, chats by who is there, and both together."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.support.chats import ADA, BEN, ask, three_chats
from tests.support.desk import RunningDesk, webhook

from frontdesk.domain.searching import words_of
from frontdesk.store import erasure, indexing, search
from frontdesk.store.inbox_tables import search_words
from frontdesk.store.tables import webhook_messages


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("service", ["Ada"]),
        ("SERVI", ["Ada"]),
        ("full service", ["Ada"]),
        ("full pipe", []),
        ("burst pipe", ["Cem"]),
        ("forty", ["desk"]),
        ("  ", []),
        ("zebra", []),
    ],
)
async def test_messages_of_both_sides_are_found_by_their_words(desk: RunningDesk, asked: str, found: list[str]) -> None:
    """All the words, or words that begin so; whoever wrote them."""
    ids = await three_chats(desk)
    await ask(desk, "POST", f"/conversations/{ids['Ada']}/messages", {"text": "It is forty-nine."})
    reply = (await desk.get("/search", params={"q": asked})).document
    assert [item["title"] if not item["from_us"] else "desk" for item in reply["messages"]] == found


async def found(desk: RunningDesk, asked: str, **bounds: str) -> list[str]:
    """The texts that a search finds, the newest first."""
    reply = await desk.get("/search", params={"q": asked, **bounds})
    assert reply.status == 200, reply.document
    return [item["text"] for item in reply.document["messages"]]


async def test_a_name_and_a_word_find_the_word_in_chats_of_that_name(desk: RunningDesk) -> None:
    """Of people and of groups, whoever wrote it, and beside messages that have both words themselves."""
    ids = await three_chats(desk)
    await desk.post(webhook("where is my order?", chat_name="Ada", phone_number=ADA))
    await desk.post(webhook("where is my order of tyres?", chat_name="Ben", phone_number=BEN))
    await desk.post(webhook("ada has my order", chat_name="Ben", phone_number=BEN))
    await ask(desk, "POST", f"/conversations/{ids['Ada']}/messages", {"text": "Your order is on its way."})
    group = "120363421596195995@g.us"
    await desk.post(
        webhook("an order of cables", chat_name="Ada & friends", chat_id=group, is_group=True, phone_number=BEN)
    )
    texts = ["an order of cables", "Your order is on its way.", "ada has my order", "where is my order?"]
    assert await found(desk, "ada order") == texts
    assert await found(desk, "order ADA") == texts
    assert await found(desk, "ben tyre") == ["where is my order of tyres?"]
    assert await found(desk, "ada tyre") == []
    assert await found(desk, "15550100112 order tyr") == ["where is my order of tyres?"]


async def test_a_search_may_be_bounded_by_days(desk: RunningDesk) -> None:
    """Those of the business, both included; a name alone finds what was said there then."""
    ids = await three_chats(desk)
    database, now = desk.backend.desk.database, desk.backend.desk.clock()
    await desk.post(webhook("a service for the tandem", chat_name="Ada", phone_number=ADA))
    await ask(desk, "POST", f"/conversations/{ids['Ada']}/messages", {"text": "The service is forty-nine."})
    old = "Good morning, how much is a full service?"

    async def work(connection: AsyncConnection) -> None:
        message = webhook_messages
        ago = {"chat_time": now - timedelta(days=7)}
        await connection.execute(update(message).where(message.c.current_message == old).values(**ago))

    await database.write(work)
    zone = desk.backend.desk.zone_of(None)
    today, then = (moment.astimezone(zone).date().isoformat() for moment in (now, now - timedelta(days=7)))
    new = ["The service is forty-nine.", "a service for the tandem"]
    assert await found(desk, "service") == [*new, old]
    assert await found(desk, "service", **{"from": today}) == new
    assert await found(desk, "service", to=then) == [old]
    assert await found(desk, "service", **{"from": then, "to": today}) == [*new, old]
    assert await found(desk, "ada") == []
    assert await found(desk, "ada", to=then) == [old]
    assert await found(desk, "ada tandem", to=then) == []
    for wrong in ({"from": "yesterday"}, {"to": "9999-12-31"}, {"from": today, "to": then}):
        reply = await desk.get("/search", params={"q": "service", **wrong})
        assert (reply.status, reply.document["errors"][0]["pointer"]) == (422, next(iter(wrong)))


async def test_chats_are_found_by_name_number_and_what_is_known(desk: RunningDesk) -> None:
    """And by the name that they have now."""
    ids = await three_chats(desk)
    contact = (await desk.get(f"/conversations/{ids['Cem']}")).document["contact_id"]
    await ask(desk, "PATCH", f"/contacts/{contact}", {"fields": {"company": "Örnek Boru"}})

    async def chats(text: str) -> list[str]:
        reply = await desk.get("/search", params={"q": text})
        return [item["title"] for item in reply.document["chats"]]

    assert await chats("15550100112") == ["Ben"]
    assert await chats("ornek") == ["Cem"]
    await desk.post(webhook("hi", chat_name="Benjamin", sender_name="Benjamin Example", phone_number=BEN))
    assert await chats("benja") == ["Benjamin"]
    await desk.post(
        webhook(
            "Parts arrive", chat_name="Suppliers", chat_id="120363421596195995@g.us", is_group=True, phone_number=ADA
        )
    )
    assert await chats("suppl") == ["Suppliers"]


async def test_edited_words_replace_those_that_were_found_before(desk: RunningDesk) -> None:
    """Nobody finds a message by what it does not say any more."""
    posted = (await desk.post(webhook("the blue bicycle"))).document
    change = {
        "message_id": posted["message_id"],
        "change": "edited",
        "at": "2030-01-01T00:00:00Z",
        "text": "the red tandem",
    }
    assert (await ask(desk, "POST", "/webhook/changes", change)).status == 200
    while await desk.backend.pipeline.processor.rejudge_oldest():
        pass

    async def hits(text: str) -> int:
        return len((await desk.get("/search", params={"q": text})).document["messages"])

    assert (await hits("tandem"), await hits("bicycle")) == (1, 0)


async def test_what_is_erased_is_not_found(desk: RunningDesk) -> None:
    """Nor are its words in the store any more."""
    ids = await three_chats(desk)
    database = desk.backend.desk.database
    await ask(desk, "POST", f"/conversations/{ids['Cem']}/messages", {"text": "A plumber is on the way"})
    contact = (await desk.get(f"/conversations/{ids['Cem']}")).document["contact_id"]
    await erasure.forget(database, contact, now=database.now())
    for text in ("pipe", "plumber", "15550100113", "cem"):
        reply = (await desk.get("/search", params={"q": text})).document
        assert (reply["chats"], reply["messages"]) == ([], [])
    table = search_words
    async with database.read() as connection:
        words = select(table.c.word).where(table.c.word.in_(("pipe", "plumber", "15550100113", "cem")))
        assert (await connection.scalars(words)).all() == []


async def test_words_can_be_written_anew(desk: RunningDesk) -> None:
    """As after an upgrade from a version without search."""
    await three_chats(desk)
    database = desk.backend.desk.database
    before = (await search.find(database, "service", limit=10)).messages
    for kind in (indexing.RECEIVED, indexing.SENT, indexing.CONTACT, indexing.CHAT):

        async def work(connection: Any, kind: int = kind) -> None:
            await indexing.forget(connection, kind, range(1000))

        await database.write(work)
    assert not (await search.find(database, "service", limit=10)).messages
    assert await indexing.rebuild(database) == 9
    assert (await search.find(database, "service", limit=10)).messages == before


def test_every_script_is_cut_into_words() -> None:
    """Case, accents and the Turkish dots do not matter; what has no spaces is found by any two characters."""
    assert words_of("ISPARTA'da Işık café, ÇOK-güzel") == ("isparta", "da", "isik", "cafe", "cok", "guzel")
    assert words_of("寿司屋はどこ") == ("寿司", "司屋", "屋は", "はど", "どこ")
    assert words_of("أحمد مرحبا") == ("احمد", "مرحبا")
    assert words_of("नमस्ते दुनिया") == ("नमस्ते", "दुनिया")
    assert words_of("😀 -- !!") == ()
    assert len(words_of(" ".join(map(str, range(10_000))))) == 400
    assert max(len(word.encode()) for word in words_of("ö" * 500)) <= 32
