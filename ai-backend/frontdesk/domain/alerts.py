"""What people who are not looking are told of."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict

from frontdesk.domain.events import Event
from frontdesk.domain.people import AlertChannel, Person

AlertKind = Literal["critical", "overdue", "handed_over"]
AlertState = Literal["queued", "sending", "sent", "failed", "dropped"]
"""``dropped``: it was not needed any more when its time came."""


class Alert(BaseModel):
    """Somebody is to be told of something."""

    model_config = ConfigDict(frozen=True)

    id: int
    kind: AlertKind
    account_id: int
    account: str
    conversation_id: int
    person: Person
    channel: AlertChannel
    channel_key: str
    state: AlertState
    attempts: int
    created_at: datetime


def kind_of(event: Event) -> AlertKind | None:
    """What an event is to those who are not looking; None where it can wait until they look."""
    if event.type == "deadline.missed":
        return "overdue"
    if event.type == "conversation.handed_over":
        return "handed_over"
    if event.type == "message.analysed" and event.data.get("priority_level") == "critical" and event.data.get("due_at"):
        return "critical"
    return None
