"""The docs name what there is, and nothing that there is not."""

import re

import click
import pytest

from frontdesk.cli.main import cli
from frontdesk.domain import errors
from frontdesk.settings import ROOT, Settings
from frontdesk.web.openapi import document

DOCS = ROOT / "docs"


def _text(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def _connector_settings() -> set[str]:
    source = (ROOT / "connector-node" / "src" / "settings.js").read_text(encoding="utf-8")
    return set(re.findall(r"\b(WA_[A-Z_]+|CONNECTOR_[A-Z]+|CHROME_BIN)\b", source))


def test_every_setting_is_documented_and_no_other() -> None:
    """A setting that nobody can find is not there."""
    documented = set(re.findall(r"^\| `([A-Z0-9_]+)` \|", _text("settings.md"), flags=re.MULTILINE))
    known = {name.upper() for name in Settings.model_fields} | _connector_settings()
    assert known - documented == set()
    assert documented - known - {"BACKEND_URL"} == set()


def test_the_example_names_only_settings_that_there_are() -> None:
    """.env.example is what people copy."""
    names = set(
        re.findall(r"^#?([A-Z0-9_]+)=", (ROOT / ".env.example").read_text(encoding="utf-8"), flags=re.MULTILINE)
    )
    assert names <= {name.upper() for name in Settings.model_fields} | _connector_settings()


def test_every_error_code_is_documented() -> None:
    """Codes are stable: programs rely on them."""
    codes = {
        item.code
        for item in vars(errors).values()
        if isinstance(item, type) and issubclass(item, errors.FrontdeskError)
    }
    text = _text("api.md")
    assert [code for code in sorted(codes) if f"`{code}`" not in text] == []


def test_every_route_is_documented() -> None:
    """What is served is in the API's page."""
    text = _text("api.md")
    assert [path for path in document()["paths"] if f"`{path}`" not in text and f" {path}`" not in text] == []


def _commands(group: click.Command, prefix: str) -> list[str]:
    if isinstance(group, click.Group):
        return [name for key, item in group.commands.items() for name in _commands(item, f"{prefix} {key}")]
    return [prefix]


def test_every_command_is_documented() -> None:
    """The command line has a page."""
    text = _text("commands.md")
    assert [name for name in _commands(cli, "frontdesk") if name not in text] == []


@pytest.mark.parametrize(
    "path", [*DOCS.rglob("*.md"), ROOT / "README.md", ROOT / "CONTRIBUTING.md"], ids=lambda path: path.name
)
def test_links_lead_somewhere(path: object) -> None:
    """Of relative links, each to a file that is there."""
    text = path.read_text(encoding="utf-8")  # type: ignore[attr-defined]
    links = re.findall(r"\]\((?!https?://|#|mailto:)([^)#\s]+)", text)
    missing = [link for link in links if not (path.parent / link).exists()]  # type: ignore[attr-defined]
    assert missing == []
