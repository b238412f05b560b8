"""The people who answer."""

import re
from datetime import datetime, time
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field

AlertChannel = Literal["whatsapp", "email"]
Role = Literal["admin", "agent", "viewer"]
"""``viewer`` looks, ``agent`` answers too, ``admin`` decides how the desk works."""
LONGEST_NAME = 64
QUIET_PATTERN = re.compile(r"([01]\d|2[0-3]):[0-5]\d-([01]\d|2[0-3]):[0-5]\d")


class Person(BaseModel):
    """Somebody who answers. ``quiet`` are the hours in which they are not to be reached, as ``22:00-07:00``."""

    model_config = ConfigDict(frozen=True)

    id: int
    name: str
    email: str | None
    phone: str | None = Field(description="E.164")
    is_available: bool = Field(description="Whether conversations are assigned to them")
    alerts: tuple[AlertChannel, ...] = Field(description="How they are reached when something is urgent")
    quiet: str | None
    created_at: datetime
    role: Role = "agent"
    can_log_in: bool = Field(default=False, description="Whether they have chosen a password")

    def reachable_at(self, moment: datetime, zone: ZoneInfo) -> datetime:
        """The moment itself, or the end of the quiet hours that it lies in."""
        if self.quiet is None:
            return moment
        begin, end = (time.fromisoformat(part) for part in self.quiet.split("-"))
        local = moment.astimezone(zone)
        clock = local.time().replace(tzinfo=None)
        is_quiet = begin <= clock < end if begin <= end else clock >= begin or clock < end
        if not is_quiet:
            return moment
        over = local.replace(hour=end.hour, minute=end.minute, second=0, microsecond=0, fold=0)
        day_later = end <= clock
        if day_later:
            over = datetime.combine(over.date().fromordinal(over.date().toordinal() + 1), end, tzinfo=zone)
        return over.astimezone(moment.tzinfo)
