"""Figures about an analyser can be trusted only if they are computed right."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from tests.support.desk import DeskFactory, RunningDesk, webhook
from tests.support.openai_server import FakeOpenAI

from frontdesk.bootstrap import EXAMPLE_BUSINESS
from frontdesk.config.business import load_business
from frontdesk.desk import correcting
from frontdesk.desk.evaluation import Case, evaluate, read_cases, replay
from frontdesk.domain.errors import AnalyserError, InvalidInputError
from frontdesk.domain.messages import Record
from frontdesk.domain.ports import Judgement, Subject
from frontdesk.domain.usage import Usage
from frontdesk.store import messages
from frontdesk.triage.rules import RulesAnalyser

CASES = [
    Case(id=str(number), lang=lang, text=text, category=category, sentiment="neutral", urgency=urgency)  # type: ignore[arg-type]
    for number, (lang, text, category, urgency) in enumerate(
        [("en", "a", "sales", 4), ("en", "b", "sales", 4), ("tr", "c", "support", 9), ("tr", "d", "general", 1)]
    )
]
ANSWERS = {"a": ("sales", 0.9, 4), "b": ("support", 0.9, 6), "c": ("support", 0.3, 5)}


async def by_heart(subject: Subject) -> Judgement:
    """Answers that are written above; none for the last."""
    if subject.text not in ANSWERS:
        raise AnalyserError("away")
    category, confidence, urgency = ANSWERS[subject.text]
    values = {"category": category, "sentiment": "neutral", "urgency_score": urgency, "language": "en"}
    return Judgement(values=values, confidence={"category": confidence}, usage=Usage(calls=1, cost_micro_usd=10))


async def test_shares_errors_confusion_and_calibration_are_what_they_say() -> None:
    """Counted by hand here; a case without an answer is wrong."""
    result = await evaluate(by_heart, CASES)
    assert (result.cases, result.failed, len(result.seconds)) == (4, 1, 3)
    overall = result.accuracies["all"]
    assert (overall.category, overall.sentiment, overall.urgency, overall.language) == (0.5, 0.75, 0.5, 0.5)
    assert result.accuracies["tr"].category == 0.5
    assert result.confusion["category"] == {("sales", "sales"): 1, ("sales", "support"): 1, ("support", "support"): 1}
    assert (result.urgency_error, round(result.urgency_bias, 4)) == (2, round((0 + 2 - 4) / 3, 4))
    assert [(found.answers, round(found.confidence, 4), found.right) for found in result.calibration("category")] == [
        (1, 0.3, 1.0), (2, 0.9, 0.5)
    ]  # fmt: skip
    assert result.calibration_error("category") == pytest.approx((0.7 + 2 * 0.4) / 3)
    assert result.usage.cost_micro_usd == 30


def test_a_line_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """Half of a file of cases would be judged, and nobody would know."""
    path = tmp_path / "cases.jsonl"
    path.write_text(
        '{"lang": "en", "text": "hi", "category": "sales", "sentiment": "neutral", "urgency": 3}\n\n{"lang": "en"}\n'
    )
    with pytest.raises(InvalidInputError, match=r"cases.jsonl, line 3: text: "):
        read_cases(path)


async def test_a_replay_shows_what_would_be_judged_otherwise(desk: RunningDesk) -> None:
    """And changes nothing."""
    numbers = [
        (await desk.post(webhook(text))).document["database_id"]
        for text in ("How much is a full service?", "Thank you!")
    ]
    await desk.post(webhook("from us", from_me=True))
    database = desk.backend.desk.database
    since = datetime.now(UTC) - timedelta(hours=1)
    ids = await messages.judged_since(database, since, limit=10)
    assert ids == list(reversed(numbers))
    assert await messages.judged_since(database, since, limit=1) == numbers[1:]
    assert await messages.judged_since(database, datetime.now(UTC) + timedelta(hours=1), limit=1) == []

    async def records() -> object:
        for number in ids:
            yield await messages.fetch(database, number)

    async def judge(record: Record) -> dict[str, object]:
        assert record.analysis is not None
        return record.analysis.model_dump() | ({"category": "complaint"} if record.id == numbers[0] else {})

    found = [change async for _, change in replay(records(), judge)]  # type: ignore[arg-type]
    assert found[0] is None
    assert found[1] is not None
    assert found[1].fields == {"category": ("sales", "complaint")}
    stored = await messages.fetch(database, numbers[0])
    assert stored is not None
    assert stored.analysis is not None
    assert stored.analysis.category == "sales"


async def test_what_people_correct_is_judged_so_from_now_on_and_becomes_a_case(
    start_desk: DeskFactory, openai: FakeOpenAI
) -> None:
    """Priority and deadline follow; no later judgement takes it back; what was let stand is a label, too."""
    desk: RunningDesk = await start_desk(
        openai_api_key="sk-test", analyser="decisions", openai_base_url=openai.base_url, rerate_interval_s=0.05
    )
    openai.failure = lambda _: web.Response(status=500)
    number = (await desk.post(webhook("How much is a full service?"))).document["database_id"]
    before = (await desk.get(f"/messages/{number}")).document
    headers = {"authorization": f"Bearer {desk.settings.api_token}"}

    async def correct(**values: object) -> tuple[int, Any]:
        url = f"{desk.url}/messages/{number}/analysis"
        async with desk.session.patch(url, json=values, headers=headers) as response:
            return response.status, await response.json(content_type=None)

    status, shown = await correct(urgency_score=9, category="complaint", person="Bo")
    assert status == 200
    analysis = shown["analysis"]
    assert (analysis["urgency_score"], analysis["category"], analysis["priority_level"]) == (9, "complaint", "critical")
    assert analysis["confidence"]["category"] == 1.0
    assert shown["response_due_at"] < before["response_due_at"]
    assert (await correct(category="nonsense"))[0] == 422
    assert (await correct(language="xx"))[0] == 422
    assert (await correct())[0] == 422
    # Judged again by the model: what nobody corrected is the model's, the rest is the person's.
    openai.failure = lambda _: None
    record = await messages.fetch(desk.backend.desk.database, number)
    assert record is not None
    again = await desk.backend.pipeline.processor._assess_again(record)
    assert (again.analysis.urgency_score, again.analysis.category, again.analysis.sentiment) == (
        9,
        "complaint",
        "neutral",
    )
    assert again.analysis.analyser.startswith("decisions")
    (case,) = await correcting.cases(desk.backend.desk.database)
    assert (case.text, case.category, case.urgency, case.lang) == ("How much is a full service?", "complaint", 9, "en")
    assert [turn.text for turn in case.history] == ["Good morning"]
    result = await evaluate(RulesAnalyser(load_business(EXAMPLE_BUSINESS)).judge, [case])
    assert result.accuracies["all"].category == 0
