"""An answer without a model, made of the business's own facts.

A draft names what was asked and, where the facts of ``business.toml`` touch it, answers with them. It never claims what
the facts do not say.
"""

import tomllib
from functools import cache
from importlib import resources
from typing import Any

from frontdesk.domain.agents import Action, AgentReply, AgentRequest, CreateTask, HandOff
from frontdesk.domain.analysis import Analysis
from frontdesk.domain.business import Business
from frontdesk.domain.tasks import TASK_TYPES, TaskType
from frontdesk.domain.text import shorten
from frontdesk.domain.words import fold

NOTE = "Written by rules from business.toml, without a model: read it before you send it."
QUOTE_CHARACTERS = 90
MANY = 12
SURE_COMPLAINT = 0.55


@cache
def _texts() -> dict[str, dict[str, Any]]:
    path = resources.files("frontdesk.agentkit") / "answers.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def facts_about(text: str, business: Business, language: str) -> list[str]:
    """The business's facts that a message asks for, as sentences in its language where we have one."""
    folded = fold(text)
    phrases = _phrases(language)
    sentences = [item.answer for item in business.answers if any(fold(word) in folded for word in item.keywords)]
    for offer in business.offers:
        if any(fold(word) in folded for word in (offer.name, *offer.keywords)):
            details = ", ".join(part for part in (offer.price, offer.description) if part)
            sentences.append(f"{offer.name}: {details}." if details else f"{offer.name}.")
    values = {
        "hours": business.hours_line(),
        "address": business.address,
        "payment": ", ".join(business.payment),
        "delivery": business.delivery,
        "sell": "; ".join(f"{offer.name} {offer.price}".strip() for offer in business.offers[:MANY]),
    }
    for topic, words in _texts()["topics"].items():
        if values[topic] and any(fold(word) in folded for word in words):
            sentences.append(phrases[topic].format(value=values[topic].rstrip(".")))
    return sentences


def is_danger(analysis: Analysis) -> bool:
    """Whether somebody may be in danger: then nothing else is said than what helps at once."""
    return analysis.urgency_score >= 9 and analysis.sentiment == "urgent"


def answer_by_rules(agent: str, request: AgentRequest, business: Business) -> AgentReply:
    """A draft for any message, with the actions that its analysis calls for."""
    analysis = request.analysis
    phrases = _phrases(analysis.language)
    facts = facts_about(request.message, business, analysis.language)
    quote = shorten(request.message, QUOTE_CHARACTERS) or "…"
    joined = " ".join(facts)
    if is_danger(analysis):
        reply, confidence = phrases["danger"].format(business=business.name, quote=quote), 0.4
    elif facts and analysis.category in {"sales", "inquiry", "general"}:
        wish = f" {phrases['order']}" if analysis.category == "sales" else ""
        reply, confidence = phrases["facts"].format(business=business.name, facts=joined) + wish, 0.6
    else:
        # Where only the tone of a long message makes it a complaint, an apology could be for nothing.
        is_guess = analysis.category == "complaint" and analysis.confidence.get("category", 1.0) < SURE_COMPLAINT
        template = phrases["support" if is_guess else analysis.category]
        has_number = any(entity.type == "order_number" for entity in analysis.entities)
        ask = "" if has_number or is_guess else phrases["ask_number"]
        reply, confidence = template.format(business=business.name, quote=quote, facts=joined, ask=ask), 0.3
    return AgentReply(
        agent=agent,
        reply=" ".join(reply.split()),
        actions=tuple(_actions(request)),
        confidence=confidence,
        answered_by="rules",
        note=NOTE,
    )


def _actions(request: AgentRequest) -> list[Action]:
    analysis = request.analysis
    actions: list[Action] = []
    if analysis.needs_task:
        title = shorten(analysis.summary or request.message, 120) or analysis.category
        # Urgency 10 is priority 1, urgency 1 is priority 5.
        priority = 5 - (analysis.urgency_score - 1) // 2
        actions.append(CreateTask(type="create_task", title=title, priority=priority, kind=kind_of(request.message)))
    if analysis.needs_human or request.is_vip:
        reason = "important sender" if request.is_vip else f"{analysis.category}, urgency {analysis.urgency_score}"
        actions.append(HandOff(type="hand_off", reason=reason))
    return actions


def kind_of(text: str) -> TaskType:
    """What kind of task a message asks for, by its words."""
    folded = fold(text)
    words = _texts()["kinds"]
    return next((kind for kind in TASK_TYPES if any(fold(word) in folded for word in words.get(kind, ()))), "other")


def _phrases(language: str) -> dict[str, str]:
    texts = _texts()
    known = language.split("-", maxsplit=1)[0].lower()
    return texts[known] if known in texts and known not in {"topics", "kinds"} else texts["en"]
