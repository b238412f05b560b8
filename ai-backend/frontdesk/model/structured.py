"""Asking for an answer in the shape of a schema: by Responses, with tools and memory where they are wanted, or by Chat Completions."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openai import AsyncOpenAI, Omit, omit
from openai.types.chat import ChatCompletionContentPartParam
from openai.types.responses import FunctionToolParam, ParsedResponse, ResponseInputItemParam
from pydantic import BaseModel

from frontdesk.domain.errors import AnalyserError
from frontdesk.domain.tools import schema_of

MOST_ROUNDS = 3
"""How often an agent may look things up before it has to answer."""

UseTool = Callable[[str, Mapping[str, Any]], Awaitable[str]]
Tokens = tuple[int, int, int]
"""Fresh input (cached included), cached input, output."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked, and how the answer is to look.

    ``sound`` (base64 and its format) and ``picture`` (a data URL) go along with the text. ``tools`` may be used before the
    answer; with ``memory`` the provider remembers the question and the answer in its conversation of that id. Both are known to
    Responses only.
    """

    model: str
    instructions: str
    text: str
    schema: type[BaseModel]
    max_output_tokens: int
    key: str
    sound: tuple[str, str] | None = None
    picture: str | None = None
    tools: Mapping[str, type[BaseModel]] | None = None
    memory: str | None = None


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer, and what it took. ``memory_item`` is the last thing that the provider remembers now."""

    value: BaseModel
    tokens: Tokens
    calls: int = 1
    memory_item: str | None = None


async def by_responses(sdk: AsyncOpenAI, question: Question, use_tool: UseTool | None) -> Answer:
    """An answer by Responses.

    Raises:
        AnalyserError: a refusal, or an answer that was cut off. Others as the SDK's.
    """
    told: list[ResponseInputItemParam] = [_message(question)]
    tokens: Tokens = (0, 0, 0)
    for calls in range(1, MOST_ROUNDS + 2):
        offered = _functions(question.tools) if use_tool is not None and question.tools and calls <= MOST_ROUNDS else []
        response = await sdk.responses.parse(
            model=question.model,
            instructions=question.instructions,
            input=told if question.picture or len(told) > 1 or question.memory else question.text,
            text_format=question.schema,
            reasoning={"effort": "none"},
            max_output_tokens=question.max_output_tokens,
            tools=offered or omit,
            # What the provider is to remember it has to store.
            store=question.memory is not None,
            conversation=question.memory or omit,
            extra_headers=headers(f"{question.key}-{calls}" if question.key and calls > 1 else question.key),
        )
        taken = response.usage
        if taken is not None:
            cached = taken.input_tokens_details.cached_tokens
            tokens = (tokens[0] + taken.input_tokens, tokens[1] + cached, tokens[2] + taken.output_tokens)
        if response.status == "incomplete":
            raise AnalyserError("the answer was cut off")
        wanted = [item for item in response.output if item.type == "function_call"]
        if wanted and use_tool is not None and offered:
            said: list[ResponseInputItemParam] = []
            for item in wanted:
                result = await use_tool(item.name, json.loads(item.arguments))
                if question.memory is None:
                    said.append(
                        {
                            "type": "function_call",
                            "call_id": item.call_id,
                            "name": item.name,
                            "arguments": item.arguments,
                        }
                    )
                said.append({"type": "function_call_output", "call_id": item.call_id, "output": result})
            # The provider's own conversation knows the rest.
            told = said if question.memory is not None else [*told, *said]
            continue
        return Answer(value=_parsed(response), tokens=tokens, calls=calls, memory_item=_last_item(response))
    raise AnalyserError("the model looks things up and never answers")


async def by_chat(sdk: AsyncOpenAI, question: Question) -> Answer:
    """An answer by Chat Completions.

    Raises:
        AnalyserError: a refusal, or an answer that was cut off. Others as the SDK's.
    """
    is_openai = "api.openai.com" in str(sdk.base_url)
    schema = question.schema
    completion = await sdk.chat.completions.create(
        model=question.model,
        messages=[
            {"role": "system", "content": question.instructions},
            {"role": "user", "content": _content(question)},
        ],
        response_format={
            "type": "json_schema",
            "json_schema": {"name": schema.__name__.lower(), "strict": True, "schema": flat_schema(schema)},
        },
        # OpenAI refuses the old name, others know only that.
        max_completion_tokens=question.max_output_tokens if is_openai else omit,
        max_tokens=omit if is_openai else question.max_output_tokens,
        extra_headers=headers(question.key),
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
    return Answer(value=parsed, tokens=(taken.prompt_tokens, cached, taken.completion_tokens) if taken else (0, 0, 0))


def headers(key: str) -> dict[str, str | Omit]:
    """What names a call to the provider, so that it can know a repeated one again."""
    return {"Idempotency-Key": key} if key else {}


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


def _message(question: Question) -> ResponseInputItemParam:
    if question.picture is None:
        return {"role": "user", "content": question.text}
    return {
        "role": "user",
        "content": [
            {"type": "input_text", "text": question.text},
            {"type": "input_image", "image_url": question.picture, "detail": "auto"},
        ],
    }


def _content(question: Question) -> str | list[ChatCompletionContentPartParam]:
    if question.sound is None and question.picture is None:
        return question.text
    parts: list[ChatCompletionContentPartParam] = [{"type": "text", "text": question.text}]
    if question.sound is not None:
        data, form = question.sound
        parts.append(
            {"type": "input_audio", "input_audio": {"data": data, "format": "mp3" if form == "mp3" else "wav"}}
        )
    if question.picture is not None:
        parts.append({"type": "image_url", "image_url": {"url": question.picture}})
    return parts


def _functions(tools: Mapping[str, type[BaseModel]]) -> Sequence[FunctionToolParam]:
    return [
        {
            "type": "function",
            "name": name,
            "description": (arguments.__doc__ or name).strip(),
            "parameters": schema_of(arguments),
            "strict": True,
        }
        for name, arguments in tools.items()
    ]


def _parsed(response: ParsedResponse[Any]) -> BaseModel:
    value = response.output_parsed
    if not isinstance(value, BaseModel):
        raise AnalyserError("the model refused to answer")
    return value


def _last_item(response: ParsedResponse[Any]) -> str | None:
    return next((item.id for item in reversed(response.output) if getattr(item, "id", None)), None)


def _unfenced(text: str) -> str:
    """Some models wrap JSON in a Markdown fence whatever they are told."""
    stripped = text.strip()
    if stripped.startswith("```"):
        stripped = stripped.strip("`").removeprefix("json")
    return stripped
