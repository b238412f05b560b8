"""The laws of the house, without exemptions."""

import ast
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from frontdesk.settings import ROOT

PACKAGE = ROOT / "ai-backend" / "frontdesk"
LEVELS: dict[str, int] = {
    "domain": 0,
    "store": 1, "model": 1, "config": 1, "wire": 1, "queues": 1, "media": 1,
    "triage": 2, "channels": 2, "routing": 2, "agentkit": 2, "webhooks": 2, "understanding": 2,
    "desk": 3,
    "pipeline": 4,
    "web": 5,
    "bootstrap": 6,
    "cli": 7,
}  # fmt: skip
LEAVES = {"settings", "logs", "telemetry", "failpoints", "background"}
ROOT_FILES = {"__init__", "__main__"}
AGENTKIT_MAY_USE = {"domain", "model", "config", "wire", "agentkit"}


def modules() -> list[Path]:
    """Every module of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def room_of(path: Path) -> str:
    """The room that a module is in; a file at the top is a room of its own."""
    relative = path.relative_to(PACKAGE)
    return relative.parts[0].removesuffix(".py")


@cache
def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def imports_of(tree: ast.AST) -> Iterator[tuple[str, ast.stmt]]:
    """Every module that is imported, with ``from a import b`` counted as both a and a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node
            yield from ((f"{node.module}.{alias.name}", node) for alias in node.names)


def own_rooms(path: Path) -> set[str]:
    """The rooms that a module imports from."""
    names = {name.split(".")[1] for name, _ in imports_of(tree_of(path)) if name.startswith("frontdesk.")}
    return names - {"__version__"}


def test_every_room_is_on_the_plan() -> None:
    """A new room is put into the plan, and into docs/architecture.md, on purpose."""
    found = {room_of(path) for path in modules()}
    assert found == set(LEVELS) | LEAVES | ROOT_FILES
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    missing = [room for room in [*LEVELS, *LEAVES] if f"`{room}" not in text]
    assert not missing


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    """A module imports from its own room and from lower numbers; siblings never import each other."""
    room = room_of(path)
    if room in ROOT_FILES:
        return
    for other in own_rooms(path) - {room}:
        if other in LEAVES:
            allowed = {
                "settings": {"bootstrap", "cli", "web"},
                "logs": {"cli"},
                "failpoints": {"pipeline", "cli", "settings"},
                "background": {"bootstrap"},
                "telemetry": {"web", "pipeline", "bootstrap", "cli"},
            }
            assert room in allowed[other], f"{path} imports {other}"
        else:
            assert room not in LEAVES or other == "domain", f"{path} imports {other}"
            assert room in LEAVES or LEVELS[other] < LEVELS[room], f"{path} imports {other}"


def test_agentkit_stays_small() -> None:
    """An agent service is made of domain, model, config and wire only."""
    for path in modules():
        if room_of(path) == "agentkit":
            assert own_rooms(path) <= AGENTKIT_MAY_USE, path


def test_there_are_no_cycles() -> None:
    """Also not within a room."""
    graph: dict[str, set[str]] = {}
    names = {_dotted(path): path for path in modules()}
    for name, path in names.items():
        graph[name] = {other for other, _ in imports_of(tree_of(path)) if other in names and other != name}
    done: set[str] = set()

    def visit(name: str, trail: tuple[str, ...]) -> None:
        assert name not in trail, " → ".join([*trail[trail.index(name) :], name])
        if name not in done:
            for other in graph[name]:
                visit(other, (*trail, name))
            done.add(name)

    for name in graph:
        visit(name, ())


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_stand_at_the_top(path: Path) -> None:
    """A function that imports our own code hides a cycle."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            hidden = [name for name, _ in imports_of(node) if name.startswith("frontdesk")]
            assert not hidden, hidden


@pytest.mark.parametrize(
    ("what", "room"),
    [
        ("sqlalchemy", "store"),
        ("alembic", "store"),
        ("openai", "model"),
        ("aiomysql", "store"),
        ("aio_pika", "queues"),
        ("obstore", "media"),
        ("av", "understanding"),
        ("pypdf", "understanding"),
        ("opentelemetry", "telemetry"),
        ("pydantic_settings", "settings"),
    ],
)
def test_each_library_has_its_room(what: str, room: str) -> None:
    """SQL only in store, the SDK only in model."""
    users = {room_of(path) for path in modules() for name, _ in imports_of(tree_of(path)) if name.split(".")[0] == what}
    assert users <= {room}


def test_only_settings_reads_the_environment() -> None:
    """One place to look for a setting. ``up`` hands its whole environment on to PM2, and reads nothing of it."""
    users = {
        str(path.relative_to(PACKAGE))
        for path in modules()
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.Attribute) and node.attr in {"environ", "getenv"}
    }
    assert users <= {"settings.py", "cli/up.py"}


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_of_a_size_that_can_be_read(path: Path) -> None:
    """At most 400 lines."""
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def test_ports_have_two_implementations() -> None:
    """A port is there because there is a choice."""
    tree = ast.parse((PACKAGE / "domain" / "ports.py").read_text())
    ports = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef) and any(ast.unparse(base) == "Protocol" for base in node.bases)
    ]
    assert ports == ["Analyser", "Wakeups", "AddressOf", "FilePlace", "Channel"]


def _dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("patch", sorted((ROOT / "tests").glob("*/sabotage/*.patch")), ids=lambda path: path.stem)
def test_saboteurs_still_fit(patch: Path) -> None:
    """A patch that does not apply any more proves nothing, and nobody would know until the long storms are run."""
    git = shutil.which("git")
    assert git is not None
    # The place of a line may move; what is sabotaged has to be there.
    done = subprocess.run([git, "apply", "--check", str(patch)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
