"""``frontdesk serve``: the backend. ``frontdesk worker``: its pipeline alone."""

import asyncio
import contextlib
import gc
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterable

import click
import structlog
from aiohttp import web

from frontdesk.bootstrap import Pipeline, backend, database_of
from frontdesk.bootstrap import worker as build_worker
from frontdesk.domain.errors import UnavailableError
from frontdesk.failpoints import configure_failpoints
from frontdesk.logs import configure_logs
from frontdesk.settings import Settings, load_settings
from frontdesk.store.database import Database, NoDatabaseError
from frontdesk.store.schema import is_current, migrate
from frontdesk.telemetry import configure_traces
from frontdesk.web.auth import Gate
from frontdesk.web.worker import build_worker_app

log = structlog.get_logger(__name__)

STORE_PATIENCE_S = 60
LAST_RESORT_S = 9.5


@click.command()
async def serve() -> None:
    """Serve the webhook, the API and the page, and run the pipeline."""
    os.umask(0o077)
    settings = load_settings()
    await _prepare(settings)
    with configure_traces(settings.otel_exporter_otlp_endpoint, service="frontdesk"):
        await _serve(settings)


@click.command()
async def worker() -> None:
    """Run the pipeline without HTTP: as many as wanted, on as many machines, on one MySQL database."""
    os.umask(0o077)
    settings = load_settings()
    await _prepare(settings)
    with configure_traces(settings.otel_exporter_otlp_endpoint, service="frontdesk-worker"):
        async with build_worker(settings) as built, serving(_worker_sites(settings, built)):
            _settle()
            log.info("working", analyser=built.assessor.description, concurrency=settings.worker_concurrency)
            await until_stopped()
            log.info("stopping")
            built.stop()


def _worker_sites(settings: Settings, built: Pipeline) -> list[tuple[web.Application, str, int]]:
    if settings.worker_port is None:
        return []
    gate = Gate(api_token=settings.api_token, accounts=settings.accounts)
    app = build_worker_app(gate, lambda: {"model": built.assessor.is_degraded, **built.dispatcher.left_alone()})
    return [(app, settings.backend_host, settings.worker_port)]


async def _prepare(settings: Settings) -> None:
    configure_logs(settings.log_level)
    configure_failpoints(settings.failpoint_chances, settings.var_dir / "failpoints")
    await _await_schema(settings)


async def _serve(settings: Settings) -> None:
    async with backend(settings) as built, serving([(built.app, settings.backend_host, settings.backend_port)]):
        _settle()
        log.info(
            "serving", host=settings.backend_host, port=settings.backend_port, analyser=built.desk.assessor.description
        )
        await until_stopped()
        log.info("stopping")
        built.stop()


def _settle() -> None:
    """What start-up made stays: the collector need not look at it again with every generation."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


@contextlib.asynccontextmanager
async def serving(sites: Iterable[tuple[web.Application, str, int]]) -> AsyncIterator[None]:
    """Serve applications, each at its host and port, until left; requests in hand are finished."""
    runners = []
    try:
        for app, host, port in sites:
            runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=2)
            runners.append(runner)
            await runner.setup()
            await web.TCPSite(runner, host, port, reuse_address=True).start()
        yield
    finally:
        await asyncio.gather(*(runner.cleanup() for runner in runners))


async def until_stopped() -> None:
    """Wait for SIGINT or SIGTERM."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    await stopped.wait()
    last_resort = threading.Timer(LAST_RESORT_S, _leave)
    last_resort.daemon = True
    last_resort.start()


def _leave() -> None:
    """Whatever hangs, what is committed is committed, and leases end by themselves."""
    log.critical("left_in_the_middle", after_s=LAST_RESORT_S)
    os._exit(1)


async def _await_schema(settings: Settings) -> None:
    """Wait for a store that is still starting; upgrade its schema where it is old."""
    database = database_of(settings)
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STORE_PATIENCE_S):
                while not await _answers(database):
                    log.warning("waiting_for_store", store=database.description)
                    await asyncio.sleep(1)
        if not await is_current(database):
            await migrate(database)
    finally:
        await database.close()


async def _answers(database: Database) -> bool:
    try:
        await database.ping()
    except NoDatabaseError:
        return True
    except UnavailableError:
        return False
    return True
