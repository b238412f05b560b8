"""The documents of contacts."""

from datetime import datetime

from pydantic import BaseModel, Field

from frontdesk.domain.contacts import Identity
from frontdesk.domain.profiles import ProfileField
from frontdesk.store.profiles import Contact, Merge, Mood


class ContactDocument(BaseModel):
    """Somebody who writes. Figures are those of a single contact only, over the latest 1,000 judged messages."""

    contact_id: int
    name: str | None
    identities: list[Identity] = Field(description="Phone number, LID, other ids")
    first_seen_at: datetime
    last_seen_at: datetime
    merged_into: int | None = Field(description="The contact that this one went on as")
    fields: list[ProfileField] = Field(description="What is known, who told it and how sure it is")
    missing: list[str] = Field(description="What is wanted and not known")
    messages: int
    mood: float | None = Field(description="Mean sentiment, -1 to 1")
    moods: list[Mood] = Field(description="By week")
    categories: dict[str, int]
    topics: list[str]
    merges: list[Merge]


class ContactsDocument(BaseModel):
    """Contacts, the newest first; ask again with ``before`` for more."""

    contacts: list[ContactDocument]


def contact_of(contact: Contact, wanted: list[str]) -> ContactDocument:
    """A contact as the API shows it."""
    known = {item.field for item in contact.fields}
    return ContactDocument(
        contact_id=contact.id,
        missing=[name for name in wanted if name not in known],
        **contact.model_dump(exclude={"id"}),
    )
