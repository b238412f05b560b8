"""The connectors' own API: one of each account sends, and says how its link to WhatsApp is."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import quote

import aiohttp
from pydantic import BaseModel, ConfigDict, ValidationError

from frontdesk.domain.changes import SessionState
from frontdesk.domain.errors import ChannelError, ChannelRejectedError, NotFoundError, UnknownOutcomeError
from frontdesk.domain.outgoing import Outgoing

ConnectionState = SessionState | Literal["AWAY"]


class ConnectorStatus(BaseModel):
    """What the connector says of itself; ``AWAY`` where it says nothing. ``qr`` is the text to draw."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    account: str = ""
    state: ConnectionState = "AWAY"
    qr: str | None = None
    pairing_code: str | None = None
    me: str | None = None
    since: str | None = None
    spooled: int = 0
    refused: int = 0
    media_waiting: int = 0
    reason: str | None = None
    history: tuple[dict[str, Any], ...] = ()
    backfill: dict[str, Any] | None = None


class _NotConnectedError(Exception):
    """Nothing of the request has left this machine."""


class _CutOffError(Exception):
    """The request may have arrived."""


SEND_TIMEOUT = aiohttp.ClientTimeout(total=45, sock_connect=3)
MAX_ID_BYTES = 255
# The connector's own words for “the text did not leave”; other failures of a send tell nothing.
NOT_SENT = frozenset({"not_ready", "not_sent", "too_many"})


def _answer(status: int, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
    try:
        document = json.loads(raw)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise UnknownOutcomeError(f"the connector answered {status} with something that is no JSON object")
    if status < 300 and ("message_id" in document or "state" in document):
        return document
    detail = str(document.get("detail") or f"the connector answered {status}")[:300]
    if document.get("code") in NOT_SENT:
        try:
            after = float(headers.get("retry-after", ""))
        except ValueError:
            after = None
        raise ChannelError(detail, retry_after_s=after)
    if status == 401:
        raise ChannelError(detail)
    if 400 <= status < 500:
        raise ChannelRejectedError(detail)
    raise UnknownOutcomeError(detail)


def _message_id(document: dict[str, Any]) -> str:
    id_ = document.get("message_id")
    if not isinstance(id_, str) or not 0 < len(id_.encode()) <= MAX_ID_BYTES:
        raise UnknownOutcomeError("the connector answered without an id of WhatsApp's")
    return id_


class Connector:
    """One account's connector."""

    def __init__(self, *, url: str, token: str, timeout_s: float = 2) -> None:
        self._url = url.rstrip("/")
        self._headers = {"authorization": f"Bearer {token}"}
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session:
            await self._session.close()

    async def send(self, outgoing: Outgoing) -> str:
        """Send a text; the id that WhatsApp gave it. See :class:`frontdesk.domain.ports.Channel`."""
        body = {"chat_id": outgoing.recipient, "text": outgoing.text}
        headers = {"idempotency-key": outgoing.channel_key}
        try:
            document = await self._call("POST", "/messages", headers, outgoing.trace, body)
        except _NotConnectedError as error:
            raise ChannelError("the connector cannot be reached") from error
        except _CutOffError as error:
            raise UnknownOutcomeError("the connector did not confirm") from error
        return _message_id(document)

    async def find(self, outgoing: Outgoing) -> str | None:
        """What became of a text that may have been sent. See :class:`frontdesk.domain.ports.Channel`."""
        try:
            document = await self._call(
                "GET", f"/messages/{quote(outgoing.channel_key, safe='')}", {}, outgoing.trace, None
            )
        except (_NotConnectedError, _CutOffError) as error:
            raise ChannelError("the connector cannot be reached") from error
        match document.get("state"):
            case "sent":
                return _message_id(document)
            case "not_sent":
                return None
            case _:
                raise UnknownOutcomeError

    async def _call(
        self, method: str, path: str, headers: dict[str, str], trace: str | None, body: dict[str, str] | None
    ) -> dict[str, Any]:
        more = headers | ({"traceparent": trace} if trace else {})
        try:
            async with self._opened().request(
                method, self._url + path, headers=self._headers | more, json=body, timeout=SEND_TIMEOUT
            ) as response:
                return _answer(response.status, response.headers, await response.read())
        except aiohttp.ClientConnectorError as error:
            raise _NotConnectedError from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _CutOffError from error

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=self._timeout)
        return self._session

    async def status(self) -> ConnectorStatus:
        """The state of the WhatsApp connection. Never fails: a connector that cannot be asked is away."""
        try:
            async with self._opened().get(f"{self._url}/status", headers=self._headers) as response:
                if response.status != 200:
                    return ConnectorStatus(reason=f"the connector answered {response.status}")
                return ConnectorStatus.model_validate_json(await response.read())
        except (aiohttp.ClientError, TimeoutError, OSError, ValidationError) as error:
            return ConnectorStatus(reason=type(error).__name__)

    async def restart(self) -> None:
        """Begin anew: a new browser, and a new code where the account is not linked.

        Raises:
            ChannelError: the connector does not do it.
        """
        await self._command("/session/restart", {})

    async def log_out(self) -> None:
        """Unlink the account.

        Raises:
            ChannelError: the connector does not do it.
        """
        await self._command("/session/logout", {})

    async def pairing_code(self, phone_number: str) -> str:
        """A code to type in on the phone of that number, instead of scanning.

        Raises:
            ChannelError: there is none.
        """
        document = await self._command("/session/pairing-code", {"phone_number": phone_number})
        return str(document.get("code", ""))

    async def _command(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        try:
            async with self._opened().post(
                self._url + path, headers=self._headers, json=body, timeout=SEND_TIMEOUT
            ) as response:
                document = await response.json(content_type=None)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ChannelError("the connector cannot be reached") from error
        if not isinstance(document, dict) or response.status >= 300:
            detail = document.get("detail") if isinstance(document, dict) else None
            raise ChannelError(str(detail or f"the connector answered {response.status}")[:300])
        return document


class Connectors:
    """The connectors of all accounts, as one channel: each message leaves by its account's own."""

    def __init__(self, urls: Mapping[str, str], *, token: str) -> None:
        self._connectors = {account: Connector(url=url, token=token) for account, url in urls.items()}

    async def close(self) -> None:
        """Close the connections."""
        await asyncio.gather(*(connector.close() for connector in self._connectors.values()))

    def of(self, account: str) -> Connector:
        """An account's connector.

        Raises:
            NotFoundError: there is no such account.
        """
        try:
            return self._connectors[account]
        except KeyError:
            raise NotFoundError("there is no such account") from None

    async def send(self, outgoing: Outgoing) -> str:
        """See :class:`frontdesk.domain.ports.Channel`."""
        return await self._for(outgoing).send(outgoing)

    async def find(self, outgoing: Outgoing) -> str | None:
        """See :class:`frontdesk.domain.ports.Channel`."""
        return await self._for(outgoing).find(outgoing)

    async def statuses(self) -> list[ConnectorStatus]:
        """How each account's link is, the main one first."""
        found = await asyncio.gather(*(connector.status() for connector in self._connectors.values()))
        return [
            status.model_copy(update={"account": account})
            for account, status in zip(self._connectors, found, strict=True)
        ]

    def _for(self, outgoing: Outgoing) -> Connector:
        try:
            return self.of(outgoing.account)
        except NotFoundError:
            # It may come back to the settings; until then the message waits.
            raise ChannelError(f"no connector is set for the account {outgoing.account}") from None
