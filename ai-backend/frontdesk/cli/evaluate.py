"""``frontdesk eval``: how well triage judges labelled messages."""

from pathlib import Path

import click

from frontdesk.bootstrap import EXAMPLE_BUSINESS
from frontdesk.config.business import load_business
from frontdesk.desk.evaluation import MEASURES, Accuracy, read_labelled
from frontdesk.desk.evaluation import evaluate as evaluate_analyser
from frontdesk.settings import ROOT
from frontdesk.triage.rules import RulesAnalyser

HELD_OUT = ROOT / "benchmarks" / "triage" / "held_out.jsonl"


@click.command(name="eval")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=HELD_OUT)
async def evaluate(file: Path) -> None:
    """Print the rules' accuracy on the labelled messages in FILE (default: the held-out half) as a Markdown table."""
    found = await evaluate_analyser(RulesAnalyser(load_business(EXAMPLE_BUSINESS)), read_labelled(file))
    click.echo("| language | messages | category | sentiment | urgency ±2 | language found |")
    click.echo("|---|---|---|---|---|---|")
    for language, accuracy in sorted(found.items(), key=lambda item: (item[0] == "all", -item[1].messages, item[0])):
        click.echo(_row(language, accuracy))


def _row(language: str, accuracy: Accuracy) -> str:
    shares = " | ".join(f"{getattr(accuracy, measure):.0%}" for measure in MEASURES)
    return f"| {language} | {accuracy.messages} | {shares} |"
