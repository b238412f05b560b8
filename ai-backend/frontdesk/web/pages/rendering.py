"""Pages as text: templates, with what all of them need."""

import gzip
import hashlib
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web
from babel import dates, numbers
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from frontdesk import __version__
from frontdesk.domain.access import Right
from frontdesk.domain.people import Person
from frontdesk.web.auth import Caller
from frontdesk.web.desk import DESK
from frontdesk.web.pages.languages import LANGUAGES, language_of, locale_of, translations, zone_of
from frontdesk.web.pages.sayings import spoken

STATIC = Path(__file__).parent.parent / "static"
# From npm, at versions that the lock file fixes.
MODULES = Path(__file__).parents[3] / "node_modules"
VENDORED = {
    "htmx.js": MODULES / "htmx.org" / "dist" / "htmx.min.js",
    "uplot.js": MODULES / "uplot" / "dist" / "uPlot.iife.min.js",
    "uplot.css": MODULES / "uplot" / "dist" / "uPlot.min.css",
}
SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
THEME_COOKIE = "theme"
THEMES = ("light", "dark")
WORTH_PACKING = 1000
A_YEAR = "public, max-age=31536000, immutable"


class Reader:
    """How one reader sees things: language, clock and rights."""

    def __init__(self, request: web.Request) -> None:
        desk = request.app[DESK]
        self.language = language_of(request)
        self.locale = locale_of(request, self.language)
        self.zone: ZoneInfo = zone_of(request, desk.zone_of(None))
        self.theme = theme if (theme := request.cookies.get(THEME_COOKIE)) in THEMES else None
        self.caller: Caller | None = desk.gate.caller(request)

    @property
    def person(self) -> Person | None:
        """Who reads, where it is a person."""
        return self.caller.person if self.caller else None

    def may(self, right: Right) -> bool:
        """Whether they have a right."""
        return self.caller is not None and self.caller.may(right)

    def moment(self, moment: datetime) -> str:
        """Date and time."""
        day = dates.format_date(moment.astimezone(self.zone).date(), "medium", locale=self.locale)
        return f"{day}, {self.clock(moment)}"

    def clock(self, moment: datetime) -> str:
        """The time of day."""
        return dates.format_time(moment, "short", tzinfo=self.zone, locale=self.locale)

    def day(self, moment: datetime) -> str:
        """The day, in words."""
        return dates.format_date(moment.astimezone(self.zone).date(), "full", locale=self.locale)

    def language_name(self, code: str) -> str:
        """A language (BCP 47) by its name."""
        return str(self.locale.languages.get(code.replace("-", "_"), code))

    def number(self, value: float) -> str:
        """A number as it is written there."""
        return numbers.format_decimal(value, locale=self.locale)


@cache
def _environment(language: str) -> Environment:
    environment = Environment(
        loader=PackageLoader("frontdesk.web"), autoescape=select_autoescape(default=True), undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.i18n"],
    )  # fmt: skip
    # From the extension, which types do not know of.
    environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
    environment.filters["spoken"] = lambda reason, agents: spoken(reason, translations(language), agents)
    return environment


def rendered(request: web.Request, template: str, **values: Any) -> str:
    """A template as text, for who asks."""
    reader = values.pop("reader", None) or Reader(request)
    desk = request.app[DESK]
    titles = {
        manifest.name: manifest.languages.get(reader.language, manifest).title for manifest in desk.dispatcher.manifests
    }
    return (
        _environment(reader.language)
        .get_template(template)
        .render(
            reader=reader,
            asset=asset,
            version=__version__,
            languages=LANGUAGES,
            business=desk.business.name,
            agent_titles=titles,
            **values,
        )
    )


def html(request: web.Request, text: str, *, status: int = 200) -> web.Response:
    """A page, or a part of one, as an answer. What many ask for at once is compressed once."""
    headers = {**SECURITY_HEADERS, "Vary": "Accept-Encoding"}
    if "gzip" not in request.headers.get("Accept-Encoding", "") or len(text) < WORTH_PACKING:
        return web.Response(text=text, status=status, content_type="text/html", headers=headers)
    headers["Content-Encoding"] = "gzip"
    return web.Response(body=_packed(text), status=status, content_type="text/html", charset="utf-8", headers=headers)


@lru_cache(maxsize=64)
def _packed(text: str) -> bytes:
    return gzip.compress(text.encode(), compresslevel=4, mtime=0)


def page(request: web.Request, template: str, *, status: int = 200, **values: Any) -> web.Response:
    """A template as an answer."""
    return html(request, rendered(request, template, **values), status=status)


@cache
def _version() -> str:
    """Of all that browsers load: its address changes with it, so that it may be kept for ever."""
    digest = hashlib.sha256()
    for path in (*sorted(path for path in STATIC.iterdir() if path.is_file()), *VENDORED.values()):
        digest.update(path.name.encode() + path.read_bytes())
    return digest.hexdigest()[:12]


def asset(name: str) -> str:
    """The address of a file of ours or of a package. Scripts name each other relatively, and stay in one version."""
    return f"/static/{_version()}/{name}"


async def static(request: web.Request) -> web.StreamResponse:
    """``GET /static/{version}/{name}``."""
    name = request.match_info["name"]
    path = VENDORED.get(name) or STATIC / name
    if "/" in name or name.startswith(".") or not path.is_file():
        raise web.HTTPNotFound
    headers = {"X-Content-Type-Options": "nosniff"}
    if request.match_info["version"] == _version():
        headers["Cache-Control"] = A_YEAR
    body, type_ = _file(path)
    response = web.Response(body=body, content_type=type_, headers=headers)
    response.enable_compression()
    return response


@cache
def _file(path: Path) -> tuple[bytes, str]:
    return path.read_bytes(), TYPES.get(path.suffix, "application/octet-stream")


TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
