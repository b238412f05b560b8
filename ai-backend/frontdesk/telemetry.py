"""Metrics for Prometheus and traces for OpenTelemetry. Nothing of a message or a person is in them; labels are few."""

import contextlib
import time
from collections.abc import Iterator
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

from frontdesk.domain.usage import Usage

__all__ = [
    "CONTENT_TYPE_LATEST", "answered", "assessed", "configure_traces", "exposition", "processed", "received", "sent",
    "set_breakers", "set_oldest", "set_outbox", "set_unanswered", "set_waiting", "span", "stage",
]  # fmt: skip

_received = Counter("frontdesk_messages_received_total", "Messages accepted", ["kind"])
_processed = Histogram(
    "frontdesk_processing_seconds", "From taking up a message to its stored route",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
_stages = Histogram(
    "frontdesk_stage_seconds", "Durations of the stages: claim, assess, route, store", ["stage"],
    buckets=(0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
_sent = Counter("frontdesk_messages_sent_total", "Messages of the outbox that came to an end", ["state"])
_analyses = Counter("frontdesk_analyses_total", "Analyses by analyser", ["analyser"])
_tokens = Counter("frontdesk_tokens_total", "Tokens of the model", ["kind"])
_cost = Counter("frontdesk_cost_usd_total", "Money spent on triage, in US dollars")
_requests = Histogram("frontdesk_http_request_seconds", "Requests by route and status", ["route", "method", "status"])
_waiting = Gauge("frontdesk_messages_waiting", "Messages that are not done", ["state"])
_oldest = Gauge("frontdesk_oldest_waiting_seconds", "Age of the oldest message that waits to be judged")
_outbox = Gauge(
    "frontdesk_outbox_waiting", "Messages of the outbox that are not done, or of unknown outcome", ["state"]
)
_unanswered = Gauge(
    "frontdesk_conversations_unanswered", "Conversations in which somebody waits for an answer", ["state"]
)
_breakers = Gauge("frontdesk_breaker_open", "1 where a service is being left alone", ["service"])


def received(*, is_new: bool) -> None:
    """A message was accepted."""
    _received.labels("new" if is_new else "duplicate").inc()


def processed(seconds: float) -> None:
    """A message went through its stages."""
    _processed.observe(seconds)


def sent(state: str) -> None:
    """A message of the outbox was sent, or came to another end."""
    _sent.labels(state).inc()


@contextlib.contextmanager
def stage(name: str) -> Iterator[None]:
    """Measure a stage."""
    started = time.perf_counter()
    try:
        yield
    finally:
        _stages.labels(name).observe(time.perf_counter() - started)


def assessed(analyser: str, usage: Usage) -> None:
    """A message was judged."""
    _analyses.labels(analyser).inc()
    _tokens.labels("input").inc(usage.input_tokens)
    _tokens.labels("cached").inc(usage.cached_tokens)
    _tokens.labels("output").inc(usage.output_tokens)
    _cost.inc(usage.cost_micro_usd / 1e6)


def answered(route: str, method: str, status: int, seconds: float) -> None:
    """A request was answered."""
    _requests.labels(route, method, str(status)).observe(seconds)


def set_waiting(numbers: dict[str, int]) -> None:
    """State → how many messages are in it."""
    for state, number in numbers.items():
        _waiting.labels(state).set(number)


def set_oldest(seconds: float) -> None:
    """How long the oldest message has waited to be judged; 0 where none does."""
    _oldest.set(seconds)


def set_outbox(numbers: dict[str, int]) -> None:
    """State → how many messages of the outbox are in it."""
    for state, number in numbers.items():
        _outbox.labels(state).set(number)


def set_unanswered(waiting: int, overdue: int) -> None:
    """In how many conversations somebody waits, and in how many of them longer than promised."""
    _unanswered.labels("open").set(waiting)
    _unanswered.labels("overdue").set(overdue)


def set_breakers(states: dict[str, bool]) -> None:
    """Service → whether it is being left alone."""
    for service, is_open in states.items():
        _breakers.labels(service).set(is_open)


def exposition() -> bytes:
    """All metrics in Prometheus's text format."""
    return generate_latest(REGISTRY)


class Span(Protocol):
    """A piece of work in a trace. ``traceparent`` hands it on by W3C Trace Context; None where there is no trace."""

    @property
    def traceparent(self) -> str | None:
        """What a part of this work in another process names as its parent."""
        ...


class _PassedOn:
    """Without an exporter a trace that others began is handed on as it came."""

    def __init__(self, traceparent: str | None) -> None:
        self.traceparent = traceparent


class _Tracer:
    """The SDK's tracer, where traces are wanted."""

    def __init__(self, endpoint: str, service: str) -> None:
        # Imported only here: who wants no traces does not pay for the SDK, a tenth of a second and some megabytes.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
        from opentelemetry.trace import StatusCode  # noqa: PLC0415
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator  # noqa: PLC0415

        self._failed = StatusCode.ERROR
        self._provider = TracerProvider(resource=Resource.create({"service.name": service}))
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("frontdesk")
        self._propagator = TraceContextTextMapPropagator()

    @contextlib.contextmanager
    def span(self, name: str, parent: str | None, attributes: dict[str, Any]) -> Iterator[_PassedOn]:
        context = self._propagator.extract({"traceparent": parent}) if parent else None
        # The texts of errors may hold what a customer wrote: a trace learns only of which kind they were.
        begun = self._tracer.start_as_current_span(
            name, context=context, attributes=attributes, record_exception=False, set_status_on_exception=False
        )
        with begun as current:
            carrier: dict[str, str] = {}
            self._propagator.inject(carrier)
            try:
                yield _PassedOn(carrier.get("traceparent"))
            except Exception as error:
                current.set_status(self._failed, type(error).__name__)
                raise

    def close(self) -> None:
        """Send what is left."""
        self._provider.shutdown()


_tracer: _Tracer | None = None


@contextlib.contextmanager
def configure_traces(endpoint: str | None, *, service: str) -> Iterator[None]:
    """Send traces to an OTLP endpoint over HTTP, until left."""
    global _tracer  # noqa: PLW0603 (one exporter a process, as with the metrics' registry)
    if endpoint is None:
        yield
        return
    _tracer = _Tracer(endpoint, service)
    try:
        yield
    finally:
        _tracer.close()
        _tracer = None


@contextlib.contextmanager
def span(name: str, *, parent: str | None = None, **attributes: str | float) -> Iterator[Span]:
    """A piece of work; inside another one a part of it, with ``parent`` a part of what that traceparent names."""
    if _tracer is None:
        yield _PassedOn(parent)
        return
    with _tracer.span(name, parent, attributes) as begun:
        yield begun
