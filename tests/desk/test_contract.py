"""Whatever is sent, the answer is never a 5xx: properties by hypothesis, and the API's own description by schemathesis."""

import json
from typing import Any

import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.core.result import Ok
from tests.support.desk import SECRETS, DeskFactory, RunningDesk, webhook

from frontdesk.web.openapi import document

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.text(max_size=8), children, max_size=4),
    max_leaves=12,
)
HOSTILE = st.text(st.characters(exclude_categories=()), max_size=200)
FIELDS = sorted(webhook())


def drawn(strategy: st.SearchStrategy[Any], count: int) -> list[Any]:
    """Examples of a strategy, the same in each run: hypothesis cannot run inside a loop of asyncio."""
    found: list[Any] = []

    @settings(
        max_examples=count, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    @given(strategy)
    def collect(example: Any) -> None:
        found.append(example)

    collect()
    return found


async def test_no_payload_breaks_the_desk(start_desk: DeskFactory) -> None:
    """Any field of any type: taken, or refused with a code."""
    desk: RunningDesk = await start_desk(default_wait_s=0)
    seen: list[int] = []
    for changes in drawn(st.dictionaries(st.sampled_from(FIELDS), ANYTHING | HOSTILE, max_size=3), 150):
        case = webhook() | changes
        reply = await desk.post(json.dumps(case).encode())
        seen.append(reply.status)
        assert reply.status in {200, 202, 400, 422}, (case, reply)
        if reply.status >= 400:
            assert reply.document["code"]
    assert set(seen) >= {202, 422}


async def test_no_text_breaks_the_desk(start_desk: DeskFactory) -> None:
    """Every string that JSON can carry is a message that is kept."""
    desk: RunningDesk = await start_desk(with_agents=False, default_wait_s=0)
    for text in drawn(HOSTILE, 100):
        reply = await desk.post(webhook(text, sender_name=text[:50]))
        assert reply.status == 202, (text, reply)


async def test_the_description_of_the_api_is_true(start_desk: DeskFactory) -> None:
    """Schemathesis reads /openapi.json and tries what it promises; answers must be as described."""
    desk: RunningDesk = await start_desk(default_wait_s=0)
    found = (await desk.get("/openapi.json")).document
    assert found == json.loads(json.dumps(document()))
    schema = schemathesis.openapi.from_dict(found)
    tried = 0
    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        for case in drawn(operation.as_strategy(), 25):
            await _try(desk, case)
            tried += 1
    assert tried > 100


async def _try(desk: RunningDesk, case: schemathesis.Case[Any]) -> None:
    arguments = case.as_transport_kwargs(base_url=desk.url)
    token = SECRETS[
        "webhook_secret"
        if case.path in {"/webhook", "/connector/settings", "/outbox/acknowledgements"}
        else "api_token"
    ]
    headers = {name: value for name, value in dict(arguments.get("headers") or {}).items() if _is_sendable(str(value))}
    headers["Authorization"] = f"Bearer {token}"
    # What is promised is a long wait, and a stream that never ends: they have tests of their own.
    headers.pop("Accept", None)
    (arguments.get("params") or {}).pop("wait", None)
    async with desk.session.request(
        arguments["method"], arguments["url"], params=arguments.get("params"), json=arguments.get("json"),
        data=arguments.get("data"), headers=headers, allow_redirects=False,
    ) as response:  # fmt: skip
        body = await response.read()
        assert response.status < 500, (case.as_curl_command(), body)
        documented = case.operation.definition.raw["responses"]
        assert str(response.status) in documented or response.status in {400, 404, 405}, (
            case.as_curl_command(),
            response.status,
            body,
        )


def _is_sendable(value: str) -> bool:
    return value.isprintable() and value.isascii()
