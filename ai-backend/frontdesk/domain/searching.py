"""What can be found: a text as the words that it is looked up by, and what somebody types as the words that they mean."""

import re
from collections.abc import Sequence

from frontdesk.domain.words import fold

MOST_WORDS = 400
"""Of one text. A pasted book is found by its beginning."""
LONGEST_BYTES = 32
SHORTEST_BEGINNING = 3
"""A word that is typed is the beginning of those that are meant, from this many characters on."""
MOST_ASKED = 8

_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0bbe-\u0bcd]+[^\W_]*)*")
# Scripts that are written without spaces: kana, Han, Thai, Lao, Burmese, Khmer.
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\U00020000-\U0002ffff]+"
)


def words_of(text: str) -> Sequence[str]:
    """The words by which a text is found, each once, in order. What is written without spaces is cut into pairs."""
    return tuple(dict.fromkeys(_cut(text)))[:MOST_WORDS]


def asked_words(text: str) -> Sequence[str]:
    """The words that somebody types into a search. One that has just been begun behind others says nothing yet."""
    words = tuple(dict.fromkeys(_cut(text)))[:MOST_ASKED]
    is_begun = len(words) > 1 and len(words[-1]) < SHORTEST_BEGINNING and not text[-1].isspace()
    return words[:-1] if is_begun and not _UNSPACED.search(words[-1]) else words


def _cut(text: str) -> list[str]:
    found: list[str] = []
    for word in _WORD.findall(fold(text)):
        unspaced = _UNSPACED.findall(word)
        if unspaced:
            for run in unspaced:
                found += [run[place : place + 2] for place in range(max(1, len(run) - 1))]
            found += [part for part in _UNSPACED.split(word) if part]
        else:
            found.append(word)
    return [word.encode()[:LONGEST_BYTES].decode("utf-8", "ignore") for word in found]
