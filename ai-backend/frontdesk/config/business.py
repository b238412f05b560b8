"""Reading and checking ``business.toml``."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from frontdesk.domain.business import Business
from frontdesk.domain.errors import ConfigurationError
from frontdesk.domain.plain import plain_problems


def load_business(path: Path) -> Business:
    """Read and check a ``business.toml``.

    Raises:
        ConfigurationError: the file is missing, is not TOML, or a field is wrong; the text names the field.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: there is no such file") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: not TOML: {error}") from None
    try:
        return Business.model_validate(data)
    except ValidationError as error:
        wrong = "; ".join(f"{field}: {problem}" for field, problem in plain_problems(error, Business))
        raise ConfigurationError(f"{path}: {wrong}") from None
