"""All settings, read once from the environment and ``.env`` into one frozen value.

The only module that reads the environment. A name in upper case is the environment variable.
"""

import base64
import os
import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import quote, urlsplit

from pydantic import (
    BeforeValidator,
    Field,
    IPvAnyNetwork,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from frontdesk.domain.commands import WORDS, Commands
from frontdesk.domain.errors import ConfigurationError
from frontdesk.domain.plain import plain_problems
from frontdesk.domain.profiles import DEFAULT_FIELDS, parsed_fields
from frontdesk.domain.replies import ReplyMode
from frontdesk.domain.text import listed, pairs
from frontdesk.failpoints import PLACES

ROOT = Path(__file__).resolve().parents[2]
"""The checkout: relative paths in settings start here."""
MAIN_ACCOUNT = "main"
"""The account of ``WEBHOOK_SECRET`` and ``CONNECTOR_URL``."""

Networks = Annotated[tuple[IPvAnyNetwork, ...], NoDecode, BeforeValidator(listed)]


class Settings(BaseSettings):
    """The settings of the backend and the agents. The connector reads the ``WA_`` ones and the shared ones itself."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file_encoding="utf-8", hide_input_in_errors=True, env_ignore_empty=True
    )

    # Who may speak to us
    webhook_secret: str = Field(
        description="Signs what the connector posts (whsec_ and base64); also a bearer token for it"
    )
    api_token: str = Field(
        min_length=16, description="Bearer token of people and programs that use the API and the page"
    )
    agent_secret: str = Field(description="Signs what the backend asks the agents")
    connector_token: str = Field(min_length=16, description="Bearer token of the connector's own API")
    extra_accounts: str = Field(
        default="", description="More accounts, as name=secret, comma-separated; each gets a connector of its own"
    )

    # Where everything is
    backend_host: str = Field(default="127.0.0.1", description="Address that the backend listens on")
    trusted_proxies: Networks = Field(
        default="127.0.0.0/8, ::1", validate_default=True, description="Whose X-Forwarded-For is believed, as networks"
    )
    backend_port: int = Field(default=8100, ge=0, le=65535, description="Port of the backend")
    connector_url: str = Field(default="http://127.0.0.1:8101", description="The connector's API")
    agents_host: str = Field(default="127.0.0.1", description="Address that the agents listen on")
    agents_dir: Path = Field(default=Path("agents"), description="Folder with one folder an agent")
    business_file: Path = Field(default=Path("business.toml"), description="What the business is")
    var_dir: Path = Field(default=Path("var"), description="Where data of this installation lives")

    # The store
    database_url: str | None = Field(
        default=None, description="mysql://user:password@host:port/name, or sqlite:///path"
    )
    db_host: str | None = Field(default=None, description="Host of MySQL or MariaDB; unset means SQLite")
    db_port: int = Field(default=3306, ge=1, le=65535, description="Port of MySQL or MariaDB")
    db_user: str = Field(default="frontdesk", description="User of MySQL or MariaDB")
    db_password: str = Field(default="", description="Its password")
    db_name: str = Field(default="frontdesk", description="Name of the database")
    db_pool_size: int = Field(default=10, ge=1, le=200, description="Connections kept open to MySQL")

    # Files that messages bring
    max_media_bytes: int = Field(default=67_108_864, ge=0, description="Largest file that is kept")
    media_quota_mb: int = Field(default=10_240, ge=0, description="What all files may take together, in MiB")
    media_min_free_mb: int = Field(default=1024, ge=0, description="What must stay free of the disk, in MiB")

    s3_bucket: str | None = Field(
        default=None, description="Bucket of storage that speaks S3, in which files are kept; unset means on disk"
    )
    s3_endpoint: str | None = Field(default=None, description="Its address, unless it is Amazon's")
    s3_region: str = Field(default="us-east-1", description="Its region")
    s3_access_key: str | None = Field(default=None, description="Its access key; unset means the machine's own role")
    s3_secret_key: str | None = Field(default=None, repr=False, description="Its secret key")
    s3_prefix: str = Field(default="", description="Folder within the bucket")
    transcribe_voice: bool = Field(default=True, description="With a model, listen to voice notes and audio")
    describe_images: bool = Field(default=True, description="With a model, look at pictures")
    read_documents: bool = Field(default=True, description="Read the text of PDFs")
    transcription_model: str | None = Field(
        default=None, description="Model that listens; unset means gpt-transcribe, or TRIAGE_MODEL at other providers"
    )
    transcription_timeout_s: float = Field(
        default=30, ge=0, le=600, description="How long a message waits to be judged for what its file says"
    )

    mask_pii: bool = Field(
        default=False,
        description="Replace phone numbers, e-mail addresses, IBANs and card numbers before a model sees them",
    )

    # How long things are kept
    retention_days: int = Field(
        default=0, ge=0, description="Messages that are older are erased with all that is theirs; 0 keeps them"
    )
    media_retention_days: int = Field(default=0, ge=0, description="Files that are older are removed; 0 keeps them")
    events_retention_days: int = Field(default=0, ge=0, description="Events that are older are forgotten; 0 keeps them")

    # The model
    openai_api_key: str | None = Field(default=None, description="Without it triage and agents answer by rules")
    openai_base_url: str | None = Field(default=None, description="Another provider that speaks OpenAI's protocol")
    analyser: Literal["auto", "decisions", "chat", "rules"] = Field(
        default="auto", description="auto: decisions for OpenAI, chat for another base URL, rules without a key"
    )
    triage_model: str = Field(default="gpt-6-luna", description="Model that rates and reads messages")
    agent_model: str = Field(default="gpt-6.1-terra", description="Model that drafts answers")
    model_timeout_s: float = Field(default=12, gt=0, le=600, description="Patience with one call to the provider")
    model_max_retries: int = Field(default=1, ge=0, le=10, description="Repeats of a failed call, within the patience")
    max_cost_per_message_usd: float = Field(default=0.005, ge=0, description="What the triage of one message may cost")
    model_prices: str = Field(
        default="", description="Own prices, as model=input/cached/output in USD per million tokens"
    )
    rerate_interval_s: float = Field(
        default=60, gt=0, description="How often messages that rules judged in an outage are rated again"
    )

    rerate_per_minute: float = Field(default=60, gt=0, description="How many of them in a minute, at most")

    # Taking and working
    max_body_bytes: int = Field(default=1_048_576, ge=1024, description="Largest body that the API takes")
    max_history_items: int = Field(default=100, ge=0, le=100, description="Most history items in one webhook")
    default_wait_s: float = Field(
        default=25, ge=0, le=300, description="How long a webhook waits for its analysis by default"
    )
    max_wait_s: float = Field(default=60, ge=0, le=300, description="The longest that a caller may ask to wait")
    max_waiting: int = Field(default=2000, ge=1, description="Webhooks in hand at once; one more is asked to come back")
    embedded_worker: bool = Field(
        default=True, description="Work in the process of the backend; false where `frontdesk worker` does"
    )
    worker_port: int | None = Field(
        default=None,
        ge=1,
        le=65535,
        description="Port of `frontdesk worker` for /metrics and /health; unset means none",
    )
    rabbitmq_url: str | None = Field(
        default=None,
        description="amqp://user:password@host:5672/vhost wakes workers on other machines at once; the nodes of a cluster comma-separated",
    )
    worker_concurrency: int = Field(default=16, ge=1, le=256, description="Conversations worked on at once")
    lease_s: float = Field(default=20, gt=1, description="How long a conversation is held without a sign of life")
    max_attempts: int = Field(default=8, ge=1, le=100, description="Attempts before a message is parked as failed")
    retry_base_s: float = Field(default=2, gt=0, description="First pause before a repeat; it doubles each time")
    retry_max_s: float = Field(default=900, gt=0, description="Longest pause before a repeat")
    sweep_interval_s: float = Field(default=5, gt=0, description="How often the store is asked for what is due")
    send_per_minute: float = Field(
        default=20, gt=0, le=600, description="Messages that an account sends in a minute; bursts get accounts banned"
    )
    send_within_hours: float = Field(
        default=24,
        gt=0,
        le=120,
        description="A message that could not be sent for so long fails: nobody waits for it any more",
    )
    # Answering
    reply_mode: ReplyMode = Field(
        default="suggest",
        description="observe: nobody is asked for an answer; suggest: a draft for a person to send; auto: sent where it is safe",
    )
    reply_settle_s: float = Field(
        default=4,
        ge=0,
        le=120,
        description="Quiet after which a burst of messages is answered; 0 answers each by itself",
    )
    reply_settle_max_s: float = Field(
        default=20, ge=0, le=600, description="A burst is answered after so long, also while it goes on"
    )
    reply_lines: int = Field(
        default=20,
        ge=2,
        le=100,
        description="Lines of the chat that an agent is told as they are; older ones are summarised",
    )
    auto_min_confidence: float = Field(
        default=0.75, ge=0, le=1, description="What an agent is less sure of is not sent by itself"
    )
    auto_max_risk: float = Field(default=0.4, ge=0, le=1, description="Nor is what has more at stake")
    auto_per_hour: int = Field(
        default=12, ge=1, description="Automatic messages of a conversation in an hour; then a person takes over"
    )
    auto_outside_hours: bool = Field(
        default=False, description="Automatic messages leave outside of opening hours, too"
    )
    handover_below_confidence: float = Field(
        default=0.35, ge=0, le=1, description="In auto, a person takes over where the agent is less sure than that"
    )
    human_pause_hours: float = Field(
        default=12, ge=0, le=720, description="How long the robot is silent in a conversation in which a person wrote"
    )
    assign_round_robin: bool = Field(
        default=True, description="What is handed over becomes that of the person who was given one longest ago"
    )
    memory: Literal["window", "conversations"] = Field(
        default="window",
        description="What agents remember: window, the chat as the desk tells it; conversations, one that OpenAI keeps for each contact",
    )
    agent_tools: bool = Field(default=True, description="Agents may look up tasks, earlier chats and facts")
    tools_url: str | None = Field(
        default=None, description="Where agents reach the backend, if not on this machine at its port"
    )
    profile_fields: str = Field(
        default=DEFAULT_FIELDS,
        description="What is wanted to be known of contacts, comma-separated, as name or name=meaning",
    )
    commands: str = Field(
        default=WORDS, description="Words by which customers tell the desk itself something; none means nothing"
    )
    agent_timeout_s: float = Field(default=30, gt=0, description="Patience with one call to an agent")
    agent_attempts: int = Field(
        default=2, ge=1, le=10, description="Calls to an agent in a row before it counts as down"
    )
    breaker_failures: int = Field(default=3, ge=1, description="Failures in a row after which a service is left alone")
    breaker_pause_s: float = Field(default=30, gt=0, description="How long it is left alone")

    # Who matters
    important_customers: str = Field(
        default="", description="Seed: numbers or ids, comma-separated, as number or number=Name"
    )
    critical_groups: str = Field(default="", description="Seed: ids or names of groups, comma-separated")
    default_region: str | None = Field(
        default=None, pattern="^[A-Z]{2}$", description="Country of numbers without a country code, as TR"
    )

    # Reaching people who are not looking
    alert_after_s: float = Field(
        default=60, ge=0, description="How long somebody has to answer a critical message before people are alerted"
    )
    smtp_host: str | None = Field(default=None, description="Mail server for alerts by e-mail; unset means none")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Its port")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="starttls, tls (from the first byte), or none"
    )
    smtp_user: str | None = Field(default=None, description="User of the mail server")
    smtp_password: str | None = Field(default=None, repr=False, description="Its password")
    smtp_from: str = Field(default="frontdesk@localhost", description="Who alerts are from")
    public_url: str | None = Field(default=None, description="Address of the page, as people reach it: named in alerts")

    # Telling
    failpoints: str = Field(
        default="", description="For tests: place=chance pairs, how often the process ends itself there"
    )
    otel_exporter_otlp_endpoint: str | None = Field(
        default=None, description="Where traces go (OTLP over HTTP), as http://127.0.0.1:4318; unset means no traces"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least serious log line"
    )

    @field_validator("webhook_secret", "agent_secret")
    @classmethod
    def _is_a_signing_key(cls, value: str) -> str:
        if not _signs(value):
            raise ValueError("must be whsec_ followed by at least 24 base64 characters; `make up` writes one")
        return value

    @field_validator("extra_accounts")
    @classmethod
    def _are_accounts(cls, value: str) -> str:
        found = list(pairs(value))
        for name, secret in found:
            if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", name) or name == MAIN_ACCOUNT or not _signs(secret):
                raise ValueError(
                    "must be name=whsec_…, comma-separated; names have letters, digits, - and _, and “main” is taken"
                )
        if len({name for name, _ in found}) < len(found) or len({secret for _, secret in found}) < len(found):
            raise ValueError("each account needs a name and a secret of its own")
        return value

    @model_validator(mode="after")
    def _secrets_tell_accounts_apart(self) -> Self:
        if self.webhook_secret in dict(pairs(self.extra_accounts)).values():
            raise ValueError("EXTRA_ACCOUNTS: the secret of the main account (WEBHOOK_SECRET) cannot be another's, too")
        return self

    @field_validator("rabbitmq_url")
    @classmethod
    def _is_a_broker(cls, value: str | None) -> str | None:
        if not all(re.match(r"amqps?://[^/\s]", part) for part in listed(value or "")):
            raise ValueError("must start with amqp:// or amqps:// and name a host; several are separated by commas")
        return value

    @field_validator("profile_fields", "commands")
    @classmethod
    def _can_be_read(cls, value: str, info: ValidationInfo) -> str:
        {"profile_fields": parsed_fields, "commands": Commands}[str(info.field_name)](value)
        return value

    @field_validator("failpoints")
    @classmethod
    def _are_failpoints(cls, value: str) -> str:
        for name, chance in pairs(value):
            if name not in PLACES or not re.fullmatch(r"0(\.\d+)?|1", chance):
                raise ValueError(
                    f"must be place=chance, comma-separated; places are {', '.join(PLACES)}, chances 0 to 1"
                )
        return value

    @cached_property
    def failpoint_chances(self) -> dict[str, float]:
        """Place → how often the process ends itself there."""
        return {name: float(chance) for name, chance in pairs(self.failpoints)}

    @field_validator("agents_dir", "business_file", "var_dir")
    @classmethod
    def _from_the_checkout(cls, value: Path) -> Path:
        return value if value.is_absolute() else ROOT / value

    @cached_property
    def accounts(self) -> dict[str, str]:
        """Account → its secret; ``main`` is the one of ``WEBHOOK_SECRET``."""
        return {MAIN_ACCOUNT: self.webhook_secret, **dict(pairs(self.extra_accounts))}

    @cached_property
    def connector_urls(self) -> dict[str, str]:
        """Account → its connector's API: ports are counted up from the main account's, in the order of the settings."""
        parts = urlsplit(self.connector_url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
        return {
            account: parts._replace(netloc=f"{host}:{port + place}").geturl()
            for place, account in enumerate(self.accounts)
        }

    @cached_property
    def store_url(self) -> str:
        """The SQLAlchemy URL of the store, with an asynchronous driver."""
        if self.database_url:
            scheme, separator, rest = self.database_url.partition("://")
            driver = {"mysql": "mysql+aiomysql", "mariadb": "mysql+aiomysql", "sqlite": "sqlite+aiosqlite"}.get(
                scheme.partition("+")[0]
            )
            if not separator or driver is None:
                raise ConfigurationError("DATABASE_URL: must start with mysql:// or sqlite:///")
            return f"{driver}://{rest}"
        if self.db_host:
            who = f"{quote(self.db_user, safe='')}:{quote(self.db_password, safe='')}"
            return f"mysql+aiomysql://{who}@{self.db_host}:{self.db_port}/{quote(self.db_name, safe='')}"
        return f"sqlite+aiosqlite:///{self.var_dir / 'frontdesk.db'}"

    @cached_property
    def seeded_customers(self) -> dict[str, str | None]:
        """Number or id → name, of ``IMPORTANT_CUSTOMERS``."""
        return {number: name or None for number, name in pairs(self.important_customers)}

    @cached_property
    def seeded_groups(self) -> tuple[str, ...]:
        """Ids or names, of ``CRITICAL_GROUPS``."""
        return tuple(listed(self.critical_groups))


def _signs(secret: str) -> bool:
    try:
        return secret.startswith("whsec_") and len(base64.b64decode(secret[6:] + "==", validate=False)) >= 18
    except ValueError:
        return False


def _env_file() -> Path | None:
    """The checkout's ``.env``, unless ``FRONTDESK_NO_ENV_FILE`` says that the environment is all."""
    return None if os.environ.get("FRONTDESK_NO_ENV_FILE") else ROOT / ".env"


def load_settings(env_file: Path | None = None, **overrides: Any) -> Settings:
    """Read the environment over ``.env`` (or another file), with overrides for tests.

    Raises:
        ConfigurationError: a setting is missing or wrong; the text names it and never shows its value.
    """
    try:
        return Settings(**{"_env_file": env_file or _env_file(), **overrides})
    except ValidationError as error:
        problems = "; ".join(f"{field.upper()}: {problem}" for field, problem in plain_problems(error, Settings))
        raise ConfigurationError(f"{problems} (settings are read from the environment and .env)") from None
