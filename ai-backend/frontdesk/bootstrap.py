"""The only file that builds the concrete parts and wires them."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from pathlib import Path

from aiohttp import web

from frontdesk import background
from frontdesk.agentkit.agent import Writer, load_agent
from frontdesk.agentkit.hub import Hub
from frontdesk.agentkit.service import AgentService, Answering
from frontdesk.channels.connector import Connectors
from frontdesk.channels.whatsapp_web import address_of
from frontdesk.config.business import load_business
from frontdesk.config.manifests import load_manifests
from frontdesk.desk import seeding
from frontdesk.desk.privacy import Retention
from frontdesk.desk.sending import Sender
from frontdesk.domain.agents import Manifest
from frontdesk.domain.business import Business
from frontdesk.domain.errors import ConfigurationError
from frontdesk.domain.ports import Analyser, Wakeups
from frontdesk.media.files import MEBIBYTE, MediaFiles
from frontdesk.model.analysers import DecisionsAnalyser, chat_analyser, words_analyser
from frontdesk.model.client import ModelClient, Style
from frontdesk.model.masking import Mask
from frontdesk.model.prices import price_table
from frontdesk.pipeline.accept import Acceptor
from frontdesk.pipeline.completions import Completions
from frontdesk.pipeline.deliver import Deliverer
from frontdesk.pipeline.feed import Feed
from frontdesk.pipeline.process import Processor
from frontdesk.pipeline.worker import Worker
from frontdesk.queues.local import LocalWakeups
from frontdesk.queues.rabbitmq import INCOMING, OUTGOING, RabbitMQ
from frontdesk.routing.dispatch import Dispatcher
from frontdesk.settings import ROOT, Settings
from frontdesk.store import changes
from frontdesk.store.database import Database, open_database
from frontdesk.triage.assess import Assessor
from frontdesk.triage.rules import RulesAnalyser
from frontdesk.web.app import build_app
from frontdesk.web.auth import Gate
from frontdesk.web.desk import Desk
from frontdesk.webhooks.telling import Teller
from frontdesk.wire.breaker import Breaker
from frontdesk.wire.calls import SignedCaller

Clock = Callable[[], datetime]

EXAMPLE_BUSINESS = ROOT / "business.example.toml"


def business_of(settings: Settings) -> Business:
    """The facts of the business; those of the example where nobody has written any yet."""
    path = settings.business_file
    return load_business(path if path.exists() else EXAMPLE_BUSINESS)


def database_of(settings: Settings) -> Database:
    """The store that the settings name."""
    return open_database(settings.store_url, pool_size=settings.db_pool_size)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Database]:
    """The store, connected, so that its clock is heard before anything is compared with it.

    Raises:
        UnavailableError: the store is away.
    """
    database = database_of(settings)
    try:
        await database.ping()
        yield database
    finally:
        await database.close()


def model_client_of(settings: Settings) -> ModelClient | None:
    """The model's provider, or None without a key."""
    if not settings.openai_api_key:
        return None
    return ModelClient(
        api_key=settings.openai_api_key,
        base_url=settings.openai_base_url,
        style=_style(settings),
        timeout_s=settings.model_timeout_s,
        max_retries=settings.model_max_retries,
        prices=price_table(settings.model_prices),
        mask=partial(Mask, settings.default_region) if settings.mask_pii else None,
    )


def analyser_name(settings: Settings) -> str:
    """Which analyser the settings ask for, in words.

    Raises:
        ConfigurationError: it needs a key, and there is none.
    """
    if settings.analyser == "rules":
        return "rules (ANALYSER=rules)"
    if settings.openai_api_key is None:
        if settings.analyser != "auto":
            raise ConfigurationError(f"ANALYSER: {settings.analyser} needs OPENAI_API_KEY")
        return "rules (no OPENAI_API_KEY)"
    way = "decisions" if _style(settings) == "responses" else "chat"
    return f"{way} by {settings.triage_model}"


def _style(settings: Settings) -> Style:
    """How structured answers are asked for: by Responses at OpenAI, by Chat Completions elsewhere, unless it is set."""
    is_openai = settings.openai_base_url is None or "api.openai.com" in settings.openai_base_url
    is_responses = settings.analyser == "decisions" or (settings.analyser != "chat" and is_openai)
    return "responses" if is_responses else "chat"


def assessor_of(settings: Settings, business: Business, client: ModelClient | None, *, warm: bool = True) -> Assessor:
    """The triage that the settings ask for. ``warm`` reads word lists and languages now: seconds, and 300 MiB."""
    rules = RulesAnalyser(business)
    if warm:
        rules.warm_up()
    rater: Analyser | None = None
    writer: Analyser | None = None
    name = analyser_name(settings)
    if client is not None and settings.analyser != "rules":
        # The two calls share what one message may cost: rating is cheap, words are not.
        model, budget = settings.triage_model, settings.max_cost_per_message_usd
        if client.style == "responses":
            rater = DecisionsAnalyser(client, model=model, business=business, budget_usd=budget * 0.4)
            writer = words_analyser(client, model=model, business=business, budget_usd=budget * 0.6)
        else:
            rater = chat_analyser(client, model=model, business=business, budget_usd=budget)
    return Assessor(
        rules=rules, rater=rater, writer=writer, breaker=_breaker("the model's provider", settings), description=name
    )


def media_of(settings: Settings, database: Database) -> MediaFiles:
    """Where files are kept."""
    return MediaFiles(
        settings.var_dir / "media",
        max_bytes=settings.max_media_bytes,
        quota_bytes=settings.media_quota_mb * MEBIBYTE,
        min_free_bytes=settings.media_min_free_mb * MEBIBYTE,
        stored_bytes=partial(changes.stored_bytes, database),
    )


@dataclass(kw_only=True)
class Pipeline:
    """The parts that take messages through the stages and to their recipients, wired."""

    clock: Clock
    database: Database
    business: Business
    assessor: Assessor
    dispatcher: Dispatcher
    connectors: Connectors
    completions: Completions
    feed: Feed
    processor: Processor
    worker: Worker

    def stop(self) -> None:
        """Take up nothing more, and let go of all who wait for something."""
        self.worker.stop()
        self.feed.stop()
        self.completions.close()


@dataclass(kw_only=True)
class Backend:
    """A wired backend: the application to serve, and the pipeline behind it."""

    app: web.Application
    desk: Desk
    pipeline: Pipeline

    def stop(self) -> None:
        """Become unready at once; what is in hand is finished or given back when the backend is left."""
        self.desk.is_stopping = True
        self.pipeline.stop()


@asynccontextmanager
async def _pipeline(settings: Settings, clock: Clock | None, *, works: bool = True) -> AsyncIterator[Pipeline]:
    async with AsyncExitStack() as stack:
        business = business_of(settings)
        database = await stack.enter_async_context(opened(settings))
        clock = clock or database.now
        client = model_client_of(settings)
        if client is not None:
            stack.push_async_callback(client.close)
        caller = SignedCaller(
            secret=settings.agent_secret, timeout_s=settings.agent_timeout_s, attempts=settings.agent_attempts
        )
        stack.push_async_callback(caller.close)
        connectors = Connectors(settings.connector_urls, token=settings.connector_token)
        stack.push_async_callback(connectors.close)
        manifests = load_manifests(settings.agents_dir)
        dispatcher = Dispatcher(manifests, caller, {item.name: _breaker(item.name, settings) for item in manifests})
        assessor = assessor_of(settings, business, client, warm=works)
        calendar_of = cache(business.calendar_of)
        completions = Completions()
        feed = Feed(database=database, completions=completions)
        processor = Processor(
            database=database,
            assessor=assessor,
            dispatcher=dispatcher,
            completions=completions,
            announce=feed.announce,
            calendar_of=calendar_of,
            max_attempts=settings.max_attempts,
            retry_base_s=settings.retry_base_s,
            retry_max_s=settings.retry_max_s,
            clock=clock,
        )
        deliverer = Deliverer(
            database=database,
            channel=connectors,
            calendar_of=calendar_of,
            send_per_minute=settings.send_per_minute,
            max_attempts=settings.max_attempts,
            retry_base_s=settings.retry_base_s,
            lease_s=settings.lease_s,
            expires_after=timedelta(hours=settings.send_within_hours),
            announce=feed.announce,
            clock=clock,
        )
        teller = Teller(database=database, clock=clock)
        stack.push_async_callback(teller.close)
        retention = Retention(
            database=database,
            media=media_of(settings, database),
            messages_days=settings.retention_days,
            files_days=settings.media_retention_days,
            events_days=settings.events_retention_days,
            clock=clock,
        )
        worker = Worker(
            teller=teller,
            retention=retention,
            database=database,
            processor=processor,
            deliverer=deliverer,
            concurrency=settings.worker_concurrency,
            lease_s=settings.lease_s,
            sweep_interval_s=settings.sweep_interval_s,
            rerate_interval_s=settings.rerate_interval_s,
            rerate_per_minute=settings.rerate_per_minute,
            announce=feed.announce,
            clock=clock,
        )
        running = asyncio.create_task(feed.run())
        running.add_done_callback(background.part_ended)
        stack.push_async_callback(background.finished, running)
        stack.callback(feed.stop)
        yield Pipeline(
            clock=clock,
            database=database,
            business=business,
            assessor=assessor,
            dispatcher=dispatcher,
            connectors=connectors,
            completions=completions,
            feed=feed,
            processor=processor,
            worker=worker,
        )


@asynccontextmanager
async def _working(built: Pipeline, settings: Settings, rabbitmq: RabbitMQ | None) -> AsyncIterator[None]:
    """Run the worker, fed by RabbitMQ where there is one, and end it when left."""

    async def work(_: int) -> None:
        await built.worker.work_on_one()

    async def send(_: int) -> None:
        built.worker.wake_to_send()

    async with AsyncExitStack() as stack:
        running = asyncio.create_task(built.worker.run())
        running.add_done_callback(background.part_ended)
        stack.push_async_callback(background.finished, running)
        if rabbitmq is not None:
            consumers = ((INCOMING, work, settings.worker_concurrency), (OUTGOING, send, 1))
            consuming = asyncio.create_task(rabbitmq.run(consumers))
            stack.push_async_callback(background.cancelled, consuming)
        stack.callback(built.worker.stop)
        yield


@asynccontextmanager
async def worker(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Pipeline]:
    """Build a worker without HTTP, run it, and take it down again. The schema must be there."""
    async with _pipeline(settings, clock) as built:
        here = LocalWakeups(incoming=built.worker.wake, outgoing=built.worker.wake_to_send)
        rabbitmq = RabbitMQ(settings.rabbitmq_url, fallback=here) if settings.rabbitmq_url else None
        async with _working(built, settings, rabbitmq):
            yield built


@asynccontextmanager
async def backend(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Backend]:
    """Build the backend, run its worker if it has one, and take everything down again. The schema must be there."""
    async with AsyncExitStack() as stack:
        built = await stack.enter_async_context(_pipeline(settings, clock, works=settings.embedded_worker))
        await seeding.seed(
            built.database,
            settings.seeded_customers,
            settings.seeded_groups,
            region=settings.default_region,
            now=built.clock(),
        )
        rabbitmq: RabbitMQ | None = None
        wakeups: Wakeups = LocalWakeups(incoming=built.worker.wake, outgoing=built.worker.wake_to_send)
        if settings.rabbitmq_url:
            wakeups = rabbitmq = RabbitMQ(settings.rabbitmq_url, fallback=wakeups)
        acceptor = Acceptor(
            database=built.database,
            wakeups=wakeups,
            most_waiting=settings.max_waiting,
            announce=built.feed.announce,
            clock=built.clock,
        )
        sender = Sender(
            database=built.database,
            accounts=settings.accounts.keys(),
            address_of=address_of,
            wakeups=wakeups,
            announce=built.feed.announce,
            clock=built.clock,
        )
        desk = Desk(
            settings=settings,
            database=built.database,
            assessor=built.assessor,
            dispatcher=built.dispatcher,
            connectors=built.connectors,
            media=media_of(settings, built.database),
            completions=built.completions,
            acceptor=acceptor,
            sender=sender,
            feed=built.feed,
            gate=Gate(api_token=settings.api_token, accounts=settings.accounts),
            clock=built.clock,
            zone_of=lambda account: built.business.calendar_of(account or "").zone,
            business_name=built.business.name,
        )
        if settings.embedded_worker:
            await stack.enter_async_context(_working(built, settings, rabbitmq))
        elif rabbitmq is not None:
            stack.push_async_callback(background.cancelled, asyncio.create_task(rabbitmq.run()))
        stack.push_async_callback(acceptor.close)
        yield Backend(app=build_app(desk), desk=desk, pipeline=built)


@asynccontextmanager
async def agent_services(
    settings: Settings, names: tuple[str, ...] = ()
) -> AsyncIterator[list[tuple[Manifest, web.Application]]]:
    """The agents to serve, all or those named, each with its manifest.

    Raises:
        ConfigurationError: a name is unknown, or a folder is not an agent's.
    """
    manifests = load_manifests(settings.agents_dir)
    known = {manifest.name for manifest in manifests}
    unknown = sorted(set(names) - known)
    if unknown:
        raise ConfigurationError(f"there is no agent {unknown[0]}; there are {', '.join(sorted(known))}")
    business = business_of(settings)
    async with AsyncExitStack() as stack:
        client = model_client_of(settings)
        if client is not None:
            stack.push_async_callback(client.close)
        writer = Writer(client=client, model=settings.agent_model) if client is not None else None
        # The hub's patience is shorter than the backend's with the hub, so that it can still answer itself.
        caller = SignedCaller(secret=settings.agent_secret, timeout_s=settings.agent_timeout_s / 2, attempts=1)
        stack.push_async_callback(caller.close)
        services: list[tuple[Manifest, web.Application]] = []
        for manifest in manifests:
            if names and manifest.name not in names:
                continue
            folder: Path = settings.agents_dir / manifest.name
            own = load_agent(folder, business=business, writer=writer)
            agent: Answering = Hub(own, manifests, caller) if manifest.role == "hub" else own
            services.append((manifest, AgentService(agent, secret=settings.agent_secret).app()))
        yield services


def _breaker(name: str, settings: Settings) -> Breaker:
    return Breaker(name, failures=settings.breaker_failures, pause_s=settings.breaker_pause_s)
