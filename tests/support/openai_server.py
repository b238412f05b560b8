"""A stand-in for OpenAI's API that checks what it is sent against the installed SDK's own types.

Every request is validated against the parameter types of the SDK, unknown fields included, and every answer is built from
the SDK's response models: a call that is wrong there fails here.
"""

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Required, get_type_hints

from aiohttp import BodyPartReader, web
from openai.types import Decision
from openai.types.audio import Transcription
from openai.types.audio.transcription_create_params import TranscriptionCreateParamsNonStreaming
from openai.types.chat import ChatCompletion
from openai.types.chat.completion_create_params import CompletionCreateParamsNonStreaming
from openai.types.decision_create_params import DecisionCreateParams
from openai.types.responses import Response
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict


def _of_form(params: Any) -> Any:
    """A form's parameters as pydantic can check them: a file as its name and bytes, and its own kind of sequence as a list."""
    hints = get_type_hints(params, include_extras=True)
    known = {name: list[str] if "SequenceNotStr" in str(hint) else hint for name, hint in hints.items()}
    return TypedDict("Form", known | {"file": Required[tuple[str, bytes]]}, total=False)  # type: ignore[operator]


ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "/decisions": TypeAdapter(DecisionCreateParams),
    "/responses": TypeAdapter(ResponseCreateParamsNonStreaming),
    "/chat/completions": TypeAdapter(CompletionCreateParamsNonStreaming),
    "/audio/transcriptions": TypeAdapter(_of_form(TranscriptionCreateParamsNonStreaming)),
}
SOUNDS = ("flac", "mp3", "mp4", "mpeg", "mpga", "m4a", "ogg", "wav", "webm")
MAX_LEVELS = 10


class FakeOpenAI:
    """Answers calls, remembers them, and fails as told. ``ratings`` and ``words`` are what it answers, by field."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any], Mapping[str, str]]] = []
        self.complaints: list[str] = []
        self.ratings: dict[str, Any] = {
            "urgency_score": 6, "category": "support", "sentiment": "neutral", "language": "en",
            "action_required": True, "needs_human": False, "needs_task": True,
            "wants_person": False,
        }  # fmt: skip
        self.words: dict[str, Any] = {
            "keywords": ["order", "delivery"],
            "summary": "Asks where the order is.",
            "business_context": "An order is on its way.",
            "suggested_next_action": "Look up the order.",
            "entities": [{"type": "order_number", "value": "#2291"}],
        }
        self.draft: dict[str, Any] = {
            "profile": [],
            "reply": "Your order is on its way.",
            "confidence": 0.9,
            "actions": [
                {"type": "create_task", "text": "Track order", "number": 2, "kind": "order", "due": "", "updates": 0}
            ],
        }
        self.heard: dict[str, Any] = {"text": "Please call me back tomorrow.", "language": "en"}
        self.seen = {"description": "A bicycle with a bent wheel."}
        # What the model looks up before it answers: tool and arguments, in order.
        self.lookups: list[tuple[str, dict[str, Any]]] = []
        # The conversations that are kept: id → items, the oldest first.
        self.memories: dict[str, list[dict[str, Any]]] = {}
        self._ids = itertools.count(1)
        self.refused: set[str] = set()
        self.failure: Callable[[str], web.StreamResponse | None] = lambda _: None
        self.truncated = False
        self.hang: asyncio.Event | None = None
        self.base_url = ""

    def paths(self) -> list[str]:
        """The endpoints called, in order."""
        return [path for path, _, _ in self.calls]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["FakeOpenAI"]:
        """Serve on a free port; leaving fails if any request did not fit the SDK's types."""
        app = web.Application()
        for path in ADAPTERS:
            app.router.add_post(f"/v1{path}", self._answer)
        app.router.add_post("/v1/conversations", self._remember)
        app.router.add_delete("/v1/conversations/{id}", self._forget)
        app.router.add_get("/v1/conversations/{id}/items", self._remembered)
        app.router.add_delete("/v1/conversations/{id}/items/{item}", self._unremember)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        try:
            yield self
        finally:
            if self.hang:
                self.hang.set()
            await runner.cleanup()
        assert not self.complaints, self.complaints

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path = request.path.removeprefix("/v1")
        body = await _form(request) if path == "/audio/transcriptions" else json.loads(await request.read())
        self.calls.append((path, body, request.headers))
        problem = check(path, body)
        if problem:
            self.complaints.append(f"{path}: {problem}")
            return web.json_response({"error": {"message": problem, "type": "invalid_request_error"}}, status=400)
        if self.hang:
            await self.hang.wait()
        failure = self.failure(path)
        if failure is not None:
            return failure
        build = {
            "/decisions": self._decision, "/responses": self._response, "/chat/completions": self._completion,
            "/audio/transcriptions": self._transcription,
        }[path]  # fmt: skip
        return web.json_response(text=build(body).model_dump_json())

    def _decision(self, body: dict[str, Any]) -> Decision:
        answers = []
        for question in body["questions"]:
            name = question["name"]
            value = self.ratings[name]
            if name in self.refused:
                answers.append({"type": "refusal", "name": name})
            elif question["type"] == "score":
                index = value - 1
                probabilities = [
                    {"label": level["label"], "value": number, "probability": 0.9 if number == index else 0.1 / 9}
                    for number, level in enumerate(question["levels"])
                ]
                answers.append(
                    {
                        "type": "score",
                        "name": name,
                        "score": index + 0.2,
                        "confidence": 0.9,
                        "probabilities": probabilities,
                    }
                )
            elif question["type"] == "choice":
                probabilities = [
                    {"value": choice["value"], "probability": 0.9 if choice["value"] == value else 0.01}
                    for choice in question["choices"]
                ]
                answers.append(
                    {"type": "choice", "name": name, "choice": value, "confidence": 0.9, "probabilities": probabilities}
                )
            else:
                answers.append({"type": "predicate", "name": name, "probability": 0.95 if value else 0.05})
        usage = {
            "input_tokens": 900, "input_tokens_details": {"cached_tokens": 400, "cache_write_tokens": 0},
            "output_tokens": 20, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 920,
        }  # fmt: skip
        return Decision.model_validate({"model": body["model"], "answers": answers, "usage": usage})

    def _transcription(self, _: dict[str, Any]) -> Transcription:
        usage = {"type": "tokens", "input_tokens": 60, "output_tokens": 12, "total_tokens": 72}
        languages = [{"code": self.heard["language"]}]
        return Transcription.model_validate({"text": self.heard["text"], "languages": languages, "usage": usage})

    def _document(self, schema: dict[str, Any]) -> dict[str, Any]:
        known = {**self.heard, **self.seen, **self.ratings, **self.words, **self.draft}
        if set(schema["properties"]) == set(self.heard):
            known |= self.heard
        return {name: known[name] for name in schema["properties"]}

    def _response(self, body: dict[str, Any]) -> Response:
        memory = body.get("conversation")
        if memory is not None and memory not in self.memories:
            raise web.HTTPNotFound
        number = next(self._ids)
        output: list[dict[str, Any]]
        if self.lookups and body.get("tools"):
            name, arguments = self.lookups.pop(0)
            call: dict[str, Any] = {
                "type": "function_call",
                "id": f"fc_{number}",
                "call_id": f"call_{number}",
                "status": "completed",
            }
            output = [call | {"name": name, "arguments": json.dumps(arguments)}]
        else:
            text = json.dumps(self._document(body["text"]["format"]["schema"]))
            text = text[: len(text) // 2] if self.truncated else text
            content: list[dict[str, Any]] = [{"type": "output_text", "text": text, "annotations": []}]
            output = [
                {
                    "type": "message",
                    "id": f"msg_{number}",
                    "role": "assistant",
                    "status": "completed",
                    "content": content,
                }
            ]
        if memory is not None:
            told = body["input"] if isinstance(body["input"], list) else [{"role": "user", "content": body["input"]}]
            self.memories[memory] += [
                {"type": "message", "status": "completed", "id": f"in_{next(self._ids)}", **item} for item in told
            ]
            self.memories[memory] += output
        return Response.model_validate(
            {
                "id": f"resp_{number}", "object": "response", "created_at": 1.0, "model": body["model"],
                "status": "incomplete" if self.truncated else "completed",
                "incomplete_details": {"reason": "max_output_tokens"} if self.truncated else None,
                "parallel_tool_calls": False, "tool_choice": "auto", "tools": [], "output": output,
                "usage": {
                    "input_tokens": 500, "input_tokens_details": {"cached_tokens": 100, "cache_write_tokens": 0},
                    "output_tokens": 80, "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 580,
                },
            }
        )  # fmt: skip

    async def _remember(self, _: web.Request) -> web.Response:
        memory = f"conv_{next(self._ids)}"
        self.memories[memory] = []
        return web.json_response({"id": memory, "object": "conversation", "created_at": 1, "metadata": {}})

    async def _remembered(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in self.memories:
            return web.json_response({"error": {"message": "not found"}}, status=404)
        items = self.memories[request.match_info["id"]][::-1]
        assert request.query["order"] == "desc"
        data = [item for item in items if item["type"] == "message"]
        found = data[: int(request.query["limit"])]
        return web.json_response(
            {
                "object": "list", "data": found, "has_more": False,
                "first_id": found[0]["id"] if found else "", "last_id": found[-1]["id"] if found else "",
            }
        )  # fmt: skip

    async def _unremember(self, request: web.Request) -> web.Response:
        memory = request.match_info["id"]
        self.memories[memory] = [item for item in self.memories[memory] if item["id"] != request.match_info["item"]]
        return web.json_response({"id": memory, "object": "conversation", "created_at": 1, "metadata": {}})

    async def _forget(self, request: web.Request) -> web.Response:
        memory = request.match_info["id"]
        if self.failure("/conversations") is not None:
            return web.Response(status=500)
        if self.memories.pop(memory, None) is None:
            return web.json_response({"error": {"message": "not found"}}, status=404)
        return web.json_response({"id": memory, "object": "conversation.deleted", "deleted": True})

    def _completion(self, body: dict[str, Any]) -> ChatCompletion:
        text = json.dumps(self._document(body["response_format"]["json_schema"]["schema"]))
        return ChatCompletion.model_validate(
            {
                "id": "chat_1", "object": "chat.completion", "created": 1, "model": body["model"],
                "choices": [
                    {
                        "index": 0, "finish_reason": "length" if self.truncated else "stop", "logprobs": None,
                        "message": {"role": "assistant", "content": text, "refusal": None},
                    }
                ],
                "usage": {"prompt_tokens": 700, "completion_tokens": 120, "total_tokens": 820},
            }
        )  # fmt: skip


async def _form(request: web.Request) -> dict[str, Any]:
    """A multipart form as the parameters that the SDK made it of."""
    body: dict[str, Any] = {}
    async for part in await request.multipart():
        assert isinstance(part, BodyPartReader)
        name = part.name or ""
        if part.filename:
            body[name] = (part.filename, await part.read())
        elif name.endswith("[]"):
            body.setdefault(name[:-2], []).append(await part.text())
        else:
            body[name] = await part.text()
    return body


def check(path: str, body: dict[str, Any]) -> str | None:
    """What is wrong with a request by the SDK's types, or None."""
    try:
        validated = _walked(ADAPTERS[path].validate_python(body))
    except ValidationError as error:
        return str(error)
    unknown = _unknown(body, validated, "")
    if unknown:
        return f"unknown field {unknown}"
    if path == "/audio/transcriptions" and body["file"][0].rpartition(".")[2] not in SOUNDS:
        return "unsupported file format"
    if path == "/decisions":
        for question in body["questions"]:
            if question["type"] == "score" and len(question["levels"]) > MAX_LEVELS:
                return "too many levels"
            if question["type"] == "choice" and not 2 <= len(question["choices"]) <= 255:
                return "a choice needs 2 to 255 choices"
    return None


def _walked(value: Any) -> Any:
    """The value with every lazily validated part read: pydantic checks iterables only as they are walked."""
    if isinstance(value, dict):
        return {name: _walked(item) for name, item in value.items()}
    if isinstance(value, str | bytes | int | float | bool) or value is None:
        return value
    return [_walked(item) for item in value]


def _unknown(sent: Any, validated: Any, where: str) -> str | None:
    """The first field that the types do not know: typed dictionaries drop those silently."""
    if isinstance(sent, dict) and isinstance(validated, dict):
        for name, item in sent.items():
            if name not in validated:
                return f"{where}.{name}"
            found = _unknown(item, validated[name], f"{where}.{name}")
            if found:
                return found
    if isinstance(sent, list) and isinstance(validated, list):
        for index, (one, other) in enumerate(zip(sent, validated, strict=True)):
            found = _unknown(one, other, f"{where}[{index}]")
            if found:
                return found
    return None
