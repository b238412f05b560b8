"""Processes whose clock is wrong."""

from pathlib import Path

LIBRARY = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def clock_from(file: Path) -> dict[str, str]:
    """The environment of a process whose clock is off by what ``file`` says ("+90s"), at any time anew."""
    return {
        "LD_PRELOAD": str(LIBRARY[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
