"""``make demo``: the whole desk in front of a stand-in for WhatsApp, with customers who write by themselves.

Nothing is sent to anybody: the browser knows no address but this machine's. ``--once`` ends when all is answered.
"""

import asyncio
import contextlib
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.system import System
from tests.support.whatsapp import Phone

ADA, DENIZ, SAM, LIN = "15550100111@c.us", "15550100112@c.us", "15550100113@c.us", "122999491567856@lid"
GROUP = "120363421596195995@g.us"

SCRIPT: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (ADA, "Hello! How much is a full service, and do I need an appointment?", {}),
    (DENIZ, "Merhaba, bisikletimi dün teslim edecektiniz, hâlâ haber yok. Üçüncü kez yazıyorum 😡", {}),
    (LIN, "What time do you close on Saturday?", {}),
    (SAM, "The booking page shows error 500 when I pay, my trip starts in an hour!!", {}),
    (
        GROUP,
        "The brake pads arrive tomorrow at 9, somebody has to sign for them.",
        {"author": ADA, "notifyName": "Ada"},
    ),
    (
        DENIZ,
        "",
        {
            "type": "image",
            "extra": {"directPath": "/x", "mimetype": "image/jpeg", "caption": "bu şekilde geri geldi", "size": 52_000},
        },
    ),
    (ADA, "No rush at all, tomorrow is fine 🙂", {}),
    (SAM, "URGENT: the rental bike's brakes failed, my friend is bleeding, what do we do", {}),
    (ADA, "thanks 👍", {}),
)


def phone_with_chats() -> Phone:
    """A phone that knows some people and a group."""
    phone = Phone()
    for wid, name in ((ADA, "Ada Example"), (DENIZ, "Deniz Örnek"), (SAM, "Sam Example")):
        phone.know(wid, name)
    phone.know(LIN, "Lin Example", phone="15550100114@c.us")
    phone.chat(GROUP, "Suppliers", participants=[ADA])
    older = [
        {"id": "OLD1", "body": "Good morning, can you fix a bent wheel?", "t": 1_763_000_000},
        {"id": "OLD2", "body": "Yes, bring it in any day before four.", "t": 1_763_000_300, "fromMe": True},
    ]
    phone.chat(ADA, "Ada Example", older=older)
    return phone


async def demo(*, once: bool) -> None:
    """Run the demo until it is stopped, or once through its script."""
    directory = Path(tempfile.mkdtemp(prefix="frontdesk-demo-"))
    phone = phone_with_chats()
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    try:
        async with phone.serving():
            changes = {
                "IMPORTANT_CUSTOMERS": "+15550100114=Lin Example",
                "CRITICAL_GROUPS": "Suppliers",
                "LOG_LEVEL": "warning",
            }
            system = System(directory, phone, **changes)
            _say("• starting backend, agents, connector and a browser")
            async with system.running():
                await system.connection("SCAN_QR_CODE")
                _say(
                    f"\n  Open  {await system.entrance()}\n\n• it shows a QR code; the stand-in's phone scans it in a moment"
                )
                if not once:
                    await _pause(stopped, 6)
                await phone.scan()
                await system.connection("WORKING")
                _say("• linked; customers begin to write\n")
                await _play(phone, system, stopped, pause_s=0 if once else 3)
                if not once and not stopped.is_set():
                    _say("\n  That was the script. The page stays open until you press Ctrl-C.")
                    await stopped.wait()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


async def _play(phone: Phone, system: System, stopped: asyncio.Event, *, pause_s: float) -> None:
    for chat, text, details in SCRIPT:
        if stopped.is_set():
            return
        message = await system.processed(await phone.receive(chat, text, **details))
        analysis, routing = message["analysis"], message["routing"]
        _say(f"  {message['chat_name']}: {message['current_message']}")
        _say(
            f"    → urgency {analysis['urgency_score']}, {analysis['priority_level']}, {analysis['category']}, "
            f"{analysis['sentiment']}; {routing['agent']} drafts:\n      {routing['response']['reply']}\n"
        )
        await _pause(stopped, pause_s)


async def _pause(stopped: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopped.wait()


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 (a demonstration talks)


if __name__ == "__main__":
    asyncio.run(demo(once="--once" in sys.argv[1:]))
