"""Who writes: identities of a sender.

A contact has an own id and any number of identities. A WhatsApp sender may be known by a phone number, by a LID (a
privacy id that looks like a number and is none), or by an id that is neither.
"""

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Literal

import phonenumbers
from pydantic import BaseModel, ConfigDict

IdentityKind = Literal["phone", "lid", "id"]

FROM_FILE = "export:"
"""Before names in chats that WhatsApp exported, which may have no number."""
_SEPARATORS = re.compile(r"[\s().\-/\u00a0\u200e\u202a\u202c]")
_WHATSAPP_USER = re.compile(r"^(\d{5,20})(?::\d+)?@(c\.us|s\.whatsapp\.net|lid)$")


class Identity(BaseModel):
    """One name that a contact is known by: ``phone`` in E.164 (+15550100), ``lid`` as digits, ``id`` as given."""

    model_config = ConfigDict(frozen=True)

    kind: IdentityKind
    value: str

    @property
    def is_from_file(self) -> bool:
        """Whether it is a name in a chat that WhatsApp exported."""
        return self.kind == "id" and self.value.startswith(FROM_FILE)


@lru_cache(maxsize=20_000)
def normalise_phone(value: str, *, region: str | None = None) -> str | None:
    """A phone number as people write it → E.164 with a leading +, or None where it is no phone number.

    WhatsApp writes international numbers without the plus; a national number (leading 0) needs ``region``, an
    ISO 3166 code. Source for what is a possible number: Google's libphonenumber metadata.
    """
    compact = _SEPARATORS.sub("", value)
    if compact.startswith("00"):
        compact = "+" + compact[2:]
    candidates: list[tuple[str, str | None]] = [(compact, region)] if region else []
    if re.fullmatch(r"\+\d{7,15}", compact):
        candidates = [(compact, None)]
    elif re.fullmatch(r"[1-9]\d{6,14}", compact):
        candidates.append(("+" + compact, None))
    for text, assumed in candidates:
        try:
            number = phonenumbers.parse(text, assumed)
        except phonenumbers.NumberParseException:
            continue
        if phonenumbers.is_possible_number(number):
            return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return None


def usual_region(phones: Iterable[str]) -> str | None:
    """Where most of some numbers in E.164 are from (ISO 3166), or None where that cannot be told."""
    regions = Counter(phonenumbers.region_code_for_number(phonenumbers.parse(phone)) for phone in phones)
    return next((region for region, _ in regions.most_common() if region), None)


def identities_of(
    *, phone_number: str | None, sender_id: str | None, lid: str | None = None, region: str | None = None
) -> tuple[Identity, ...]:
    """All identities in what a channel says of a sender, the strongest (phone) first and each once.

    Digits of a LID are never taken for a phone number; a phone number that is none is kept as an ``id``.
    """
    found: list[Identity] = []
    if phone_number and phone_number.strip():
        phone = None if phone_number.strip().endswith("@lid") else normalise_phone(phone_number.strip(), region=region)
        found.append(Identity(kind="phone", value=phone) if phone else _of_id(phone_number.strip(), region))
    others = (sender_id, lid and (lid if lid.endswith("@lid") else f"{lid}@lid"))
    found += [_of_id(value.strip(), region) for value in others if value and value.strip()]
    order = {"phone": 0, "lid": 1, "id": 2}
    return tuple(sorted(dict.fromkeys(found), key=lambda identity: order[identity.kind]))


def parse_identity(value: str, *, region: str | None = None) -> Identity:
    """What a person typed (a number, ``…@lid``, ``…@c.us``, ``lid:…``, any id) → an identity."""
    text = value.strip()
    if text.startswith("lid:"):
        return Identity(kind="lid", value=text.removeprefix("lid:"))
    phone = normalise_phone(text, region=region)
    return Identity(kind="phone", value=phone) if phone else _of_id(text, region)


def _of_id(value: str, region: str | None) -> Identity:
    match = _WHATSAPP_USER.match(value)
    if match and match[2] == "lid":
        return Identity(kind="lid", value=match[1])
    if match and (phone := normalise_phone(match[1], region=region)):
        return Identity(kind="phone", value=phone)
    return Identity(kind="id", value=value)
