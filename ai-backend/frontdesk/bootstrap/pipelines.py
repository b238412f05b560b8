"""The pipeline, wired, and the worker that drives it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from frontdesk import background
from frontdesk.bootstrap.parts import (
    Clock,
    assessor_of,
    breaker_of,
    business_of,
    limits_of,
    mailer_of,
    media_of,
    model_client_of,
    opened,
    patience_of,
    understander_of,
)
from frontdesk.channels.connector import Connectors
from frontdesk.channels.whatsapp_web import address_of
from frontdesk.config.manifests import load_manifests
from frontdesk.desk.briefing import Briefer
from frontdesk.desk.customer_commands import CustomerCommands
from frontdesk.desk.opening import OpeningHours
from frontdesk.desk.privacy import Retention
from frontdesk.desk.sending import Sender
from frontdesk.desk.summarising import Summariser
from frontdesk.desk.tools import Tools
from frontdesk.domain.business import Business, Keeping
from frontdesk.domain.commands import Commands
from frontdesk.domain.errors import UnavailableError
from frontdesk.domain.profiles import parsed_fields
from frontdesk.media.files import MediaFiles
from frontdesk.pipeline.alert import Alerter
from frontdesk.pipeline.completions import Completions
from frontdesk.pipeline.deliver import Deliverer
from frontdesk.pipeline.feed import Feed
from frontdesk.pipeline.hear import Hearer
from frontdesk.pipeline.pauses import Patience
from frontdesk.pipeline.process import Processor
from frontdesk.pipeline.reply import Replier
from frontdesk.pipeline.steps import Steps
from frontdesk.pipeline.worker import Worker
from frontdesk.queues.local import LocalWakeups
from frontdesk.queues.rabbitmq import INCOMING, OUTGOING, VOICE, RabbitMQ
from frontdesk.routing.dispatch import Dispatcher
from frontdesk.settings import Settings
from frontdesk.store.database import Database
from frontdesk.triage.assess import Assessor
from frontdesk.understanding.understander import Understander
from frontdesk.webhooks.telling import Teller
from frontdesk.wire.calls import SignedCaller


@dataclass(kw_only=True)
class Pipeline:
    """The parts that take messages through the stages and to their recipients, wired."""

    clock: Clock
    database: Database
    business: Business
    opening: OpeningHours
    retention: Retention
    assessor: Assessor
    dispatcher: Dispatcher
    connectors: Connectors
    completions: Completions
    feed: Feed
    tools: Tools
    media: MediaFiles
    understander: Understander
    replier: Replier
    processor: Processor
    worker: Worker

    def stop(self) -> None:
        """Take up nothing more, and let go of all who wait for something."""
        self.worker.stop()
        self.feed.stop()
        self.completions.close()


@asynccontextmanager
async def pipeline(settings: Settings, clock: Clock | None, *, works: bool = True) -> AsyncIterator[Pipeline]:
    """Build the pipeline and take it down again. Without ``works`` it is only spoken to, and reads no word lists."""
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
        dispatcher = Dispatcher(manifests, caller, {item.name: breaker_of(item.name, settings) for item in manifests})
        assessor = assessor_of(settings, business, client, warm=works)
        opening = OpeningHours(database, business)
        with contextlib.suppress(UnavailableError):
            await opening.look()
        stack.push_async_callback(background.cancelled, asyncio.create_task(opening.watch()))
        calendar_of = opening.calendar_of
        completions = Completions()
        feed = Feed(database=database, completions=completions)
        patience = patience_of(settings)
        sender = Sender(
            database=database,
            accounts=settings.accounts.keys(),
            address_of=address_of,
            # What the pipeline itself sends, this process sends; the driver is built later, of what is built here.
            wakeups=LocalWakeups(incoming=lambda: driver.wake(), outgoing=lambda: driver.wake_to_send()),  # noqa: PLW0108
            announce=feed.announce,
            clock=clock,
        )
        tools = Tools(
            database=database,
            business=business,
            secret=settings.agent_secret,
            url=settings.tools_url or f"http://127.0.0.1:{settings.backend_port}",
        )
        media = media_of(settings, database)
        understander = understander_of(settings, client)
        steps = Steps(database, announce=feed.announce, clock=clock)
        commands = Commands(settings.commands)
        replier = Replier(
            database=database,
            dispatcher=dispatcher,
            briefer=Briefer(
                database=database,
                summariser=Summariser(client, model=settings.triage_model),
                lines=settings.reply_lines,
                business_name=business.name,
                fields=parsed_fields(settings.profile_fields),
                tools=tools if settings.agent_tools and client is not None else None,
                memory=client if settings.memory == "conversations" and client is not None else None,
            ),
            commands=commands,
            customer_commands=CustomerCommands(
                database=database,
                commands=commands,
                business_name=business.name,
                zone_of=lambda account: calendar_of(account).zone,
                forget_memory=client.forget_memory if client is not None else None,
            ),
            steps=steps,
            sender=sender,
            completions=completions,
            calendar_of=calendar_of,
            patience=patience,
            limits=limits_of(settings),
            assigns=settings.assign_round_robin,
            clock=clock,
        )
        processor = Processor(
            database=database,
            assessor=assessor,
            replier=replier,
            steps=steps,
            hearer=Hearer(
                database=database,
                media=media,
                understander=understander,
                patience=patience,
                timeout=timedelta(seconds=settings.transcription_timeout_s),
                clock=clock,
            ),
            commands=commands,
            completions=completions,
            announce=feed.announce,
            calendar_of=calendar_of,
            patience=patience,
            settle=timedelta(seconds=settings.reply_settle_s),
            settle_most=timedelta(seconds=settings.reply_settle_max_s),
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
            at_any_hour=settings.auto_outside_hours,
        )
        teller = Teller(database=database, clock=clock)
        stack.push_async_callback(teller.close)
        retention = Retention(
            database=database,
            media=media,
            memory=client,
            keeping=Keeping(
                messages_days=settings.retention_days,
                files_days=settings.media_retention_days,
                events_days=settings.events_retention_days,
            ),
            clock=clock,
        )
        alerter = _alerter(settings, database, connectors, patience, clock)
        driver = Worker(
            alerter=alerter,
            teller=teller,
            sender=sender,
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
            opening=opening,
            retention=retention,
            assessor=assessor,
            dispatcher=dispatcher,
            connectors=connectors,
            completions=completions,
            feed=feed,
            tools=tools,
            media=media,
            understander=understander,
            replier=replier,
            processor=processor,
            worker=driver,
        )


@asynccontextmanager
async def alerting(settings: Settings, database: Database) -> AsyncIterator[Alerter]:
    """What reaches people, by itself."""
    connectors = Connectors(settings.connector_urls, token=settings.connector_token)
    try:
        yield _alerter(settings, database, connectors, patience_of(settings), database.now)
    finally:
        await connectors.close()


def _alerter(
    settings: Settings, database: Database, connectors: Connectors, patience: Patience, clock: Clock
) -> Alerter:
    calendar_of = business_of(settings).calendar_of
    return Alerter(
        database=database,
        channel=connectors,
        mailer=mailer_of(settings),
        zone_of=lambda account: calendar_of(account).zone,
        patience=patience,
        after=timedelta(seconds=settings.alert_after_s),
        page=settings.public_url,
        clock=clock,
    )


@asynccontextmanager
async def working(built: Pipeline, settings: Settings, rabbitmq: RabbitMQ | None) -> AsyncIterator[None]:
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
            consumers = (
                (INCOMING, work, settings.worker_concurrency),
                (OUTGOING, send, 1),
                (VOICE, work, settings.worker_concurrency),
            )
            consuming = asyncio.create_task(rabbitmq.run(consumers))
            stack.push_async_callback(background.cancelled, consuming)
        stack.callback(built.worker.stop)
        yield
