"""``frontdesk export`` and ``frontdesk forget``: what is stored about somebody, told or erased."""

from pathlib import Path

import click

from frontdesk.bootstrap import media_of, model_client_of, opened
from frontdesk.desk import privacy
from frontdesk.domain.contacts import parse_identity
from frontdesk.settings import load_settings


@click.command()
@click.argument("contact")
@click.option(
    "--to", type=click.Path(file_okay=False, path_type=Path), default=Path(), help="The directory to write to."
)
async def export(contact: str, *, to: Path) -> None:
    """Write everything that is stored about CONTACT (a phone number or an id) as JSON and as readable text, with files."""
    settings = load_settings()
    identity = parse_identity(contact, region=settings.default_region)
    async with opened(settings) as database:
        found = await privacy.told(database, identity)
        media = media_of(settings, database)
        files = {row["sha256"]: await media.read(row["sha256"]) for row in found["attachments"]}
    target = to / f"contact-{found['contacts'][0]['id']}"
    target.mkdir(parents=True, exist_ok=True, mode=0o700)
    (target / "data.json").write_text(privacy.as_json(found), encoding="utf-8")
    (target / "data.txt").write_text(privacy.as_text(found), encoding="utf-8")
    for name, content in files.items():
        if content is not None:
            (target / name).write_bytes(content)
    click.echo(f"{len(found['webhook_messages'])} messages, {len(found['attachments'])} files: {target}")


@click.command()
@click.argument("contact")
@click.option("--yes", is_flag=True, help="Do not ask.")
async def forget(contact: str, *, yes: bool) -> None:
    """Erase everything that is stored about CONTACT (a phone number or an id), for good.

    Their chats with you go whole; in groups their words do. Export first what you have to keep.
    """
    settings = load_settings()
    identity = parse_identity(contact, region=settings.default_region)
    async with opened(settings) as database:
        found = await privacy.told(database, identity)
        name = found["contacts"][0]["name"] or "somebody without a name"
        if not yes:
            click.confirm(
                f"Erase {name}, with {len(found['webhook_messages'])} messages? This cannot be undone", abort=True
            )
        client = model_client_of(settings)
        try:
            messages, files = await privacy.forget(database, media_of(settings, database), identity, memory=client)
        finally:
            if client is not None:
                await client.close()
    click.echo(f"{messages} messages and {files} files are erased. WhatsApp itself, on phones, still has the chat.")
