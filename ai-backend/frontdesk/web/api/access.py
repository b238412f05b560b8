"""Logging in and out, one-time links, and tokens of programs."""

from datetime import datetime
from typing import Annotated

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from frontdesk.domain.access import (
    INVITATION_LASTS,
    LOGIN_LASTS,
    LONGEST_PASSWORD,
    RIGHTS,
    SHORTEST_PASSWORD,
    Right,
    Token,
    digest_of,
    new_secret,
)
from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError, UnauthenticatedError
from frontdesk.domain.people import LONGEST_NAME, Person, Role
from frontdesk.store import access
from frontdesk.web.api.bodies import read_body, read_document
from frontdesk.web.auth import COOKIE, asked_by_own_page
from frontdesk.web.desk import DESK
from frontdesk.web.remotes import remote_of

MAX_PERSON = 2**31 - 1
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)]
Password = Annotated[str, StringConstraints(min_length=SHORTEST_PASSWORD, max_length=LONGEST_PASSWORD)]


class LoginDraft(BaseModel):
    """The body of ``POST /login``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str = Field(max_length=255, description="Name or e-mail address")
    password: str = Field(max_length=LONGEST_PASSWORD)


class SetupDraft(BaseModel):
    """The body of ``POST /setup``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    token: str = Field(max_length=100, description="That of the link")
    name: Name | None = Field(default=None, description="Yours, where the link is the first of all")
    password: Password


class PasswordDraft(BaseModel):
    """The body of ``POST /me/password``."""

    model_config = ConfigDict(extra="forbid", strict=True)

    current: str = Field(max_length=LONGEST_PASSWORD)
    password: Password


class TokenDraft(BaseModel):
    """The body of ``POST /tokens``."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    scopes: list[Right] = Field(min_length=1, max_length=3, description="read: look; write: act; manage: the rest")


class MeDocument(BaseModel):
    """Who asks."""

    name: str
    person_id: int | None = Field(description="null for a token")
    role: Role | None
    rights: list[Right]


class InvitationDocument(BaseModel):
    """A link by which somebody chooses a password, once."""

    path: str
    expires_at: datetime


class TokenDocument(BaseModel):
    """A key of a program."""

    token_id: int
    name: str
    scopes: list[Right]
    created_by: str | None
    created_at: datetime
    used_at: datetime | None
    token: str | None = Field(default=None, description="Shown once, when it is made")


class TokensDocument(BaseModel):
    """All of them, the oldest first."""

    tokens: list[TokenDocument]


async def log_in(request: web.Request) -> web.Response:
    """``POST /login``: a cookie for who knows their password."""
    desk = request.app[DESK]
    _check_own_page(request)
    draft = read_document(LoginDraft, await read_body(request))
    address = remote_of(request, desk.settings.trusted_proxies)
    desk.passwords.check_attempt(draft.name, address)
    found = await access.credentials_of(desk.database, draft.name)
    if not await desk.passwords.is_right(draft.password, found[1] if found else None) or found is None:
        desk.passwords.note_failure(draft.name, address)
        raise UnauthenticatedError("name or password is wrong")
    secret = new_secret()
    await access.log_in(desk.database, found[0], digest_of(secret), device=_device(request), now=desk.clock())
    desk.feed.announce()
    return _known(request, found[0], secret)


async def log_out(request: web.Request) -> web.Response:
    """``POST /logout``: the cookie is nobody's any more."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "read")
    if caller.login:
        await access.log_out(desk.database, caller.login)
        desk.gate.forget(caller.login)
    response = web.Response(status=204)
    response.del_cookie(COOKIE, path="/")
    return response


async def set_up(request: web.Request) -> web.Response:
    """``POST /setup``: choose a password by a one-time link, and be logged in."""
    desk = request.app[DESK]
    _check_own_page(request)
    draft = read_document(SetupDraft, await read_body(request))
    address = remote_of(request, desk.settings.trusted_proxies)
    desk.passwords.check_attempt("", address)
    digest = digest_of(draft.token)
    invited = await access.invited(desk.database, digest, now=desk.clock())
    if invited is None:
        desk.passwords.note_failure("", address)
        raise NotFoundError("this link has been used, or is too old")
    if invited[0] is None and draft.name is None:
        raise InvalidInputError("your name is missing", (FieldProblem(pointer="/name", detail="must be given"),))
    secret = new_secret()
    person = await access.set_up(
        desk.database, digest, digest_of(secret), name=draft.name or "", device=_device(request), now=desk.clock(),
        password=await desk.passwords.hashed(draft.password),
    )  # fmt: skip
    desk.feed.announce()
    return _known(request, person, secret)


async def me(request: web.Request) -> web.Response:
    """``GET /me``: who asks, and what they may do."""
    caller = request.app[DESK].gate.check(request, "read")
    person = caller.person
    document = MeDocument(
        name=caller.name,
        person_id=person.id if person else None,
        role=person.role if person else None,
        rights=list(caller.rights),
    )
    return web.json_response(text=document.model_dump_json())


async def change_password(request: web.Request) -> web.Response:
    """``POST /me/password``: choose another one; other devices are logged out."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "read")
    draft = read_document(PasswordDraft, await read_body(request))
    if caller.person is None:
        raise NotFoundError("a token has no password")
    address = remote_of(request, desk.settings.trusted_proxies)
    desk.passwords.check_attempt(caller.name, address)
    found = await access.credentials_of(desk.database, caller.name)
    if found is None or not await desk.passwords.is_right(draft.current, found[1]):
        desk.passwords.note_failure(caller.name, address)
        problem = FieldProblem(pointer="/current", detail="is not your password")
        raise InvalidInputError("the password is wrong", (problem,))
    kept = await desk.passwords.hashed(draft.password)
    await access.change_password(desk.database, caller.person.id, kept, keep=caller.login, now=desk.clock())
    desk.feed.announce()
    return web.Response(status=204)


async def invite(request: web.Request) -> web.Response:
    """``POST /people/{id}/invitation``: a link for somebody to choose a password."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    number = int(request.match_info["id"])
    if number > MAX_PERSON:
        raise NotFoundError("there is no such person")
    secret, now = new_secret(), desk.clock()
    await access.invite(desk.database, digest_of(secret), person_id=number, now=now)
    document = InvitationDocument(path=f"/setup?token={secret}", expires_at=now + INVITATION_LASTS)
    return web.json_response(text=document.model_dump_json(), status=201)


async def all_tokens(request: web.Request) -> web.Response:
    """``GET /tokens``."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    document = TokensDocument(tokens=[_shown(token) for token in await access.tokens(desk.database)])
    return web.json_response(text=document.model_dump_json())


async def make_token(request: web.Request) -> web.Response:
    """``POST /tokens``: a key for a program."""
    desk = request.app[DESK]
    caller = desk.gate.check(request, "manage")
    draft = read_document(TokenDraft, await read_body(request))
    secret = new_secret()
    scopes = tuple(right for right in ("read", "write", "manage") if right in draft.scopes)
    made = await access.make_token(
        desk.database, digest_of(secret), name=draft.name, scopes=scopes, by=caller.name, now=desk.clock()
    )
    desk.feed.announce()
    document = _shown(made).model_copy(update={"token": secret})
    return web.json_response(text=document.model_dump_json(), status=201)


async def revoke_token(request: web.Request) -> web.Response:
    """``DELETE /tokens/{id}``: it opens nothing any more."""
    desk = request.app[DESK]
    desk.gate.check(request, "manage")
    number = int(request.match_info["id"])
    if number > MAX_PERSON or not await access.revoke_token(desk.database, number, now=desk.clock()):
        raise NotFoundError("there is no such token")
    desk.feed.announce()
    return web.Response(status=204)


def _check_own_page(request: web.Request) -> None:
    """Another site must not log somebody in as somebody else."""
    if not asked_by_own_page(request):
        raise UnauthenticatedError("this is for the desk's own page; programs use a token")


def _device(request: web.Request) -> str:
    return request.headers.get("User-Agent", "").encode("utf-8", "replace").decode()


def _known(request: web.Request, person: Person, secret: str) -> web.Response:
    document = MeDocument(name=person.name, person_id=person.id, role=person.role, rights=list(RIGHTS[person.role]))
    response = web.json_response(text=document.model_dump_json())
    # A proxy says whether the browser came by https. Who lies about it only harms their own cookie.
    is_secure = request.secure or request.headers.get("X-Forwarded-Proto") == "https"
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(LOGIN_LASTS.total_seconds()),
        httponly=True,
        samesite="Lax",
        path="/",
        secure=is_secure,
    )
    return response


def _shown(token: Token) -> TokenDocument:
    return TokenDocument(token_id=token.id, **token.model_dump(exclude={"id"}))
