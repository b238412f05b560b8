"""What it means to hold a row: the columns that conversations and duties share, and how they change.

``ready_at`` is when work is due and, while somebody holds the row, the end of the lease; ``owner`` is the token of who holds
it. ``version`` counts what came, ``claimed_version`` what had come when it was claimed: in between there is news.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Table, and_, case, literal_column, or_


def woken(table: Table, *, now: datetime) -> dict[str, Any]:
    """There is news. Who holds the row keeps it; what waits for a retry need not wait any more."""
    is_early = and_(table.c.owner.is_(None), or_(table.c.ready_at.is_(None), table.c.ready_at > now))
    return {
        # A literal: as a bound value MariaDB's driver turns it into text.
        "version": literal_column("version + 1"),
        "ready_at": case((is_early, now), else_=table.c.ready_at),
    }


def claimed(table: Table, *, token: bytes, until: datetime) -> dict[str, Any]:
    """Somebody holds the row from now on."""
    return {"owner": token, "claimed_version": table.c.version, "ready_at": until}


def given_back(table: Table, *, due: datetime | None, with_news: datetime) -> dict[str, Any]:
    """Nobody holds the row any more: due again then, or never; with news in between at another time."""
    is_quiet = table.c.version == table.c.claimed_version
    return {"owner": None, "ready_at": case((is_quiet, due), else_=with_news)}
