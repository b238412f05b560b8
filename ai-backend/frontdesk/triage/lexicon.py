"""Word lists by language: ``lexicon/<language>.toml``, a list of phrases a signal.

A word that ends in ``*`` stands for any continuation. Phrases are folded like messages, so they are written properly
spelled and match what people type.
"""

import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources

from frontdesk.domain.words import fold, split

LANGUAGES = ("en", "tr", "de", "es", "it", "pt", "fr", "ru", "ar", "hi", "ta")

WHOLE_MESSAGE_ONLY = frozenset({"ack"})
"""Signals whose phrases count only where they are all of the message."""


@dataclass(frozen=True, order=True)
class Hit:
    """A phrase found at words ``start`` to ``end`` (exclusive)."""

    start: int
    end: int
    signal: str

    @property
    def weight(self) -> float:
        """Longer phrases say more: 1 for a word, 1.5 for two, at most 2."""
        return min(1.0 + 0.5 * (self.end - self.start - 1), 2.0)


class Lexicon:
    """The phrases of one language, ready to be looked up by their first word."""

    def __init__(self, signals: dict[str, list[str]]) -> None:
        self._exact: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        self._prefixes: dict[str, list[tuple[tuple[str, ...], str]]] = defaultdict(list)
        for signal, phrases in signals.items():
            for phrase in phrases:
                pattern = _pattern(phrase)
                if not pattern:
                    continue
                index = self._prefixes if pattern[0].endswith("*") else self._exact
                index[pattern[0].rstrip("*")].append((pattern, signal))
        self._lengths = sorted({len(prefix) for prefix in self._prefixes})
        # People use few words often, and most of them begin no phrase of most languages.
        self._beginning_with = lru_cache(maxsize=4096)(self._look_up)

    def find(self, variants: Sequence[tuple[str, ...]]) -> list[Hit]:
        """All hits in a text, given as the spellings of each word; where two of one signal overlap only the longest stays."""
        hits = sorted(set(self._all(variants)), key=lambda hit: (hit.start - hit.end, hit.start))
        taken: set[tuple[str, int]] = set()
        kept = []
        for hit in hits:
            places = {(hit.signal, place) for place in range(hit.start, hit.end)}
            if not places & taken:
                taken |= places
                kept.append(hit)
        return sorted(kept)

    def _look_up(self, word: str) -> tuple[tuple[tuple[str, ...], str], ...]:
        candidates = list(self._exact.get(word, ()))
        for length in self._lengths:
            if length <= len(word):
                candidates += self._prefixes.get(word[:length], ())
        return tuple(candidates)

    def _all(self, variants: Sequence[tuple[str, ...]]) -> Iterator[Hit]:
        for start, words in enumerate(variants):
            for word in words:
                for pattern, signal in self._beginning_with(word):
                    end = start + len(pattern)
                    if signal in WHOLE_MESSAGE_ONLY and (start, end) != (0, len(variants)):
                        continue
                    if end <= len(variants) and all(map(_fits, pattern, variants[start:end])):
                        yield Hit(start, end, signal)


def _pattern(phrase: str) -> tuple[str, ...]:
    words: list[str] = []
    for part in phrase.split():
        folded = split(part)
        if folded and part.endswith("*"):
            folded[-1] += "*"
        words += folded
    return tuple(words)


def _fits(pattern: str, words: tuple[str, ...]) -> bool:
    if pattern.endswith("*"):
        return any(word.startswith(pattern[:-1]) for word in words)
    return pattern in words


@cache
def lexicon(language: str) -> Lexicon:
    """The lexicon of one of :data:`LANGUAGES`."""
    return Lexicon(_load(language))


@cache
def stopwords(language: str) -> frozenset[str]:
    """Words of a language that are never keywords."""
    signals = _load(language)
    words = signals["stopword"] + signals["question"] + signals["negator"] + signals["intensifier"]
    return frozenset(fold(word) for phrase in words for word in phrase.split())


def _load(language: str) -> dict[str, list[str]]:
    path = resources.files("frontdesk.triage") / "lexicon" / f"{language}.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))
