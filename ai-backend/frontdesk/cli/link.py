"""``frontdesk link``: link WhatsApp from the terminal."""

import asyncio

import click

from frontdesk.channels.connector import Connector
from frontdesk.cli.up import show_code
from frontdesk.domain.errors import UnavailableError
from frontdesk.settings import MAIN_ACCOUNT, load_settings

LOOK_S = 0.5


@click.command()
@click.option("--account", default=MAIN_ACCOUNT, show_default=True, help="Which account, where there are several.")
@click.option("--phone", help="The account's own number: get a code to type in on the phone, instead of one to scan.")
@click.option("--wait", default=300, show_default=True, type=click.IntRange(min=1), help="Patience, in seconds.")
async def link(account: str, phone: str | None, wait: int) -> int:
    """Show the code that links WhatsApp, and wait until it is linked."""
    settings = load_settings()
    if account not in settings.connector_urls:
        raise click.UsageError(f"there is no account {account}; there are {', '.join(settings.connector_urls)}")
    connector = Connector(url=settings.connector_urls[account], token=settings.connector_token)
    try:
        async with asyncio.timeout(wait):
            return await _linked(connector, account, phone)
    except TimeoutError:
        raise UnavailableError(f"not linked within {wait} seconds; the page shows codes, too") from None
    finally:
        await connector.close()


async def _linked(connector: Connector, account: str, phone: str | None) -> int:
    status = await connector.status()
    if status.state == "AWAY":
        raise UnavailableError("the connector is not running; start it with: make up")
    if status.state in {"FAILED", "STOPPED"}:
        await connector.restart()
    shown: str | None = None
    while status.state != "WORKING":
        if status.state == "SCAN_QR_CODE" and phone and shown is None:
            shown = await connector.pairing_code(phone)
            click.echo(f"  Code: {shown[:4]}-{shown[4:]}")
            click.echo("  Type it in: WhatsApp → Linked devices → Link a device → Link with phone number instead")
        elif status.qr and status.qr != shown and not phone:
            shown = status.qr
            show_code(shown, account)
        await asyncio.sleep(LOOK_S)
        status = await connector.status()
    click.echo(f"linked{' as ' + status.me if status.me else ''}")
    return 0
