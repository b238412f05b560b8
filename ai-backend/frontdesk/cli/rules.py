"""``frontdesk rule``: the operator's routing rules."""

import click

from frontdesk.bootstrap import opened
from frontdesk.config.manifests import load_manifests
from frontdesk.domain.analysis import CATEGORIES
from frontdesk.domain.errors import InvalidInputError
from frontdesk.domain.routing import Rule
from frontdesk.settings import load_settings
from frontdesk.store import directory


@click.group()
def rule() -> None:
    """Ordered rules that decide before the agents' own manifests do."""


@rule.command()
@click.argument("agent")
@click.option("--position", type=int, default=100, show_default=True, help="The lowest that holds decides.")
@click.option("--category", type=click.Choice(CATEGORIES))
@click.option("--keyword", help="A word or phrase in the message, in any case.")
@click.option("--minimum-urgency", type=click.IntRange(1, 10))
@click.option("--vip-only", is_flag=True)
@click.option("--group-only", is_flag=True)
async def add(agent: str, **conditions: object) -> None:
    """Send messages for which all conditions hold to AGENT."""
    if not any(conditions[name] for name in ("category", "keyword", "minimum_urgency", "vip_only", "group_only")):
        raise click.UsageError(
            "a rule without a condition would take every message: give one, or edit the agents' manifests"
        )
    settings = load_settings()
    names = [manifest.name for manifest in load_manifests(settings.agents_dir)]
    if agent not in names:
        raise InvalidInputError(f"there is no agent {agent}; there are {', '.join(names)}")
    async with opened(settings) as database:
        number = await directory.add_rule(database, Rule.model_validate({"id": 0, "agent": agent, **conditions}))
    click.echo(f"rule {number} added")


@rule.command()
@click.argument("number", type=int)
async def remove(number: int) -> int:
    """Delete the rule with this NUMBER."""
    async with opened(load_settings()) as database:
        was = await directory.remove_rule(database, number)
    click.echo(f"rule {number} {'removed' if was else 'does not exist'}")
    return 0 if was else 1


@rule.command(name="list")
async def list_() -> None:
    """Show the rules in the order in which they are tried."""
    async with opened(load_settings()) as database:
        rules = await directory.list_rules(database)
    for item in rules:
        conditions = item.model_dump(exclude={"id", "position", "agent"}, exclude_none=True, exclude_defaults=True)
        shown = ", ".join(f"{name}={value}" for name, value in conditions.items()) or "always"
        click.echo(f"{item.id:4} at {item.position:4}: {shown} → {item.agent}")
    if not rules:
        click.echo("No rules: the agents' manifests decide.")
