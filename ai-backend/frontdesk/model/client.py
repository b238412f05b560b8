"""The one door to a model's provider: three calls, our errors, and what each call took.

Everything that knows the OpenAI SDK's shapes is in this file and in ``analysers``.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import openai
from openai import AsyncOpenAI, DefaultAioHttpClient, Omit, omit
from openai.types import Decision
from openai.types.chat import ChatCompletionContentPartParam
from openai.types.decision_create_params import DecisionCreateParams, Question
from openai.types.responses import ResponseInputItemParam
from pydantic import BaseModel, ValidationError

from frontdesk.domain.errors import AnalyserError, OverBudgetError
from frontdesk.domain.usage import Usage
from frontdesk.model.masking import Mask
from frontdesk.model.prices import UNKNOWN, Price

Style = Literal["responses", "chat"]

# Two characters a token is low for Latin scripts and about right for Tamil: an estimate that errs on the dear side.
CHARACTERS_PER_TOKEN = 2
LEAST_CHARACTERS = 400
LISTENING_S = 60


@dataclass(frozen=True, kw_only=True)
class _Question:
    """What is asked about: a text, and a sound or a picture with it."""

    text: str
    sound: tuple[str, str] | None
    picture: str | None

    def for_responses(self) -> str | list[ResponseInputItemParam]:
        """As the input of Responses, which hears nothing."""
        if self.picture is None:
            return self.text
        return [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": self.text},
                    {"type": "input_image", "image_url": self.picture, "detail": "auto"},
                ],
            }
        ]

    def for_chat(self) -> str | list[ChatCompletionContentPartParam]:
        """As the content of a message of Chat Completions."""
        if self.sound is None and self.picture is None:
            return self.text
        parts: list[ChatCompletionContentPartParam] = [{"type": "text", "text": self.text}]
        if self.sound is not None:
            data, form = self.sound
            parts.append(
                {"type": "input_audio", "input_audio": {"data": data, "format": "mp3" if form == "mp3" else "wav"}}
            )
        if self.picture is not None:
            parts.append({"type": "image_url", "image_url": {"url": self.picture}})
        return parts


class ModelClient:
    """A provider that speaks OpenAI's protocol.

    ``style`` is how structured answers are asked for: ``responses`` (OpenAI), or ``chat`` where a provider has only Chat
    Completions.
    """

    def __init__(
        self,
        *,
        api_key: str,
        base_url: str | None,
        style: Style,
        timeout_s: float,
        max_retries: int,
        prices: Mapping[str, Price],
        mask: Callable[[], Mask] | None = None,
    ) -> None:
        self._mask = mask
        self.style = style
        self._prices = prices
        self._timeout_s = timeout_s
        self._sdk = AsyncOpenAI(
            api_key=api_key,
            base_url=base_url or "https://api.openai.com/v1",
            timeout=timeout_s,
            max_retries=max_retries,
            # The transport that we have anyway, at half of the other one's cost.
            http_client=DefaultAioHttpClient(),
        )

    async def close(self) -> None:
        """Close the connections."""
        await self._sdk.close()

    def characters_for(self, model: str, budget_usd: float, *, output_tokens: int, overhead: int) -> int:
        """How many characters of chat a call may carry within a budget, after fixed text and the longest answer.

        Raises:
            OverBudgetError: too few to judge anything.
        """
        price = self._price(model)
        left_usd = budget_usd - output_tokens * price.output / 1e6
        characters = int(left_usd / max(price.input, 1e-9) * 1e6 * CHARACTERS_PER_TOKEN) - overhead
        if characters < LEAST_CHARACTERS:
            raise OverBudgetError
        return characters

    async def decide(
        self, *, model: str, instructions: str, transcript: str, questions: list[Question], key: str
    ) -> tuple[Decision, Usage]:
        """One Decisions call.

        Raises:
            AnalyserError: the provider gave no answer.
        """
        if self._mask is not None:
            mask = self._mask()
            instructions, transcript = mask.masked(instructions), mask.masked(transcript)
        body: DecisionCreateParams = {
            "model": model,
            "input": [{"role": "developer", "content": instructions}, {"role": "user", "content": transcript}],
            "questions": questions,
        }
        started = time.monotonic()
        with _Translated():
            async with asyncio.timeout(self._timeout_s):
                # Not by decisions.create: it walks through every question anew with each call, for as long as all the rest.
                answer = await self._sdk.post(
                    "/decisions", cast_to=Decision, body=body, options={"headers": _headers(key)}
                )
            usage = self._usage(
                # The endpoint's output is free.
                model, started, answer.usage.input_tokens, answer.usage.input_tokens_details.cached_tokens, 0
            )  # fmt: skip
            values = list(answer.answers)
        if not values:
            raise AnalyserError("the provider answered without an answer")
        return answer, usage

    async def transcribe(
        self, *, model: str, sound: bytes, filename: str, languages: Sequence[str], key: str
    ) -> tuple[str, str | None, Usage]:
        """What is said in a sound file, its language where the provider tells it, and what it took.

        Raises:
            AnalyserError: the provider gave no answer.
        """
        started = time.monotonic()
        with _Translated():
            async with asyncio.timeout(LISTENING_S):
                answer = await self._sdk.audio.transcriptions.create(
                    model=model,
                    file=(filename, sound),
                    languages=list(languages) or omit,
                    response_format="json",
                    extra_headers=_headers(key),
                    timeout=LISTENING_S,
                )
            taken = answer.usage
            fresh = taken.input_tokens if taken is not None and taken.type == "tokens" else 0
            output = taken.output_tokens if taken is not None and taken.type == "tokens" else 0
            language = answer.languages[0].code if answer.languages else None
            return answer.text, language, self._usage(model, started, fresh, 0, output)

    async def structured(
        self,
        *,
        model: str,
        instructions: str,
        text: str,
        schema: type[BaseModel],
        max_output_tokens: int,
        key: str,
        sound: tuple[str, str] | None = None,
        picture: str | None = None,
    ) -> tuple[BaseModel, Usage]:
        """An answer in the shape of ``schema``, by Responses or by Chat Completions.

        ``sound`` (base64 and its format) and ``picture`` (a data URL) go along with the text, as they are: nothing in them is
        masked.

        Raises:
            AnalyserError: no answer, a refusal, an answer that was cut off or does not fit the schema.
        """
        ask = self._by_responses if self.style == "responses" else self._by_chat
        mask = self._mask() if self._mask is not None else None
        if mask is not None:
            instructions, text = mask.masked(instructions), mask.masked(text)
        with _Translated():
            # The SDK's own limit is for each attempt, and it sleeps as long as a provider's Retry-After says.
            async with asyncio.timeout(self._timeout_s):
                question = _Question(text=text, sound=sound, picture=picture)
                answer, usage = await ask(model, instructions, question, schema, max_output_tokens, key)
            return answer if mask is None else schema.model_validate(mask.restored(answer.model_dump())), usage

    async def _by_responses(
        self, model: str, instructions: str, question: _Question, schema: type[BaseModel], limit: int, key: str
    ) -> tuple[BaseModel, Usage]:
        started = time.monotonic()
        response = await self._sdk.responses.parse(
            model=model,
            instructions=instructions,
            input=question.for_responses(),
            text_format=schema,
            reasoning={"effort": "none"},
            max_output_tokens=limit,
            store=False,
            extra_headers=_headers(key),
        )
        if response.status == "incomplete":
            raise AnalyserError("the answer was cut off")
        parsed = response.output_parsed
        if parsed is None:
            raise AnalyserError("the model refused to answer")
        taken = response.usage
        numbers = (
            (taken.input_tokens, taken.input_tokens_details.cached_tokens, taken.output_tokens) if taken else (0, 0, 0)
        )
        return parsed, self._usage(model, started, *numbers)

    async def _by_chat(
        self, model: str, instructions: str, question: _Question, schema: type[BaseModel], limit: int, key: str
    ) -> tuple[BaseModel, Usage]:
        started = time.monotonic()
        is_openai = "api.openai.com" in str(self._sdk.base_url)
        completion = await self._sdk.chat.completions.create(
            model=model,
            messages=[{"role": "system", "content": instructions}, {"role": "user", "content": question.for_chat()}],
            response_format={
                "type": "json_schema",
                "json_schema": {"name": schema.__name__.lower(), "strict": True, "schema": flat_schema(schema)},
            },
            # OpenAI refuses the old name, others know only that.
            max_completion_tokens=limit if is_openai else omit,
            max_tokens=omit if is_openai else limit,
            extra_headers=_headers(key),
        )
        if not completion.choices:
            raise AnalyserError("the provider answered without an answer")
        choice = completion.choices[0]
        if choice.finish_reason == "length":
            raise AnalyserError("the answer was cut off")
        if choice.message.refusal or not choice.message.content:
            raise AnalyserError("the model refused to answer")
        parsed = schema.model_validate_json(_unfenced(choice.message.content))
        taken = completion.usage
        cached = (taken.prompt_tokens_details and taken.prompt_tokens_details.cached_tokens) or 0 if taken else 0
        numbers = (taken.prompt_tokens, cached, taken.completion_tokens) if taken else (0, 0, 0)
        return parsed, self._usage(model, started, *numbers)

    def _price(self, model: str) -> Price:
        return self._prices.get(model, UNKNOWN)

    def _usage(self, model: str, started: float, fresh: int, cached: int, output: int) -> Usage:
        return Usage(
            calls=1,
            input_tokens=fresh,
            cached_tokens=cached,
            output_tokens=output,
            cost_micro_usd=self._price(model).cost_micro_usd(
                input_tokens=fresh, cached_tokens=cached, output_tokens=output
            ),
            latency_ms=round((time.monotonic() - started) * 1000),
        )


class _Translated:
    """Turns what the SDK raises into :class:`AnalyserError`; texts never carry the provider's echo of a message."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        match error:
            case openai.APITimeoutError() | TimeoutError():
                raise AnalyserError("the provider did not answer in time") from error
            case openai.APIConnectionError():
                raise AnalyserError("the provider cannot be reached") from error
            case openai.APIStatusError():
                raise AnalyserError(
                    f"the provider answered {error.status_code}", retry_after_s=_retry_after(error)
                ) from error
            case openai.LengthFinishReasonError():
                raise AnalyserError("the answer was cut off") from error
            case ValidationError() | json.JSONDecodeError() | openai.OpenAIError() | AttributeError() | TypeError():
                # The SDK does not check what it hands out: a part that is not there shows when it is read.
                raise AnalyserError("the provider's answer does not fit the schema") from error
            case _:
                return


def flat_schema(schema: type[BaseModel]) -> dict[str, Any]:
    """A JSON schema without ``$ref``, with every field required: the subset that all providers know."""
    document = schema.model_json_schema()
    definitions = document.pop("$defs", {})

    def inline(node: Any) -> Any:
        if isinstance(node, list):
            return [inline(item) for item in node]
        if not isinstance(node, dict):
            return node
        if "$ref" in node:
            return inline(definitions[node["$ref"].rpartition("/")[2]])
        result = {name: inline(value) for name, value in node.items() if name not in {"title", "default"}}
        if result.get("type") == "object" and "properties" in result:
            result |= {"required": list(result["properties"]), "additionalProperties": False}
        return result

    flattened: dict[str, Any] = inline(document)
    return flattened


def _headers(key: str) -> dict[str, str | Omit]:
    return {"Idempotency-Key": key} if key else {}


def _retry_after(error: openai.APIStatusError) -> float | None:
    try:
        return float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None


def _unfenced(text: str) -> str:
    """Some models wrap JSON in a Markdown fence whatever they are told."""
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.strip("`").removeprefix("json")
    return stripped
