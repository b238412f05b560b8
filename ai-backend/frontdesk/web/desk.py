"""What the handlers work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

from aiohttp import web

from frontdesk.channels.connector import Connectors
from frontdesk.desk.opening import OpeningHours
from frontdesk.desk.privacy import Retention
from frontdesk.desk.sending import Sender
from frontdesk.desk.tools import Tools
from frontdesk.domain.business import Business
from frontdesk.domain.hours import Calendar
from frontdesk.domain.messages import Record
from frontdesk.domain.ports import Wakeups
from frontdesk.domain.replies import Limits, Turn
from frontdesk.media.files import MediaFiles
from frontdesk.pipeline.accept import Acceptor
from frontdesk.pipeline.completions import Completions
from frontdesk.pipeline.feed import Feed
from frontdesk.routing.dispatch import Dispatcher
from frontdesk.settings import Settings
from frontdesk.store.database import Database
from frontdesk.triage.assess import Assessor
from frontdesk.understanding.understander import Understander
from frontdesk.web.auth import Gate
from frontdesk.web.passwords import Passwords


@dataclass(kw_only=True)
class Desk:
    """The parts of a running backend that HTTP needs. With ``is_stopping`` no more should be given to it."""

    settings: Settings
    database: Database
    assessor: Assessor
    dispatcher: Dispatcher
    connectors: Connectors
    media: MediaFiles
    understander: Understander
    wakeups: Wakeups
    completions: Completions
    acceptor: Acceptor
    sender: Sender
    feed: Feed
    gate: Gate
    passwords: Passwords = field(default_factory=Passwords)
    clock: Callable[[], datetime]
    limits: Limits
    tools: Tools
    judge_again: Callable[[Record], Awaitable[None]]
    suggest: Callable[[int], Awaitable[Turn]]
    zone_of: Callable[[str | None], ZoneInfo]
    calendar_of: Callable[[str], Calendar]
    business: Business
    opening: OpeningHours
    retention: Retention
    webhooks_in_hand: int = field(default=0)
    is_stopping: bool = field(default=False)


DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)
