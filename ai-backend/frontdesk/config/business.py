"""Reading and checking ``business.toml``."""

import tomllib
from pathlib import Path

from pydantic import ValidationError

from frontdesk.domain.business import DAYS, Business
from frontdesk.domain.errors import ConfigurationError


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
    unknown = sorted(set(data.get("hours", {})) - set(DAYS))
    if unknown:
        raise ConfigurationError(f"{path}: hours.{unknown[0]}: not a day; days are {', '.join(DAYS)}")
    try:
        return Business.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        raise ConfigurationError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from None
