"""``frontdesk agents``: the agent services."""

import os

import click
import structlog

from frontdesk.bootstrap import agent_services
from frontdesk.cli.serve import serving, until_stopped
from frontdesk.logs import configure_logs
from frontdesk.settings import load_settings

log = structlog.get_logger(__name__)


@click.command()
@click.argument("names", nargs=-1)
async def agents(names: tuple[str, ...]) -> None:
    """Serve all agents in one process, or only those named."""
    os.umask(0o077)
    settings = load_settings()
    configure_logs(settings.log_level)
    async with agent_services(settings, names) as services:
        sites = [(app, settings.agents_host, manifest.port) for manifest, app in services]
        async with serving(sites):
            log.info("serving", agents=[f"{manifest.name}:{manifest.port}" for manifest, _ in services])
            await until_stopped()
