"""Messages of ours: rows first, then sent, in order within a conversation and paced within an account."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

OutgoingState = Literal["queued", "sending", "sent", "delivered", "read", "failed", "unknown", "withdrawn"]
"""``unknown``: it may have been sent, and neither we nor the channel can tell; nobody repeats it but a person. ``withdrawn``: an
automatic one that was overtaken, by a person who answered, before it left."""

OPEN_STATES: tuple[OutgoingState, ...] = ("queued", "sending")
ACKNOWLEDGED: tuple[OutgoingState, ...] = ("sent", "delivered", "read")
"""In this order; an acknowledgement never takes a message back to an earlier one."""


class Outgoing(BaseModel):
    """A message in the outbox.

    ``key`` is its writer's: the same key is the same message. ``channel_key`` is ours and names it to the channel; it is new
    when a person sends a message again whose outcome nobody could tell.
    """

    model_config = ConfigDict(frozen=True)

    id: int
    account_id: int
    account: str
    conversation_id: int
    key: str
    channel_key: str
    recipient: str = Field(description="The channel's address of the chat")
    text: str
    is_automatic: bool
    state: OutgoingState
    attempts: int
    due_at: datetime | None
    error: str | None
    channel_message_id: str | None
    trace: str | None
    created_at: datetime
    queued_at: datetime = Field(description="Since when it is to be sent: as created, or when a person sent it again")
    sent_at: datetime | None
