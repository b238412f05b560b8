"""Which conversations somebody wants to see, and what is remembered for them."""

from datetime import datetime
from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.analysis import Category, Sentiment

View = Literal[
    "waiting", "all", "mine", "unassigned", "unread", "drafts", "voice", "text", "tasks", "vip", "groups", "archived", "blocked",
]  # fmt: skip
"""``waiting``: somebody waits for an answer, the first due first; the others show the latest first."""
Order = Literal["due", "urgency"]

VIEWS: tuple[View, ...] = get_args(View)
VOICE_TYPES = ("ptt", "audio")
TEXT_TYPES = ("chat",)
SHORTEST_NUMBER = 7
JUDGED = "Of the message that is due where somebody waits, else of the latest"


def title_of(title: str, contact_name: str | None) -> str:
    """What a chat is called. WhatsApp names who is not in the phone's book by bare digits: the name that they gave themselves says more."""
    if not (title.isdigit() and len(title) >= SHORTEST_NUMBER):
        return title
    return contact_name or f"+{title}"


class Filter(BaseModel):
    """What is to be seen. All of it has to fit; what is None fits everything."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    view: View = "waiting"
    order: Order = Field(default="due", description="Of those who wait: the first due first, or the most urgent")
    account: str | None = Field(default=None, max_length=64)
    category: Category | None = Field(default=None, description=JUDGED)
    sentiment: Sentiment | None = Field(default=None, description=JUDGED)
    urgency_from: int | None = Field(default=None, ge=1, le=10, description=f"At least. {JUDGED}")
    agent: str | None = Field(default=None, max_length=64, description="Which answered last")
    assignee_id: int | None = Field(default=None, ge=1, le=2**31 - 1)
    label: str | None = Field(default=None, max_length=40)

    @property
    def is_of_analysis(self) -> bool:
        """Whether it asks how messages were judged."""
        return self.order == "urgency" or (self.category, self.sentiment, self.urgency_from) != (None, None, None)


class Note(BaseModel):
    """What somebody of ours wrote down about a contact."""

    model_config = ConfigDict(frozen=True)

    note_id: int
    contact_id: int
    person: str | None
    text: str
    created_at: datetime


class CannedReply(BaseModel):
    """An answer that is kept ready. ``{name}``, ``{business}`` and ``{me}`` stand for who it is about."""

    model_config = ConfigDict(frozen=True)

    reply_id: int
    name: str
    text: str


class SavedFilter(BaseModel):
    """A filter with a name; everybody's where it is nobody's."""

    model_config = ConfigDict(frozen=True)

    filter_id: int
    name: str
    filter: Filter
    is_shared: bool
