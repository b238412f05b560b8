"""One contact, whatever it writes from; what is known of it, who told it, and how sure that is."""

from typing import Any

import pytest
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI
from tests.support.replies import call

from frontdesk.domain.profiles import SENSITIVE, parsed_fields
from frontdesk.store import outbox

KEY = {"openai_api_key": "sk-test", "analyser": "decisions"}
LID = "122999491567856@lid"


async def contact(desk: RunningDesk, number: int) -> dict[str, Any]:
    """A contact as the API shows it."""
    document: dict[str, Any] = (await desk.get(f"/contacts/{number}")).document
    return document


async def contact_id(desk: RunningDesk, **details: Any) -> int:
    """Whose message it is."""
    conversation = (await desk.post(webhook(**details))).document["conversation_id"]
    number: int = (await desk.get(f"/conversations/{conversation}")).document["contact_id"]
    return number


def known(shown: dict[str, Any]) -> dict[str, str]:
    """Field → value."""
    return {item["field"]: item["value"] for item in shown["fields"]}


async def test_what_messages_tell_is_kept_with_where_it_is_from(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Surer things take the place of less sure ones; what nobody asked for is not kept."""
    desk: RunningDesk = await start_desk(**KEY, openai_base_url=openai.base_url)
    openai.draft["profile"] = [
        {"field": "city", "value": "Leeds", "confidence": 0.8}, {"field": "religion", "value": "x", "confidence": 1},
        {"field": "email", "value": "not an address", "confidence": 1},
    ]  # fmt: skip
    result = (await desk.post(webhook("I am Ada from Leeds", sender_name="Ada Example"))).document
    number = (await desk.get(f"/conversations/{result['conversation_id']}")).document["contact_id"]
    shown = await contact(desk, number)
    assert known(shown) == {"city": "Leeds", "first_name": "Ada", "last_name": "Example", "language": "en"}
    (city,) = [item for item in shown["fields"] if item["field"] == "city"]
    assert (city["source"], city["message_id"], city["confidence"]) == ("message", result["database_id"], 0.8)
    assert shown["missing"] == ["company", "email"]
    openai.draft["profile"] = [
        {"field": "city", "value": "York", "confidence": 0.5}, {"field": "first_name", "value": "Adele", "confidence": 0.9}
    ]  # fmt: skip
    await desk.post(webhook("Adele is my name"))
    assert known(await contact(desk, number)) | {"city": "Leeds", "first_name": "Adele"} == known(
        await contact(desk, number)
    )


async def test_what_a_person_typed_is_never_overwritten(start_desk: DeskFactory, openai: FakeOpenAI) -> None:
    """Until they take it back."""
    desk: RunningDesk = await start_desk(**KEY, openai_base_url=openai.base_url)
    number = await contact_id(desk)
    status = (await call(desk, "PATCH", f"/contacts/{number}", fields={"city": "Bath"})).status
    openai.draft["profile"] = [{"field": "city", "value": "Leeds", "confidence": 1}]
    await desk.post(webhook("I moved to Leeds"))
    assert (status, known(await contact(desk, number))["city"]) == (200, "Bath")
    await call(desk, "PATCH", f"/contacts/{number}", fields={"city": None})
    await desk.post(webhook("I moved to Leeds, really"))
    assert known(await contact(desk, number))["city"] == "Leeds"
    assert (await call(desk, "PATCH", f"/contacts/{number}", fields={"religion": "x"})).status == 422
    assert (await call(desk, "PATCH", "/contacts/999", fields={"city": "x"})).status == 404


async def test_an_agent_is_told_what_is_known_and_what_it_may_ask_for(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """One thing at a time."""
    desk: RunningDesk = await start_desk(
        **KEY, openai_base_url=openai.base_url, profile_fields="city, budget=what they may spend"
    )
    number = await contact_id(desk)
    assert "may ask for the town" in openai.calls[-1][1]["instructions"]
    await call(desk, "PATCH", f"/contacts/{number}", fields={"city": "Bath"})
    await desk.post(webhook("hello?"))
    instructions = openai.calls[-1][1]["instructions"]
    assert '{"city": "Bath"}' in instructions
    assert "may ask for what they may spend" in instructions
    await desk.post(webhook("hello all?", chat_id="1203@g.us", is_group=True))
    assert "may ask for" not in openai.calls[-1][1]["instructions"]


async def test_figures_of_a_contact(desk: RunningDesk) -> None:
    """How often, how they felt, and what about."""
    number = await contact_id(desk, text="How much is a full service?")
    await desk.post(webhook("This is terrible, I want my money back!!! 😡"))
    shown = await contact(desk, number)
    assert shown["messages"] == 2
    assert sum(shown["categories"].values()) == 2
    assert -1 <= shown["mood"] < 0
    assert [mood["messages"] for mood in shown["moods"]] == [2]
    assert "service" in shown["topics"]
    assert [item["contact_id"] for item in (await desk.get("/contacts?q=ada")).document["contacts"]] == []
    assert [item["contact_id"] for item in (await desk.get("/contacts?q=15550100111")).document["contacts"]] == [number]
    assert (await desk.get("/contacts/999")).status == 404


async def test_two_that_whatsapp_says_are_one_go_on_as_one(desk: RunningDesk) -> None:
    """A LID whose number is told; their chats are the contact's, and what is stored of one is of both."""
    lid = await contact_id(desk, text="Hello", phone_number=None, sender_id=LID)
    phone = await contact_id(desk, text="Hello")
    both = await contact_id(desk, text="It is me", sender_id=LID)
    assert lid != phone
    assert both == phone
    shown = await contact(desk, phone)
    assert (shown["messages"], [merge["contact_id"] for merge in shown["merges"]]) == (3, [lid])
    assert (await contact(desk, lid))["merged_into"] == phone
    assert {item["kind"] for item in shown["identities"]} == {"phone", "lid"}


async def test_a_person_merges_contacts_and_takes_it_back(desk: RunningDesk) -> None:
    """Everything is as it was before."""
    first = await contact_id(desk, text="Hello")
    second = await contact_id(desk, text="Hello", phone_number="+15550100222")
    other = (await desk.get("/messages")).document["messages"][0]["conversation_id"]
    await call(desk, "PATCH", f"/contacts/{second}", fields={"city": "Bath"})
    merged = await call(desk, "POST", f"/contacts/{first}/merge", contact_id=second)
    assert merged.status == 200
    assert (len(merged.document["identities"]), known(merged.document)["city"]) == (2, "Bath")
    assert await contact_id(desk, text="Hello again", phone_number="+15550100222") == first
    assert (await desk.get(f"/conversations/{other}")).document["contact_id"] == first
    for wrong in (first, second, 999):
        assert (await call(desk, "POST", f"/contacts/{first}/merge", contact_id=wrong)).status in {404, 422}
    (merge,) = merged.document["merges"]
    undone = await call(desk, "POST", f"/contacts/{first}/unmerge", merge_id=merge["merge_id"])
    assert (undone.status, undone.document["merges"]) == (200, [])
    assert await contact_id(desk, text="Hello", phone_number="+15550100222") == second
    assert (await desk.get(f"/conversations/{other}")).document["contact_id"] == second
    assert (await call(desk, "POST", f"/contacts/{first}/unmerge", merge_id=merge["merge_id"])).status == 409
    assert (await call(desk, "POST", f"/contacts/{first}/unmerge", merge_id=77)).status == 404


async def test_a_person_says_where_somebody_is_reached(desk: RunningDesk) -> None:
    """What is no number, or somebody else's, is refused; unless the two are one."""
    ada = await contact_id(desk, text="Hello", phone_number=None, sender_id="export:Ada", sender_name="Ada")
    ben = await contact_id(desk, text="Hello", phone_number="+15550100222", sender_name="Ben")
    path = f"/contacts/{ada}/numbers"
    wrong = await call(desk, "POST", path, phone="nine")
    assert (wrong.status, wrong.document["errors"][0]["pointer"]) == (422, "/phone")
    assert (await call(desk, "POST", "/contacts/999/numbers", phone="+15550100111")).status == 404
    for _ in range(2):
        added = await call(desk, "POST", path, phone="+1 555 010-0111")
        assert {"kind": "phone", "value": "+15550100111"} in added.document["identities"]
    assert await contact_id(desk, text="It is me") == ada
    removed = await call(desk, "DELETE", path, phone="+1 555 010-0111")
    assert [item["kind"] for item in removed.document["identities"]] == ["id"]
    assert (await call(desk, "DELETE", path, phone="+15550100111")).status == 404
    assert (await call(desk, "DELETE", f"/contacts/{ben}/numbers", phone="+15550100222")).status == 409
    taken = await call(desk, "POST", path, phone="+15550100222")
    assert (taken.status, f"Ben (contact {ben})" in taken.document["detail"]) == (409, True)
    merged = await call(desk, "POST", path, phone="+15550100222", merges=True)
    assert [item["contact_id"] for item in merged.document["merges"]] == [ben]
    assert (await call(desk, "POST", f"/contacts/{ben}/numbers", phone="+15550100333")).status == 422


async def test_what_failed_is_sent_again_to_the_number_that_is_known_now(start_desk: DeskFactory) -> None:
    """A wrong number was somebody else's: they must not get it a second time."""
    desk = await start_desk(embedded_worker=False)
    ada = await contact_id(desk, text="Hello", phone_number=None, sender_id="export:Ada", sender_name="Ada")
    numbers = f"/contacts/{ada}/numbers"
    await call(desk, "POST", numbers, phone="+15550100222")
    written = (await call(desk, "POST", "/conversations/1/messages", text="It is ready.")).document
    stored = await outbox.fetch(desk.backend.desk.database, written["outbox_id"])
    assert stored is not None
    assert stored.recipient == "15550100222@c.us"
    await call(desk, "POST", "/outbox/acknowledgements", state="failed", channel_key=stored.channel_key)
    resend = f"/outbox/{stored.id}/resend"
    await call(desk, "DELETE", numbers, phone="+15550100222")
    assert (await call(desk, "POST", resend)).status == 422
    await call(desk, "POST", numbers, phone="+15550100333")
    again = await call(desk, "POST", resend)
    assert (again.status, again.document["recipient"]) == (202, "15550100333@c.us")


async def test_a_number_as_one_writes_it_there_is_of_the_country_of_the_others(desk: RunningDesk) -> None:
    """Where no country is set; without others its code is asked for."""
    ada = await contact_id(desk, text="Hello", phone_number=None, sender_id="export:Ada", sender_name="Ada")
    path = f"/contacts/{ada}/numbers"
    for national in ("0491 570 006", "202 555 0142"):
        assert (await call(desk, "POST", path, phone=national)).status == 422
    for number in ("+61491570156", "+61491570157", "+15550100222"):
        await contact_id(desk, text="Hello", phone_number=number, sender_name=number)
    added = await call(desk, "POST", path, phone="0491 570 006")
    assert {"kind": "phone", "value": "+61491570006"} in added.document["identities"]


async def test_chains_of_merges_come_apart_as_they_were_made(desk: RunningDesk) -> None:
    """Who went on as somebody who went on as somebody is theirs, and not the last one's for ever."""
    one, two, three = [
        await contact_id(desk, text="Hello", phone_number=f"+1555010022{n}", sender_name=f"N{n}") for n in (1, 2, 3)
    ]
    await call(desk, "POST", f"/contacts/{two}/merge", contact_id=one)
    merged = (await call(desk, "POST", f"/contacts/{three}/merge", contact_id=two)).document
    assert merged["messages"] == 3
    await call(desk, "POST", f"/contacts/{three}/unmerge", merge_id=merged["merges"][0]["merge_id"])
    assert (await contact(desk, three))["messages"] == 1
    assert (await contact(desk, two))["messages"] == 2
    assert (await contact(desk, one))["merged_into"] == two


@pytest.mark.parametrize("wrong", ["First Name", "1st", "a,,b c"])
def test_fields_have_plain_names(wrong: str) -> None:
    """They are keys."""
    with pytest.raises(ValueError, match="must be names"):
        parsed_fields(wrong)


def test_sensitive_fields_are_seen() -> None:
    """An operator adds them knowingly, or not at all."""
    assert parsed_fields("a, b=the b")["b"] == "the b"
    assert all(SENSITIVE.search(name) for name in ("political_party", "religion", "health_issues", "ethnicity"))
    assert not any(SENSITIVE.search(name) for name in parsed_fields("first_name,last_name,company,email,language,city"))
