"""``frontdesk search``: the words by which messages are found."""

import click

from frontdesk.bootstrap import opened
from frontdesk.settings import load_settings
from frontdesk.store import indexing


@click.group()
def search() -> None:
    """The words by which messages are found."""


@search.command()
async def rebuild() -> None:
    """Write the words of everything anew, as after an upgrade from a version without search. The desk may run meanwhile."""
    async with opened(load_settings()) as database:
        click.echo(f"{await indexing.rebuild(database)} things can be found.")
