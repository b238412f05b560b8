"""How long it takes to start, and what it costs to do nothing."""

import asyncio
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.support.desk import with_free_ports

from benchmarks.harness import cpu_s, free_port, peak_mib, served
from frontdesk.config.manifests import load_manifests
from frontdesk.settings import ROOT

IDLE_S = 10


async def measure(directory: Path) -> list[tuple[str, str, str]]:
    """Rows of what, figure and target."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import frontdesk.cli.main"], check=True)  # noqa: ASYNC221 (measured alone)
    imported = time.perf_counter() - began
    rows = [("import of the command line", f"{imported:.2f} s", "–")]
    port = free_port()
    url = f"sqlite:///{directory}/start.db"
    async with served(directory, port, "-m", "frontdesk", "serve", DATABASE_URL=url):
        pass
    began = time.perf_counter()
    async with served(directory, port, "-m", "frontdesk", "serve", DATABASE_URL=url) as pid:
        rows.append(("frontdesk serve until it answers", f"{time.perf_counter() - began:.2f} s", "–"))
        rows.append(("idle backend", await _idle(pid), "< 0.5% of a core"))
    agents = directory / "agents"
    shutil.copytree(ROOT / "agents", agents, ignore=shutil.ignore_patterns("__pycache__"))
    with_free_ports(agents)
    port = load_manifests(agents)[0].port
    async with served(directory, port, "-m", "frontdesk", "agents", AGENTS_DIR=str(agents)) as pid:
        rows.append(("idle agents, one process", await _idle(pid), "< 0.5%, < 120 MiB"))
    return rows


async def _idle(pid: int) -> str:
    await asyncio.sleep(3)  # what start-up still does is not idleness
    before = cpu_s(pid)
    await asyncio.sleep(IDLE_S)
    return f"{(cpu_s(pid) - before) / IDLE_S * 100:.2f}% of a core, {peak_mib(pid):.0f} MiB"
