"""Judging by words and patterns: the analyser that always answers, at once and for nothing.

It is honest about what it is: ``analyser`` is “rules” and the confidence stays low. Every number in this module was set
by hand on the tuning half of the labelled messages; ``docs/evaluation.md`` has the figures on the other half.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cache
from typing import Any

from frontdesk.domain.analysis import CATEGORIES, Category, Entity, Sentiment
from frontdesk.domain.business import Business
from frontdesk.domain.messages import HistoryItem
from frontdesk.domain.ports import Judgement, Subject
from frontdesk.domain.text import shorten
from frontdesk.domain.words import Text, fold
from frontdesk.triage.language import detect
from frontdesk.triage.lexicon import LANGUAGES, Hit, lexicon, stopwords
from frontdesk.triage.phrases import next_action

# Signal → what one hit adds to a category.
CATEGORY_WEIGHTS: dict[str, dict[Category, float]] = {
    "complaint": {"complaint": 2.2},
    "irony": {"complaint": 2.6},
    "threat": {"complaint": 2.4},
    "negative": {"complaint": 1.4},
    "price": {"sales": 2.0},
    "order": {"sales": 2.2},
    "support": {"support": 2.2},
    "technical": {"technical": 1.8},
    "outage": {"technical": 2.0},
    "inquiry": {"inquiry": 1.6},
    "safety": {"support": 1.2},
    "emergency": {"support": 0.4},
    "request": {"support": 0.3, "sales": 0.3},
    "question": {"inquiry": 0.5},
    "greeting": {"general": 0.5},
    "thanks": {"general": 1.0},
    "ack": {"general": 4.0},
    "general": {"general": 2.4},
    "positive": {"general": 0.8},
}
HAPPY = set("😊😀😃😄😁🙂😍🥰😘❤💕💖👍🙏🎉🌹💐🤗✨🔥😋🌸🎄🍬🌙🎊🥳💯")
UNHAPPY = set("😡😠🤬😤😞😔😢😭💔👎😒🙄😩😫🤮😾😖☹🙁")
MOCKING = set("👏🙃🙄")
LAUGHING = set("😂🤣😅😆😜")
ALARMED = set("🚨🆘🔥😱❗‼⚠🩸🚑")
TRIVIAL_WORDS = 4
READ_CHARACTERS = 6000
NEGATION_REACH = 2
APPLAUDED_STORY_WORDS = 8
SURE_SCORE = 2.0
STORY_WORDS = 8

# What is numbered, in the languages of the lists.
_ORDERS = (
    "order|booking|invoice|sipariş|siparis|rezervasyon|fatura|bestellung|auftrag|rechnung|buchung|pedido|reserva|factura|commande|"
    "réservation|facture|ordine|prenotazione|fattura|encomenda|заказ|счёт|счет|طلب"
)
# Every repetition is bounded: the text is a stranger's, and an unbounded one can take minutes.
_ENTITIES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("url", re.compile(r"https?://\S{1,500}|www\.\S{1,500}", re.IGNORECASE)),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")),
    ("order_number", re.compile(r"(?:#|\bno[:.]?\s?|№\s?)\d[\w-]{2,30}", re.IGNORECASE)),
    ("order_number", re.compile(rf"(?<!\w)(?:{_ORDERS})\s(\d[\w-]{{3,30}})", re.IGNORECASE)),
    ("phone", re.compile(r"\+\d[\d\s().-]{6,20}\d")),
    (
        "amount",
        re.compile(
            r"[$€£₺₹₽]\s?\d[\d.,]{0,15}|(?<![\d.,])\d[\d.,]{0,15}\s?(?:tl|₺|lira|usd|eur|euro|€|\$|£|₹|rs|руб|₽)(?!\w)",
            re.IGNORECASE,
        ),
    ),
    ("time", re.compile(r"\b(?:[01]?\d|2[0-3])[:.][0-5]\d\b|\b(?:1[0-2]|[1-9])\s?(?:am|pm)\b", re.IGNORECASE)),
    ("date", re.compile(r"\b\d{1,2}[./-]\d{1,2}(?:[./-]\d{2,4})?\b|\b20\d\d-\d\d-\d\d\b")),
)


class RulesAnalyser:
    """Judges by the word lists; needs nothing and never fails."""

    name = "rules"

    def __init__(self, business: Business) -> None:
        self._business = business

    def warm_up(self) -> None:
        """Load the language models and word lists now, so that the first message need not wait (about two seconds)."""
        judge(Subject(text="Hello, how much is it? Merhaba, ne kadar?"), self._business)
        for language in LANGUAGES:
            lexicon(language)

    async def judge(self, subject: Subject) -> Judgement:
        """Values for all fields."""
        return judge(subject, self._business)


def is_trivial(subject: Subject) -> bool:
    """Whether a message is an acknowledgement that nobody waits for: “ok”, “👍”, “thanks” after no question of ours."""
    text = Text(subject.text[:READ_CHARACTERS])
    if subject.media_kind or len(text.words) > TRIVIAL_WORDS or text.asks or _we_asked(subject.history):
        return False
    if not any(char.isalnum() for char in subject.text):
        return (bool(text.emoji) and not text.emoji & (UNHAPPY | ALARMED)) or not subject.text.strip()
    _, _, found = detect(text.raw)
    return any(
        {place for hit in hits if hit.signal in {"ack", "thanks"} for place in range(hit.start, hit.end)}
        == set(range(len(text.words)))
        for hits in found.values()
    )


def judge(subject: Subject, business: Business) -> Judgement:
    """Rate a message and describe it, by words alone. Of a very long one the beginning is read."""
    subject = subject.model_copy(update={"text": subject.text[:READ_CHARACTERS]})
    text = Text(subject.text)
    language, sureness, found = detect(subject.text, lambda: _chat_language(subject.history))
    weights = _weigh(language, found)
    _read_form(text, weights)
    category, category_sureness = _category(text, weights, subject)
    sentiment = _sentiment(text, weights, category)
    urgency = _urgency(text, weights, category, sentiment)
    if (weights["safety"] and urgency >= 8) or (sentiment != "negative" and urgency >= 8):
        sentiment = "urgent"
    trivial = category == "general" and urgency <= 2
    needs_action = not trivial and not (category == "general" and sentiment == "positive")
    entities = tuple(_entities(subject.text))
    keywords = _keywords(text, language)
    summary = shorten(subject.text, 160) or f"[{subject.media_kind or 'empty message'}]"
    values: dict[str, Any] = {
        "urgency_score": urgency,
        "category": category,
        "sentiment": sentiment,
        "language": language,
        "action_required": needs_action,
        "wants_person": weights["person"] > 0,
        "needs_human": urgency >= 8 or category == "complaint" or weights["threat"] > 0,
        "needs_task": needs_action and (category in {"support", "complaint"} or weights["order"] > 0 or urgency >= 7),
        "keywords": keywords,
        "summary": summary,
        "business_context": business_context(subject.text, business),
        "suggested_next_action": next_action(category, urgency),
        "entities": entities,
    }
    confidence = {
        "urgency_score": 0.5,
        "category": category_sureness,
        "sentiment": 0.5,
        "language": sureness,
        "action_required": 0.6,
        "needs_human": 0.5,
        "wants_person": 0.6,
        "needs_task": 0.5,
    }
    return Judgement(values=values, confidence=confidence)


@cache
def _folded(word: str) -> str:
    """A word of the business, of which there are few."""
    return fold(word)


def business_context(text: str, business: Business) -> str:
    """The facts of the business that the message touches, in one line."""
    folded = fold(text)
    touched = [
        f"{offer.name}{f' ({offer.price})' if offer.price else ''}"
        for offer in business.offers
        if any(_folded(word) in folded for word in (offer.name, *offer.keywords))
    ]
    answered = [item.answer for item in business.answers if any(_folded(word) in folded for word in item.keywords)]
    parts = ([f"asks about {', '.join(touched)}"] if touched else []) + answered
    return shorten(f"{business.name}: {'; '.join(parts)}" if parts else business.name, 240)


def _weigh(language: str, found: Mapping[str, list[Hit]]) -> defaultdict[str, float]:
    """Signal → weight, from the message's own language and, at half weight, English words in it."""
    weights: defaultdict[str, float] = defaultdict(float)
    sources = [(language, 1.0)] if language in found else []
    sources += [("en", 0.5)] if language != "en" and "en" in found else []
    if not sources and found:
        sources = [(max(found, key=lambda name: len(found[name])), 0.5)]
    for name, share in sources:
        for signal, weight in _unmasked(found[name]).items():
            weights[signal] += share * weight
    return weights


def _unmasked(hits: list[Hit]) -> Counter[str]:
    """Weights of the hits that stand: what a calming phrase covers is not urgent, what is negated is not meant."""
    calm = {place for hit in hits if hit.signal == "calm" for place in range(hit.start, hit.end)}
    negators = [hit for hit in hits if hit.signal == "negator"]
    weights: Counter[str] = Counter()
    for hit in hits:
        places = set(range(hit.start, hit.end))
        if hit.signal in {"emergency", "soon", "safety", "outage"} and places & calm:
            continue
        negated = hit.signal in {"positive", "emergency", "negative", "safety"} and any(
            not (negator.start < hit.end and hit.start < negator.end)
            and (0 <= hit.start - negator.end < NEGATION_REACH or 0 <= negator.start - hit.end < 1)
            for negator in negators
        )
        if negated:
            if hit.signal == "positive":
                weights["negative"] += hit.weight  # type: ignore[assignment]
            continue
        weights[hit.signal] += hit.weight  # type: ignore[assignment]
    return weights


def _read_form(text: Text, weights: defaultdict[str, float]) -> None:
    """Correct the weights by what no word list sees: laughter, applause for a long story, exclamations."""
    if text.emoji & LAUGHING:
        for signal in ("safety", "emergency", "outage"):
            weights[signal] = 0.0
    applauded = text.emoji & MOCKING and text.raw.rstrip()[-2:].strip("\ufe0f ")[-1:] in MOCKING
    if applauded and len(text.words) >= APPLAUDED_STORY_WORDS:
        weights["irony"] += 1.0
    if weights["price"] and not text.exclamations:
        # “How much is the emergency light”: a thing's name, not a need.
        weights["emergency"] = max(0.0, weights["emergency"] - 1.0)


def _category(text: Text, weights: dict[str, float], subject: Subject) -> tuple[Category, float]:
    scores: dict[Category, float] = dict.fromkeys(CATEGORIES, 0.0)
    for signal, shares in CATEGORY_WEIGHTS.items():
        for category, share in shares.items():
            scores[category] += share * min(weights[signal], 4.0)
    is_content = weights["calm"] or weights["positive"] or weights["thanks"] or text.emoji & HAPPY
    if len(text.words) >= STORY_WORDS and not text.asks and not is_content:
        # Nobody tells a shop a long story without a question or a wish unless something went wrong.
        scores["complaint"] += 1.1
    scores["complaint"] += 1.0 * bool(text.emoji & UNHAPPY) + 0.8 * text.is_shouted
    if text.asks:
        scores["inquiry"] += 0.9
        scores["general"] *= 0.6
    if len(text.words) > 12:
        scores["general"] *= 0.7
    if not any(scores.values()):
        last = _last_of_ours(subject.history)
        return ("support" if last else "inquiry" if text.asks else "general"), 0.3
    best = max(CATEGORIES, key=lambda category: scores[category])
    total = sum(scores.values())
    # Sure is what many signals say and few contradict: one weak hit alone is a guess.
    return best, round(0.25 + 0.5 * scores[best] / total * min(1.0, scores[best] / SURE_SCORE), 3)


def _sentiment(text: Text, weights: dict[str, float], category: Category) -> Sentiment:
    bad = (
        1.2 * weights["negative"] + 1.0 * weights["complaint"] + 1.6 * weights["irony"] + 1.5 * weights["threat"]
        + 1.5 * bool(text.emoji & UNHAPPY) + 0.7 * text.is_shouted
    )  # fmt: skip
    good = 1.2 * weights["positive"] + 1.0 * weights["thanks"] + 1.2 * bool(text.emoji & HAPPY)
    alarm = (
        2.2 * weights["safety"] + 1.3 * weights["emergency"] + 0.5 * weights["outage"]
        + 0.4 * min(text.exclamations, 3) + 1.0 * bool(text.emoji & ALARMED) + 0.4 * text.is_drawn_out
    ) - 2.0 * weights["calm"]  # fmt: skip
    if weights["irony"]:
        good = 0.0
    if alarm >= 2.2 and alarm > bad:
        return "urgent"
    if bad >= 1.2 and bad >= good:
        return "negative"
    if category == "complaint" and good < 1.2:
        return "negative"
    if good >= 1.2 and good > bad:
        return "positive"
    return "neutral"


def _urgency(text: Text, weights: dict[str, float], category: Category, sentiment: Sentiment) -> int:
    base = {"general": 2.0, "inquiry": 3.2, "sales": 4.0, "support": 5.0, "technical": 5.0, "complaint": 5.6}[category]
    if category == "general" and weights["ack"]:
        base = 1.0
    score = base
    score += 1.0 * min(weights["soon"], 2.0) * (category != "general")
    score += 1.6 * min(weights["emergency"], 2.0)
    score += 1.6 * min(weights["outage"], 2.0)
    score += 0.5 * (sentiment == "negative") + 0.6 * min(weights["threat"], 1.0)
    score += 0.4 * text.is_shouted + 0.25 * min(text.exclamations, 3) * (
        category != "general" or weights["emergency"] > 0
    )
    score += 0.5 * text.is_drawn_out * (category != "general" or weights["emergency"] > 0)
    if weights["safety"]:
        score = max(score, 8.0) + 0.7 * min(weights["safety"], 3.0)
    if weights["calm"] and not weights["safety"] and not weights["outage"]:
        # “No rush, but it smells of gas here” is not calm.
        score = min(score, 3.4)
    return max(1, min(10, round(score)))


def _entities(raw: str) -> list[Entity]:
    found: list[Entity] = []
    rest = raw
    for kind, pattern in _ENTITIES:
        found += [Entity(type=kind, value=match[match.lastindex or 0].strip()) for match in pattern.finditer(rest)]
        rest = pattern.sub(" ", rest)
    return found[:20]


def _keywords(text: Text, language: str) -> tuple[str, ...]:
    ignored = stopwords(language) if language in LANGUAGES else frozenset()
    counted = Counter(word for word in text.words if len(word) > 2 and not word.isdigit() and word not in ignored)
    ranked = sorted(counted, key=lambda word: (-counted[word], -len(word), word))
    return tuple(ranked[:8])


def _last_of_ours(history: tuple[HistoryItem, ...]) -> str | None:
    if history and history[-1].from_us:
        return history[-1].content
    return None


def _we_asked(history: tuple[HistoryItem, ...]) -> bool:
    last = _last_of_ours(history)
    return last is not None and Text(last).asks


def _chat_language(history: tuple[HistoryItem, ...]) -> str | None:
    said = " ".join(item.content[:500] for item in history[-6:] if not item.from_us)
    if len(said) < 12:
        return None
    language, sureness, _ = detect(said)
    return language if sureness > 0.3 else None
