"""``frontdesk waiting``: whom to answer first."""

from datetime import timedelta

import click

from frontdesk.bootstrap import opened
from frontdesk.domain.text import shorten
from frontdesk.settings import load_settings
from frontdesk.store import inbox

MINUTE_S = 60
HOUR_S = 3600
DAY_S = 24 * HOUR_S
TITLE_CHARACTERS = 24
TEXT_CHARACTERS = 60


@click.command()
@click.option("--limit", type=click.IntRange(1, 200), default=20, show_default=True, help="How many to show.")
async def waiting(*, limit: int) -> None:
    """Show who waits for an answer, the first due first."""
    async with opened(load_settings()) as database:
        found = await inbox.waiting(database, limit=limit)
        now = database.now()
    for item in found:
        if item.wait is None:
            continue
        left = item.wait.due_at - now
        due = f"in {_told(left)}" if left > timedelta() else click.style(f"{_told(-left)} late", fg="red")
        mark = "★" if item.is_important else " "
        title = shorten(item.title, TITLE_CHARACTERS)
        click.echo(
            f"{due:>10}  {mark} urgency {item.wait.analysis.urgency_score:2}  {item.wait.analysis.category:9}  "
            f"{title:{TITLE_CHARACTERS}}  {shorten(item.wait.text, TEXT_CHARACTERS) or '[no text]'}"
        )
    if not found:
        click.echo("Nobody waits for an answer.")


def _told(duration: timedelta) -> str:
    seconds = duration.total_seconds()
    if seconds < HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:.0f} h" if seconds < 2 * DAY_S else f"{seconds / DAY_S:.0f} days"
