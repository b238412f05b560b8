"""Whether the storm would notice: four ways to break the promise, each of which must turn it red.

Run by ``make chaos-sabotage``; a patch that no longer applies fails, too.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from frontdesk.settings import ROOT

HERE = Path(__file__).parent
PATCHES = {  # what it breaks, and how the storm puts that
    "acknowledge-before-commit": r"is in the store 0 times",
    "no-unique-key": r"is in the (store|outbox) [2-9] times",
    "ignore-the-leases-owner": r"happened [2-9] times|[2-9] analyses|another order|out of order|was sent [2-9] times",
    "send-without-asking": r"was sent [2-9] times",
}
TRIES = 3
SECONDS = "40"

pytestmark = [pytest.mark.sabotage, pytest.mark.timeout(0)]


@pytest.mark.parametrize("name", PATCHES)
def test_the_storm_notices(name: str, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A storm is chance: it may need more than one try, and never passes three times."""
    tree = tmp_path / "tree"
    shutil.copytree(
        ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "node_modules", "var", "__pycache__")
    )
    subprocess.run(["git", "apply", HERE / f"{name}.patch"], cwd=tree, check=True)
    for _ in range(TRIES):
        # A short path: the database's socket lies below it, and a socket's name has a hundred characters.
        base = tmp_path_factory.mktemp("s") / "t"
        outcome = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/chaos/test_chaos.py", "-q", "-p", "no:logging", "--chaos-seconds", SECONDS,
             "--basetemp", str(base)],
            cwd=tree, env={**os.environ, "PYTHONPATH": f"{tree / 'ai-backend'}:{tree}"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert outcome.returncode in {0, 1}, outcome.stdout[-3000:]
        if outcome.returncode:
            # pytest keeps a link to the latest directory beside it.
            found = next(base.glob("*/wrongs.txt"), None)
            assert found is not None, outcome.stdout[-3000:]
            wrongs = found.read_text(encoding="utf-8")
            assert re.search(PATCHES[name], wrongs), wrongs[:3000]
            return
    pytest.fail(f"{TRIES} storms passed with {name}")
