"""The whole schema: importing this module makes every table known to ``metadata``."""

from frontdesk.store import access_tables, contact_tables, desk_tables, inbox_tables, reply_tables, tables
from frontdesk.store.columns import metadata

__all__ = ["access_tables", "contact_tables", "desk_tables", "inbox_tables", "metadata", "reply_tables", "tables"]
