"""People come in by a link, once, and then by their password; programs by tokens with fewer rights than the owner's."""

from datetime import timedelta

import pytest
from tests.support.desk import DeskFactory, Reply, RunningDesk, webhook
from tests.support.visitors import PASSWORD, come_in, follow, link_for, seen

from frontdesk.domain.access import INVITATION_LASTS, LOGIN_LASTS, digest_of
from frontdesk.domain.errors import ConfigurationError, TooManyError
from frontdesk.store import access
from frontdesk.web.passwords import Passwords


async def test_the_first_link_makes_the_admin_and_is_void_then(desk: RunningDesk) -> None:
    """Who finds an old link in a terminal must not become the owner."""
    database = desk.backend.desk.database
    assert not await access.is_set_up(database)
    first, other = await link_for(database), await link_for(database)
    visitor = await follow(desk, first, name="Ada")
    me = (await visitor.call("GET", "/me")).document
    assert (me["name"], me["role"], me["rights"]) == ("Ada", "admin", ["read", "write", "manage"])
    assert await access.is_set_up(database)
    for path in (first, other, "/setup?token=guessed"):
        assert (await desk.get(path, token=None)).status == 404
        body = {"token": path.partition("=")[2], "name": "Eve", "password": PASSWORD}
        async with desk.session.post(f"{desk.url}/setup", json=body, headers={"origin": desk.url}) as response:
            assert response.status == 404


async def test_a_person_logs_in_by_name_or_address_and_out(desk: RunningDesk) -> None:
    """And the cookie is of no use after that."""
    visitor = await come_in(desk)
    await visitor.call("PATCH", "/people/1", {"email": "ada@example.com"})
    for name in ("  aDA ", "ada@example.com"):
        reply = await _log_in(desk, name, PASSWORD)
        assert reply.status == 200
        cookie = reply.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Secure" not in cookie
    again = await seen(desk, cookie.partition(";")[0])
    assert (await again.call("POST", "/logout")).status == 204
    assert (await again.call("GET", "/me")).status == 401
    assert (await visitor.call("GET", "/me")).status == 200


async def test_by_https_the_cookie_is_for_https_only(desk: RunningDesk) -> None:
    """A proxy in front says how the browser came."""
    await come_in(desk)
    reply = await _log_in(desk, "Ada", PASSWORD, **{"x-forwarded-proto": "https"})
    assert "Secure" in reply.headers["Set-Cookie"]


async def test_strangers_are_shown_the_way_in_and_back(desk: RunningDesk) -> None:
    """A link that somebody was sent still leads where it should, after logging in."""
    await come_in(desk)
    reply = await desk.get("/docs?x=1", token=None)
    assert (reply.status, reply.headers["Location"]) == (303, "/login?next=%2Fdocs%3Fx%3D1")
    page = await desk.get("/login", token=None)
    assert page.status == 200
    assert "script-src 'self'" in page.headers["Content-Security-Policy"]
    assert "unsafe" not in page.headers["Content-Security-Policy"]


async def test_guessing_is_slowed_down_and_ends(desk: RunningDesk) -> None:
    """Eight wrong passwords for a name from one place; the right one has to wait then, too."""
    await come_in(desk)
    for _ in range(8):
        reply = await _log_in(desk, "Ada", "wrong")
        assert (reply.status, reply.document["detail"]) == (401, "name or password is wrong")
    reply = await _log_in(desk, "Ada", PASSWORD)
    assert (reply.status, reply.document["code"]) == (429, "too_many")
    assert 0 < int(reply.headers["Retry-After"]) <= 600
    # Somebody else is not kept out by it, and nobody learns who there is.
    assert (await _log_in(desk, "Nobody", "wrong")).document["detail"] == "name or password is wrong"


async def test_behind_a_proxy_each_visitor_has_an_address_of_their_own(desk: RunningDesk) -> None:
    """As the proxy tells it; what a visitor claims before that is not believed."""
    await come_in(desk)
    for number in range(8):
        await _log_in(desk, "Ada", "wrong", **{"x-forwarded-for": f"198.51.100.{number}, 192.0.2.7"})
    for claimed, status in (("192.0.2.7", 429), ("198.51.100.9,192.0.2.7", 429), ("192.0.2.8", 200), ("nonsense", 200)):
        assert (await _log_in(desk, "Ada", PASSWORD, **{"x-forwarded-for": claimed})).status == status


async def test_who_is_no_proxy_of_ours_is_not_believed(start_desk: DeskFactory) -> None:
    """Else everybody would have as many addresses as they like."""
    desk = await start_desk(trusted_proxies="10.0.0.0/8")
    await come_in(desk)
    for number in range(8):
        await _log_in(desk, "Ada", "wrong", **{"x-forwarded-for": f"198.51.100.{number}"})
    assert (await _log_in(desk, "Ada", PASSWORD, **{"x-forwarded-for": "198.51.100.99"})).status == 429
    with pytest.raises(ConfigurationError, match="TRUSTED_PROXIES"):
        await start_desk(trusted_proxies="everybody")


def test_guessing_from_many_places_is_slowed_down_for_a_name_and_not_for_links() -> None:
    """A name can be attacked from everywhere; a link of 256 bits cannot, and its owner must come in."""
    passwords = Passwords()
    for place in range(40):
        passwords.note_failure("Ada", f"192.0.2.{place}")
        passwords.note_failure("", f"192.0.2.{place}")
    with pytest.raises(TooManyError):
        passwords.check_attempt("ada ", "198.51.100.1")
    passwords.check_attempt("", "198.51.100.1")
    for _ in range(8):
        passwords.note_failure("", "198.51.100.1")
    with pytest.raises(TooManyError):
        passwords.check_attempt("", "198.51.100.1")


async def test_another_site_cannot_log_somebody_in(desk: RunningDesk) -> None:
    """They would then write into somebody else's desk."""
    await come_in(desk)
    for headers in ({}, {"origin": "http://evil.example"}, {"sec-fetch-site": "cross-site"}):
        async with desk.session.post(
            f"{desk.url}/login", json={"name": "Ada", "password": PASSWORD}, headers=headers
        ) as response:
            assert response.status == 401


@pytest.mark.parametrize(
    ("role", "may"),
    [("viewer", {"read"}), ("agent", {"read", "write"}), ("admin", {"read", "write", "manage"})],
)
async def test_a_role_is_what_somebody_may_do(desk: RunningDesk, role: str, may: set[str]) -> None:
    """In the API as on the page: the same rights."""
    accepted = await desk.post(webhook())
    number = accepted.document["conversation_id"]
    visitor = await come_in(desk, "Ben", role)  # type: ignore[arg-type]
    asked = {
        "read": (await visitor.call("GET", "/messages")).status,
        "write": (await visitor.call("PATCH", f"/conversations/{number}", {"labels": ["x"]})).status,
        "manage": (await visitor.call("GET", "/tokens")).status,
    }
    assert {right for right, status in asked.items() if status == 200} == may
    assert {status for status in asked.values() if status != 200} <= {403}


async def test_a_changed_role_counts_at_once_elsewhere_within_seconds(desk: RunningDesk) -> None:
    """Who was an agent a moment ago must not go on as one."""
    owner, ben = await come_in(desk), await come_in(desk, "Ben", "agent")
    people = (await owner.call("GET", "/people")).document["people"]
    number = next(person["person_id"] for person in people if person["name"] == "Ben")
    assert (await ben.call("GET", "/tokens")).status == 403
    assert (await owner.call("PATCH", f"/people/{number}", {"role": "admin"})).document["role"] == "admin"
    desk.backend.desk.gate.forget(digest_of(ben.cookie.partition("=")[2]))
    assert (await ben.call("GET", "/tokens")).status == 200
    assert (await owner.call("DELETE", f"/people/{number}")).status == 204
    desk.backend.desk.gate.forget(digest_of(ben.cookie.partition("=")[2]))
    assert (await ben.call("GET", "/me")).status == 401


async def test_the_last_admin_stays(desk: RunningDesk) -> None:
    """Else nobody could let others in."""
    owner = await come_in(desk)
    for reply in (
        await owner.call("PATCH", "/people/1", {"role": "viewer"}),
        await owner.call("DELETE", "/people/1"),
    ):
        assert (reply.status, reply.document["code"]) == (409, "conflict")


async def test_a_new_password_ends_all_other_logins(desk: RunningDesk) -> None:
    """That is what people change it for."""
    visitor = await come_in(desk)
    elsewhere = await seen(desk, (await _log_in(desk, "Ada", PASSWORD)).headers["Set-Cookie"].partition(";")[0])
    wrong = await visitor.call("POST", "/me/password", {"current": "wrong", "password": "another long one"})
    assert (wrong.status, wrong.document["errors"][0]["pointer"]) == (422, "/current")
    short = await visitor.call("POST", "/me/password", {"current": PASSWORD, "password": "short"})
    assert short.status == 422
    changed = await visitor.call("POST", "/me/password", {"current": PASSWORD, "password": "another long one"})
    assert changed.status == 204
    desk.backend.desk.gate.forget(digest_of(elsewhere.cookie.partition("=")[2]))
    assert (await elsewhere.call("GET", "/me")).status == 401
    assert (await visitor.call("GET", "/me")).status == 200
    assert (await _log_in(desk, "Ada", "another long one")).status == 200


async def test_who_forgot_gets_a_link_from_an_admin(desk: RunningDesk) -> None:
    """The newest link counts; it ends what was logged in before."""
    owner, ben = await come_in(desk), await come_in(desk, "Ben", "agent")
    first = (await owner.call("POST", "/people/2/invitation")).document["path"]
    second = (await owner.call("POST", "/people/2/invitation")).document["path"]
    assert (await desk.get(first, token=None)).status == 404
    assert "Hello Ben" in (await desk.get(second, token=None)).document
    fresh = await follow(desk, second)
    assert (await fresh.call("GET", "/me")).document["role"] == "agent"
    desk.backend.desk.gate.forget(digest_of(ben.cookie.partition("=")[2]))
    assert (await ben.call("GET", "/me")).status == 401
    assert (await owner.call("POST", "/people/99/invitation")).status == 404
    assert (await fresh.call("POST", "/people/1/invitation")).status == 403


async def test_who_has_logged_out_is_told_nothing_more(desk: RunningDesk) -> None:
    """A stream that was open goes on for nobody, however much happens."""
    visitor = await come_in(desk)
    async with desk.session.get(
        f"{desk.url}/events", headers={"cookie": visitor.cookie, "accept": "text/event-stream"}
    ) as stream:
        await stream.content.readuntil(b"\n\n")
        assert (await visitor.call("POST", "/logout")).status == 204
        await desk.post(webhook())
        told = await stream.content.read()
    assert b"message.received" not in told


async def test_links_and_logins_end_by_themselves(start_desk: DeskFactory) -> None:
    """A week for a link; a month without a sign of somebody for a login."""
    desk: RunningDesk = await start_desk()
    database = desk.backend.desk.database
    visitor = await come_in(desk)
    digest = digest_of(visitor.cookie.partition("=")[2])
    now = database.now()
    assert await access.logged_in(database, digest, now=now + LOGIN_LASTS - timedelta(hours=1)) is not None
    # That was a sign of them.
    assert await access.logged_in(database, digest, now=now + LOGIN_LASTS + timedelta(hours=1)) is not None
    assert await access.logged_in(database, digest, now=now + 3 * LOGIN_LASTS) is None
    path = await link_for(database, "Ben")
    invited = digest_of(path.partition("token=")[2])
    assert await access.invited(database, invited, now=now + INVITATION_LASTS - timedelta(hours=1)) is not None
    assert await access.invited(database, invited, now=now + INVITATION_LASTS + timedelta(hours=1)) is None


async def test_a_token_has_its_scopes_and_can_be_taken_back(desk: RunningDesk) -> None:
    """For a program that only looks; the key is shown once and kept as a digest."""
    owner = await come_in(desk)
    made = await owner.call("POST", "/tokens", {"name": "Report", "scopes": ["read"]})
    assert made.status == 201
    key = made.document["token"]
    assert (await desk.get("/messages", token=key)).status == 200
    assert (await desk.get("/tokens", token=key)).status == 403
    listed = (await owner.call("GET", "/tokens")).document["tokens"]
    assert [(item["name"], item["scopes"], item["created_by"], item["token"]) for item in listed] == [
        ("Report", ["read"], "Ada", None)
    ]
    assert listed[0]["used_at"] is not None
    assert (await owner.call("POST", "/tokens", {"name": "x", "scopes": ["everything"]})).status == 422
    assert (await owner.call("DELETE", f"/tokens/{made.document['token_id']}")).status == 204
    desk.backend.desk.gate.forget(digest_of(key))
    assert (await desk.get("/messages", token=key)).status == 401
    assert (await owner.call("DELETE", f"/tokens/{made.document['token_id']}")).status == 404


async def _log_in(desk: RunningDesk, name: str, password: str, **headers: str) -> Reply:
    async with desk.session.post(
        f"{desk.url}/login", json={"name": name, "password": password}, headers={"origin": desk.url, **headers}
    ) as response:
        return Reply(response.status, await response.json(), dict(response.headers))
