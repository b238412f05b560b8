"""What is known of a contact, who said so, and how sure that is."""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from frontdesk.domain.agents import AgentReply
from frontdesk.domain.analysis import Analysis
from frontdesk.domain.messages import Record
from frontdesk.domain.text import listed

DEFAULT_FIELDS = "first_name, last_name, company, email, language, city"
MEANINGS: Mapping[str, str] = {
    "first_name": "the first name",
    "last_name": "the family name",
    "company": "the company that they write for",
    "email": "the e-mail address",
    "language": "the language that they write in (BCP 47)",
    "city": "the town that they live or work in",
}
SENSITIVE = re.compile(
    r"politic|party|relig|faith|church|health|illness|disease|diagnos|disab|ethnic|race|origin|sex|gender|orientation|union|"
    r"biometric|genetic|criminal|siyas|din\b|sağlık|glaube|gesundheit|partei",
    re.IGNORECASE,
)
"""Special categories of personal data, Article 9 and 10 of the GDPR, in the names that fields are given."""

FieldSource = Literal["person", "message"]
LONGEST_VALUE = 200
NAME_CONFIDENCE, FAMILY_CONFIDENCE, ADDRESS_CONFIDENCE = 0.4, 0.3, 0.6
_NAME_WORD = re.compile(r"[^\W\d_]+(?:[-'’.][^\W\d_]+)*\.?")
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,190}")


class ProfileField(BaseModel):
    """One thing that is known. What a person typed is certain; else ``message_id`` told it."""

    model_config = ConfigDict(frozen=True)

    field: str
    value: str
    source: FieldSource
    message_id: int | None
    confidence: float
    changed_at: datetime


class Learned(BaseModel):
    """One thing that a message tells."""

    model_config = ConfigDict(frozen=True)

    contact_id: int
    field: str
    value: str
    message_id: int
    confidence: float


def parsed_fields(text: str) -> Mapping[str, str]:
    """Field → what it means, of ``name, name=meaning``.

    Raises:
        ValueError: a name is none.
    """
    fields: dict[str, str] = {}
    for entry in listed(text):
        name, _, meaning = entry.partition("=")
        name = name.strip()
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
            raise ValueError(
                "must be names such as first_name, comma-separated, each with =meaning where that is not plain"
            )
        fields[name] = meaning.strip() or MEANINGS.get(name, name.replace("_", " "))
    return fields


def learned_from(record: Record, reply: AgentReply | None, *, fields: Mapping[str, str]) -> tuple[Learned, ...]:
    """What a message tells of its sender, in the fields that are wanted: what the agent says, and what is plain without one."""
    found = _plain(record, record.analysis) if record.analysis is not None else []
    for action in reply.actions if reply is not None else ():
        if action.type == "update_profile":
            found.append((action.field, action.value, action.confidence))
    best: dict[str, Learned] = {}
    for field, value, confidence in found:
        text = " ".join(value.split())[:LONGEST_VALUE]
        if field not in fields or not text or (field == "email" and not _EMAIL.fullmatch(text)):
            continue
        if field not in best or confidence >= best[field].confidence:
            best[field] = Learned(
                contact_id=record.contact_id, field=field, value=text, message_id=record.id, confidence=confidence
            )
    return tuple(best.values())


def missing_of(fields: Mapping[str, str], known: Sequence[str]) -> str | None:
    """The first field of which nothing is known, or None."""
    return next((name for name in fields if name not in known), None)


def _plain(record: Record, analysis: Analysis) -> list[tuple[str, str, float]]:
    found: list[tuple[str, str, float]] = []
    words = _NAME_WORD.findall(record.message.sender_name or "")
    if words and " ".join(words) == (record.message.sender_name or "").strip():
        found.append(("first_name", words[0], NAME_CONFIDENCE))
        if len(words) > 1:
            found.append(("last_name", words[-1], FAMILY_CONFIDENCE))
    addresses = [entity.value for entity in analysis.entities if entity.type == "email"]
    if len(addresses) == 1:
        found.append(("email", addresses[0], ADDRESS_CONFIDENCE))
    if analysis.language != "und":
        found.append(("language", analysis.language, analysis.confidence.get("language", 0.5)))
    return found
