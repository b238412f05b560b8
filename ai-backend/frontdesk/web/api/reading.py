"""Messages and figures, for those who have a key."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import quantiles

from aiohttp import web

from frontdesk import telemetry
from frontdesk.domain.errors import NotFoundError
from frontdesk.domain.messages import Record
from frontdesk.store import changes, messages, outbox, stats, waits
from frontdesk.web.api.bodies import MAX_ID, whole_number
from frontdesk.web.desk import DESK, Desk
from frontdesk.web.documents import AnswersDocument, MessageDocument, MessagesDocument, StatsDocument, message_of

DEFAULT_LIMIT = 50
MAX_LIMIT = 200


async def asked_for(request: web.Request) -> Record:
    """The message that ``{id}`` in the path names, for a person who may read it.

    Raises:
        UnauthenticatedError: nobody we know asks. NotFoundError: there is none.
    """
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    number = int(request.match_info["id"])
    record = await messages.fetch(desk.database, number) if number <= MAX_ID else None
    if record is None:
        raise NotFoundError("there is no such message")
    return record


async def one_message(request: web.Request) -> web.Response:
    """``GET /messages/{id}``: a message with its history and result. While it is being worked on the status is 202."""
    desk = request.app[DESK]
    record = await asked_for(request)
    done = record.processed_at is not None
    (document,) = await _documents(desk, [record])
    return web.json_response(
        text=document.model_dump_json(),
        status=200 if done else 202,
        headers={} if done else {"Retry-After": "1"},
    )


async def latest_messages(request: web.Request) -> web.Response:
    """``GET /messages?limit=``: the newest messages."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    limit = whole_number("limit", request.query.get("limit"), default=DEFAULT_LIMIT, least=1, most=MAX_LIMIT)
    records = await messages.fetch_latest(desk.database, limit=limit)
    document = MessagesDocument(messages=await _documents(desk, records))
    return web.json_response(text=document.model_dump_json())


async def _documents(desk: Desk, records: Sequence[Record]) -> list[MessageDocument]:
    keys = [(record.account_id, record.message.message_id) for record in records]
    happened = await changes.of_messages(desk.database, keys)
    files = await changes.attachments_of(desk.database, keys)
    return [
        message_of(record, happened.get(key, ()), files.get(key)) for key, record in zip(keys, records, strict=True)
    ]


async def last_day(request: web.Request) -> web.Response:
    """``GET /stats``: the last 24 hours."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    return web.json_response(text=(await day_of(desk)).model_dump_json())


async def day_of(desk: Desk) -> StatsDocument:
    """The figures of the last 24 hours."""
    since = desk.clock() - timedelta(hours=24)
    counted = await stats.counts(desk.database, since=since)
    spent = await stats.usage(desk.database, since=since)
    states = counted.get("state", {})
    return StatsDocument(
        since=since,
        received=sum(states.values()),
        processed=states.get("processed", 0),
        pending=states.get("pending", 0) + states.get("settling", 0),
        unrouted=states.get("unrouted", 0),
        failed=states.get("failed", 0),
        by_category=counted.get("category", {}),
        by_sentiment=counted.get("sentiment", {}),
        by_priority=counted.get("priority", {}),
        by_agent=counted.get("agent", {}),
        by_analyser=counted.get("analyser", {}),
        response_time_seconds=percentiles(list(await stats.durations(desk.database, since=since))),
        tokens={"input": spent.input_tokens, "cached": spent.cached_tokens, "output": spent.output_tokens},
        model_calls=spent.calls,
        cost_usd=spent.cost_micro_usd / 1e6,
        waiting=await stats.waiting(desk.database),
        outbox=await outbox.waiting(desk.database),
        answers=await _answers(desk, since),
    )


async def _answers(desk: Desk, since: datetime) -> AnswersDocument:
    found = await waits.figures(desk.database, since=since, now=desk.clock())
    return AnswersDocument(
        open=found.open,
        overdue=found.overdue,
        answered=found.answered,
        in_time=found.in_time,
        share_in_time=round(found.in_time / found.answered, 4) if found.answered else None,
        response_seconds=percentiles(list(found.responses)),
        first_response_seconds=percentiles(list(found.first_responses)),
        resolution_seconds=percentiles(list(found.resolutions)),
    )


async def metrics(request: web.Request) -> web.Response:
    """``GET /metrics`` for Prometheus."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    telemetry.set_waiting(await stats.waiting(desk.database))
    oldest = await stats.oldest_waiting(desk.database)
    telemetry.set_oldest((desk.clock() - oldest).total_seconds() if oldest else 0)
    telemetry.set_outbox(await outbox.waiting(desk.database))
    answers = await waits.figures(desk.database, since=desk.clock(), now=desk.clock())
    telemetry.set_unanswered(answers.open, answers.overdue)
    telemetry.set_breakers({"model": desk.assessor.is_degraded, **desk.dispatcher.left_alone()})
    return web.Response(body=telemetry.exposition(), headers={"Content-Type": telemetry.CONTENT_TYPE_LATEST})


def percentiles(values: list[float]) -> dict[str, float | None]:
    """p50, p90 and p99 of some seconds, or nulls where there are none."""
    if not values:
        return {"p50": None, "p90": None, "p99": None}
    if len(values) == 1:
        return dict.fromkeys(("p50", "p90", "p99"), round(values[0], 3))
    cuts = quantiles(values, n=100, method="inclusive")
    return {"p50": round(cuts[49], 3), "p90": round(cuts[89], 3), "p99": round(cuts[98], 3)}
