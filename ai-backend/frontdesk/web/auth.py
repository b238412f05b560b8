"""Who may call: connectors by signature or their secret, programs by a token, people by the cookie of their login.

What somebody's browser is made to do by another site carries their cookie, too. So a change that is asked for with a cookie has
to carry the login's own word as well, which only our page knows.
"""

import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from aiohttp.typedefs import Middleware

from frontdesk.domain.access import RIGHTS, Right, digest_of
from frontdesk.domain.errors import ForbiddenError, UnauthenticatedError, UnavailableError
from frontdesk.domain.people import Person
from frontdesk.store import access
from frontdesk.store.database import Database
from frontdesk.web.problems import Handler
from frontdesk.wire.signing import verify

log = structlog.get_logger(__name__)

COOKIE = "frontdesk"
SIGNATURE_HEADER = "webhook-signature"
CSRF_HEADER = "X-CSRF-Token"
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
REMEMBERED_S = 3
"""How long who somebody is, is believed without another look."""
MOST_REMEMBERED = 10_000
ALL: tuple[Right, ...] = ("read", "write", "manage")


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Who asks. ``csrf`` is what a change must carry where they are known by a cookie, else None."""

    name: str
    rights: tuple[Right, ...]
    person: Person | None = None
    csrf: str | None = None
    login: bytes = b""

    def may(self, right: Right) -> bool:
        """Whether they have a right."""
        return right in self.rights


CALLER = web.RequestKey("caller", Caller)
FAILURE = web.RequestKey("caller_failure", UnavailableError)


class Gate:
    """Compares in constant time and fails closed. Without a database only ``API_TOKEN`` and accounts' secrets open it."""

    def __init__(self, *, api_token: str, accounts: Mapping[str, str], database: Database | None = None) -> None:
        self._owner = Caller(name="API_TOKEN", rights=ALL)
        self._api_token = api_token
        self._accounts = dict(accounts)
        self._database = database
        self._calendar = calendar_token(api_token)
        self._known: dict[bytes, tuple[float, Caller | None]] = {}

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

    async def recognise(self, request: web.Request) -> Caller | None:
        """Who asks, or None where nobody we know does.

        Raises:
            UnavailableError: the store is needed to know, and away.
        """
        token = bearer(request)
        if token is not None:
            if _same(token, self._api_token):
                return self._owner
            if any(_same(token, secret) for secret in self._accounts.values()):
                return None
            return await self._remembered(token, is_cookie=False)
        cookie = request.cookies.get(COOKIE)
        return await self._remembered(cookie, is_cookie=True) if cookie else None

    def forget(self, login: bytes) -> None:
        """A login has ended, or is another's: look again. Other processes do within seconds."""
        self._known.pop(login, None)

    def is_calendar_token(self, token: str) -> bool:
        """Whether a calendar's link may read the tasks."""
        return _same(token, self._calendar)

    def check(self, request: web.Request, right: Right) -> Caller:
        """Let only callers pass who have a right, and changes only where they are meant.

        Raises:
            UnauthenticatedError: nobody we know asks. ForbiddenError: they lack the right, or another site made their browser
                ask. UnavailableError: the store is needed to know, and away.
        """
        caller = self.caller(request)
        if caller is None:
            raise UnauthenticatedError
        if not caller.may(right):
            raise ForbiddenError(f"{caller.name} may not do this: it needs the right to {right}")
        is_meant = asked_by_own_page(request) and _same(request.headers.get(CSRF_HEADER, ""), caller.csrf or "")
        if caller.csrf is not None and request.method not in SAFE and not is_meant:
            raise ForbiddenError("this change was not asked for by the desk's own page; load it anew")
        return caller

    def caller(self, request: web.Request) -> Caller | None:
        """Who asks, as it was recognised before.

        Raises:
            UnavailableError: the store is needed to know, and away.
        """
        failure = request.get(FAILURE)
        if failure is not None:
            raise failure
        return request.get(CALLER)

    def is_known(self, request: web.Request) -> bool:
        """Whether anybody we know asks; nobody is, while the store is needed to know and away."""
        return request.get(CALLER) is not None

    async def _remembered(self, secret: str, *, is_cookie: bool) -> Caller | None:
        digest = digest_of(secret)
        known = self._known.get(digest)
        if known is not None and time.monotonic() - known[0] < REMEMBERED_S:
            return known[1]
        caller = await self._looked_up(secret, digest, is_cookie=is_cookie)
        if len(self._known) >= MOST_REMEMBERED:
            self._known.clear()
        self._known[digest] = time.monotonic(), caller
        return caller

    async def _looked_up(self, secret: str, digest: bytes, *, is_cookie: bool) -> Caller | None:
        if self._database is None:
            return None
        now = self._database.now()
        if not is_cookie:
            token = await access.token_of(self._database, digest, now=now)
            return Caller(name=token.name, rights=token.scopes) if token else None
        person = await access.logged_in(self._database, digest, now=now)
        if person is None:
            return None
        word = hmac.new(secret.encode("utf-8", "surrogateescape"), b"frontdesk change", hashlib.sha256).hexdigest()
        return Caller(name=person.name, rights=RIGHTS[person.role], person=person, csrf=word, login=digest)


def recognising(gate: Gate) -> Middleware:
    """A middleware that finds out who asks. That the store is away is told where it matters who does."""

    @web.middleware
    async def recognised(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            caller = await gate.recognise(request)
        except UnavailableError as error:
            request[FAILURE] = error
        else:
            if caller is not None:
                request[CALLER] = caller
        return await handler(request)

    return recognised


def calendar_token(api_token: str) -> str:
    """What lets a calendar read the tasks and nothing else. A new ``API_TOKEN`` makes it void."""
    return hmac.new(api_token.encode(), b"frontdesk calendar", hashlib.sha256).hexdigest()[:40]


def bearer(request: web.Request) -> str | None:
    """The bearer token of a request, or None."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def asked_by_own_page(request: web.Request) -> bool:
    """Whether a browser asks on behalf of a page of ours."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is None:
        # Browsers tell it to trusted addresses only: not where the desk is opened by http from another machine.
        return urlsplit(request.headers.get("Origin", "")).netloc == request.host
    return site == "same-origin"


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
