"""What the business is: the facts of ``business.toml`` that triage and agents answer with."""

import re
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SPAN = r"(?:[01]?\d|2[0-4]):[0-5]\d\s*[-–]\s*(?:[01]?\d|2[0-4]):[0-5]\d"
_HOURS = re.compile(rf"closed|{_SPAN}(?:\s*,\s*{_SPAN})*")


class Offer(BaseModel):
    """Something that the business sells."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    price: str = ""
    description: str = ""
    keywords: tuple[str, ...] = Field(default=(), description="Other words that customers use for it")


class Answer(BaseModel):
    """A question that customers often ask, and its answer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    question: str
    answer: str
    keywords: tuple[str, ...] = Field(
        default=(), description="Words that tell this question, in the customers' languages"
    )


class Business(BaseModel):
    """One business. Only its name is required; what is missing is never invented."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    about: str = ""
    address: str = ""
    phone: str = ""
    website: str = ""
    timezone: str = "UTC"
    currency: str = ""
    payment: tuple[str, ...] = ()
    delivery: str = ""
    hours: dict[str, str] = Field(default_factory=dict, description="Day → “09:00-18:00”, or “closed”")
    offers: tuple[Offer, ...] = ()
    answers: tuple[Answer, ...] = ()

    @field_validator("timezone")
    @classmethod
    def _is_a_time_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError("must be a time zone such as Europe/Istanbul")
        return value

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, value: dict[str, str]) -> dict[str, str]:
        for day, hours in value.items():
            if day not in DAYS:
                raise ValueError(f"{day} is not a day; days are {', '.join(DAYS)}")
            if not _HOURS.fullmatch(hours.strip()):
                raise ValueError(f"{day}: must be “closed”, or hours such as 09:00-12:30, 14:00-18:00")
        return value

    def as_prompt(self) -> str:
        """The facts as lines for a model."""
        lines = [f"Business: {self.name}. {self.about}".strip()]
        for label, value in (
            ("Address", self.address),
            ("Phone", self.phone),
            ("Website", self.website),
            ("Payment", ", ".join(self.payment)),
            ("Delivery", self.delivery),
            ("Currency", self.currency),
            ("Time zone", self.timezone),
            ("Hours", self.hours_line()),
        ):
            if value:
                lines.append(f"{label}: {value}")
        lines += [
            f"Sells: {offer.name}{f' — {offer.price}' if offer.price else ''}{f' ({offer.description})' if offer.description else ''}"
            for offer in self.offers
        ]
        lines += [f"Q: {item.question} A: {item.answer}" for item in self.answers]
        return "\n".join(lines)

    def hours_line(self) -> str:
        """The opening hours on one line, equal days in a row joined, or an empty text where none are given."""
        runs: list[tuple[str, str, str]] = []
        for day in DAYS:
            if day not in self.hours:
                continue
            hours = self.hours[day]
            if runs and runs[-1][2] == hours and DAYS.index(runs[-1][1]) + 1 == DAYS.index(day):
                runs[-1] = (runs[-1][0], day, hours)
            else:
                runs.append((day, day, hours))
        return ", ".join(f"{a[:3]}–{b[:3]} {hours}" if a != b else f"{a[:3]} {hours}" for a, b, hours in runs)
