"""What models take: tokens a message by analyser, counted in the requests that the desk really makes."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Sequence
from typing import Any

from tests.support.desk import SECRETS
from tests.support.openai_server import FakeOpenAI

from frontdesk.bootstrap import assessor_of, model_client_of
from frontdesk.config.business import load_business
from frontdesk.desk.evaluation import read_cases
from frontdesk.model.prices import PRICES
from frontdesk.settings import ROOT, Settings, load_settings
from frontdesk.triage.rules import RulesAnalyser

MODEL = "gpt-6-luna"
COUNTER = """
import { countTokens } from 'gpt-tokenizer'
const texts = JSON.parse(await new Response(process.stdin).text())
console.log(JSON.stringify(texts.map((text) => countTokens(text))))
"""


def count_tokens(texts: Sequence[str]) -> list[int]:
    """The tokens of each text (o200k)."""
    node = shutil.which("node") or "node"
    done = subprocess.run(  # noqa: S603 (our own words)
        [node, "--input-type=module", "-e", COUNTER], input=json.dumps(list(texts)), cwd=ROOT / "connector-node",
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return list(json.loads(done.stdout))


async def requests_of(style: str, count: int) -> list[list[tuple[str, dict[str, Any]]]]:
    """For each of so many labelled messages the calls that it causes: endpoint and body."""
    business = load_business(ROOT / "business.example.toml")
    cases = read_cases(ROOT / "benchmarks" / "triage" / "tune.jsonl")[:count]
    rules = RulesAnalyser(business)
    async with FakeOpenAI().serving() as openai:
        settings = _settings(openai.base_url, style)
        client = model_client_of(settings)
        assert client is not None
        assessor = assessor_of(settings, business, client, warm=False)
        made = []
        for case in cases:
            judged = (await rules.judge(case.subject)).values
            # The model agrees with the rules here: how often words are asked for depends on the ratings.
            openai.ratings |= {name: judged[name] for name in openai.ratings if name in judged}
            openai.calls.clear()
            await assessor.assess(case.subject, is_important=False)
            made.append([(path, body) for path, body, _ in openai.calls])
        await client.close()
    return made


def _settings(base_url: str, style: str) -> Settings:
    return load_settings(
        ROOT / "none.env", **SECRETS, openai_api_key="x", openai_base_url=base_url, analyser=style, triage_model=MODEL
    )


def _read(body: dict[str, Any]) -> str:
    """What a model reads of a request."""
    parts = (body.get(name) for name in ("instructions", "input", "messages", "questions", "text", "response_format"))
    return "\n".join(part if isinstance(part, str) else json.dumps(part, ensure_ascii=False) for part in parts if part)


async def measure(*, count: int) -> list[tuple[str, str, str]]:
    """Rows of what, figure and target."""
    written = {
        "/responses": json.dumps(FakeOpenAI().words),
        "/chat/completions": json.dumps(FakeOpenAI().ratings | FakeOpenAI().words),
    }
    price = PRICES[MODEL]
    rows = [("cost, rules alone", "0 tokens", "0")]
    dollars: dict[str, float] = {}
    for style, name in (
        ("chat", "one chat call that asks everything"),
        ("decisions", "ratings, and words where they pay"),
    ):
        made = await requests_of(style, count)
        calls = [call for calls in made for call in calls]
        taken = await asyncio.to_thread(count_tokens, [_read(body) for _, body in calls])
        given = await asyncio.to_thread(count_tokens, [written.get(path, "") for path, _ in calls])
        dollars[style] = (sum(taken) * price.input + sum(given) * price.output) / len(made) / 1e6
        none = sum(not calls for calls in made)
        figure = (
            f"{sum(taken) / len(made):.0f} tokens in, {sum(given) / len(made):.0f} out a message; "
            f"${dollars[style] * 1000:.3f} a thousand; {none} of {len(made)} messages cost nothing"
        )
        rows.append((f"cost, {name}", figure, "–"))
    rows.append(("cost, against one chat call", f"{dollars['decisions'] / dollars['chat']:.2f} ×", "–"))
    return rows
