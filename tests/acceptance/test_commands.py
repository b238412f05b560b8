"""What a newcomer types: ``make up`` under a real PM2, ``make demo``, and the samples, on a copy of the checkout."""

import asyncio
import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support.desk import with_free_ports
from tests.support.processes import free_port
from tests.support.whatsapp import Phone

from frontdesk.settings import ROOT

pytestmark = pytest.mark.browser
PATIENCE_S = 180


class Checkout:
    """A copy of the checkout with ports of its own, in front of a phone."""

    def __init__(self, path: Path, phone: Phone) -> None:
        self.path = path
        self.backend_port, connector_port = free_port(), free_port()
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT,
            capture_output=True,
            check=True,
        )
        for name in filter(None, listed.stdout.decode().split("\0")):
            if (ROOT / name).is_file() and not name.startswith("tests/"):
                (path / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, path / name)
        (path / "connector-node" / "node_modules").symlink_to(ROOT / "connector-node" / "node_modules")
        with_free_ports(path / "agents")
        with (path / ".env.example").open("a") as file:
            file.write(
                f"\nBACKEND_PORT={self.backend_port}\nCONNECTOR_PORT={connector_port}\n"
                f"CONNECTOR_URL=http://127.0.0.1:{connector_port}\nWA_CHROMIUM_ARGS='{phone.browser_arguments}'\n"
            )

    async def run(self, *command: str) -> tuple[int, str]:
        """Run a command in the checkout; its exit status and all that it printed."""
        process = await asyncio.create_subprocess_exec(
            *command, cwd=self.path, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            env={**_clean_environment(), "PYTHONPATH": str(self.path / "ai-backend")},
        )  # fmt: skip
        async with asyncio.timeout(PATIENCE_S):
            output, _ = await process.communicate()
        assert process.returncode is not None
        return process.returncode, output.decode()

    async def frontdesk(self, *arguments: str) -> tuple[int, str]:
        """Run ``frontdesk``."""
        return await self.run(sys.executable, "-m", "frontdesk", *arguments)

    def processes(self) -> dict[str, dict[str, Any]]:
        """What PM2 runs, by name."""
        done = subprocess.run(
            [str(self.path / "connector-node" / "node_modules" / ".bin" / "pm2"), "jlist"], capture_output=True, text=True, check=True,
            env={**os.environ, "PM2_HOME": str(self.path / "var" / "pm2")},
        )  # fmt: skip
        return {item["name"]: item for item in json.loads(done.stdout[done.stdout.index("[") :])}


def _clean_environment() -> dict[str, str]:
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FRONTDESK", "WA_", "DB_", "DATABASE"))
    }


@asynccontextmanager
async def _checkout(path: Path) -> AsyncIterator[Checkout]:
    async with Phone().serving() as phone:
        checkout = Checkout(path, phone)
        try:
            yield checkout
        finally:
            await checkout.frontdesk("down")


@pytest.mark.timeout(900)
async def test_up_prepares_everything_and_the_second_time_changes_nothing(tmp_path: Path) -> None:
    """.env, schema, PM2, the page's address and the QR code; then a crash, a mistake in a file, and down."""
    async with _checkout(tmp_path) as checkout:
        status, output = await checkout.frontdesk("up")
        assert status == 0, output
        assert f"http://127.0.0.1:{checkout.backend_port}/setup?token=" in output
        assert "SQLite" in output
        assert "rules (no OPENAI_API_KEY)" in output
        assert "▄▄▄▄▄" in output
        secrets = (tmp_path / ".env").read_text()
        assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
        assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700
        assert stat.S_IMODE((tmp_path / "var" / "frontdesk.db").stat().st_mode) == 0o600
        assert (
            len(
                set(
                    re.findall(
                        r"^(?:WEBHOOK_SECRET|API_TOKEN|AGENT_SECRET|CONNECTOR_TOKEN)=(\S{20,})$", secrets, re.MULTILINE
                    )
                )
            )
            == 4
        )
        before = checkout.processes()
        assert {item["pm2_env"]["status"] for item in before.values()} == {"online"}

        status, output = await checkout.frontdesk("up")
        assert status == 0, output
        assert "starting" not in output
        assert {name: item["pid"] for name, item in checkout.processes().items()} == {
            name: item["pid"] for name, item in before.items()
        }

        status, output = await checkout.run("node", "connector-node/src/main.js", "--test")
        assert status == 0, output
        assert output.count("✓") == 4

        os.kill(before["frontdesk-backend"]["pid"], signal.SIGKILL)
        status, output = await checkout.frontdesk("up")
        assert status == 0, output
        assert checkout.processes()["frontdesk-backend"]["pid"] != before["frontdesk-backend"]["pid"]

        facts = tmp_path / "business.toml"
        facts.write_text(facts.read_text().replace("price =", "prize =", 1))
        running = checkout.processes()
        status, output = await checkout.frontdesk("up")
        assert status == 1
        assert "offers.1.prize: is not known; did you mean price?" in output
        assert checkout.processes()["frontdesk-backend"]["pid"] == running["frontdesk-backend"]["pid"]

        status, output = await checkout.frontdesk("down")
        assert (status, output.strip()) == (0, "stopped")
        status, output = await checkout.frontdesk("status")
        assert status == 1
        assert "nothing is running" in output


async def test_a_port_that_is_taken_is_named_at_once(tmp_path: Path) -> None:
    """Not after a minute and a half of waiting."""
    async with _checkout(tmp_path) as checkout:
        other = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", checkout.backend_port)
        async with other:
            status, output = await checkout.frontdesk("up")
        assert status == 1
        assert f"port {checkout.backend_port} of the backend (BACKEND_PORT)" in output


async def test_the_demo_plays_through() -> None:
    """It is the first thing that people look at."""
    # A short path: Chromium puts a socket there, and a socket's name has a hundred characters.
    tmp_path = Path(tempfile.mkdtemp(prefix="demo-"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.demo", "--once", cwd=ROOT, env={**_clean_environment(), "TMPDIR": str(tmp_path)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(PATIENCE_S):
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    assert output.decode().count("→ urgency") == 9
    assert os.listdir(tmp_path) == []  # noqa: PTH208 (the demonstration cleans up)
    shutil.rmtree(tmp_path)
