"""Who may call: connectors by signature or their secret, people and programs by the API token or its cookie."""

import hashlib
import hmac
from collections.abc import Mapping
from urllib.parse import urlsplit

from aiohttp import web

from frontdesk.domain.errors import UnauthenticatedError
from frontdesk.wire.signing import verify

COOKIE = "frontdesk"
SIGNATURE_HEADER = "webhook-signature"


class Gate:
    """Compares in constant time and fails closed."""

    def __init__(self, *, api_token: str, accounts: Mapping[str, str]) -> None:
        self._api_token = api_token
        self._accounts = dict(accounts)
        self.cookie = hmac.new(api_token.encode(), b"frontdesk page", hashlib.sha256).hexdigest()
        self._calendar = calendar_token(api_token)

    def account_of(self, request: web.Request, body: bytes) -> str:
        """The account that a webhook's caller speaks for.

        Raises:
            UnauthenticatedError: not signed by any account's secret, and no valid bearer token.
        """
        if SIGNATURE_HEADER in request.headers:
            for name, secret in self._accounts.items():
                try:
                    verify(secret, request.headers, body)
                except UnauthenticatedError:
                    continue
                return name
            raise UnauthenticatedError("the signature is missing, too old or wrong")
        token = bearer(request)
        if token is not None:
            for name, secret in self._accounts.items():
                if _same(token, secret):
                    return name
            if _same(token, self._api_token):
                return next(iter(self._accounts))
        raise UnauthenticatedError

    def connector_of(self, request: web.Request) -> str:
        """The account of a connector that carries its secret.

        Raises:
            UnauthenticatedError: the token is missing or wrong.
        """
        token = bearer(request) or ""
        for name, secret in self._accounts.items():
            if _same(token, secret):
                return name
        raise UnauthenticatedError

    def is_person(self, request: web.Request) -> bool:
        """Whether the caller has the API token or the page's cookie."""
        token = bearer(request)
        if token is not None:
            return _same(token, self._api_token)
        cookie = request.cookies.get(COOKIE)
        return cookie is not None and _same(cookie, self.cookie)

    def is_calendar_token(self, token: str) -> bool:
        """Whether a calendar's link may read the tasks."""
        return _same(token, self._calendar)

    def is_page_token(self, token: str) -> bool:
        """Whether a link's token is the API token."""
        return _same(token, self._api_token)

    def check_token(self, request: web.Request) -> None:
        """Let only callers with the API token pass: what another site's page makes a browser do carries just a cookie.

        Raises:
            UnauthenticatedError: the token is missing or wrong.
        """
        token = bearer(request)
        if token is None or not _same(token, self._api_token):
            raise UnauthenticatedError

    def check_action(self, request: web.Request) -> None:
        """Let callers with the API token pass, and people whose own page asks: never what another site makes a browser do.

        Raises:
            UnauthenticatedError: neither is the case.
        """
        if bearer(request) is None and not _asked_by_own_page(request):
            raise UnauthenticatedError
        self.check_person(request)

    def check_person(self, request: web.Request) -> None:
        """Let only people and programs with the API token pass.

        Raises:
            UnauthenticatedError: the caller has neither token nor cookie.
        """
        if not self.is_person(request):
            raise UnauthenticatedError


def calendar_token(api_token: str) -> str:
    """What lets a calendar read the tasks and nothing else. A new ``API_TOKEN`` makes it void."""
    return hmac.new(api_token.encode(), b"frontdesk calendar", hashlib.sha256).hexdigest()[:40]


def bearer(request: web.Request) -> str | None:
    """The bearer token of a request, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _asked_by_own_page(request: web.Request) -> bool:
    site = request.headers.get("Sec-Fetch-Site")
    if site is None:
        # Browsers tell it to trusted addresses only: not where the desk is opened by http from another machine.
        return urlsplit(request.headers.get("Origin", "")).netloc == request.host
    return site == "same-origin"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
