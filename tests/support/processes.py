"""Starting and ending the processes that users have."""

import asyncio
import contextlib
import os
import random
import signal
import socket
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

PATIENCE_S = 30
FIRST_PORT, LAST_PORT = 15_000, 32_000

_given: deque[int] = deque(maxlen=400)


def free_port() -> int:
    """A TCP port of this machine that nobody listens on, none of those that were given out lately.

    The one behind it is free for a second account's connector. It lies below the range that systems take for outgoing
    connections (32768 and up on Linux, 49152 on macOS): one of those could take a port between our look and the server's
    start. Tests that run at the same time have ranges of their own.
    """
    count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    place = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    size = (LAST_PORT - FIRST_PORT) // count
    while True:
        port = FIRST_PORT + place * size + 2 * random.randrange(size // 2)  # noqa: S311 (any will do)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        if port not in _given:
            _given.append(port)
            return port


@asynccontextmanager
async def running(
    *command: str, log: Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A process with its output in ``log``; ended politely, then not, with all that it started."""
    with log.open("ab") as output:
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
            env={**os.environ, **(environment or {})}, cwd=cwd, start_new_session=True,
        )  # fmt: skip
    try:
        yield process
    finally:
        await end(process)


async def end(process: asyncio.subprocess.Process, number: int = signal.SIGTERM) -> None:
    """End a process and its group; after a while by force."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(number)
        try:
            async with asyncio.timeout(PATIENCE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
