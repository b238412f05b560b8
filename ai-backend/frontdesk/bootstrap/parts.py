"""Concrete parts, each built from the settings."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from functools import partial

from frontdesk.config.business import load_business
from frontdesk.domain.business import Business
from frontdesk.domain.errors import ConfigurationError
from frontdesk.domain.ports import Analyser, FilePlace
from frontdesk.domain.replies import Limits
from frontdesk.media.files import MEBIBYTE, MediaFiles
from frontdesk.media.places import Bucket, Directory
from frontdesk.model.analysers import DecisionsAnalyser, chat_analyser, words_analyser
from frontdesk.model.client import ModelClient, Style
from frontdesk.model.masking import Mask
from frontdesk.model.prices import price_table
from frontdesk.pipeline.pauses import Patience
from frontdesk.settings import ROOT, Settings
from frontdesk.store import changes
from frontdesk.store.database import Database, open_database
from frontdesk.triage.assess import Assessor
from frontdesk.triage.rules import RulesAnalyser
from frontdesk.understanding.understander import Understander
from frontdesk.wire.breaker import Breaker
from frontdesk.wire.mail import Mailer

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
        style=style_of(settings),
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
    way = "decisions" if style_of(settings) == "responses" else "chat"
    return f"{way} by {settings.triage_model}"


def style_of(settings: Settings) -> Style:
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
        rules=rules, rater=rater, writer=writer, breaker=breaker_of("the model's provider", settings), description=name
    )


def limits_of(settings: Settings) -> Limits:
    """What the robot may do by itself."""
    return Limits(
        mode=settings.reply_mode,
        least_confidence=settings.auto_min_confidence,
        most_risk=settings.auto_max_risk,
        most_per_hour=settings.auto_per_hour,
        handover_below=settings.handover_below_confidence,
        human_pause=timedelta(hours=settings.human_pause_hours),
    )


def media_of(settings: Settings, database: Database) -> MediaFiles:
    """Where files are kept."""
    directory = settings.var_dir / "media"
    place: FilePlace = Directory(directory)
    if settings.s3_bucket:
        place = Bucket(
            settings.s3_bucket,
            endpoint=settings.s3_endpoint,
            region=settings.s3_region,
            access_key=settings.s3_access_key,
            secret_key=settings.s3_secret_key,
            prefix=settings.s3_prefix,
        )
    return MediaFiles(
        directory,
        place=place,
        max_bytes=settings.max_media_bytes,
        quota_bytes=settings.media_quota_mb * MEBIBYTE,
        min_free_bytes=settings.media_min_free_mb * MEBIBYTE,
        stored_bytes=partial(changes.stored_bytes, database),
    )


def understander_of(settings: Settings, client: ModelClient | None) -> Understander:
    """What listens, looks and reads."""
    is_openai = client is not None and client.style == "responses"
    return Understander(
        client,
        listener_model=settings.transcription_model or ("gpt-transcribe" if is_openai else settings.triage_model),
        viewer_model=settings.triage_model,
        listens=settings.transcribe_voice,
        looks=settings.describe_images,
        reads=settings.read_documents,
    )


def patience_of(settings: Settings) -> Patience:
    """How long to wait before something is tried again."""
    return Patience(base_s=settings.retry_base_s, max_s=settings.retry_max_s, max_attempts=settings.max_attempts)


def mailer_of(settings: Settings) -> Mailer | None:
    """What sends e-mail, or None without a mail server."""
    if settings.smtp_host is None:
        return None
    return Mailer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        user=settings.smtp_user,
        password=settings.smtp_password,
        sender=settings.smtp_from,
        security=settings.smtp_security,
    )


def breaker_of(name: str, settings: Settings) -> Breaker:
    """What leaves a service alone that keeps failing."""
    return Breaker(name, failures=settings.breaker_failures, pause_s=settings.breaker_pause_s)
