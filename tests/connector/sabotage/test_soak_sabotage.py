"""Whether the soak would notice: two ways to break the connector, each of which must turn it red.

Run by ``make soak-sabotage``; a patch that no longer applies fails, too.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from frontdesk.settings import ROOT

HERE = Path(__file__).parent
PATCHES = {"forget-before-the-answer": "are lost", "no-deduplication": "delivered twice"}
SECONDS = "60"

pytestmark = [pytest.mark.sabotage, pytest.mark.timeout(0)]


@pytest.mark.parametrize("name", PATCHES)
def test_the_soak_notices(name: str, tmp_path: Path) -> None:
    """By what it is about, not by anything else that may go wrong."""
    tree = tmp_path / "tree"
    shutil.copytree(
        ROOT, tree, symlinks=True, ignore=shutil.ignore_patterns(".git", ".venv", "node_modules", "var", "__pycache__")
    )
    (tree / "connector-node" / "node_modules").symlink_to(ROOT / "connector-node" / "node_modules")
    subprocess.run(["git", "apply", HERE / f"{name}.patch"], cwd=tree, check=True)
    outcome = subprocess.run(
        [sys.executable, "-m", "pytest", "tests/connector/test_soak.py", "-q", "--soak-seconds", SECONDS, "--soak-settles", "60"],
        cwd=tree, env={**os.environ, "PYTHONPATH": f"{tree / 'ai-backend'}:{tree}"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert outcome.returncode == 1, outcome.stdout[-3000:]
    assert PATCHES[name] in outcome.stdout, outcome.stdout[-3000:]
