"""People who come in by their browser: a cookie, and what their page knows."""

import json
from dataclasses import dataclass
from typing import Any

from tests.support.desk import Reply, RunningDesk

from frontdesk.domain.access import digest_of, new_secret
from frontdesk.domain.people import Role
from frontdesk.store import access, people
from frontdesk.store.database import Database

PASSWORD = "correct horse battery"


async def link_for(database: Database, name: str | None = None, role: Role = "agent") -> str:
    """The path of a one-time link: the first admin's without a name, else that of somebody new."""
    person_id = None
    if name is not None:
        person_id = (await people.create(database, {"name": name, "role": role}, now=database.now())).id
    secret = new_secret()
    await access.invite(database, digest_of(secret), person_id=person_id, now=database.now())
    return f"/setup?token={secret}"


@dataclass
class Visitor:
    """Somebody who is logged in, as their browser sees it."""

    desk: RunningDesk
    cookie: str
    csrf: str

    async def call(self, method: str, path: str, body: Any = None, **headers: str) -> Reply:
        """What the page asks: with the cookie, the page's word, and where it comes from."""
        own = {"cookie": self.cookie, "x-csrf-token": self.csrf, "sec-fetch-site": "same-origin"}
        async with self.desk.session.request(
            method, self.desk.url + path, headers=own | {name.replace("_", "-"): value for name, value in headers.items()},
            data=None if body is None else json.dumps(body), allow_redirects=False,
        ) as response:  # fmt: skip
            text = await response.text()
            document = json.loads(text) if "json" in response.content_type else text
            return Reply(response.status, document, dict(response.headers))


async def come_in(desk: RunningDesk, name: str = "Ada", role: Role = "admin") -> Visitor:
    """Follow a one-time link, choose a password, and be there."""
    path = await link_for(desk.backend.desk.database, name, role)
    return await follow(desk, path)


async def follow(desk: RunningDesk, path: str, **body: str) -> Visitor:
    """Choose a password by a link."""
    token = path.partition("token=")[2]
    async with desk.session.post(
        f"{desk.url}/setup", json={"token": token, "password": PASSWORD, **body}, headers={"origin": desk.url}
    ) as response:
        assert response.status == 200, await response.text()
        cookie = response.headers["Set-Cookie"].partition(";")[0]
    return await seen(desk, cookie)


async def seen(desk: RunningDesk, cookie: str) -> Visitor:
    """Who carries a cookie, with the word that their page has."""
    async with desk.session.get(f"{desk.url}/", headers={"cookie": cookie}) as response:
        page = await response.text()
        assert response.status == 200, page
    return Visitor(desk, cookie, page.partition('name="csrf" content="')[2].partition('"')[0])
