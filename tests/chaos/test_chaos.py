"""Lossless under fire. The short form is for every run; ``make chaos`` rages for ten minutes."""

import asyncio
import contextlib
import json
import sys
import time
from pathlib import Path

import pytest
import structlog
from tests.chaos.counting import count, unfinished
from tests.chaos.storm import storm

from frontdesk.failpoints import PLACES

log = structlog.get_logger(__name__)
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(0)]

CHANCES = {"accepted": 0.01, "claimed": 0.01, "answered": 0.01, "chosen": 0.05, "sent": 0.12}
CONVERSATIONS, PAUSE_S = 200, 4.5
SETTLE_S = 300
LEAST_PER_SECOND = 5


async def test_a_storm_loses_nothing_and_doubles_nothing(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    """Every acknowledged message is there once, processed once and in order; every effect happened once."""
    seconds = float(pytestconfig.getoption("--chaos-seconds"))
    failpoints = ",".join(f"{name}={chance}" for name, chance in CHANCES.items())
    began = time.monotonic()
    async with storm(tmp_path, failpoints=failpoints) as raging:
        await raging.until_up()
        await raging.rage(seconds=seconds, conversations=CONVERSATIONS, pause_s=max(PAUSE_S, seconds / 60))
        # What is not settled in time is counted, too.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLE_S):
                while left := await asyncio.to_thread(unfinished, raging):
                    log.info("left", things=left, after_s=round(time.monotonic() - began))
                    await asyncio.sleep(1)  # other processes work, and tell nobody here
        result = await asyncio.to_thread(count, raging)
    marks = [path.name.partition("-")[0] for path in (tmp_path / "var" / "failpoints").glob("*")]
    result.numbers |= {f"died at “{name}”": marks.count(name) for name in PLACES}
    result.numbers |= dict(sorted(raging.deeds.items())) | {"seconds": round(time.monotonic() - began)}
    sys.stderr.write("\n" + json.dumps(result.numbers, indent=1, ensure_ascii=False) + "\n")
    (tmp_path / "wrongs.txt").write_text("\n".join(result.wrongs), encoding="utf-8")
    assert result.wrongs[:20] == []
    assert result.numbers["acknowledged"] > LEAST_PER_SECOND * seconds
    assert [name for name in PLACES if name not in marks] == []
