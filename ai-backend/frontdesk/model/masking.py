"""What identifies somebody does not leave the machine: it is replaced before a text goes to a provider, and put back in the answer."""

import re
from collections.abc import Callable
from typing import Any

import phonenumbers

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_IBAN = re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{2,4}){3,8}\b")
_CARD = re.compile(r"(?<![\d+])\d(?:[ -]?\d){12,18}(?!\d)")
_LOCAL_PHONE = re.compile(r"(?<![\d+])0\d{2,4}[ /-]?\d{3}[ -]?\d{2,4}(?:[ -]?\d{2,4})?(?!\d)")
_PLACE = re.compile(r"\[(?:EMAIL|IBAN|CARD|PHONE)_\d+\]")


class Mask:
    """One request's replacements: the same value has the same place in all its texts. ``region`` reads numbers without a plus."""

    def __init__(self, region: str | None = None) -> None:
        self._region = region
        self._places: dict[str, str] = {}
        self._values: dict[str, str] = {}
        self._counts: dict[str, int] = {}

    def masked(self, text: str) -> str:
        """A text with e-mail addresses, IBANs, card and phone numbers replaced."""
        # What somebody wrote to look like a place of ours is none: it would be filled with what was masked elsewhere.
        text = _PLACE.sub(lambda match: match[0].replace("[", "("), text)
        text = _EMAIL.sub(self._placed("EMAIL"), text)
        text = _IBAN.sub(self._placed("IBAN", _is_iban), text)
        text = _CARD.sub(self._placed("CARD", _is_card), text)
        parts, end = [], 0
        for match in phonenumbers.PhoneNumberMatcher(text, self._region, leniency=phonenumbers.Leniency.POSSIBLE):
            parts += [text[end : match.start], self._place("PHONE", match.raw_string)]
            end = match.end
        text = "".join([*parts, text[end:]])
        return _LOCAL_PHONE.sub(self._placed("PHONE"), text)

    def restored(self, value: Any) -> Any:
        """A document of an answer with the values back in their places."""
        if isinstance(value, str):
            return _PLACE.sub(lambda match: self._values.get(match[0], match[0]), value)
        if isinstance(value, dict):
            return {name: self.restored(item) for name, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.restored(item) for item in value]
        return value

    def _placed(self, kind: str, is_one: Callable[[str], bool] = lambda _: True) -> Callable[[re.Match[str]], str]:
        return lambda match: self._place(kind, match[0]) if is_one(match[0]) else match[0]

    def _place(self, kind: str, value: str) -> str:
        if value not in self._places:
            self._counts[kind] = self._counts.get(kind, 0) + 1
            place = f"[{kind}_{self._counts[kind]}]"
            self._places[value] = place
            self._values[place] = value
        return self._places[value]


def _is_iban(text: str) -> bool:
    """By its check digits, ISO 13616."""
    compact = text.replace(" ", "")
    if not 15 <= len(compact) <= 34:
        return False
    turned = compact[4:] + compact[:4]
    return int("".join(str(int(character, 36)) for character in turned)) % 97 == 1


def _is_card(text: str) -> bool:
    """By its check digit, the Luhn algorithm of ISO/IEC 7812."""
    digits = [int(character) for character in text if character.isdigit()]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[-2::-2]]
    return (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
