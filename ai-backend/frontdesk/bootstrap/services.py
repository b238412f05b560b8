"""What a process serves: the backend, a worker, agents."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from frontdesk import background
from frontdesk.agentkit.agent import Writer, load_agent
from frontdesk.agentkit.hub import Hub
from frontdesk.agentkit.service import AgentService, Answering
from frontdesk.bootstrap.parts import Clock, business_of, limits_of, model_client_of
from frontdesk.bootstrap.pipelines import Pipeline, pipeline, working
from frontdesk.channels.whatsapp_web import address_of
from frontdesk.config.manifests import load_manifests
from frontdesk.desk import seeding
from frontdesk.desk.sending import Sender
from frontdesk.domain.agents import Manifest
from frontdesk.domain.errors import ConfigurationError
from frontdesk.domain.ports import Wakeups
from frontdesk.pipeline.accept import Acceptor
from frontdesk.queues.local import LocalWakeups
from frontdesk.queues.rabbitmq import RabbitMQ
from frontdesk.settings import Settings
from frontdesk.web.app import build_app
from frontdesk.web.auth import Gate
from frontdesk.web.desk import Desk
from frontdesk.wire.calls import SignedCaller


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
async def worker(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Pipeline]:
    """Build a worker without HTTP, run it, and take it down again. The schema must be there."""
    async with pipeline(settings, clock) as built:
        here = LocalWakeups(incoming=built.worker.wake, outgoing=built.worker.wake_to_send)
        rabbitmq = RabbitMQ(settings.rabbitmq_url, fallback=here) if settings.rabbitmq_url else None
        async with working(built, settings, rabbitmq):
            yield built


@asynccontextmanager
async def backend(settings: Settings, *, clock: Clock | None = None) -> AsyncIterator[Backend]:
    """Build the backend, run its worker if it has one, and take everything down again. The schema must be there."""
    async with AsyncExitStack() as stack:
        built = await stack.enter_async_context(pipeline(settings, clock, works=settings.embedded_worker))
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
            media=built.media,
            understander=built.understander,
            wakeups=wakeups,
            completions=built.completions,
            acceptor=acceptor,
            sender=sender,
            feed=built.feed,
            gate=Gate(api_token=settings.api_token, accounts=settings.accounts, database=built.database),
            clock=built.clock,
            limits=limits_of(settings),
            tools=built.tools,
            judge_again=built.processor.judge_again,
            suggest=built.replier.suggest,
            zone_of=lambda account: built.opening.calendar_of(account or "").zone,
            calendar_of=built.opening.calendar_of,
            opening=built.opening,
            retention=built.retention,
            business=built.business,
        )
        if settings.embedded_worker:
            await stack.enter_async_context(working(built, settings, rabbitmq))
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
        # The hub's patience is shorter than the backend's with the hub, so that it can still answer itself.
        caller = SignedCaller(secret=settings.agent_secret, timeout_s=settings.agent_timeout_s / 2, attempts=1)
        stack.push_async_callback(caller.close)
        writer = Writer(client=client, model=settings.agent_model, caller=caller) if client is not None else None
        services: list[tuple[Manifest, web.Application]] = []
        for manifest in manifests:
            if names and manifest.name not in names:
                continue
            folder: Path = settings.agents_dir / manifest.name
            own = load_agent(folder, business=business, writer=writer)
            agent: Answering = Hub(own, manifests, caller) if manifest.role == "hub" else own
            services.append((manifest, AgentService(agent, secret=settings.agent_secret).app()))
        yield services
