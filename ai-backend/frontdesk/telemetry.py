"""Metrics for Prometheus. Labels are few and closed: nothing of a message or a person is in them."""

from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, Counter, Gauge, Histogram, generate_latest

from frontdesk.domain.usage import Usage

__all__ = ["CONTENT_TYPE_LATEST", "answered", "assessed", "exposition", "processed", "received", "set_waiting"]

_received = Counter("frontdesk_messages_received_total", "Messages accepted", ["kind"])
_processed = Histogram(
    "frontdesk_processing_seconds", "From taking up a message to its stored route",
    buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)  # fmt: skip
_analyses = Counter("frontdesk_analyses_total", "Analyses by analyser", ["analyser"])
_tokens = Counter("frontdesk_tokens_total", "Tokens of the model", ["kind"])
_cost = Counter("frontdesk_cost_usd_total", "Money spent on triage, in US dollars")
_requests = Histogram("frontdesk_http_request_seconds", "Requests by route and status", ["route", "method", "status"])
_waiting = Gauge("frontdesk_messages_waiting", "Messages that are not done", ["state"])


def received(*, is_new: bool) -> None:
    """A message was accepted."""
    _received.labels("new" if is_new else "duplicate").inc()


def processed(seconds: float) -> None:
    """A message went through its stages."""
    _processed.observe(seconds)


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


def exposition() -> bytes:
    """All metrics in Prometheus's text format."""
    return generate_latest(REGISTRY)
