"""Begets processes of the desk, one after the other, for each line on standard input: the environment that it adds, as JSON.

A process takes seconds to read the code and the languages, and under the load of a storm many more; in a storm, most would
be killed before they have worked. Those born here have read everything. Prints the id of each, and a line when it has ended.
"""

import gc
import json
import os
import sys

from frontdesk.cli.main import main
from frontdesk.triage.language import evidence


def _live(command: str, environment: dict[str, str]) -> None:
    os.environ.update(environment)
    os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    sys.argv = ["frontdesk", command]
    main()


def _tend(command: str) -> None:
    evidence("Hello, how much is it? Merhaba, ne kadar?")
    gc.freeze()
    while line := sys.stdin.readline():
        child = os.fork()
        if not child:
            _live(command, json.loads(line))
            return
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        os.waitpid(child, 0)
        sys.stdout.write("ended\n")
        sys.stdout.flush()


if __name__ == "__main__":
    _tend(sys.argv[1])
