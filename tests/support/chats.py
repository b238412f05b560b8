"""Three customers whom tests of the inbox know, and what the owner asks of the API."""

from typing import Any

from tests.support.desk import Reply, RunningDesk, webhook

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


async def ask(desk: RunningDesk, method: str, path: str, body: Any = None, **headers: str) -> Reply:
    """Ask the API as the owner."""
    token = {"authorization": f"Bearer {desk.settings.api_token}", **headers}
    async with desk.session.request(method, desk.url + path, json=body, headers=token) as response:
        document = await response.json() if "json" in response.content_type else await response.text()
        return Reply(response.status, document, dict(response.headers))
