"""When the business is open: as people set it on the page, else as its file says."""

import asyncio
import contextlib
from datetime import datetime

from frontdesk.domain.business import Business, Opening
from frontdesk.domain.errors import UnavailableError
from frontdesk.domain.hours import Calendar
from frontdesk.store import preferences
from frontdesk.store.database import Database
from frontdesk.store.preferences import OPENING

LOOK_S = 10


class OpeningHours:
    """The calendar of each account, as of a few seconds ago at most: another process may have set other hours."""

    def __init__(self, database: Database, business: Business) -> None:
        self._database = database
        self._from_file = business
        self._business = business
        self._set: Opening | None = None
        self._calendars: dict[str, Calendar] = {}

    @property
    def current(self) -> Opening:
        """The hours that count."""
        return Opening(**self._business.model_dump(include=set(Opening.model_fields)))

    @property
    def is_set(self) -> bool:
        """Whether people set them on the page."""
        return self._set is not None

    def calendar_of(self, account: str) -> Calendar:
        """When the place is open that an account belongs to."""
        if account not in self._calendars:
            self._calendars[account] = self._business.calendar_of(account)
        return self._calendars[account]

    async def change(self, opening: Opening | None, *, now: datetime) -> None:
        """Set other hours, or with None leave it to the file again. Deadlines that are set already stay."""
        await preferences.keep(self._database, OPENING, opening, now=now)
        await self.look()

    async def look(self) -> None:
        """See what is set."""
        found = await preferences.fetch(self._database, OPENING, Opening)
        if found != self._set:
            self._set = found
            changes = found.model_dump(exclude_none=True) if found else {}
            self._business = self._from_file.model_copy(update=changes)
            self._calendars.clear()

    async def watch(self) -> None:
        """Look again and again."""
        while True:
            with contextlib.suppress(UnavailableError):
                await self.look()
            await asyncio.sleep(LOOK_S)
