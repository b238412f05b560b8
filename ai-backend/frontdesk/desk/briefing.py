"""What an agent is told beside the message: what was said before, and what the business knows and wants.

The chat before a message is bounded: its newest lines as they are, and a running summary of the rest. The whole of it stays
in the store.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import structlog

from frontdesk.desk.summarising import Summariser
from frontdesk.desk.tools import Tools
from frontdesk.domain.agents import Brief, MemoryPlace, OpenTask, Persona, Turn
from frontdesk.domain.errors import AnalyserError
from frontdesk.domain.messages import Record
from frontdesk.domain.profiles import missing_of
from frontdesk.domain.replies import Dialogue
from frontdesk.domain.thread import Line, divided
from frontdesk.model.client import ModelClient
from frontdesk.store import dialogues, profiles, tasks, thread
from frontdesk.store.database import Database

log = structlog.get_logger(__name__)

TASKS_TOLD = 10
MOST_LINES = 200


class Briefing(Brief):
    """A brief, and what making it changes of where the conversation stands."""

    changes: tuple[tuple[str, object], ...] = ()


class Briefer:
    """Gathers briefs.

    ``lines`` of the chat are told as they are; ``fields`` are what is wanted to be known of contacts, with what each means;
    ``tools`` give access to more; ``memory`` is the provider that keeps conversations, where it is to.
    """

    def __init__(
        self,
        *,
        database: Database,
        summariser: Summariser,
        lines: int,
        business_name: str,
        fields: Mapping[str, str],
        tools: Tools | None,
        memory: ModelClient | None,
    ) -> None:
        self._database = database
        self._summariser = summariser
        self._lines = lines
        self.fields = fields
        self._tools = tools
        self._memory = memory
        self.business_name = business_name

    async def brief(
        self, whole: Record, first: Record, dialogue: Dialogue, *, now: datetime, remembers: bool = True
    ) -> Briefing:
        """What is told with the messages from ``first`` on, which are ``whole`` together.

        Without ``remembers`` the provider's memory is left alone: one turn at a time may add to it.
        """
        place = await self._place(dialogue) if remembers else None
        changes: tuple[tuple[str, object], ...]
        if place is not None and dialogue.memory_item is not None:
            # The provider remembers what was said; it has to be told what it did not hear.
            past: Sequence[Line] = await thread.since(
                self._database,
                dialogue.conversation_id,
                after=dialogue.memory_up_to,
                before=first.id,
                until=first.created_at,
                limit=MOST_LINES,
            )
            changes, summary = (), ""
        else:
            past, changes, summary = await self._past(whole, first, dialogue, now)
        bot = dialogue.bot
        known = {item.field: item.value for item in await profiles.fields_of(self._database, whole.contact_id)}
        return Briefing(
            profile={name: value for name, value in known.items() if name in self.fields},
            # In a group nobody is asked who they are.
            ask_for=None if whole.message.is_group else missing_of(self.fields, list(known)),
            fields=dict(self.fields),
            history=tuple(Turn(speaker="business" if line.from_us else "customer", text=line.text) for line in past),
            summary=summary,
            open_tasks=await self._open_tasks(whole),
            persona=Persona(
                name=bot.name,
                personality=bot.personality,
                languages=bot.languages,
                model=bot.model,
                system_prompt=bot.system_prompt,
            ),
            tools=self._tools.access(dialogue.conversation_id, now) if self._tools is not None else None,
            memory=place,
            changes=changes,
        )

    async def _place(self, dialogue: Dialogue) -> MemoryPlace | None:
        """The provider's conversation for a chat; none for groups, and none where it cannot be made now."""
        if self._memory is None or dialogue.is_group or self._memory.style != "responses":
            return None
        if dialogue.memory_id is not None:
            return MemoryPlace(id=dialogue.memory_id, last_item=dialogue.memory_item)
        try:
            memory_id = await self._memory.make_memory()
        except AnalyserError as error:
            log.warning("memory_away", reason=error.detail)
            return None
        # Before anything is told there: what nobody knows of could never be erased.
        await dialogues.keep_memory(self._database, dialogue.conversation_id, memory_id)
        return MemoryPlace(id=memory_id)

    async def _past(
        self, whole: Record, first: Record, dialogue: Dialogue, now: datetime
    ) -> tuple[Sequence[Line], tuple[tuple[str, object], ...], str]:
        after = max(dialogue.context_after, dialogue.summarised_up_to)
        told = await thread.since(
            self._database,
            dialogue.conversation_id,
            after=after,
            before=first.id,
            until=first.created_at,
            sent_after=dialogue.summarised_at,
            limit=MOST_LINES,
        )
        older, fresh = divided(told, most=self._lines, now=now)
        if not older:
            return [*self._before_the_desk(whole, dialogue, fresh), *fresh], (), dialogue.summary
        summary = await self._summariser.summarise(dialogue.summary, older, key=f"summary-{whole.key}")
        up_to = max((line.message_id for line in older if line.message_id is not None), default=after)
        return fresh, (("summary", summary), ("summarised_up_to", up_to), ("summarised_at", older[-1].at)), summary

    def _before_the_desk(self, whole: Record, dialogue: Dialogue, fresh: Sequence[Line]) -> Sequence[Line]:
        """What the phone knows of the chat from before the desk knew of it, unless it began anew since."""
        room = self._lines - len(fresh)
        if dialogue.context_after or dialogue.summary or room <= 0:
            return ()
        begin = min((line.at for line in fresh), default=None)
        items = [
            item
            for item in whole.message.history
            if begin is None or (item.sent_at is not None and item.sent_at < begin.replace(microsecond=0))
        ]
        since = whole.created_at
        return [Line(at=item.sent_at or since, text=item.content, from_us=item.from_us) for item in items[-room:]]

    async def _open_tasks(self, record: Record) -> tuple[OpenTask, ...]:
        if record.analysis is None or not record.analysis.needs_task:
            return ()
        found = await tasks.open_in(self._database, record.conversation_id, limit=TASKS_TOLD)
        return tuple(OpenTask(id=task.id, title=task.title, kind=task.type) for task in found)
