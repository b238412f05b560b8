"""Structured logs: one JSON object a line, and nothing in it that a customer wrote or is called."""

import logging
import sys
import traceback
from typing import Any

import structlog
from structlog.typing import EventDict, ExcInfo, WrappedLogger

from frontdesk.domain.errors import FrontdeskError

PRIVATE = frozenset(
    {"text", "message_text", "content", "body", "phone", "phone_number", "name", "sender", "sender_name", "chat_name",
     "token", "secret", "authorization", "password", "api_key"}
)  # fmt: skip
REDACTED = "[redacted]"
QUOTING_NOBODY = (FrontdeskError, AttributeError, TypeError, NameError, ImportError, OSError)


def redact(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Blank what must never be logged; a last line of defence, not a licence to log it."""
    for key in event:
        if key.lower() in PRIVATE:
            event[key] = REDACTED
    return event


def told(exc_info: ExcInfo) -> str:
    """Where an error and its causes came from, without the texts that may quote what a customer wrote."""
    parts: list[str] = []
    error: BaseException | None = exc_info[1]
    # Causes may go round in a circle: a library that raises again what it has caught makes them do so.
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        plain = (
            traceback.format_exception_only(error)
            if isinstance(error, QUOTING_NOBODY)
            else [f"{type(error).__name__}: {REDACTED}"]
        )
        parts += [*traceback.format_tb(error.__traceback__), "".join(plain).rstrip()]
        error = error.__cause__ or error.__context__
    return "\n".join(part.rstrip() for part in parts)


def configure_logs(level: str) -> None:
    """Send all logs, ours and the libraries', to standard error."""
    number = getattr(logging, level.upper())
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        redact,
        structlog.processors.ExceptionRenderer(told),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.JSONRenderer(ensure_ascii=False)],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
        )
    )
    logging.basicConfig(level=max(number, logging.WARNING), handlers=[handler], force=True)
