"""Firefox and WebKit as Debian packages them, driven by the protocols that they speak themselves: WebDriver BiDi and WebDriver."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
from tests.support.processes import free_port

PATIENCE_S = 60


@dataclass(frozen=True)
class OtherBrowser:
    """A browser with one window: go somewhere, and evaluate JavaScript there."""

    go: Callable[[str], Awaitable[None]]
    evaluate: Callable[[str], Awaitable[Any]]

    async def until(self, expression: str) -> Any:
        """Wait until an expression is true; the page tells nobody here."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    value = await self.evaluate(expression)
                    if value:
                        return value
                    await asyncio.sleep(0.1)
        except TimeoutError:
            shown = await self.evaluate("document.body.innerText.slice(0, 800)")
            raise AssertionError(f"{expression} did not become true; the page says: {shown}") from None


@asynccontextmanager
async def firefox(home: Path) -> AsyncIterator[OtherBrowser]:
    """Firefox without a screen, by WebDriver BiDi."""
    async with AsyncExitStack() as stack:
        process = await asyncio.create_subprocess_exec(
            "firefox-esr", "--headless", "--no-remote", "--profile", str(home), "--remote-debugging-port", str(free_port()),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, env={**os.environ, "HOME": str(home)},
        )  # fmt: skip
        stack.push_async_callback(_ended, process)
        assert process.stderr
        address = ""
        async with asyncio.timeout(PATIENCE_S):
            while "WebDriver BiDi listening" not in address:
                address = (await process.stderr.readline()).decode()
                assert address, "Firefox ended"
        session = await stack.enter_async_context(aiohttp.ClientSession())
        socket = await stack.enter_async_context(session.ws_connect(f"{address.split()[-1]}/session"))
        number = 0

        async def call(method: str, **parameters: Any) -> Any:
            nonlocal number
            number += 1
            await socket.send_json({"id": number, "method": method, "params": parameters})
            while True:
                answer = json.loads((await socket.receive()).data)
                if answer.get("id") == number:
                    assert answer["type"] == "success", answer
                    return answer["result"]

        await call("session.new", capabilities={})
        context = (await call("browsingContext.getTree"))["contexts"][0]["context"]

        async def go(url: str) -> None:
            await call("browsingContext.navigate", context=context, url=url, wait="complete")

        async def evaluate(expression: str) -> Any:
            result = await call(
                "script.evaluate",
                expression=f"JSON.stringify({expression})",
                target={"context": context},
                awaitPromise=True,
            )
            assert result["type"] == "success", result
            value = result["result"].get("value")
            return json.loads(value) if value is not None else None

        yield OtherBrowser(go, evaluate)


@asynccontextmanager
async def webkit(home: Path) -> AsyncIterator[OtherBrowser]:
    """WebKit's small browser, on a screen that nobody sees, by WebDriver."""
    async with AsyncExitStack() as stack:
        # Xvfb chooses a number for itself and writes it there.
        reading, writing = os.pipe()
        screen = await asyncio.create_subprocess_exec(
            "Xvfb", "-displayfd", str(writing), "-screen", "0", "1440x900x24", pass_fds=[writing],
            stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        os.close(writing)
        stack.push_async_callback(_ended, screen)
        with os.fdopen(reading) as told:
            display = (await asyncio.to_thread(told.readline)).strip()
        browser = _mini_browser()
        environment = {
            **os.environ, "DISPLAY": f":{display}", "HOME": str(home), "LANG": "en_GB.UTF-8", "WEBKIT_DISABLE_SANDBOX_THIS_IS_DANGEROUS": "1",
            "WEBKIT_DISABLE_COMPOSITING_MODE": "1", "LIBGL_ALWAYS_SOFTWARE": "1",
        }  # fmt: skip
        port = free_port()
        driver = await asyncio.create_subprocess_exec(
            "WebKitWebDriver", f"--port={port}", env=environment, stderr=asyncio.subprocess.DEVNULL
        )
        stack.push_async_callback(_ended, driver)
        session = await stack.enter_async_context(aiohttp.ClientSession(f"http://127.0.0.1:{port}"))

        async def call(method: str, path: str, body: Any = None) -> Any:
            async with session.request(method, path, json=body) as response:
                answer = await response.json(content_type=None)
                assert response.ok, answer
                return answer["value"]

        options = {"binary": str(browser), "args": ["--automation"]}
        wanted = {"capabilities": {"alwaysMatch": {"webkitgtk:browserOptions": options}}}
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    opened = await call("POST", "/session", wanted)
                    break
                except aiohttp.ClientConnectionError:
                    await asyncio.sleep(0.1)
        place = f"/session/{opened['sessionId']}"
        stack.push_async_callback(call, "DELETE", place)

        async def go(url: str) -> None:
            await call("POST", f"{place}/url", {"url": url})

        async def evaluate(expression: str) -> Any:
            return await call("POST", f"{place}/execute/sync", {"script": f"return ({expression})", "args": []})

        yield OtherBrowser(go, evaluate)


def _mini_browser() -> Path:
    return next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser"))


async def _ended(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.terminate()
    await process.wait()
