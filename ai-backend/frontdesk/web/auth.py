"""Who may call: connectors by signature or their secret, people and programs by the API token or its cookie."""

import hashlib
import hmac
from collections.abc import Mapping

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

    def check_connector(self, request: web.Request) -> None:
        """Let connectors pass that carry an account's secret.

        Raises:
            UnauthenticatedError: the token is missing or wrong.
        """
        token = bearer(request)
        if token is None or not any(_same(token, secret) for secret in self._accounts.values()):
            raise UnauthenticatedError

    def is_person(self, request: web.Request) -> bool:
        """Whether the caller has the API token or the page's cookie."""
        token = bearer(request)
        if token is not None:
            return _same(token, self._api_token)
        cookie = request.cookies.get(COOKIE)
        return cookie is not None and _same(cookie, self.cookie)

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

    def check_person(self, request: web.Request) -> None:
        """Let only people and programs with the API token pass.

        Raises:
            UnauthenticatedError: the caller has neither token nor cookie.
        """
        if not self.is_person(request):
            raise UnauthenticatedError


def bearer(request: web.Request) -> str | None:
    """The bearer token of a request, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
