"""Tells endpoints what happened: each in the order of events, at least once, for three days."""

import asyncio
import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import aiohttp
import structlog

from frontdesk.domain.events import Event
from frontdesk.domain.messages import Record
from frontdesk.domain.webhooks import Endpoint
from frontdesk.store import events, messages, webhooks
from frontdesk.store.database import Database
from frontdesk.store.webhooks import Turn
from frontdesk.wire.signing import sign

log = structlog.get_logger(__name__)

AT_ONCE = 8
BATCH = 100
TIMEOUT_S = 15
LEASE = timedelta(seconds=60)
FIRST_PAUSE_S = 5
LONGEST_PAUSE_S = 3600
GIVEN_UP = timedelta(days=3)
GONE = 410


class Teller:
    """Posts events to the endpoints that want them. ``given_up``: nothing taken for so long makes dead letters."""

    def __init__(
        self,
        *,
        database: Database,
        clock: Callable[[], datetime],
        given_up: timedelta = GIVEN_UP,
        pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self._database = database
        self._clock = clock
        self._given_up = given_up
        self._pause_s = pause_s
        self._session: aiohttp.ClientSession | None = None
        self._turns: set[asyncio.Task[None]] = set()

    async def close(self) -> None:
        """Stop where it is, give back what is in hand, and close the connections."""
        for task in self._turns:
            task.cancel()
        await self.settled()
        if self._session is not None:
            await self._session.close()

    async def settled(self) -> None:
        """Wait until every turn that was begun has ended."""
        await asyncio.gather(*self._turns, return_exceptions=True)

    async def tell_due(self, stopped: asyncio.Event) -> int:
        """Begin to tell all endpoints that are due what is new to them; how many they are. None waits for another."""
        free = AT_ONCE - len(self._turns)
        turns = await webhooks.claim(self._database, free, now=self._clock(), lease=LEASE) if free else []
        for turn in turns:
            task = asyncio.create_task(self._take_whatever_comes(turn, stopped))
            self._turns.add(task)
            task.add_done_callback(self._turns.discard)
        return len(turns)

    async def _take_whatever_comes(self, turn: Turn, stopped: asyncio.Event) -> None:
        try:
            await self._take(turn, stopped)
        except asyncio.CancelledError:
            await asyncio.shield(webhooks.give_back(self._database, turn))
            raise
        except Exception as error:
            log.exception("webhook_broke", endpoint=turn.endpoint.id)
            await self._failed(turn, turn.endpoint.attempts + 1, type(error).__name__, 0)

    async def _take(self, turn: Turn, stopped: asyncio.Event) -> None:
        position, attempts = turn.endpoint.position, turn.endpoint.attempts
        while not stopped.is_set():
            news = await events.after(self._database, position, limit=BATCH)
            if not news:
                break
            noted = position
            for event in news:
                if turn.endpoint.wants(event.type):
                    if stopped.is_set():
                        break
                    if not await self._tell(turn, event, attempts):
                        return
                    attempts, noted = 0, event.number
                    if not await self._note(turn, noted):
                        return
                position = event.number
            # What it does not want costs one write, and not one each.
            if position != noted and not await self._note(turn, position):
                return
        await webhooks.give_back(self._database, turn)

    async def _note(self, turn: Turn, position: int) -> bool:
        return await webhooks.told(self._database, turn, up_to=position, now=self._clock(), lease=LEASE)

    async def _tell(self, turn: Turn, event: Event, attempts: int) -> bool:
        """Whether the endpoint took it, which has been tried so often before. Where not, the turn is over."""
        endpoint = turn.endpoint
        problem, patience_s = await self._post(endpoint, event)
        if problem is None:
            return True
        attempts += 1
        log.warning("webhook_not_taken", endpoint=endpoint.id, number=event.number, attempt=attempts, reason=problem)
        if problem == f"answered {GONE}":
            await webhooks.disable(self._database, turn, error="it says that it is gone (410)")
        elif attempts > 1 and self._is_too_old(endpoint.failing_since) and self._is_too_old(event.at):
            await self._give_up(turn, event, problem, attempts)
        else:
            await self._failed(turn, attempts, problem, patience_s)
        return False

    def _is_too_old(self, moment: datetime | None) -> bool:
        return moment is not None and self._clock() - moment > self._given_up

    async def _failed(self, turn: Turn, attempts: int, problem: str, patience_s: float) -> None:
        now = self._clock()
        due_at = now + timedelta(seconds=max(self._pause(attempts), patience_s))
        await webhooks.failed(self._database, turn, attempts=attempts, error=problem, due_at=due_at, now=now)

    def _pause(self, attempts: int) -> float:
        return min(self._pause_s * 2.0 ** min(attempts - 1, 20), LONGEST_PAUSE_S) * random.uniform(0.75, 1.25)  # noqa: S311

    async def _give_up(self, turn: Turn, event: Event, problem: str, attempts: int) -> None:
        """It has taken nothing for so long: what happened before that is given up, and what is younger is kept for it."""
        now = self._clock()
        old = [event]
        for later in await events.after(self._database, event.number, limit=BATCH):
            if not self._is_too_old(later.at):
                break
            old.append(later)
        wanted = [(item.number, item.type) for item in old if turn.endpoint.wants(item.type)]
        due_at = now + timedelta(seconds=self._pause(attempts))
        await webhooks.bury(self._database, turn, wanted, attempts=attempts, reason=problem, due_at=due_at, now=now)

    async def _post(self, endpoint: Endpoint, event: Event) -> tuple[str | None, float]:
        """What is wrong, and for how many seconds it asks to be left alone."""
        record = None
        if endpoint.with_content and event.message_id is not None:
            record = await messages.fetch(self._database, event.message_id)
        body = json.dumps(payload_of(event, record), ensure_ascii=False).encode()
        headers = {"content-type": "application/json", "user-agent": "Frontdesk"}
        headers |= sign(endpoint.secret, body, message_id=f"evt_{event.number}")
        try:
            async with self._opened().post(endpoint.url, data=body, headers=headers, allow_redirects=False) as response:
                if 200 <= response.status < 300:
                    return None, 0
                return f"answered {response.status}", _retry_after_s(response.headers.get("Retry-After"), self._clock())
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            return f"cannot be reached ({type(error).__name__})", 0

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=TIMEOUT_S), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._session


def payload_of(event: Event, record: Record | None) -> dict[str, Any]:
    """The body of a webhook by Standard Webhooks: type, timestamp and data."""
    data: dict[str, Any] = event.model_dump(mode="json", exclude={"type", "at", "data"}) | {"facts": event.data}
    if record is not None:
        message = record.message
        data["message"] = {
            "text": message.text,
            "type": message.type,
            "from_us": message.from_us,
            "sender_name": message.sender_name,
            "phone_number": message.phone_number,
            "chat_name": message.chat_name,
            "is_group": message.is_group,
            "sent_at": message.sent_at.isoformat(),
            "analysis": record.analysis.model_dump(mode="json") if record.analysis else None,
            "routing": record.route.model_dump(mode="json") if record.route else None,
        }
    return {"type": event.type, "timestamp": event.at.isoformat(), "data": data}


def _retry_after_s(value: str | None, now: datetime) -> float:
    """Seconds, or until a moment; at most an hour, whatever it asks for."""
    if value is None:
        return 0
    try:
        seconds = float(value) if value.strip().isdigit() else (parsedate_to_datetime(value) - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0
    return min(max(seconds, 0), LONGEST_PAUSE_S)
