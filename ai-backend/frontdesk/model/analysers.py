"""The analysers that ask a model."""

from typing import Any

from openai.types import Decision
from openai.types.decision_create_params import Question
from pydantic import BaseModel

from frontdesk.domain.analysis import Choice, Predicate, Score, judgement_model, questions, words_model
from frontdesk.domain.business import Business
from frontdesk.domain.ports import Judgement, Subject
from frontdesk.model.client import ModelClient
from frontdesk.model.transcript import instructions, transcript

MAX_OUTPUT_TOKENS = 700


class DecisionsAnalyser:
    """Rates with OpenAI's Decisions API: typed questions in, calibrated probabilities out, no text."""

    name = "decisions"

    def __init__(self, client: ModelClient, *, model: str, business: Business, budget_usd: float) -> None:
        self._client = client
        self._model = model
        self._instructions = instructions(business)
        self._budget_usd = budget_usd
        self._questions = decision_questions()
        self._overhead = len(self._instructions) + sum(len(str(question)) for question in self._questions)

    async def judge(self, subject: Subject) -> Judgement:
        """Values for the rated fields; a question that the model refused is left out.

        Raises:
            AnalyserError: there was no answer.
        """
        room = self._client.characters_for(self._model, self._budget_usd, output_tokens=0, overhead=self._overhead)
        decision, usage = await self._client.decide(
            model=self._model,
            instructions=self._instructions,
            transcript=transcript(subject, limit=room),
            questions=self._questions,
            key=subject.key and f"{subject.key}-rating",
        )
        values, confidence = read_decision(decision)
        return Judgement(values=values, confidence=confidence, usage=usage, model=decision.model)


class StructuredAnalyser:
    """Asks for fields in the shape of a schema: only the words, or everything in one call."""

    def __init__(
        self,
        client: ModelClient,
        *,
        name: str,
        schema: type[BaseModel],
        model: str,
        business: Business,
        budget_usd: float,
    ) -> None:
        self.name = name
        self._client = client
        self._schema = schema
        self._model = model
        self._instructions = instructions(business)
        self._budget_usd = budget_usd
        self._overhead = len(self._instructions) + len(str(schema.model_json_schema()))

    async def judge(self, subject: Subject) -> Judgement:
        """Values for the schema's fields.

        Raises:
            AnalyserError: there was no usable answer.
        """
        room = self._client.characters_for(
            self._model, self._budget_usd, output_tokens=MAX_OUTPUT_TOKENS, overhead=self._overhead
        )
        answer, usage = await self._client.structured(
            model=self._model,
            instructions=self._instructions,
            text=transcript(subject, limit=room),
            schema=self._schema,
            max_output_tokens=MAX_OUTPUT_TOKENS,
            key=subject.key and f"{subject.key}-{self.name}",
        )
        values = {name: getattr(answer, name) for name in type(answer).model_fields}
        return Judgement(values=values, confidence=_assumed(values), usage=usage, model=self._model)


def words_analyser(client: ModelClient, *, model: str, business: Business, budget_usd: float) -> StructuredAnalyser:
    """Writes the summary and the other fields in words."""
    return StructuredAnalyser(
        client, name="responses", schema=words_model(), model=model, business=business, budget_usd=budget_usd
    )


def chat_analyser(client: ModelClient, *, model: str, business: Business, budget_usd: float) -> StructuredAnalyser:
    """Judges all fields in one call, for providers without Decisions."""
    return StructuredAnalyser(
        client, name="chat", schema=judgement_model(), model=model, business=business, budget_usd=budget_usd
    )


def decision_questions() -> list[Question]:
    """The rated fields of an analysis as questions of the Decisions API, in the fields' order."""
    asked: list[Question] = []
    for name, (words, question) in questions().items():
        match question:
            case Score(levels):
                asked.append(
                    {
                        "type": "score",
                        "name": name,
                        "instructions": words,
                        "levels": [{"label": label, "description": meaning} for label, meaning in levels.items()],
                    }
                )
            case Choice(choices):
                asked.append(
                    {
                        "type": "choice",
                        "name": name,
                        "instructions": words,
                        "choices": [{"value": value, "description": meaning} for value, meaning in choices.items()],
                    }
                )
            case Predicate():
                asked.append({"type": "predicate", "name": name, "instructions": words})
    return asked


def read_decision(decision: Decision) -> tuple[dict[str, Any], dict[str, float]]:
    """The answers as field values and confidences. Answers come in the questions' order; a refused one is left out.

    A score's ``score`` is the expected index of the level, not its label: the first level is 0.
    """
    values: dict[str, Any] = {}
    confidence: dict[str, float] = {}
    for name, answer in zip(questions(), decision.answers, strict=False):
        if answer.type == "score":
            values[name] = round(answer.score) + 1
            confidence[name] = round(answer.confidence, 4)
        elif answer.type == "choice":
            values[name] = str(answer.choice)
            confidence[name] = round(answer.confidence, 4)
        elif answer.type == "predicate":
            values[name] = answer.probability >= 0.5
            confidence[name] = round(max(answer.probability, 1 - answer.probability), 4)
    return values, confidence


def _assumed(values: dict[str, Any]) -> dict[str, float]:
    """Models that generate text tell no probabilities; this is a plain guess, the same for every field."""
    return {name: 0.8 for name in questions() if name in values}
