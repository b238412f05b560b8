"""Finding the agents: each folder with an ``agent.toml`` is one."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from frontdesk.domain.agents import Manifest
from frontdesk.domain.errors import ConfigurationError
from frontdesk.domain.plain import plain_problems
from frontdesk.domain.routing import HUB


def load_manifest(folder: Path) -> Manifest:
    """Read and check a folder's ``agent.toml``; the agent is named like its folder.

    Raises:
        ConfigurationError: the text names the file and the field.
    """
    path = folder / "agent.toml"
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return Manifest.model_validate({"name": folder.name, **data})
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: {error}") from None
    except ValidationError as error:
        wrong = "; ".join(f"{field}: {problem}" for field, problem in plain_problems(error, Manifest))
        raise ConfigurationError(f"{path}: {wrong}") from None


def load_manifests(agents_dir: Path) -> tuple[Manifest, ...]:
    """The manifests of all agents, by name.

    Raises:
        ConfigurationError: a manifest is wrong, two agents share a name or a port, or there is no agent.
    """
    found = tuple(load_manifest(path.parent) for path in sorted(agents_dir.glob("*/agent.toml")))
    if not found:
        raise ConfigurationError(f"{agents_dir}: no folder with an agent.toml")
    for manifest in found:
        if (manifest.role == "hub") != (manifest.name == HUB):
            raise ConfigurationError(f"{agents_dir}: the hub, and only the hub, is named {HUB}")
    for what in ("name", "address"):
        values = [getattr(manifest, what) for manifest in found]
        twice = next((value for value in values if values.count(value) > 1), None)
        if twice is not None:
            raise ConfigurationError(f"{agents_dir}: two agents have the {what} {twice}")
    return found
