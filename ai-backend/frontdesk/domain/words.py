"""Text as the rules read it: folded words, and what case, repetition and emoji add."""

import re
import unicodedata
from dataclasses import dataclass
from functools import cached_property

# Letters, marks (Indic vowels are marks), digits; an apostrophe inside a word belongs to it.
_WORD = re.compile(
    r"[^\W_]+(?:[\u0300-\u036f\u0900-\u0903\u093a-\u094f\u0bbe-\u0bcd\u200c\u200d]+[^\W_]*)*(?:['’][^\W_]+)*|[\U0001F300-\U0001FAFF\u2600-\u27BF]"
)
_REPEATED = re.compile(r"(.)\1{2,}")
_ARABIC_MARKS = re.compile("[\u064b-\u0652\u0670\u0640]")
_ARABIC_LETTERS = str.maketrans("أإآىة", "ااايه")
_DOTLESS = str.maketrans("ıİ’", "ii'")


def fold(text: str) -> str:
    """Lower case without the differences that people leave out when they type: ``AÇIK`` and ``acik`` are the same.

    Marks are dropped from Latin, Greek and Cyrillic letters only: in Indic scripts they are vowels.
    """
    text = unicodedata.normalize("NFKC", text).translate(_DOTLESS).casefold()
    text = _ARABIC_MARKS.sub("", text).translate(_ARABIC_LETTERS)
    decomposed = unicodedata.normalize("NFD", text)
    kept = [char for char in decomposed if not "\u0300" <= char <= "\u036f"]
    return unicodedata.normalize("NFC", "".join(kept)).translate(_DOTLESS)


def split(text: str) -> list[str]:
    """The folded words of a text, in order; each emoji is a word."""
    return _WORD.findall(fold(text))


def spellings(word: str) -> tuple[str, ...]:
    """A word, and where letters are drawn out (``heeelp``) the words that may be meant."""
    if not _REPEATED.search(word):
        return (word,)
    return (word, _REPEATED.sub(r"\1", word), _REPEATED.sub(r"\1\1", word))


@dataclass(frozen=True)
class Text:
    """A message with what its form says."""

    raw: str

    @cached_property
    def words(self) -> list[str]:
        """The folded words."""
        return split(self.raw)

    @cached_property
    def is_shouted(self) -> bool:
        """Whether most of at least eight cased letters are capitals."""
        cased = [char for char in self.raw if char.lower() != char.upper()]
        return len(cased) >= 8 and sum(char.isupper() for char in cased) / len(cased) > 0.6

    @cached_property
    def is_drawn_out(self) -> bool:
        """Whether a letter is repeated three times or more."""
        return bool(re.search(r"([^\W\d_])\1{2,}", self.raw.casefold()))

    @property
    def exclamations(self) -> int:
        """How many exclamation marks there are."""
        return self.raw.count("!") + self.raw.count("❗")

    @property
    def asks(self) -> bool:
        """Whether there is a question mark of any script."""
        return any(mark in self.raw for mark in "?؟？")

    @cached_property
    def emoji(self) -> set[str]:
        """The pictographs in it."""
        return {char for char in self.raw if unicodedata.category(char) == "So"}
