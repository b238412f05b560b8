"""What the desk itself says to customers, in their language where we have it."""

import tomllib
from functools import cache
from importlib import resources


@cache
def _texts() -> dict[str, dict[str, str]]:
    path = resources.files("frontdesk.desk") / "texts.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def said(name: str, language: str, **values: str) -> str:
    """One of the texts of ``texts.toml``, filled in. ``language`` is BCP 47; English where we do not have it."""
    texts = _texts()
    known = language.split("-", maxsplit=1)[0].lower()
    return texts.get(known, texts["en"])[name].format(**values)
