"""Reasons that are stored in English, as logs and programs read them, in the language of who reads the page."""

import re
from collections.abc import Mapping
from functools import cache
from gettext import NullTranslations

SEPARATOR = "; "


def _(text: str) -> str:
    """Marks a text for the catalogues."""
    return text


SAYINGS = (
    _("a person answers here"),
    _("a person sends it"),
    _("an earlier message waits for a person"),
    _("nothing is sent to a group by itself"),
    _("only observed, nobody was asked"),
    _("no rule and no agent's manifest matched"),
    _("not sure enough (%(sure)s)"),
    _("somebody asked for it"),
    _("somebody stepped in while it was written"),
    _("sure (%(sure)s) and safe"),
    _("the agent asks for a person: %(why)s"),
    _("the agent is not sure (%(sure)s)"),
    _("the customer asks for a person"),
    _("the customer is angry"),
    _("the customer wants no automatic messages"),
    _("the customer’s command %(command)s"),
    _("the hub picked %(agent)s"),
    _("the hub took over"),
    _("there is no %(agent)s"),
    _("there is nothing to say"),
    _("too much at stake (%(risk)s)"),
    _("it cannot be sent: %(why)s"),
    _("rule %(number)s at position %(position)s"),
    _("keyword “%(keyword)s” of %(agent)s"),
    _("category %(category)s of %(agent)s"),
    _("%(count)s automatic messages within an hour"),
    _("%(agent)s failed: %(why)s"),
    _("important sender"),
    _("%(category)s, urgency %(urgency)s"),
    # What the rules recommend.
    _("Answer with price, stock and how to order."),
    _("Look up the order or booking and say what happens next."),
    _("Apologise, take it over personally and offer a remedy."),
    _("Answer the question from the business's facts."),
    _("Ask for the exact error and help step by step."),
    _("No answer is needed, or a short friendly one."),
    _("Answer within the hour: %(why)s"),
    _("Call the sender now"),
    _("where people are in danger, tell them the emergency number."),
)


def spoken(reason: str | None, catalogue: NullTranslations, agents: Mapping[str, str]) -> str:
    """A reason in a language, agents by their titles; parts that nobody knows stay as they are."""
    return SEPARATOR.join(_part(part, catalogue, agents) for part in (reason or "").split(SEPARATOR))


def _part(part: str, catalogue: NullTranslations, agents: Mapping[str, str]) -> str:
    for saying, pattern in _patterns():
        match = pattern.fullmatch(part)
        if match is not None:
            values = match.groupdict()
            if "category" in values:
                name = values["category"].capitalize()
                values["category"] = catalogue.gettext(name)
            if "agent" in values:
                values["agent"] = agents.get(values["agent"], values["agent"])
            if "why" in values:
                values["why"] = _part(values["why"], catalogue, agents)
            return catalogue.gettext(saying) % values
    return part


@cache
def _patterns() -> tuple[tuple[str, re.Pattern[str]], ...]:
    return tuple(
        (saying, re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+)", re.escape(saying)))) for saying in SAYINGS
    )
