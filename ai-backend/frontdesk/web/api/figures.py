"""``GET /stats/daily``: figures by day, and how they compare with the days before."""

import asyncio
from collections.abc import Mapping
from datetime import date, timedelta

from aiohttp import web
from pydantic import BaseModel, Field

from frontdesk.domain.errors import FieldProblem, InvalidInputError
from frontdesk.store import analytics
from frontdesk.store.analytics import Totals
from frontdesk.store.stats import RESPONSE_BOUNDS_S
from frontdesk.web.api.bodies import day
from frontdesk.web.desk import DESK, Desk

DEFAULT_DAYS = 30
MOST_DAYS = 400
SUMMED = ("state", "answered", "response", "priority", "cost_micro_usd")


class SummaryDocument(BaseModel):
    """Figures of some days together."""

    received: int
    answered: int
    share_in_time: float | None
    response_seconds: int | None = Field(description="The median answer took at most so long")
    critical: int
    cost_usd: float


class DailyDocument(BaseModel):
    """Figures by day, in the time zone of the business; ``before`` is of as many days before them."""

    first: date
    last: date
    timezone: str
    days: list[date]
    series: dict[str, dict[str, list[int]]] = Field(description="Metric → label → a number for each day")
    by_hour: list[list[int]] = Field(description="For each day of the week, Monday first, 24 numbers of messages")
    total: SummaryDocument
    before: SummaryDocument


async def daily(request: web.Request) -> web.Response:
    """``GET /stats/daily?from=&to=``."""
    desk = request.app[DESK]
    desk.gate.check(request, "read")
    return web.json_response(text=(await figures_of(request, desk)).model_dump_json())


async def figures_of(request: web.Request, desk: Desk) -> DailyDocument:
    """The figures of the days that a query names, the last thirty by default.

    Raises:
        InvalidInputError: they are no days, or too many.
    """
    zone = desk.zone_of(None)
    today = desk.clock().astimezone(zone).date()
    last = day("to", request.query.get("to")) or today
    first = day("from", request.query.get("from")) or last - timedelta(days=DEFAULT_DAYS - 1)
    if not 0 <= (last - first).days < MOST_DAYS:
        problem = FieldProblem(pointer="from", detail=f"must be at most {MOST_DAYS} days before “to”, and not after it")
        raise InvalidInputError("the query does not fit", (problem,))
    length = last - first + timedelta(days=1)
    found, earlier = await asyncio.gather(
        analytics.daily(desk.database, first, last, zone),
        analytics.totals(desk.database, first - length, first - timedelta(days=1), zone, SUMMED),
    )
    days = [first + timedelta(days=ahead) for ahead in range(length.days)]
    return DailyDocument(
        first=first,
        last=last,
        timezone=str(zone),
        days=days,
        series={
            metric: {label: [numbers.get(day, 0) for day in days] for label, numbers in sorted(labels.items())}
            for metric, labels in sorted(found.numbers.items())
        },
        by_hour=[[found.by_hour.get((weekday, hour), 0) for hour in range(24)] for weekday in range(7)],
        total=_summary(found.totals),
        before=_summary(earlier),
    )


def _summary(found: Totals) -> SummaryDocument:
    answers = found.get("answered", {})
    answered = sum(answers.values())
    return SummaryDocument(
        received=sum(found.get("state", {}).values()),
        answered=answered,
        share_in_time=round(answers.get("in_time", 0) / answered, 4) if answered else None,
        response_seconds=_median(found.get("response", {})),
        critical=found.get("priority", {}).get("critical", 0),
        cost_usd=sum(found.get("cost_micro_usd", {}).values()) / 1e6,
    )


def _median(counted: Mapping[str, int]) -> int | None:
    """The bound up to which half of all answers came."""
    half, seen = sum(counted.values()) / 2, 0
    for bound in (*RESPONSE_BOUNDS_S, RESPONSE_BOUNDS_S[-1] + 1):
        seen += counted.get(str(bound), 0)
        if seen and seen >= half:
            return bound
    return None
