"""How the desk works is set by people: who comes first, who gets what, when it is open, how long things are kept."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.visitors import come_in

from frontdesk.desk.opening import OpeningHours
from frontdesk.store import analytics, stats
from frontdesk.store.database import Database
from frontdesk.store.tables import system_stats


async def test_who_comes_first_is_set_and_taken_back(desk: RunningDesk) -> None:
    """By an admin; the next message is judged so."""
    owner, ben = await come_in(desk), await come_in(desk, "Ben", "agent")
    assert (await ben.call("POST", "/important-customers", {"who": "+1 555 010 0111"})).status == 403
    assert (await owner.call("POST", "/important-customers", {"who": "+1 555 010 0111", "name": "Ada"})).status == 204
    listed = (await ben.call("GET", "/important-customers")).document["customers"]
    assert [(item["kind"], item["value"], item["name"]) for item in listed] == [("phone", "+15550100111", "Ada")]
    assert (await desk.post(webhook("when do you open?"))).document["analysis"]["priority_level"] == "critical"
    assert (await owner.call("DELETE", "/important-customers", {"who": "+15550100111"})).status == 204
    assert (await owner.call("DELETE", "/important-customers", {"who": "+15550100111"})).status == 404
    assert (await desk.post(webhook("when do you open?"))).document["analysis"]["priority_level"] != "critical"
    assert (await owner.call("POST", "/critical-groups", {"who": "Suppliers"})).status == 204
    assert (await owner.call("GET", "/critical-groups")).document == {"groups": ["suppliers"]}
    assert (await owner.call("DELETE", "/critical-groups", {"who": "SUPPLIERS"})).status == 204


async def test_rules_decide_who_gets_what(desk: RunningDesk) -> None:
    """The next message goes by them; one without a condition, or for nobody, is refused."""
    owner = await come_in(desk)
    made = await owner.call("POST", "/routing-rules", {"agent": "code_debugger", "keyword": "tandem", "position": 5})
    assert made.status == 201
    routed = (await desk.post(webhook("how much is a tandem?"))).document["routing"]
    assert routed["agent"] == "code_debugger"
    assert (await owner.call("POST", "/routing-rules", {"agent": "nobody", "keyword": "x"})).status == 422
    assert (await owner.call("POST", "/routing-rules", {"agent": "hub"})).status == 422
    number = made.document["id"]
    assert [rule["id"] for rule in (await owner.call("GET", "/routing-rules")).document["rules"]] == [number]
    assert (await owner.call("DELETE", f"/routing-rules/{number}")).status == 204
    assert (await owner.call("DELETE", f"/routing-rules/{number}")).status == 404


async def test_an_agent_is_tried_out_and_nothing_follows(desk: RunningDesk) -> None:
    """No message, no task, no draft."""
    owner = await come_in(desk)
    states = {item["name"]: item["state"] for item in (await owner.call("GET", "/agents")).document["agents"]}
    assert set(states.values()) == {"up"}
    tried = await owner.call("POST", "/agents/business_workflow/trials", {"text": "How much is a full service?"})
    assert tried.status == 200
    assert tried.document["reply"]["reply"]
    assert tried.document["analysis"]["category"] == "sales"
    assert (await owner.call("POST", "/agents/nobody/trials", {"text": "x"})).status == 404
    assert (await desk.get("/messages")).document["messages"] == []
    assert (await desk.get("/turns?state=all")).document["turns"] == []


async def test_hours_that_are_set_count_at_once_and_elsewhere_soon(desk: RunningDesk) -> None:
    """With split shifts and holidays; until they are left to the file again."""
    owner = await come_in(desk)
    before = (await owner.call("GET", "/opening-hours")).document
    assert before["is_set"] is False
    hours = {"monday": "09:00-12:30, 14:00-18:00", "tuesday": "closed", "sunday": ""}
    body = {"timezone": "Europe/London", "hours": hours, "holidays": {"12-25": "closed", "2030-01-07": "10:00-11:00"}}
    changed = await owner.call("PUT", "/opening-hours", body)
    assert (changed.status, changed.document["hours"]["sunday"]) == (200, "closed")
    calendar = desk.backend.desk.calendar_of("main")
    london = ZoneInfo("Europe/London")
    monday = datetime(2026, 11, 30, 13, tzinfo=london)
    assert calendar.opens_at(monday) == datetime(2026, 11, 30, 14, tzinfo=london)
    assert calendar.opens_at(datetime(2030, 1, 7, 9, tzinfo=london)) == datetime(2030, 1, 7, 10, tzinfo=london)
    elsewhere = OpeningHours(desk.backend.desk.database, desk.backend.desk.business)
    await elsewhere.look()
    assert elsewhere.calendar_of("main").opens_at(monday) == datetime(2026, 11, 30, 14, tzinfo=london)
    for wrong in ({"monday": "nine to five"}, {"someday": "closed"}):
        assert (await owner.call("PUT", "/opening-hours", {"hours": wrong})).status == 422
    assert (await owner.call("PUT", "/opening-hours", {"hours": {}, "timezone": "Mars/Base"})).status == 422
    assert (await owner.call("DELETE", "/opening-hours")).document == before


async def test_how_long_things_are_kept_is_set_by_people(start_desk: DeskFactory) -> None:
    """In place of the settings."""
    desk: RunningDesk = await start_desk(retention_days=7)
    owner = await come_in(desk)
    assert (await owner.call("GET", "/retention")).document["messages_days"] == 7
    kept = {"messages_days": 0, "files_days": 30, "events_days": 0}
    assert (await owner.call("PUT", "/retention", kept)).document == kept
    assert (await desk.backend.desk.retention.keeping()).model_dump() == kept
    assert (await owner.call("PUT", "/retention", {"messages_days": -1})).status == 422


async def _put(database: Database, rows: list[dict[str, Any]]) -> None:
    async def work(connection: AsyncConnection) -> None:
        await connection.execute(insert(system_stats), rows)
        for day in {row["day"] for row in rows}:
            await stats.sum_up(connection, day)

    await database.write(work)


@pytest.mark.parametrize(("zone", "day"), [("Asia/Tokyo", date(2026, 3, 2)), ("America/New_York", date(2026, 3, 1))])
async def test_days_are_those_of_the_business(database: Database, zone: str, day: date) -> None:
    """23:00 UTC on the first is the second in Tokyo, and still the first in New York."""
    row = {"day": date(2026, 3, 1), "hour": 23, "metric": "state", "label": "processed", "value": 5}
    await _put(database, [row])
    found = await analytics.daily(database, date(2026, 2, 28), date(2026, 3, 3), ZoneInfo(zone))
    assert found.numbers["state"]["processed"] == {day: 5}
    assert list(found.by_hour.values()) == [5]


async def test_a_day_on_which_clocks_are_set_loses_and_doubles_nothing(database: Database) -> None:
    """All hours of the spans before and after it are counted once."""
    begin = datetime(2026, 3, 27, tzinfo=UTC)
    hours = [begin + timedelta(hours=ahead) for ahead in range(96)]
    rows = [
        {"day": hour.date(), "hour": hour.hour, "metric": "state", "label": "processed", "value": 1} for hour in hours
    ]
    await _put(database, rows)
    zone = ZoneInfo("Europe/Berlin")
    found = await analytics.daily(database, date(2026, 3, 28), date(2026, 3, 30), zone)
    # 23, 23 (clocks go forward) and 24 hours of it lie within; the first day begins at 23:00 UTC the day before.
    assert sum(found.numbers["state"]["processed"].values()) == 24 + 23 + 24
    totals = await analytics.totals(database, date(2026, 3, 28), date(2026, 3, 30), zone, ["state"])
    assert totals == {"state": {"processed": 71}}


async def test_the_facts_of_the_business_are_shown(desk: RunningDesk) -> None:
    """Those that are answered with, and where they stand."""
    owner = await come_in(desk)
    facts = (await owner.call("GET", "/business")).document
    assert (facts["name"], facts["file"]) == ("Lale Repair & Coffee", desk.settings.business_file.name)
    assert facts["offers"][0]["price"] == "75 EUR"
    page = (await owner.call("GET", "/settings/business")).document
    for fact in ("12 Harbour Street", "75 EUR", "For small repairs just come in"):
        assert fact in page


async def test_what_is_judged_anew_counts_under_what_is_right(database: Database) -> None:
    """And what was counted there and is erased since stays counted; an hour that is not counted yet is left alone."""
    moment = datetime(2026, 3, 28, 9, 41, tzinfo=UTC)
    hour = {"day": moment.date(), "hour": moment.hour}
    await _put(
        database,
        [
            {**hour, "metric": "priority", "label": "critical", "value": 4},
            {**hour, "metric": "urgency", "label": "10", "value": 1},
            {**hour, "metric": "state", "label": "processed", "value": 4},
        ],
    )
    changed = {"priority": ("critical", "low"), "urgency": ("10", "2")}
    for later in (timedelta(), timedelta(hours=1)):
        await stats.judged_anew(database, moment + later, changed)
    await stats.judged_anew(database, moment, {})
    found = await analytics.daily(database, moment.date(), moment.date(), ZoneInfo("UTC"))
    day = moment.date()
    assert found.numbers["priority"] == {"critical": {day: 3}, "low": {day: 1}}
    assert found.numbers["urgency"] == {"2": {day: 1}}
    assert found.numbers["state"] == {"processed": {day: 4}}


async def test_figures_by_day_come_from_what_happened(desk: RunningDesk) -> None:
    """Counted by the hour as it ends; the page, the table and the API say the same."""
    owner = await come_in(desk)
    for text in ("How much is a full service?", "URGENT: the pipe burst, we are flooding!!"):
        posted = await desk.post(webhook(text))
    await owner.call("PATCH", f"/conversations/{posted.document['conversation_id']}", {"status": "done"})
    await stats.roll_up(desk.backend.desk.database, desk.backend.desk.clock())
    figures = (await owner.call("GET", "/stats/daily")).document
    assert figures["total"]["received"] == 2
    assert figures["total"]["critical"] == 1
    assert sum(sum(numbers) for numbers in figures["series"]["category"].values()) == 2
    assert sum(map(sum, figures["by_hour"])) == 2
    for urgency in (2, 2, 3):
        path = f"/messages/{posted.document['database_id']}/analysis"
        assert (await owner.call("PATCH", path, {"urgency_score": urgency})).status == 200
    figures = (await owner.call("GET", "/stats/daily")).document
    assert (figures["total"]["received"], figures["total"]["critical"]) == (2, 0)
    assert sum(figures["series"]["urgency"]["3"]) == 1
    assert sum(figures["series"]["urgency"].get("2", [])) == 0
    page = (await owner.call("GET", "/analytics")).document
    assert "Messages a day" in page
    table = await owner.call("GET", "/analytics/categories.csv")
    assert table.headers["Content-Type"].startswith("text/csv")
    assert table.document.splitlines()[0].startswith("day,sales,support,complaint")
    assert len(table.document.splitlines()) == 31
    assert (await owner.call("GET", "/analytics/hours.csv")).document.splitlines()[0].startswith("weekday,0,1")
    assert (await owner.call("GET", "/analytics/nothing.csv")).status == 404
    for query in ("from=2026-02-01&to=2026-01-01", "from=x", "from=1066-01-01"):
        assert (await owner.call("GET", f"/stats/daily?{query}")).status == 422


@pytest.mark.parametrize(
    "zone", ["UTC", "Europe/London", "America/Santiago", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe"]
)
async def test_sums_of_days_are_those_of_their_hours(database: Database, zone: str) -> None:
    """However far from UTC, and when clocks are set there; counted one by one as a check."""
    begin, place = datetime(2026, 3, 25, tzinfo=UTC), ZoneInfo(zone)
    hours = [begin + timedelta(hours=ahead) for ahead in range(24 * 16)]
    rows: list[dict[str, Any]] = [
        {"day": hour.date(), "hour": hour.hour, "metric": "state", "label": "processed", "value": 1 + number % 7}
        for number, hour in enumerate(hours)
    ]
    await _put(database, rows)
    first, last = date(2026, 3, 26), date(2026, 4, 8)
    expected: Counter[date] = Counter()
    for row, hour in zip(rows, hours, strict=True):
        shift = timedelta(hours=hour.astimezone(place).utcoffset() // timedelta(hours=1))  # type: ignore[operator]
        local = (hour + shift).date()
        if first <= local <= last:
            expected[local] += row["value"]
    found = await analytics.daily(database, first, last, place)
    assert found.numbers["state"]["processed"] == dict(expected)
    assert sum(found.by_hour.values()) > 0
    summed = await analytics.totals(database, first, last, place, ["state"])
    assert summed["state"]["processed"] == sum(expected.values())
