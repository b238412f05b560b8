"""Parts that run beside the requests: what is done when one ends, or does not."""

import asyncio
import os
import signal

import structlog

log = structlog.get_logger(__name__)

STOP_PATIENCE_S = 9


def part_ended(running: asyncio.Task[None]) -> None:
    """A backend that takes messages and never works on them is worse than one that is started anew."""
    if not running.cancelled() and (error := running.exception()) is not None:
        log.critical("part_ended", exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)


async def finished(running: asyncio.Task[None]) -> None:
    """Wait for what was told to stop; what cannot, because a server hangs, is left behind."""
    _, late = await asyncio.wait([running], timeout=STOP_PATIENCE_S)
    if late:
        log.warning("part_left_behind", part=running.get_coro().__qualname__)  # type: ignore[union-attr]


async def cancelled(running: asyncio.Task[None]) -> None:
    """End it, and wait."""
    running.cancel()
    await finished(running)
