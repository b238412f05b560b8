"""What agents may look up: with a token that is good for one conversation and for some minutes, and nothing is changed by it."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from pydantic import ValidationError

from frontdesk.agentkit.answering import facts_about
from frontdesk.domain.agents import ToolAccess
from frontdesk.domain.business import Business
from frontdesk.domain.errors import FieldProblem, InvalidInputError, NotFoundError, UnauthenticatedError
from frontdesk.domain.text import shorten
from frontdesk.domain.tools import TOOLS, LookUpConversations, LookUpFacts, LookUpTasks
from frontdesk.store import inbox, tasks, thread
from frontdesk.store.database import Database

log = structlog.get_logger(__name__)

GOOD_FOR = timedelta(minutes=10)
MOST_TASKS = 20
MOST_LINES = 20
LINE_CHARACTERS = 300


class Tools:
    """Gives access and looks things up. ``url`` is where agents reach the backend; ``secret`` signs the tokens."""

    def __init__(self, *, database: Database, business: Business, secret: str, url: str) -> None:
        self._database = database
        self._business = business
        self._secret = hashlib.sha256(b"frontdesk tools " + secret.encode()).digest()
        self._url = url.rstrip("/")

    def access(self, conversation_id: int, now: datetime) -> ToolAccess:
        """Access to what belongs to a conversation."""
        until = int((now + GOOD_FOR).timestamp())
        return ToolAccess(
            url=f"{self._url}/tools",
            token=f"{conversation_id}.{until}.{self._sign(conversation_id, until)}",
            names=tuple(TOOLS),
        )

    def conversation_of(self, token: str | None, now: datetime) -> int:
        """The conversation that a token is good for.

        Raises:
            UnauthenticatedError: it is none of ours, or its time is over.
        """
        number, _, rest = (token or "").partition(".")
        until, _, signature = rest.partition(".")
        if not (
            number.isascii()
            and number.isdigit()
            and len(number) < 20
            and until.isascii()
            and until.isdigit()
            and len(until) < 12
        ):
            raise UnauthenticatedError
        wanted = self._sign(int(number), int(until))
        if not hmac.compare_digest(signature.encode("utf-8", "surrogateescape"), wanted.encode()):
            raise UnauthenticatedError
        if datetime.fromtimestamp(int(until), UTC) < now:
            raise UnauthenticatedError("this token's time is over")
        return int(number)

    async def use(self, name: str, arguments: Mapping[str, Any], conversation_id: int) -> dict[str, Any]:
        """Look something up.

        Raises:
            NotFoundError: there is no such tool or conversation. InvalidInputError: the arguments do not fit.
        """
        if name not in TOOLS:
            raise NotFoundError(f"there is no tool {name[:40]}")
        try:
            wanted = TOOLS[name].model_validate(arguments)
        except ValidationError as error:
            problems = tuple(
                FieldProblem(pointer="/" + "/".join(map(str, item["loc"])), detail=item["msg"])
                for item in error.errors(include_input=False, include_url=False)
            )
            raise InvalidInputError("the arguments do not fit", problems) from None
        log.info("tool_used", tool=name, conversation=conversation_id)
        match wanted:
            case LookUpTasks():
                return await self._tasks(wanted, conversation_id)
            case LookUpConversations():
                return await self._conversations(wanted, conversation_id)
            case LookUpFacts():
                return {
                    "facts": facts_about(wanted.about, self._business, "en") or self._business.as_prompt().splitlines()
                }
        raise AssertionError("every tool is named above")

    async def _tasks(self, wanted: LookUpTasks, conversation_id: int) -> dict[str, Any]:
        found = await tasks.find(
            self._database,
            status=None if wanted.status == "all" else wanted.status,
            conversation_id=conversation_id,
            limit=MOST_TASKS,
        )
        return {
            "tasks": [
                {
                    "id": task.id, "title": task.title, "type": task.type, "status": task.status,
                    "due": task.due.at.isoformat() if task.due else None,
                }
                for task in found
            ]
        }  # fmt: skip

    async def _conversations(self, wanted: LookUpConversations, conversation_id: int) -> dict[str, Any]:
        conversation = await inbox.fetch(self._database, conversation_id)
        if conversation is None:
            raise NotFoundError("there is no such conversation")
        # Of a group only what was said in it; of a person what they said anywhere by themselves.
        lines = await thread.search(
            self._database,
            conversation_id=conversation_id,
            contact_id=None if conversation.is_group else conversation.contact_id,
            word=wanted.word.strip(),
            limit=MOST_LINES,
        )
        return {
            "lines": [
                {
                    "at": line.at.isoformat(timespec="minutes"), "from": "business" if line.from_us else "customer",
                    "text": shorten(line.text, LINE_CHARACTERS),
                }
                for line in lines
            ]
        }  # fmt: skip

    def _sign(self, conversation_id: int, until: int) -> str:
        return hmac.new(self._secret, f"{conversation_id}.{until}".encode(), hashlib.sha256).hexdigest()
