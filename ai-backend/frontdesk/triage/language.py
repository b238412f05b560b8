"""Which language a message is written in: lingua's statistics and, for short or romanised text, our word lists."""

from functools import cache, lru_cache

from lingua import Language, LanguageDetector, LanguageDetectorBuilder

from frontdesk.domain.analysis import Choice, questions
from frontdesk.triage.lexicon import LANGUAGES, Hit, lexicon

UNDETERMINED = "und"
# One word found counts as much as this much of lingua's confidence, and the fifth and later add nothing.
EVIDENCE_WEIGHT = 0.16
EVIDENCE_CAP = 5


@cache
def _detector() -> LanguageDetector:
    question = questions()["language"][1]
    assert isinstance(question, Choice)  # noqa: S101 (the field is declared so)
    known = [language for language in Language.all() if language.iso_code_639_1.name.lower() in question.choices]
    return LanguageDetectorBuilder.from_languages(*known).build()


def confidences(text: str) -> dict[str, float]:
    """Language → 0 to 1 by statistics alone."""
    return dict(_computed(text))


@lru_cache(maxsize=4096)
def _computed(text: str) -> tuple[tuple[str, float], ...]:
    # A millisecond each, and the lines of a chat come again with every message of it.
    values = _detector().compute_language_confidence_values(text)
    return tuple((item.language.iso_code_639_1.name.lower(), item.value) for item in values)


def detect(text: str, words: list[str], hint: str | None = None) -> tuple[str, float, dict[str, list[Hit]]]:
    """The language (BCP 47, ``und`` where nothing tells), how sure, and the hits of every lexicon that was read.

    ``hint`` is the language of the chat so far, which decides for texts that fit many.
    """
    if not any(char.isalpha() for char in text):
        return hint or UNDETERMINED, 0.3 if hint else 0.0, {}
    scores = confidences(text)
    found: dict[str, list[Hit]] = {}
    for language in LANGUAGES:
        if scores.get(language, 0) > 0 or language in {"hi", "ta", "ar", "ru"}:
            found[language] = lexicon(language).find(words)
            covered = {place for hit in found[language] for place in range(hit.start, hit.end)}
            scores[language] = scores.get(language, 0) + EVIDENCE_WEIGHT * min(len(covered), EVIDENCE_CAP)
    if hint in scores:
        scores[hint] += 0.2
    best = max(scores, key=lambda language: scores[language])
    total = sum(scores.values())
    return best, round(min(scores[best] / total if total else 0.0, 1.0), 3), found
