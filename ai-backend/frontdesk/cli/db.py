"""``frontdesk db``: the schema."""

import click

from frontdesk.bootstrap import database_of
from frontdesk.settings import load_settings
from frontdesk.store.schema import migrate as migrate_schema
from frontdesk.store.schema import mysql_schema


@click.group()
def db() -> None:
    """Make, upgrade and print the database schema."""


@db.command()
async def migrate() -> None:
    """Create the schema, or upgrade it to this version."""
    database = database_of(load_settings())
    try:
        changed = await migrate_schema(database)
    finally:
        await database.close()
    click.echo(f"{database.description}: {'schema created or upgraded' if changed else 'schema is current'}")


@db.command()
def schema() -> None:
    """Print the schema for MySQL, as in schema.sql."""
    click.echo(mysql_schema(), nl=False)
