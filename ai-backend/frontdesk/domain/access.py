"""Who may do what: three rights, the roles of people and the scopes of tokens that give them."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Literal

from pydantic import BaseModel, ConfigDict

from frontdesk.domain.people import Role

Right = Literal["read", "write", "manage"]
"""``read``: look; ``write``: answer and decide about chats; ``manage``: people, tokens, connections and how the desk works."""

RIGHTS: Mapping[Role, tuple[Right, ...]] = {
    "viewer": ("read",),
    "agent": ("read", "write"),
    "admin": ("read", "write", "manage"),
}
LOGIN_LASTS = timedelta(days=30)
"""Since somebody was last seen."""
INVITATION_LASTS = timedelta(days=7)
SHORTEST_PASSWORD = 10
LONGEST_PASSWORD = 200


class Token(BaseModel):
    """A key for a program. The key itself is shown once, when it is made."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    scopes: tuple[Right, ...]
    created_by: str | None
    created_at: datetime
    used_at: datetime | None


def new_secret() -> str:
    """256 bits that nobody guesses, as text for cookies, links and headers."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> bytes:
    """What is kept of a secret. It has 256 bits itself, so it needs neither salt nor a slow hash."""
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).digest()
