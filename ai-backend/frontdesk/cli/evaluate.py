"""``frontdesk eval`` and ``frontdesk replay``: how well triage judges, and what a change of it would change."""

from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from frontdesk.bootstrap import EXAMPLE_BUSINESS, assessor_of, business_of, model_client_of, opened
from frontdesk.config.business import load_business
from frontdesk.desk import correcting
from frontdesk.desk.evaluation import MEASURES, RATED, Accuracy, Judge, Result, read_cases, replay
from frontdesk.desk.evaluation import evaluate as evaluate_judge
from frontdesk.domain.business import Business
from frontdesk.domain.errors import InvalidInputError
from frontdesk.domain.messages import Record
from frontdesk.domain.ports import Judgement, Subject
from frontdesk.domain.text import shorten
from frontdesk.settings import ROOT, Settings, load_settings
from frontdesk.store import messages
from frontdesk.store.database import Database
from frontdesk.triage.assess import Assessor
from frontdesk.triage.rules import RulesAnalyser

HELD_OUT = ROOT / "benchmarks" / "triage" / "held_out.jsonl"
ANALYSERS = ("rules", "model")
MICRO = 1_000_000
EXAMPLES = 20
TEXT_CHARACTERS = 60
MOST_CONFUSED = 3


@click.command(name="eval")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=HELD_OUT)
@click.option(
    "--analyser",
    type=click.Choice(ANALYSERS),
    default="rules",
    show_default=True,
    help="“model”: as your settings say.",
)
@click.option("--against", type=click.Choice(ANALYSERS), help="Another one, side by side.")
@click.option("--from-corrections", is_flag=True, help="Judge the messages that people corrected, in place of FILE.")
async def evaluate(file: Path, *, analyser: str, against: str | None, from_corrections: bool) -> None:
    """Print how well an analyser judges the labelled messages in FILE (default: the held-out half), as Markdown.

    FILE has one JSON object a line: lang, text, category, sentiment, urgency, and history where it matters.
    """
    if from_corrections:
        settings = load_settings()
        async with opened(settings) as database:
            cases = await correcting.cases(database)
        if not cases:
            raise InvalidInputError("nobody has corrected a judgement yet: PATCH /messages/{id}/analysis does")
        business = business_of(settings)
    else:
        cases = read_cases(file)
        business = load_business(EXAMPLE_BUSINESS)
    names = [analyser, *([against] if against else [])]
    results: list[Result] = []
    for name in names:
        async with _judge(name, business) as judge:
            results.append(await evaluate_judge(judge, cases))
    _print_shares(names, results)
    _print_rest(names, results)


@click.command(name="replay")
@click.option("--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="How far back.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=1000, show_default=True, help="The newest so many.")
@click.option("--with-model", is_flag=True, help="By the model of your settings, which may cost, instead of by rules.")
async def replay_stored(*, days: int, limit: int, with_model: bool) -> None:
    """Judge stored messages by today's analyser and show what would change. Nothing is stored."""
    settings = load_settings()
    changed: Counter[tuple[str, str, str]] = Counter()
    judged = different = 0
    examples: list[str] = []
    async with opened(settings) as database, _assessor("model" if with_model else "rules", settings) as assessor:

        async def judge(record: Record) -> dict[str, Any]:
            subject = Subject.of(record.spoken, key=f"replay-{record.key}")
            return (await assessor.assess(subject, is_important=record.is_important)).analysis.model_dump()

        since = database.now() - timedelta(days=days)
        ids = await messages.judged_since(database, since, limit=limit)
        async for record, change in replay(_records(database, ids), judge):
            judged += 1
            if change is None:
                continue
            different += 1
            changed.update((name, str(before), str(now)) for name, (before, now) in change.fields.items())
            if len(examples) < EXAMPLES:
                told = ", ".join(f"{name} {before} → {now}" for name, (before, now) in change.fields.items())
                examples.append(f"{record.id:8}  {told}: “{shorten(record.message.text, TEXT_CHARACTERS)}”")
    click.echo(f"{judged} messages of the last {days} days, {different} of them would be judged otherwise.")
    for (name, before, now), number in changed.most_common(EXAMPLES):
        click.echo(f"{number:6}  {name}: {before} → {now}")
    if examples:
        click.echo("\nFor example:")
    for example in examples:
        click.echo(example)


async def _records(database: Database, ids: list[int]) -> AsyncIterator[Record]:
    for number in ids:
        record = await messages.fetch(database, number)
        if record is not None and record.analysis is not None:
            yield record


@asynccontextmanager
async def _judge(name: str, business: Business) -> AsyncIterator[Judge]:
    """An analyser as the labelled messages know it: they are written to the example's business."""
    if name == "rules":
        yield RulesAnalyser(business).judge
        return
    async with _assessor(name, load_settings(), business) as assessor:

        async def judge(subject: Subject) -> Judgement:
            found = await assessor.assess(subject, is_important=False)
            return Judgement(
                values=found.analysis.model_dump(), confidence=found.analysis.confidence, usage=found.usage, model=found.model
            )  # fmt: skip

        yield judge


@asynccontextmanager
async def _assessor(name: str, settings: Settings, business: Business | None = None) -> AsyncIterator[Assessor]:
    async with AsyncExitStack() as stack:
        client = model_client_of(settings) if name == "model" else None
        if name == "model" and client is None:
            raise InvalidInputError("a model needs OPENAI_API_KEY")
        if client is not None:
            stack.push_async_callback(client.close)
        yield assessor_of(settings, business or business_of(settings), client)


def _print_shares(names: list[str], results: list[Result]) -> None:
    """Accuracy by language; of two analysers both shares."""
    titles = ("category", "sentiment", "urgency ±2", "language found")
    click.echo(f"| language | messages | {' | '.join(titles)} |")
    click.echo("|---|---|---|---|---|---|")
    first = results[0].accuracies
    for language, accuracy in sorted(first.items(), key=lambda item: (item[0] == "all", -item[1].messages, item[0])):
        rows = [result.accuracies[language] for result in results]
        click.echo(
            f"| {language} | {accuracy.messages} | {' | '.join(_share(rows, measure) for measure in MEASURES)} |"
        )
    if len(names) > 1:
        click.echo(f"\nShares are {names[0]} / {names[1]}.")


def _share(rows: list[Accuracy], measure: str) -> str:
    return " / ".join(f"{getattr(row, measure):.0%}" for row in rows)


def _print_rest(names: list[str], results: list[Result]) -> None:
    for name, result in zip(names, results, strict=True):
        click.echo(
            f"\n**{name}**: {result.cases} messages{f', {result.failed} without an answer' if result.failed else ''}"
        )
        click.echo(f"- urgency: off by {result.urgency_error:.2f} on average, {result.urgency_bias:+.2f} with its sign")
        for rated in RATED:
            wrong = Counter({pair: count for pair, count in result.confusion[rated].items() if pair[0] != pair[1]})
            told = ", ".join(
                f"{expected} taken for {found} ({count})"
                for (expected, found), count in wrong.most_common(MOST_CONFUSED)
            )
            click.echo(f"- {rated}: {told or 'nothing confused'}")
            bins = "; ".join(
                f"{found.confidence:.0%} sure, {found.right:.0%} right ({found.answers})"
                for found in result.calibration(rated)
            )
            click.echo(f"- {rated}, calibration error {result.calibration_error(rated):.2f}: {bins}")
        if result.seconds:
            seconds = sorted(result.seconds)
            click.echo(
                f"- {seconds[len(seconds) // 2] * 1000:.0f} ms a message (half of them), {seconds[int(len(seconds) * 0.9)] * 1000:.0f} ms (nine in ten)"
            )
        if result.usage.cost_micro_usd:
            click.echo(f"- {result.usage.cost_micro_usd / MICRO:.4f} USD")
