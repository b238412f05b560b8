"""Whether the storm would notice: four ways to break the promise, each of which must turn it red.

Run by ``make chaos-sabotage``; a patch that no longer applies fails, too.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from frontdesk.settings import ROOT

HERE = Path(__file__).parent
PATCHES = {
    "acknowledge-before-commit": "is in the store 0 times",
    "no-unique-key": "is in the store",
    "ignore-the-leases-owner": "times",
    "send-without-asking": "was sent",
}
TRIES = 3
SECONDS = "40"

pytestmark = pytest.mark.sabotage


@pytest.mark.parametrize("name", PATCHES)
def test_the_storm_notices(name: str, tmp_path: Path) -> None:
    """A storm is chance: it may need more than one try, and never passes three times."""
    tree = tmp_path / "tree"
    shutil.copytree(
        ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "node_modules", "var", "__pycache__")
    )
    subprocess.run(["patch", "-p1", "--fuzz=0", "-i", HERE / f"{name}.patch"], cwd=tree, check=True)
    for turn in range(TRIES):
        outcome = subprocess.run(
            [sys.executable, "-m", "pytest", "tests/chaos/test_chaos.py", "-q", "-p", "no:logging", "--chaos-seconds", SECONDS,
             "--basetemp", str(tmp_path / f"storm-{turn}")],
            cwd=tree, env={**os.environ, "PYTHONPATH": f"{tree / 'ai-backend'}:{tree}"}, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert outcome.returncode in {0, 1}, outcome.stdout[-3000:]
        if outcome.returncode:
            (found,) = (tmp_path / f"storm-{turn}").glob("*/wrongs.txt")
            assert PATCHES[name] in found.read_text(encoding="utf-8"), outcome.stdout[-3000:]
            return
    pytest.fail(f"{TRIES} storms passed with {name}")
