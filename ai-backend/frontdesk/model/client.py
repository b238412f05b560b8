"""The one door to a model's provider: its calls, our errors, and what each call took.

Everything that knows the OpenAI SDK's shapes is in this file, in ``structured`` and in ``analysers``.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import openai
from openai import AsyncOpenAI, DefaultAioHttpClient, omit
from openai.types import Decision
from openai.types.decision_create_params import DecisionCreateParams
from openai.types.decision_create_params import Question as DecisionQuestion
from pydantic import BaseModel, ValidationError

from frontdesk.domain.errors import AnalyserError, OverBudgetError
from frontdesk.domain.usage import Usage
from frontdesk.model.masking import Mask
from frontdesk.model.prices import UNKNOWN, Price
from frontdesk.model.structured import MOST_ROUNDS, Answer, Question, UseTool, by_chat, by_responses, headers

Style = Literal["responses", "chat"]

# Two characters a token is low for Latin scripts and about right for Tamil: an estimate that errs on the dear side.
CHARACTERS_PER_TOKEN = 2
LEAST_CHARACTERS = 400
LISTENING_S = 60


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
        self, *, model: str, instructions: str, transcript: str, questions: list[DecisionQuestion], key: str
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
                    "/decisions", cast_to=Decision, body=body, options={"headers": headers(key)}
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
                    extra_headers=headers(key),
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
        question = Question(
            model=model, instructions=instructions, text=text, schema=schema, max_output_tokens=max_output_tokens, key=key,
            sound=sound, picture=picture,
        )  # fmt: skip
        answer, usage = await self.answer(question)
        return answer.value, usage

    async def answer(self, question: Question, use_tool: UseTool | None = None) -> tuple[Answer, Usage]:
        """As :meth:`structured`, and with tools and memory where the provider has them.

        Raises:
            AnalyserError: no answer, a refusal, an answer that was cut off or does not fit the schema.
        """
        mask = self._mask() if self._mask is not None else None
        asked = question
        if mask is not None:
            asked = replace(question, instructions=mask.masked(question.instructions), text=mask.masked(question.text))
        started = time.monotonic()
        with _Translated():
            # The SDK's own limit is for each attempt, and it sleeps as long as a provider's Retry-After says.
            async with asyncio.timeout(self._timeout_s * (MOST_ROUNDS if use_tool is not None else 1)):
                if self.style == "responses":
                    tool = _masked(use_tool, mask) if use_tool is not None and mask is not None else use_tool
                    answer = await by_responses(self._sdk, asked, tool)
                else:
                    answer = await by_chat(self._sdk, asked)
            usage = self._usage(question.model, started, *answer.tokens).model_copy(update={"calls": answer.calls})
            if mask is None:
                return answer, usage
            value = question.schema.model_validate(mask.restored(answer.value.model_dump()))
            return replace(answer, value=value), usage

    async def make_memory(self) -> str:
        """A new conversation that the provider keeps; its id.

        Raises:
            AnalyserError: there was none.
        """
        with _Translated():
            async with asyncio.timeout(self._timeout_s):
                return (await self._sdk.conversations.create()).id

    async def tidy_memory(self, memory_id: str, last_item: str | None) -> bool:
        """Remove what a conversation holds after ``last_item``: it is from an answer that was never committed here.

        False where the provider does not have that conversation any more.

        Raises:
            AnalyserError: it could not be looked at.
        """
        with _Translated():
            async with asyncio.timeout(self._timeout_s):
                newer: list[str] = []
                try:
                    async for item in self._sdk.conversations.items.list(memory_id, order="desc", limit=20):
                        if item.id == last_item or item.id is None:
                            break
                        newer.append(item.id)
                except openai.NotFoundError:
                    return False
                for item_id in newer:
                    await self._sdk.conversations.items.delete(item_id, conversation_id=memory_id)
        return True

    async def forget_memory(self, memory_id: str) -> None:
        """Remove a conversation; one that is not there is fine.

        Raises:
            AnalyserError: it could not be removed.
        """
        with _Translated():
            async with asyncio.timeout(self._timeout_s):
                try:
                    await self._sdk.conversations.delete(memory_id)
                except openai.NotFoundError:
                    return

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


def _retry_after(error: openai.APIStatusError) -> float | None:
    try:
        return float(error.response.headers.get("retry-after", ""))
    except ValueError:
        return None


def _masked(use_tool: UseTool, mask: Mask) -> UseTool:
    async def use(name: str, arguments: Mapping[str, Any]) -> str:
        return mask.masked(await use_tool(name, mask.restored(dict(arguments))))

    return use
