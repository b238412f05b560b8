"""Filling the lists of who matters from the settings, at every start; what people removed by hand comes back only then."""

from collections.abc import Mapping
from datetime import datetime

from frontdesk.domain.contacts import Identity, parse_identity
from frontdesk.domain.errors import InvalidInputError
from frontdesk.store import directory
from frontdesk.store.database import Database


def parse_customer(text: str, *, region: str | None) -> Identity:
    """A sender as a person names one: a number, or an id with an @.

    Raises:
        InvalidInputError: it is neither; a list that never matches would be worse than none.
    """
    identity = parse_identity(text, region=region)
    if identity.kind == "id" and "@" not in identity.value:
        hint = "write it with + and the country code" + ("" if region else ", or set DEFAULT_REGION")
        raise InvalidInputError(f"{text} is no phone number: {hint}")
    return identity


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
        await directory.add_customer(database, parse_customer(number, region=region), name, now=now)
    for group in groups:
        await directory.add_group(database, group, now=now)
