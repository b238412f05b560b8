"""Calls to our own services: signed, with a time limit, repeated with growing and jittered pauses."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import aiohttp
from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from frontdesk.domain.errors import AgentError, AgentRejectedError
from frontdesk.wire.signing import sign

MAX_ANSWER_BYTES = 1 << 20


class SignedCaller:
    """Posts JSON to services that share a secret with us."""

    def __init__(self, *, secret: str, timeout_s: float, attempts: int, pause_s: float = 0.2) -> None:
        self._secret = secret
        self._timeout_s = timeout_s
        self._attempts = attempts
        self._pause_s = pause_s
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def post(self, url: str, payload: dict[str, Any], *, key: str, trace: str | None = None) -> dict[str, Any]:
        """Post and read a JSON object.

        ``key`` tells the service which calls are one and the same, ``trace`` (a W3C traceparent) which work they belong to.
        The whole of it, pauses included, takes at most the time limit.

        Raises:
            AgentError: no usable answer; AgentRejectedError where the service refused for good (4xx).
        """
        body = json.dumps(payload, ensure_ascii=False).encode()
        retrying = AsyncRetrying(
            stop=stop_after_attempt(self._attempts),
            wait=wait_random_exponential(multiplier=self._pause_s, max=5),
            retry=retry_if_exception(lambda error: isinstance(error, AgentError) and error.retryable),
            reraise=True,
        )
        try:
            async with asyncio.timeout(self._timeout_s):
                async for attempt in retrying:
                    with attempt:
                        return await self._post_once(url, body, key, trace)
        except TimeoutError:
            raise AgentError(f"no answer within {self._timeout_s:g} s") from None
        raise AssertionError("unreachable")

    async def look_up(
        self, url: str, arguments: Mapping[str, Any], *, token: str, timeout_s: float = 5
    ) -> dict[str, Any]:
        """Post arguments to a tool, once, with its token; what it answers.

        Raises:
            AgentError: no usable answer.
        """
        headers = {"authorization": f"Bearer {token}"}
        try:
            timeout = aiohttp.ClientTimeout(total=timeout_s)
            async with self._opened().post(url, json=dict(arguments), headers=headers, timeout=timeout) as response:
                return await self._read(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AgentError(f"cannot be reached ({type(error).__name__})") from error

    async def get(self, url: str, *, timeout_s: float = 2) -> dict[str, Any]:
        """Read a JSON object that needs no signature.

        Raises:
            AgentError: no usable answer.
        """
        try:
            timeout = aiohttp.ClientTimeout(total=timeout_s)
            async with self._opened().get(url, timeout=timeout) as response:
                return await self._read(response)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise AgentError(f"cannot be reached ({type(error).__name__})") from error

    async def _post_once(self, url: str, body: bytes, key: str, trace: str | None) -> dict[str, Any]:
        headers = {"content-type": "application/json", "idempotency-key": key}
        headers |= {"traceparent": trace} if trace else {}
        headers |= sign(self._secret, body, message_id=key)
        try:
            async with self._opened().post(url, data=body, headers=headers) as response:
                return await self._read(response)
        except (aiohttp.ClientError, OSError) as error:
            raise AgentError(f"cannot be reached ({type(error).__name__})") from error

    async def _read(self, response: aiohttp.ClientResponse) -> dict[str, Any]:
        if response.status >= 500 or response.status in {408, 425, 429}:
            raise AgentError(f"answered {response.status}")
        if response.status >= 400:
            raise AgentRejectedError(f"refused with {response.status}")
        raw = await response.content.read(MAX_ANSWER_BYTES + 1)
        while len(raw) <= MAX_ANSWER_BYTES and not response.content.at_eof():
            raw += await response.content.read(MAX_ANSWER_BYTES + 1 - len(raw))
        if len(raw) > MAX_ANSWER_BYTES:
            raise AgentError("answered more than a mebibyte")
        try:
            answer = json.loads(raw)
        except ValueError:
            raise AgentError("answered with something that is not JSON") from None
        if not isinstance(answer, dict):
            raise AgentError("answered with something that is no JSON object")
        return answer

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None))
        return self._session
