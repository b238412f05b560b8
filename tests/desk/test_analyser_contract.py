"""One contract for whoever judges: rules, Decisions, the words by Responses, and Chat Completions."""

from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio
from aiohttp import web
from tests.support.openai_server import FakeOpenAI

from frontdesk.config.business import load_business
from frontdesk.domain.analysis import Analysis, Choice, blank, questions
from frontdesk.domain.errors import AnalyserError
from frontdesk.domain.messages import HistoryItem
from frontdesk.domain.ports import Analyser, Subject
from frontdesk.model.analysers import DecisionsAnalyser, chat_analyser, words_analyser
from frontdesk.model.client import ModelClient
from frontdesk.model.prices import price_table
from frontdesk.settings import ROOT
from frontdesk.triage.policy import conclude
from frontdesk.triage.rules import RulesAnalyser

BUSINESS = load_business(ROOT / "business.example.toml")
KINDS = ("rules", "decisions", "responses", "chat")
SUBJECTS = (
    Subject(text="Where is my order #2291?"),
    Subject(text="", media_kind="image"),
    Subject(
        text="நாளை வரலாமா? 😀" * 400, quoted="earlier", key="k",
        history=tuple(HistoryItem(sender="x", content="y" * 500, sent_at=None, from_us=n % 2 == 0) for n in range(50)),
    ),
)  # fmt: skip


@pytest_asyncio.fixture(params=KINDS)
async def analyser(request: pytest.FixtureRequest, openai: FakeOpenAI) -> AsyncIterator[Analyser]:
    """Each implementation in turn."""
    kind: str = request.param
    if kind == "rules":
        yield RulesAnalyser(BUSINESS)
        return
    client = ModelClient(
        api_key="sk-test", base_url=openai.base_url, style="chat" if kind == "chat" else "responses", timeout_s=5, max_retries=0,
        prices=price_table(""),
    )  # fmt: skip
    makers: dict[str, Callable[..., Analyser]] = {
        "decisions": DecisionsAnalyser,
        "responses": words_analyser,
        "chat": chat_analyser,
    }
    yield makers[kind](client, model="gpt-6-luna", business=BUSINESS, budget_usd=0.005)
    await client.close()


@pytest.mark.parametrize("subject", SUBJECTS, ids=("text", "picture", "long"))
async def test_a_judgement_fits_the_analysis(analyser: Analyser, subject: Subject) -> None:
    """Values only for fields that there are, of their types, with confidences from 0 to 1 for rated ones."""
    judgement = await analyser.judge(subject)
    assert judgement.values
    assert set(judgement.values) <= set(Analysis.model_fields)
    for name, (_, question) in questions().items():
        if name in judgement.values and isinstance(question, Choice):
            assert judgement.values[name] in question.choices
    assert set(judgement.confidence) <= set(questions())
    assert all(0 <= value <= 1 for value in judgement.confidence.values())
    conclude(blank() | dict(judgement.values), judgement.confidence, analyser=analyser.name, is_important=False)


async def test_what_it_took_is_told(analyser: Analyser) -> None:
    """Rules cost nothing, a call costs what its tokens cost."""
    judgement = await analyser.judge(SUBJECTS[0])
    assert judgement.usage.calls == (0 if analyser.name == "rules" else 1)
    assert (judgement.usage.cost_micro_usd > 0) is (analyser.name != "rules")
    assert (judgement.model is None) is (analyser.name == "rules")


async def test_a_failure_is_one_error_or_none(analyser: Analyser, openai: FakeOpenAI) -> None:
    """A provider that is down is an AnalyserError; rules never fail."""
    openai.failure = lambda _: _unavailable()
    if analyser.name == "rules":
        assert (await analyser.judge(SUBJECTS[0])).values
    else:
        with pytest.raises(AnalyserError):
            await analyser.judge(SUBJECTS[0])


def _unavailable() -> web.Response:
    return web.json_response({"error": {"message": "down"}}, status=503)
