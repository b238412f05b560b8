"""Endpoints of others that are told what happens."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

MOST_FILTERS = 50


class Endpoint(BaseModel):
    """Where events are posted to, signed. ``position`` is the number of the last event that is dealt with."""

    model_config = ConfigDict(frozen=True)

    id: int
    url: str
    secret: str = Field(repr=False)
    description: str
    events: tuple[str, ...] = Field(description="Types, or beginnings such as “task.*”; none means all")
    with_content: bool = Field(description="Whether a message's text and sender are told with it")
    is_enabled: bool
    position: int
    attempts: int = Field(description="How often the next event was tried in vain")
    failing_since: datetime | None
    due_at: datetime | None
    error: str | None
    created_at: datetime

    def wants(self, type_: str) -> bool:
        """Whether events of a type are told to it."""
        return not self.events or any(
            type_ == wanted or (wanted.endswith(".*") and type_.startswith(wanted[:-1])) for wanted in self.events
        )


class DeadLetter(BaseModel):
    """An event that an endpoint did not take for too long."""

    model_config = ConfigDict(frozen=True)

    event_number: int
    type: str
    reason: str
    at: datetime
