"""Analytics: how much comes, how it is answered and what it costs, by day; each chart with its table and as CSV."""

import csv
import io
import json
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from frontdesk.domain.errors import NotFoundError
from frontdesk.web.api.figures import DailyDocument, SummaryDocument, figures_of
from frontdesk.web.desk import DESK
from frontdesk.web.pages.entrance import entered
from frontdesk.web.pages.rendering import page


@dataclass(frozen=True)
class Chart:
    """A chart: a metric by its labels, those that are named first, the others after them."""

    name: str
    metric: str
    labels: tuple[str, ...] = ()
    divisor: float = 1


CHARTS = (
    Chart("volume", "state"),
    Chart("answers", "answered", ("in_time", "late")),
    Chart("categories", "category", ("sales", "support", "complaint", "inquiry", "technical", "general")),
    Chart("sentiments", "sentiment", ("positive", "neutral", "negative", "urgent")),
    Chart("urgency", "urgency", tuple(map(str, range(1, 11)))),
    Chart("agents", "agent"),
    Chart("cost", "cost_micro_usd", divisor=1e6),
)


@entered()
async def show(request: web.Request) -> web.StreamResponse:
    """``GET /analytics?from=&to=``."""
    figures = await figures_of(request, request.app[DESK])
    charts = {chart.name: _series(chart, figures) for chart in CHARTS}
    days = [day.isoformat() for day in figures.days]
    most = max((number for row in figures.by_hour for number in row), default=0)
    return page(
        request, "analytics.html", section="analytics", figures=figures, charts=charts, days=days,
        data=json.dumps({"days": days, "charts": charts}), success=_success(figures),
        heat=[[_level(number, most) for number in row] for row in figures.by_hour],
        change={name: _change(name, figures) for name in SummaryDocument.model_fields},
    )  # fmt: skip


@entered()
async def table(request: web.Request) -> web.StreamResponse:
    """``GET /analytics/{chart}.csv?from=&to=``: the numbers of a chart."""
    wanted = request.match_info["chart"]
    figures = await figures_of(request, request.app[DESK])
    written = io.StringIO()
    writer = csv.writer(written)
    if wanted == "hours":
        writer.writerow(["weekday", *range(24)])
        writer.writerows([weekday + 1, *row] for weekday, row in enumerate(figures.by_hour))
    else:
        chart = next((chart for chart in CHARTS if chart.name == wanted), None)
        if chart is None:
            raise NotFoundError
        series = _series(chart, figures)
        writer.writerow(["day", *series])
        writer.writerows(
            [day.isoformat(), *(numbers[place] for numbers in series.values())]
            for place, day in enumerate(figures.days)
        )
    name = f"{wanted}-{figures.first}-{figures.last}.csv"
    headers = {"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"}
    return web.Response(text=written.getvalue(), content_type="text/csv", headers=headers)


def _series(chart: Chart, figures: DailyDocument) -> dict[str, list[float]]:
    found = figures.series.get(chart.metric, {})
    if chart.name == "volume":
        numbers = [sum(values) for values in zip(*found.values(), strict=True)] or [0] * len(figures.days)
        return {"received": [float(number) for number in numbers]}
    labels = (*chart.labels, *sorted(set(found) - set(chart.labels)))
    blank = [0] * len(figures.days)
    return {label: [number / chart.divisor for number in found.get(label, blank)] for label in labels}


def _success(figures: DailyDocument) -> list[tuple[str, int, float]]:
    """Each agent, how many messages it got, and the share that it answered."""
    asked = {label: sum(numbers) for label, numbers in figures.series.get("agent", {}).items()}
    done = {label: sum(numbers) for label, numbers in figures.series.get("agent_success", {}).items()}
    return [(agent, number, done.get(agent, 0) / number) for agent, number in sorted(asked.items()) if number]


def _level(number: int, most: int) -> int:
    """How dark a field of the heat map is, 0 to 8."""
    return -(-8 * number // most) if most else 0


def _change(name: str, figures: DailyDocument) -> float | None:
    """How much more than before, as a share of it."""
    now: Any = getattr(figures.total, name)
    before: Any = getattr(figures.before, name)
    return (now - before) / before if now is not None and before else None
