"""Which language a message is written in: lingua's statistics and, for short or romanised text, our word lists."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from lingua import Language, LanguageDetector, LanguageDetectorBuilder

from frontdesk.domain.analysis import Choice, questions
from frontdesk.domain.words import spellings, split
from frontdesk.triage.lexicon import LANGUAGES, Hit, lexicon

UNDETERMINED = "und"
# One word found counts as much as this much of lingua's confidence, and the fifth and later add nothing.
EVIDENCE_WEIGHT = 0.16
EVIDENCE_CAP = 5
HINT_WEIGHT = 0.2


@cache
def _detector() -> LanguageDetector:
    question = questions()["language"][1]
    assert isinstance(question, Choice)  # noqa: S101 (the field is declared so)
    known = [language for language in Language.all() if language.iso_code_639_1.name.lower() in question.choices]
    return LanguageDetectorBuilder.from_languages(*known).build()


@dataclass(frozen=True)
class Evidence:
    """How much speaks for each language, and the hits of every lexicon that was read."""

    scores: Mapping[str, float]
    found: Mapping[str, list[Hit]]


@lru_cache(maxsize=4096)
def evidence(text: str) -> Evidence:
    """What statistics and word lists say of a text; the same texts are asked about several times, and take milliseconds."""
    values = _detector().compute_language_confidence_values(text)
    scores = {item.language.iso_code_639_1.name.lower(): item.value for item in values}
    variants = [spellings(word) for word in split(text)]
    found: dict[str, list[Hit]] = {}
    for language in LANGUAGES:
        if scores.get(language, 0) > 0 or language in {"hi", "ta", "ar", "ru"}:
            found[language] = lexicon(language).find(variants)
            covered = {place for hit in found[language] for place in range(hit.start, hit.end)}
            scores[language] = scores.get(language, 0) + EVIDENCE_WEIGHT * min(len(covered), EVIDENCE_CAP)
    return Evidence(scores, found)


def detect(text: str, hint: Callable[[], str | None] = lambda: None) -> tuple[str, float, Mapping[str, list[Hit]]]:
    """The language (BCP 47, ``und`` where nothing tells), how sure, and the hits of every lexicon that was read.

    ``hint`` tells the language of the chat so far. It is asked only for texts that it can decide about.
    """
    if not any(char.isalpha() for char in text):
        spoken = hint()
        return spoken or UNDETERMINED, 0.3 if spoken else 0.0, {}
    known = evidence(text)
    scores = dict(known.scores)
    first, second = sorted(scores.values(), reverse=True)[:2]
    if first - second <= HINT_WEIGHT and (spoken := hint()) in scores:
        scores[spoken] += HINT_WEIGHT
    best = max(scores, key=lambda language: scores[language])
    total = sum(scores.values())
    return best, round(min(scores[best] / total if total else 0.0, 1.0), 3), known.found
