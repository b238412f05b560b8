"""What is judged of a message, and how each judgement is asked for.

:class:`Analysis` is the single list of fields. A line with a :class:`Score`, :class:`Choice` or :class:`Predicate` is a
*rating*: the description is the question that a model is asked, the metadata its possible answers. A line with
:class:`Words` is written by a model where that pays and by rules elsewhere. The remaining lines are set in code. Nothing
else has to be touched to add a field: the questions, the response schemas, the stored document and the API follow.
"""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, create_model
from pydantic.fields import FieldInfo

Category = Literal["sales", "support", "complaint", "inquiry", "technical", "general"]
Sentiment = Literal["positive", "negative", "neutral", "urgent"]
PriorityLevel = Literal["critical", "high", "normal", "low"]
ResponseTime = Literal["immediate", "1hour", "4hours", "24hours"]

CATEGORIES: tuple[Category, ...] = get_args(Category)


@dataclass(frozen=True)
class Score:
    """A rating on ordered levels, label → meaning, lowest first. The field's value is the 1-based level."""

    levels: dict[str, str]


@dataclass(frozen=True)
class Choice:
    """A rating by one of several values, value → meaning."""

    choices: dict[str, str]


@dataclass(frozen=True)
class Predicate:
    """A rating by yes or no: the statement's probability is its confidence."""


@dataclass(frozen=True)
class Words:
    """A field that says something in words."""


Question = Score | Choice | Predicate


class Entity(BaseModel):
    """A thing that the message names."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: str = Field(
        description="person, product, order_number, amount, date, time, place, email, phone, url or other"
    )
    value: str = Field(description="The text as the message has it")


class Analysis(BaseModel):
    """What the desk thinks of one message."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    urgency_score: Annotated[
        int,
        Field(ge=1, le=10, description="How urgently does the latest message need an answer from the business?"),
        Score(
            {
                "1": "nothing to do: ok, thanks, a thumbs up",
                "2": "greeting, small talk or advertising",
                "3": "a question without any time pressure, or one that says there is no rush",
                "4": "an ordinary wish to buy, book or know something",
                "5": "an ordinary problem or request, a mild complaint",
                "6": "needs something today, or is upset, or waits for what is overdue",
                "7": "a clear problem with time pressure, or very angry, or cannot work",
                "8": "needs action within the hour",
                "9": "an emergency: harm, an outage, much money at stake now",
                "10": "danger to life, health or safety",
            }
        ),
    ]
    category: Annotated[
        Category,
        Field(description="What is the main intent of the latest message?"),
        Choice(
            {
                "sales": "wants to buy, order, book, or get a price, a quote or a discount",
                "support": "needs help with something already bought, ordered or booked",
                "complaint": "is dissatisfied with a product, the service, staff or a delay, ironic praise included",
                "inquiry": "asks for information, without buying yet",
                "technical": "something technical fails, or a technical question",
                "general": "greeting, thanks, small talk, and everything else",
            }
        ),
    ]
    sentiment: Annotated[
        Sentiment,
        Field(description="How does the sender of the latest message feel?"),
        Choice(
            {
                "positive": "glad, thankful or full of praise",
                "negative": "unhappy, angry, disappointed or worried; irony counts as what it means",
                "neutral": "matter-of-fact, polite requests and questions included",
                "urgent": "alarm or pressing need outweighs every other feeling",
            }
        ),
    ]
    language: Annotated[
        str,
        Field(description="In which language is the latest message written (BCP 47)?"),
        Choice(
            {
                "en": "English", "tr": "Turkish", "de": "German", "es": "Spanish", "it": "Italian", "pt": "Portuguese",
                "fr": "French", "nl": "Dutch", "pl": "Polish", "ru": "Russian", "uk": "Ukrainian", "ar": "Arabic",
                "fa": "Persian", "he": "Hebrew", "ur": "Urdu", "hi": "Hindi", "bn": "Bengali", "ta": "Tamil",
                "id": "Indonesian", "ms": "Malay", "az": "Azerbaijani", "ku": "Kurdish", "el": "Greek", "ro": "Romanian",
                "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "und": "another language, or none can be told",
            }
        ),
    ]  # fmt: skip
    action_required: Annotated[
        bool, Field(description="The latest message needs the business to answer or to do something."), Predicate()
    ]
    needs_human: Annotated[
        bool,
        Field(description="The latest message should be handled by a person, not by an automatic answer."),
        Predicate(),
    ]
    wants_person: Annotated[
        bool,
        Field(description="The sender of the latest message asks to speak with a person instead of a robot."),
        Predicate(),
    ]
    needs_task: Annotated[
        bool,
        Field(description="The latest message asks for something to be done that should not be forgotten."),
        Predicate(),
    ]
    keywords: Annotated[
        tuple[str, ...], Field(description="Up to 8 words or short phrases that carry the message."), Words()
    ]
    summary: Annotated[
        str, Field(description="One sentence: what the sender wants, in the message's language."), Words()
    ]
    business_context: Annotated[
        str,
        Field(
            description="One sentence: what this means for this business, with what it sells, prices or hours where they matter."
        ),
        Words(),
    ]
    suggested_next_action: Annotated[
        str, Field(description="One sentence: what the business should do next, concretely."), Words()
    ]
    entities: Annotated[tuple[Entity, ...], Field(description="Names, products, numbers, dates and places."), Words()]

    priority_level: PriorityLevel = Field(description="Follows from urgency, and is critical for important senders")
    recommended_response_time: ResponseTime = Field(description="Follows from priority_level")
    confidence: dict[str, float] = Field(description="Rated field → how sure, 0 to 1")
    analyser: str = Field(description="Who judged: decisions, chat, rules, or decisions+responses")

    @classmethod
    def restore(cls, document: str) -> "Analysis":
        """Read a stored analysis, also one from before a field was added or after one was removed."""
        stored = {name: value for name, value in json.loads(document).items() if name in cls.model_fields}
        return cls.model_validate(blank() | stored)

    @property
    def confidence_score(self) -> float:
        """The mean confidence over the rated fields, 0 to 1."""
        return round(sum(self.confidence.values()) / len(self.confidence), 4) if self.confidence else 0.0


class Correction(BaseModel):
    """What a person said of one field of an analysis."""

    model_config = ConfigDict(frozen=True)

    field: str
    judged: int | str | bool = Field(description="What was thought at first")
    value: int | str | bool = Field(description="What is right")
    person: str | None = Field(description="Who says so, where that was told")
    corrected_at: datetime


def _metadata(info: FieldInfo, kind: Any) -> Any:
    return next((item for item in info.metadata if isinstance(item, kind)), None)


@cache
def questions() -> dict[str, tuple[str, Question]]:
    """Each rated field → the question in words, and the answers it allows."""
    found: dict[str, tuple[str, Question]] = {}
    for name, info in Analysis.model_fields.items():
        question = _metadata(info, (Score, Choice, Predicate))
        if question is not None:
            found[name] = (info.description or name, question)
    return found


def blank() -> dict[str, Any]:
    """The value of each judged field that says nothing: the lowest level, the last choice, no, and no words."""
    values: dict[str, Any] = {}
    for name, info in Analysis.model_fields.items():
        match _metadata(info, (Score, Choice, Predicate, Words)):
            case Score():
                values[name] = 1
            case Choice(choices):
                values[name] = list(choices)[-1]
            case Predicate():
                values[name] = False
            case Words():
                values[name] = "" if info.annotation is str else ()
    return values


@cache
def words_model() -> type[BaseModel]:
    """A model of the fields that a model may write."""
    return _submodel("Words", lambda info: _metadata(info, Words) is not None)


@cache
def judgement_model() -> type[BaseModel]:
    """A model of all fields that a model may judge or write, for providers that answer everything in one call."""
    return _submodel(
        "Judgement", lambda info: bool(info.metadata) and _metadata(info, (Score, Choice, Predicate, Words)) is not None
    )


def _submodel(name: str, wanted: Any) -> type[BaseModel]:
    fields: dict[str, Any] = {
        field: (info.annotation, Field(description=_described(info)))
        for field, info in Analysis.model_fields.items()
        if wanted(info)
    }
    return create_model(name, __config__=ConfigDict(extra="forbid"), **fields)


def _described(info: FieldInfo) -> str:
    question = _metadata(info, (Score, Choice))
    if question is None:
        return info.description or ""
    answers = question.levels if isinstance(question, Score) else question.choices
    return f"{info.description} " + "; ".join(f"{value} = {meaning}" for value, meaning in answers.items())
