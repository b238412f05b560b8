"""``frontdesk retry``: take up again what was given up."""

import asyncio

import click

from frontdesk.bootstrap import opened
from frontdesk.channels.whatsapp_web import address_of
from frontdesk.settings import load_settings
from frontdesk.store import addresses, messages, outbox


@click.command()
@click.option("--message", type=click.IntRange(min=1), help="Only this one (its database_id).")
@click.option("--outgoing", type=click.IntRange(min=1), help="Send this message of the outbox again (its outbox_id).")
def retry(message: int | None, outgoing: int | None) -> int:
    """Take up parked messages again, all of them or one; or send one of ours again that failed or is of unknown outcome."""
    if message is not None and outgoing is not None:
        raise click.UsageError("--message or --outgoing, not both")
    return asyncio.run(_send_again(outgoing) if outgoing is not None else _retry(message))


async def _retry(message_id: int | None) -> int:
    async with opened(load_settings()) as database:
        count, _ = await messages.retry_failed(database, message_id=message_id, now=database.now())
    click.echo(f"{count} message{'' if count == 1 else 's'} taken up again")
    return 0 if count or message_id is None else 1


async def _send_again(outbox_id: int) -> int:
    async with opened(load_settings()) as database:
        failed = await outbox.fetch(database, outbox_id)
        chat = await addresses.chat_of(database, failed.conversation_id) if failed else None
        recipient = (
            address_of(group_id=chat.group_id, sender_ids=chat.sender_ids, phone_number=chat.phone_number)
            if chat
            else None
        )
        is_queued = await outbox.send_again(database, outbox_id, recipient=recipient, now=database.now())
    click.echo("queued again" if is_queued else "there is no such message that failed or is of unknown outcome")
    return 0 if is_queued else 1
