"""``make bench``: every measurement, as ratios within the same run, in one table."""

import argparse
import asyncio
import tempfile
from pathlib import Path

from tests.support.mariadb import mariadb

from benchmarks import accept, pipeline, start


async def main(*, is_tiny: bool) -> None:
    """Measure and print."""
    rows: list[tuple[str, str, str]] = []
    with (
        tempfile.TemporaryDirectory() as name,
        mariadb(Path(name) / "mariadb", "--innodb-buffer-pool-size=512M") as server,
    ):
        directory = Path(name)
        rows += await accept.measure(directory, server, count=300 if is_tiny else 4000, rounds=1 if is_tiny else 3)
        rows += await pipeline.measure(directory, server, is_tiny=is_tiny)
        rows += await start.measure(directory)
    print("| what | figure | target |\n|---|---|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiny", action="store_true", help="a few messages, to see that it runs; judges nothing")
    asyncio.run(main(is_tiny=parser.parse_args().tiny))
