"""In which language somebody reads the pages, and which clock they go by."""

import contextlib
import io
from functools import cache
from gettext import GNUTranslations, NullTranslations
from pathlib import Path
from zoneinfo import ZoneInfo, available_timezones

from aiohttp import web
from babel import Locale, UnknownLocaleError
from babel.core import negotiate_locale
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

CATALOGUES = Path(__file__).parent.parent / "locale"
LANGUAGES = {"en": "English", "tr": "Türkçe"}
LANGUAGE_COOKIE = "language"
ZONE_COOKIE = "zone"
SOURCE = "en"


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue of a language; texts are written in English and are their own catalogue there."""
    if language == SOURCE:
        return NullTranslations()
    with (CATALOGUES / f"{language}.po").open(encoding="utf-8") as file:
        catalogue = read_po(file, locale=language, abort_invalid=True)
    compiled = io.BytesIO()
    write_mo(compiled, catalogue)
    compiled.seek(0)
    return GNUTranslations(compiled)


def language_of(request: web.Request) -> str:
    """The language that somebody chose, else the first that their browser asks for and there is."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    if chosen in LANGUAGES:
        return chosen
    asked = [part.partition(";")[0].strip() for part in request.headers.get("Accept-Language", "").split(",")]
    return negotiate_locale([part for part in asked if part], list(LANGUAGES), sep="-") or SOURCE


def locale_of(request: web.Request, language: str) -> Locale:
    """How a language writes dates and numbers, where the browser says it is read."""
    for part in request.headers.get("Accept-Language", "").split(","):
        tag = part.partition(";")[0].strip()
        if tag.partition("-")[0] == language:
            with contextlib.suppress(ValueError, UnknownLocaleError):
                return Locale.parse(tag, sep="-")
    return Locale.parse(language)


def zone_of(request: web.Request, fallback: ZoneInfo) -> ZoneInfo:
    """The reader's time zone, as their browser told it, else another."""
    told = request.cookies.get(ZONE_COOKIE, "").replace("%2F", "/")
    return ZoneInfo(told) if told in _zones() else fallback


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())
