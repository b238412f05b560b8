"""What all measurements share: servers in processes of their own, a lean client, CPU time, peak memory, one table."""

import asyncio
import contextlib
import os
import statistics
import sys
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.support.desk import SECRETS
from tests.support.processes import free_port, running

from frontdesk.settings import ROOT

TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Load:
    """What a load did: requests a second, and how long each took, in seconds."""

    rate: float
    latencies: list[float] = field(repr=False)

    def percentile(self, share: float) -> float:
        """The latency that this share of the requests kept."""
        ordered = sorted(self.latencies)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


async def load(port: int, requests: Sequence[bytes], *, connections: int) -> Load:
    """Send rendered HTTP/1.1 requests over keep-alive connections, each the next one as soon as it is free."""
    waiting = iter(requests)
    latencies: list[float] = []

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            began = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith((b"HTTP/1.1 200", b"HTTP/1.1 202")):
                raise RuntimeError(head.decode())
            length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
            await reader.readexactly(length)
            latencies.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(connections)))
    return Load(len(requests) / (time.perf_counter() - began), latencies)


def rendered(path: str, body: bytes, **headers: str) -> bytes:
    """A request as bytes."""
    lines = [f"POST {path} HTTP/1.1", "Host: x", "Content-Type: application/json", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


def cpu_s(pid: int) -> float:
    """CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def peak_mib(pid: int) -> float:
    """The most memory that a process has had, in MiB."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    return 0


@asynccontextmanager
async def served(directory: Path, port: int, *command: str, **environment: str) -> AsyncIterator[int]:
    """A process that serves at a port, until left; its process id."""
    base = {
        **{name.upper(): value for name, value in SECRETS.items()},
        # Messages are measured one by one: a burst would be one answer.
        "REPLY_SETTLE_S": "0",
        "FRONTDESK_NO_ENV_FILE": "1", "LOG_LEVEL": "error", "BACKEND_PORT": str(port), "VAR_DIR": str(directory / "var"),
        "BUSINESS_FILE": str(ROOT / "business.example.toml"),
    }  # fmt: skip
    log = directory / f"{port}.log"
    async with running(sys.executable, *command, log=log, environment={**base, **environment}, cwd=ROOT) as process:
        await answering(port, lambda: process.returncode is not None)
        yield process.pid


async def answering(port: int, has_ended: Callable[[], bool]) -> None:
    """Wait until somebody listens at a port."""
    async with asyncio.timeout(60):
        while True:
            if has_ended():
                raise RuntimeError("the process ended; see its log")
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)


async def at_rest(pid: int) -> None:
    """Wait until a process that listens nowhere has started: until it does next to nothing."""
    while True:
        before = cpu_s(pid)
        await asyncio.sleep(0.5)
        if before and cpu_s(pid) - before < 0.03:
            return


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


__all__ = ["Load", "answering", "at_rest", "cpu_s", "free_port", "load", "median", "peak_mib", "rendered", "served"]
