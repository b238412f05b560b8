"""Filling the lists of who matters from the settings, at every start; what people removed by hand comes back only then."""

from collections.abc import Mapping
from datetime import datetime

from frontdesk.domain.contacts import parse_identity
from frontdesk.store import directory
from frontdesk.store.database import Database


async def seed(
    database: Database,
    customers: Mapping[str, str | None],
    groups: tuple[str, ...],
    *,
    region: str | None,
    now: datetime,
) -> None:
    """Add those that are not there yet."""
    for number, name in customers.items():
        await directory.add_customer(database, parse_identity(number, region=region), name, now=now)
    for group in groups:
        await directory.add_group(database, group, now=now)
