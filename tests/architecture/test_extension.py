"""Adding an analysis field is one line: proven by doing it to a copy of the package."""

import shutil
import subprocess
import sys
from pathlib import Path

from frontdesk.settings import ROOT

LINE = """    is_robot: Annotated[bool, Field(description="The latest message was written by a program."), Predicate()]
    keywords: Annotated["""

PROGRAM = """
import asyncio, json
from frontdesk.domain.analysis import Analysis, blank, judgement_model, questions
from frontdesk.model.analysers import decision_questions
from frontdesk.web.openapi import document
from frontdesk.triage.policy import conclude

assert any(question["name"] == "is_robot" for question in decision_questions())
assert "is_robot" in judgement_model().model_fields
analysis = conclude(blank() | {"is_robot": True}, {}, analyser="x", is_important=False)
assert Analysis.restore(analysis.model_dump_json()).is_robot is True
old = json.loads(analysis.model_dump_json())
del old["is_robot"]
old["gone"] = 1
assert Analysis.restore(json.dumps(old)).is_robot is False
assert "is_robot" in document()["components"]["schemas"]["Analysis"]["properties"]
print("works")
"""


def test_an_analysis_field_is_one_line(tmp_path: Path) -> None:
    """Question, schema, stored document and API follow by themselves, and what was stored before can still be read."""
    shutil.copytree(
        ROOT / "ai-backend" / "frontdesk", tmp_path / "frontdesk", ignore=shutil.ignore_patterns("__pycache__")
    )
    path = tmp_path / "frontdesk" / "domain" / "analysis.py"
    source = path.read_text(encoding="utf-8")
    changed = source.replace("    keywords: Annotated[", LINE, 1)
    assert changed != source
    path.write_text(changed, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "works", done.stderr
