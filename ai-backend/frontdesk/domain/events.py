"""What happened, as others may read it."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Event(BaseModel):
    """One fact. Later facts have greater numbers, not always the next; ids are null where they do not apply."""

    model_config = ConfigDict(frozen=True)

    number: int
    type: str = Field(description="Such as message.received, message.analysed, message.routed, outbox.sent")
    at: datetime
    conversation_id: int | None = None
    message_id: int | None = Field(default=None, description="The database_id of a received message")
    outbox_id: int | None = None
    data: dict[str, Any] = Field(default_factory=dict, description="Facts for programs, never what somebody wrote")
