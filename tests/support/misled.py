"""Processes whose clock is wrong."""

from pathlib import Path

LIBRARY = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))


def clock_from(file: Path) -> dict[str, str]:
    """The environment of a process whose clock is off by what ``file`` says ("+90s"), looked at once a second.

    The library's “monotonic fix” would make Python's threads, while they wait for the interpreter, ask for it without
    waiting: two processes with two threads each took fifty times as long.
    """
    return {
        "LD_PRELOAD": str(LIBRARY[0]),
        "FAKETIME_TIMESTAMP_FILE": str(file),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "FAKETIME_FORCE_MONOTONIC_FIX": "0",
    }
