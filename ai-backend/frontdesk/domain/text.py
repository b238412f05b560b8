"""Text: what strangers write, made fit to be kept, and lists as people type them into settings."""

import re
from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def repair(value: str) -> tuple[str, bool]:
    """Replace what no UTF-8 store can keep (NUL, lone surrogates) by U+FFFD; the flag says whether anything changed.

    A surrogate *pair* that arrived as two escapes is one character and is kept.
    """
    if not _UNSTORABLE.search(value):
        return value, False
    joined = value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    repaired = _UNSTORABLE.sub(REPLACEMENT, joined)
    return repaired, repaired != value


def repair_all(value: Any) -> tuple[Any, bool]:
    """:func:`repair` every string in a JSON document, keys too; the flag says whether any changed."""
    if isinstance(value, str):
        return repair(value)
    if isinstance(value, list):
        pairs = [repair_all(item) for item in value]
        return [item for item, _ in pairs], any(changed for _, changed in pairs)
    if isinstance(value, dict):
        entries = [(repair(key), repair_all(item)) for key, item in value.items()]
        return {key: item for (key, _), (item, _) in entries}, any(k or v for (_, k), (_, v) in entries)
    return value, False


def shorten(text: str, limit: int) -> str:
    """At most ``limit`` characters of the text on one line, cut at a word where that is possible."""
    line = " ".join(text.split())
    if len(line) <= limit:
        return line
    cut = line[: limit - 1]
    head, space, _ = cut.rpartition(" ")
    return (head if space and len(head) > limit // 2 else cut).rstrip(" ,;:") + "…"


def listed(text: str) -> list[str]:
    """“a, b” → a and b."""
    return [part.strip() for part in text.split(",") if part.strip()]


def pairs(text: str) -> list[tuple[str, str]]:
    """“a=1, b=2” → a with 1, b with 2."""
    found = (part.partition("=") for part in listed(text))
    return [(name.strip(), value.strip()) for name, _, value in found]
