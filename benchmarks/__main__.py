"""``make bench``: every measurement, as ratios within the same run, in one table."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.support.mariadb import mariadb

from benchmarks import accept, connector, cost, growth, inbox, pipeline, start

SMALL, LARGE, MANY, LONG = 10_000, 300_000, 1_000_000, 10_000_000


async def main(*, is_tiny: bool, is_long: bool) -> None:
    """Measure and print."""
    rows: list[tuple[str, str, str]] = []
    with (
        tempfile.TemporaryDirectory() as name,
        mariadb(Path(name) / "mariadb", "--innodb-buffer-pool-size=1G") as server,
    ):
        directory = Path(name)
        if is_long:
            rows += await growth.measure(server, (SMALL, LARGE, LONG))
        else:
            rows += await accept.measure(directory, server, count=300 if is_tiny else 4000, rounds=1 if is_tiny else 3)
            rows += await pipeline.measure(directory, server, is_tiny=is_tiny)
            rows += await growth.measure(server, (200, 400) if is_tiny else (SMALL, LARGE))
            rows += await growth.measure_waiting(server, (40, 80) if is_tiny else (320, 5000))
            rows += await inbox.measure(directory, server, count=400 if is_tiny else MANY)
            rows += await start.measure(directory)
            rows += await connector.measure(directory, server, count=20 if is_tiny else 1000)
            rows += await cost.measure(count=10 if is_tiny else 200)
    print("| what | figure | target |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a few messages, to see that it runs; judges nothing")
    parser.add_argument("--long", action="store_true", help="growth to ten million stored messages, and nothing else")
    asked = parser.parse_args()
    asyncio.run(main(is_tiny=asked.tiny, is_long=asked.long))
