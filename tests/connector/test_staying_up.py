"""The connector says how it is, and mends itself: each test is named after what users report."""

import asyncio
import json
import signal
import socket
from pathlib import Path
from typing import Any

import pytest
from tests.support.connector import linked
from tests.support.whatsapp import Phone

pytestmark = pytest.mark.browser

ADA = "15550100111@c.us"
LIBRARY_MISSES_IT = 50
LIBRARY_SEES_IT = 800


@pytest.mark.parametrize("delay", [LIBRARY_MISSES_IT, LIBRARY_SEES_IT])
async def test_no_ready_because_the_page_was_faster(tmp_path: Path, delay: int) -> None:
    """A sync that ends before the library listens never becomes “ready” by itself."""
    phone = Phone()
    phone.state["settings"]["syncDelayMs"] = delay
    async with linked(tmp_path, phone) as (connector, backend):
        await connector.stop()
        await connector.start()
        await connector.caught_up()
        await backend.received(await phone.receive(ADA, "hello"))


async def test_no_ready_because_the_page_has_changed(tmp_path: Path) -> None:
    """A module that WhatsApp has renamed: the reason is in the log, and the page is tried again, not hammered."""
    phone = Phone()
    phone.state["settings"]["missing"] = ["WAWebCallCollection"]
    async with linked(tmp_path, phone, link=False, WA_START_TIMEOUT_MS="3000") as (connector, backend):
        await connector.state("SCAN_QR_CODE")
        await phone.scan()
        await connector.until(
            lambda status: any("did not become ready" in (item["reason"] or "") for item in status["history"]),
            "the watchdog",
        )
        assert "WAWebCallCollection" in connector.log
        phone.state["settings"]["missing"] = []
        await connector.state("WORKING")
        await backend.received(await phone.receive(ADA, "hello"))
        metrics = (await connector.call("GET", "/metrics"))[1].decode()
        assert 'frontdesk_connector_recoveries_total{step="reload"} 1' in metrics
        assert 'frontdesk_connector_state{state="WORKING"} 1' in metrics


async def test_browser_killed_tells_nobody(tmp_path: Path) -> None:
    """There is no event for it; a new browser comes, and what was missed meanwhile."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        connector.kill_browser()
        missed = await phone.receive(ADA, "anybody?", is_live=False)
        await connector.state("WORKING")
        await backend.received(missed)
        await backend.until(lambda: len(backend.states) >= 6, "the states")
        story = [state.state for state in backend.states]
        assert story == ["STARTING", "SCAN_QR_CODE", "STARTING", "WORKING", "DISCONNECTED", "STARTING", *story[6:]]
        status = await connector.status()
        assert [item["state"] for item in reversed(status["history"])][: len(story)] == story


async def test_renderer_crash_hangs_every_call(tmp_path: Path) -> None:
    """The page's process is gone and the browser is not."""
    phone = Phone()
    async with linked(tmp_path, phone, WA_CALL_TIMEOUT_MS="1000") as (connector, backend):
        connector.kill_page()
        missed = await phone.receive(ADA, "anybody?", is_live=False)
        await backend.received(missed)
        await connector.state("WORKING")


async def test_callfunctionon_timed_out_because_the_page_is_stuck(tmp_path: Path) -> None:
    """A page that computes for ever answers nobody: it is reloaded, and then the browser is replaced."""
    phone = Phone()
    async with linked(tmp_path, phone, WA_CALL_TIMEOUT_MS="500") as (connector, backend):
        await phone.command("hang")
        missed = await phone.receive(ADA, "anybody?", is_live=False)
        await backend.received(missed, timeout_s=60)
        await connector.state("WORKING")


async def test_silent_stall_is_seen_and_ended(tmp_path: Path) -> None:
    """The page has lost WhatsApp and does not find it again: reload, then a new browser."""
    phone = Phone()
    async with linked(tmp_path, phone, WA_OFFLINE_TIMEOUT_S="1") as (connector, backend):
        await phone.command("state", state="TIMEOUT")
        status = await connector.state("DISCONNECTED")
        assert "TIMEOUT" in status["reason"]
        missed = await phone.receive(ADA, "anybody?", is_live=False)
        await backend.received(missed)
        await connector.state("WORKING")


@pytest.mark.parametrize("state", ["CONFLICT", "UNPAIRED"])
async def test_conflict_destroys_the_browser(tmp_path: Path, state: str) -> None:
    """The library ends the browser for some states; another one is started."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        await phone.command("state", state=state)
        await connector.until(lambda status: any(state in (item["reason"] or "") for item in status["history"]), state)
        await connector.state("WORKING")
        await backend.received(await phone.receive(ADA, "hello"))


async def test_logout_on_the_phone_asks_for_a_new_code(tmp_path: Path) -> None:
    """The link is gone, the old profile stays aside, and the same account links again without losing its place."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        before = await phone.receive(ADA, "before")
        await backend.received(before)
        await phone.command("unlink")
        status = await connector.state("SCAN_QR_CODE")
        assert any(item["reason"] == "unlinked on the phone" for item in status["history"])
        assert list((connector.data / "whatsapp").glob("session-unlinked-*"))
        missed = await phone.receive(ADA, "meanwhile", is_live=False)
        await phone.scan()
        await backend.received(missed)
        assert backend.posts.count(before) == 1


async def test_logout_from_here_asks_for_a_new_code(tmp_path: Path) -> None:
    """By the API."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, _):
        assert (await connector.call("POST", "/session/logout"))[0] == 202
        await phone.reported("logout")
        await connector.link()


async def test_code_in_every_form_and_renewed(tmp_path: Path) -> None:
    """Text, PNG, SVG, for a terminal; a pairing code; the bogus one after a scan is never shown."""
    phone = Phone()
    async with linked(tmp_path, phone, link=False) as (connector, _):
        first = (await connector.state("SCAN_QR_CODE"))["qr"]
        assert (await connector.call("GET", "/qr"))[1] == {"qr": first}
        assert (await connector.call("GET", "/qr?format=png"))[1].startswith(b"\x89PNG")
        assert b"<svg" in (await connector.call("GET", "/qr?format=svg"))[1]
        assert "█" in (await connector.call("GET", "/qr?format=text"))[1].decode()
        await phone.command("rotate")
        second = (await connector.until(lambda status: status["qr"] != first, "another code"))["qr"]
        await phone.command("state", state="UNPAIRED_IDLE")
        await connector.until(lambda status: status["qr"] != second, "a code after the page went idle")
        assert (await connector.call("POST", "/session/pairing-code", {"phone_number": "not a number"}))[0] == 422
        status, document = await connector.call("POST", "/session/pairing-code", {"phone_number": "+1 555 010 0999"})
        assert (status, document) == (200, {"code": "ABCD1234"})
        assert (await connector.status())["pairing_code"] == "ABCD1234"
        await phone.scan()
        assert (await connector.state("WORKING"))["qr"] is None
        assert (await connector.call("GET", "/qr"))[0] == 404


async def test_nobody_scans(tmp_path: Path) -> None:
    """A clear end after WA_QR_TIMEOUT_S, without a browser that waits; a restart shows a new code."""
    phone = Phone()
    async with linked(tmp_path, phone, link=False, WA_QR_TIMEOUT_S="2") as (connector, _):
        status = await connector.state("FAILED")
        assert status["reason"] == "nobody has scanned the code in time; ask for a new one"
        await connector.until(lambda _: not connector.browsers(), "the browser to end")
        assert (await connector.call("POST", "/session/restart"))[0] == 202
        await connector.link()


async def test_memory_grows(tmp_path: Path) -> None:
    """Over the limit the browser is replaced in a quiet moment, and nothing is lost."""
    phone = Phone()
    timing: dict[str, Any] = {"WA_MAX_MEMORY_MB": "50", "WA_MEMORY_EVERY_S": "2", "WA_MEMORY_QUIET_S": "1"}
    async with linked(tmp_path, phone, link=False, **timing) as (connector, backend):
        await connector.until(
            lambda status: any("memory" in (item["reason"] or "") for item in status["history"]), "a new browser"
        )
        await connector.link()
        await backend.received(await phone.receive(ADA, "hello"))
        metrics = (await connector.call("GET", "/metrics"))[1].decode()
        assert 'frontdesk_connector_memory_bytes{of="browser"}' in metrics


async def test_sigkill_of_node_leaves_no_orphan_browser(tmp_path: Path) -> None:
    """Five gigabytes that nobody sees any more."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, _):
        assert connector.browsers()
        assert connector.process is not None
        connector.process.kill()
        await connector.process.wait()
        async with asyncio.timeout(10):
            while connector.browsers():  # noqa: ASYNC110 (nobody tells of the end of another process's child)
                await asyncio.sleep(0.05)


async def test_stop_is_clean_within_ten_seconds(tmp_path: Path) -> None:
    """SIGTERM and SIGINT end Node and the browser, and the account stays linked."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, _):
        for number in (signal.SIGTERM, signal.SIGINT):
            async with asyncio.timeout(10):
                await connector.stop(number)
            assert connector.process is not None
            assert connector.process.returncode == 0
            assert not connector.browsers()
            await connector.start()
            await connector.state("WORKING")


@pytest.mark.parametrize("owner", [f"{socket.gethostname()}-999999", "another-container-17"])
async def test_singleton_lock_of_a_dead_owner_blocks_no_start(tmp_path: Path, owner: str) -> None:
    """Left behind by a crash or another container, Chromium would not start for it."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, _):
        await connector.stop()
        lock = connector.data / "whatsapp" / "session" / "SingletonLock"
        lock.unlink(missing_ok=True)
        lock.symlink_to(owner)
        await connector.start()
        await connector.state("WORKING")


async def test_singleton_lock_of_a_living_owner_says_who(tmp_path: Path) -> None:
    """Two connectors for one account would throw each other out; the second one says why it does not start."""
    phone = Phone()
    async with linked(tmp_path, phone) as (connector, backend):
        second = type(connector)(tmp_path, phone, backend)
        async with second.running():
            status = await second.until(lambda status: status["state"] == "DISCONNECTED", "a refusal")
            assert f"process number {connector.browsers()[0]}" in status["reason"]
        assert (await connector.status())["state"] == "WORKING"


async def test_log_tells_no_text_and_no_numbers(tmp_path: Path) -> None:
    """What customers write and who they are is not in the log."""
    phone = Phone()
    phone.know(ADA, "Ada Lovelace")
    async with linked(tmp_path, phone, LOG_LEVEL="debug") as (connector, backend):
        answers = iter([422, 503])
        backend.answer = lambda _: next(answers, 202)
        await phone.receive(ADA, "a secret word")
        sent = await phone.receive(ADA, "another secret word")
        await backend.received(sent)
        await connector.send(ADA, "our secret answer", "key-1")
        await connector.send("15550100199@c.us", "our secret answer", "key-2")
        lines = [json.loads(line) for line in connector.log.splitlines()]
        assert {line["msg"] for line in lines} >= {"message_captured", "message_delivered", "message_refused"}
        for private in ("secret", "5550100", "Lovelace"):
            assert private not in connector.log


async def test_headless_shell_is_half_the_size(tmp_path: Path) -> None:
    """It can be chosen by its name."""
    phone = Phone()
    async with linked(tmp_path, phone, CHROME_BIN="chromium-headless-shell") as (_, backend):
        await backend.received(await phone.receive(ADA, "hello"))
