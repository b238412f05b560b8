"""What the business is: the facts of ``business.toml`` that triage and agents answer with."""

from datetime import date
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator

from frontdesk.domain.hours import DAYS, HOURS_PATTERN, Calendar

UTC = "UTC"


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


class Opening(BaseModel):
    """When a place is open. An account may have its own: what it leaves out is the business's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    timezone: str | None = None
    hours: dict[str, str] | None = Field(default=None, description="Day → “09:00-18:00”, or “closed”")
    holidays: dict[str, str] | None = Field(
        default=None, description="“2026-12-24”, or “12-25” for each year → hours of that day, or “closed”"
    )

    @field_validator("timezone")
    @classmethod
    def _is_a_time_zone(cls, value: str | None) -> str | None:
        if value is not None and value not in available_timezones():
            raise ValueError("must be a time zone such as Europe/Istanbul")
        return value

    @field_validator("hours")
    @classmethod
    def _are_hours(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for day in value or ():
            if day not in DAYS:
                raise ValueError(f"{day} is not a day; days are {', '.join(DAYS)}")
        return _checked(value)

    @field_validator("holidays")
    @classmethod
    def _are_holidays(cls, value: dict[str, str] | None) -> dict[str, str] | None:
        for day in value or ():
            try:
                # A leap year, so that 02-29 is a day of every year's list.
                date.fromisoformat(f"2000-{day}" if len(day) == len("12-25") else day)
            except ValueError:
                raise ValueError(f"{day} is not a day such as 2026-12-24, or 12-25 for each year") from None
        return _checked(value)


def _checked(hours: dict[str, str] | None) -> dict[str, str] | None:
    for day, spans in (hours or {}).items():
        if not HOURS_PATTERN.fullmatch(spans.strip()):
            raise ValueError(f"{day}: must be “closed”, or hours such as 09:00-12:30, 14:00-18:00")
    return hours


class Keeping(BaseModel):
    """For how many days things are kept; 0 keeps them for ever."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    messages_days: int = Field(default=0, ge=0, le=36_500, description="Messages, with all that is theirs")
    files_days: int = Field(default=0, ge=0, le=36_500)
    events_days: int = Field(default=0, ge=0, le=36_500)


class Business(Opening):
    """One business. Only its name is required; what is missing is never invented."""

    name: str = Field(min_length=1)
    about: str = ""
    address: str = ""
    phone: str = ""
    website: str = ""
    currency: str = ""
    payment: tuple[str, ...] = ()
    delivery: str = ""
    offers: tuple[Offer, ...] = ()
    answers: tuple[Answer, ...] = ()
    accounts: dict[str, Opening] = Field(
        default_factory=dict, description="Account → its own opening hours, where they differ"
    )

    def calendar_of(self, account: str) -> Calendar:
        """When the place is open that an account belongs to."""
        own = self.accounts.get(account, self)
        return Calendar(
            timezone=own.timezone or self.timezone or UTC,
            hours=(self.hours if own.hours is None else own.hours) or {},
            holidays=(self.holidays if own.holidays is None else own.holidays) or {},
        )

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
            ("Time zone", self.timezone or UTC),
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
        for day, hours in ((day, (self.hours or {}).get(day)) for day in DAYS):
            if hours is None:
                continue
            if runs and runs[-1][2] == hours and DAYS.index(runs[-1][1]) + 1 == DAYS.index(day):
                runs[-1] = (runs[-1][0], day, hours)
            else:
                runs.append((day, day, hours))
        return ", ".join(f"{a[:3]}–{b[:3]} {hours}" if a != b else f"{a[:3]} {hours}" for a, b, hours in runs)
