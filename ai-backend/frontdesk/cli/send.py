"""``frontdesk send``: sign a webhook by hand and post it."""

import asyncio
import contextlib
import json
from typing import BinaryIO

import aiohttp
import click

from frontdesk.domain.errors import UnavailableError
from frontdesk.settings import load_settings
from frontdesk.wire.signing import sign


@click.command()
@click.argument("file", type=click.File("rb"))
@click.option("--wait", type=click.IntRange(0, 300), help="Seconds to wait for the result.")
def send(file: BinaryIO, wait: int | None) -> int:
    """Sign FILE (JSON, “-” for standard input) as the connector would and post it to the backend."""
    settings = load_settings()
    body = file.read()
    headers = {
        "content-type": "application/json",
        **sign(settings.webhook_secret, body, message_id="frontdesk-send"),
    }
    if wait is not None:
        headers["prefer"] = f"wait={wait}"
    url = f"http://{settings.backend_host}:{settings.backend_port}/webhook"
    status, text = asyncio.run(_post(url, body, headers))
    with contextlib.suppress(ValueError):
        text = json.dumps(json.loads(text), indent=2, ensure_ascii=False)
    click.echo(status, err=True)
    click.echo(text)
    return 0 if status < 400 else 1


async def _post(url: str, body: bytes, headers: dict[str, str]) -> tuple[int, str]:
    try:
        async with aiohttp.ClientSession() as session, session.post(url, data=body, headers=headers) as response:
            return response.status, await response.text()
    except aiohttp.ClientError as error:
        raise UnavailableError(f"{url} cannot be reached ({type(error).__name__}); is the desk up?") from None
