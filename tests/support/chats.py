"""Three customers whom tests of the inbox know."""

from tests.support.desk import RunningDesk, webhook

ADA, BEN, CEM = "+15550100111", "+15550100112", "+15550100113"


async def three_chats(desk: RunningDesk) -> dict[str, int]:
    """Ada asks, Ben thanks, Cem's pipe has burst; title → conversation."""
    ids: dict[str, int] = {}
    for title, phone, text in (
        ("Ada", ADA, "Good morning, how much is a full service?"),
        ("Ben", BEN, "ok"),
        ("Cem", CEM, "URGENT: the water pipe burst, the shop is flooding, help now!!"),
    ):
        ids[title] = (await desk.post(webhook(text, chat_name=title, phone_number=phone))).document["conversation_id"]
    return ids
