"""The main job, with every part as its users have it: whatsapp-web.js in Chromium, PM2's three processes, both stores."""

from pathlib import Path

import pytest
from sqlalchemy import text
from tests.support.mariadb import async_url
from tests.support.system import System
from tests.support.whatsapp import Phone

from frontdesk.store.database import open_database

pytestmark = pytest.mark.browser

ADA = "15550100111@c.us"
LID = "122999491567856@lid"
GROUP = "120363421596195995@g.us"


async def test_a_person_links_whatsapp_and_sees_what_arrives(store_url: str, tmp_path: Path) -> None:
    """QR code, scan, text, emoji, media, group and LID; stored, judged, routed, counted; a restart needs no new code."""
    phone = Phone()
    phone.know(ADA, "Ada Example")
    phone.know(LID, "Lin Example", phone="15550100122@c.us")
    older = [
        {"id": f"OLD{n:02}", "body": f"earlier {n}", "t": 1_763_000_000 + n, "fromMe": n % 2 == 0} for n in range(30)
    ]
    phone.chat(ADA, "Ada Example", older=older)
    phone.chat(GROUP, "Suppliers", participants=[ADA])
    changes = {"IMPORTANT_CUSTOMERS": "+15550100122=Lin", "CRITICAL_GROUPS": "Suppliers"}
    async with phone.serving():
        system = System(tmp_path, phone, database_url=store_url, **changes)
        async with system.running():
            await system.connection("SCAN_QR_CODE")
            assert "<svg" in await _page(system, "/connection")
            await phone.scan()
            connector = await system.connection("WORKING")
            assert connector["me"] == "+15550100999"

            asked = await phone.receive(ADA, "Hello, how much is a full service? 🚲😀")
            pictured = await phone.receive(
                ADA, "", type="image",
                extra={"directPath": "/v/x.enc", "mimetype": "image/jpeg", "caption": "the wheel is broken", "size": 48_213},
            )  # fmt: skip
            grouped = await phone.receive(GROUP, "when does the parts delivery arrive?", author=ADA, notifyName="Ada")
            hidden = await phone.receive(LID, "what time do you close?", idShape="$1")

            first = await system.processed(asked)
            assert first["current_message"].endswith("🚲😀")
            assert first["phone_number"] == "+15550100111"
            assert [item["content"] for item in first["history"]] == [f"earlier {n}" for n in range(10, 30)]
            assert first["history"][0]["from_me"] is True
            assert first["analysis"]["category"] == "sales"
            assert first["routing"]["agent"] == "business_workflow"
            assert "75 EUR" in first["routing"]["response"]["reply"]

            second = await system.processed(pictured)
            assert second["current_message"] == "the wheel is broken"
            assert second["message_type"] == "image"

            third = await system.processed(grouped)
            assert (third["is_group"], third["is_critical_group"]) == (True, True)
            assert third["analysis"]["priority_level"] == "critical"

            fourth = await system.processed(hidden)
            assert fourth["phone_number"] == "+15550100122"
            assert fourth["is_vip_customer"] is True
            assert fourth["analysis"]["priority_level"] == "critical"

            stats = await system.get("/stats")
            assert (stats["received"], stats["processed"]) == (4, 4)
            assert stats["by_priority"]["critical"] == 2
            assert sum(stats["by_agent"].values()) == 4
            page = await _page(system, "/?view=all")
            assert "Ada Example" in page
            assert "Suppliers" in page
            assert "Connected" in await _page(system, "/connection")

            await system.stop_connector()
            await system.connection("AWAY")
            await system.start_connector()
            await system.connection("WORKING")
            again = await phone.receive(ADA, "are you open today?")
            assert (await system.processed(again))["analysis"]["category"] == "inquiry"
            assert len([item for item in phone.reports if item["event"] == "qr"]) == 1
            assert not [item for item in phone.reports if item["event"] == "seen"]
    await _check_rows(store_url)


async def _page(system: System, path: str) -> str:
    async with system.session.get(system.url + path) as response:
        assert response.status == 200
        return await response.text()


async def _check_rows(store_url: str) -> None:
    """The tables that reports are made on hold it all."""
    database = open_database(async_url(store_url))
    async with database.read() as connection:
        for table, rows in {"webhook_messages": 5, "analytics_results": 5, "agent_routing": 5}.items():
            assert await connection.scalar(text(f"SELECT COUNT(*) FROM {table}")) == rows  # noqa: S608 (our own names)
        assert await connection.scalar(text("SELECT COUNT(*) FROM webhook_messages WHERE is_vip_customer")) == 1
        assert await connection.scalar(text("SELECT COUNT(*) FROM message_history")) >= 20
        names = await connection.execute(text("SELECT DISTINCT current_message FROM webhook_messages ORDER BY 1"))
        assert "Hello, how much is a full service? 🚲😀" in {row[0] for row in names}
    await database.close()


async def test_a_page_that_was_faster_than_the_library_still_becomes_ready(tmp_path: Path) -> None:
    """The library misses a sync that ends before it listens; the connector notices."""
    phone = Phone()
    phone.state["settings"]["syncDelayMs"] = 20
    async with phone.serving():
        system = System(tmp_path, phone)
        async with system.running():
            await system.link()
            await system.stop_connector()
            await system.start_connector()
            await system.connection("WORKING")
            assert (await system.processed(await phone.receive(ADA, "how much is it?")))["routing"]["success"]


async def test_nothing_is_lost_while_the_backend_is_away(tmp_path: Path) -> None:
    """What arrives meanwhile waits on disk, also over a kill of the connector."""
    phone = Phone()
    async with phone.serving():
        system = System(tmp_path, phone)
        async with system.running():
            await system.link()
            port = system.environment["BACKEND_PORT"]
            await system.stop_connector()
            system.environment["BACKEND_PORT"] = "9"
            await system.start_connector()
            await system.connection("WORKING")
            sent = [await phone.receive(ADA, f"question {n}: how much is it?") for n in range(3)]
            spool = tmp_path / "var" / "connector" / "main" / "spool"

            async def spooled() -> bool:
                return sum('"kind":"message"' in path.read_text() for path in spool.glob("*.json")) == 3

            await system.until(spooled, "three messages on disk")
            await system.stop_connector(number=9)
            system.environment["BACKEND_PORT"] = port
            await system.start_connector()
            found = [await system.processed(message_id) for message_id in sent]
            assert [item["database_id"] for item in found] == sorted(item["database_id"] for item in found)
            assert (await system.get("/stats"))["received"] == 3


async def test_unlinking_on_the_phone_leads_to_a_new_code(tmp_path: Path) -> None:
    """A fresh browser and a code to scan, without anybody doing anything."""
    phone = Phone()
    async with phone.serving():
        system = System(tmp_path, phone)
        async with system.running():
            await system.link()
            await phone.command("unlink")
            await phone.reported("qr", count=2)
            await system.link()
