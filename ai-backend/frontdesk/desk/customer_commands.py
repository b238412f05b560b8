"""What customers tell the desk itself: what is stored about them, to begin anew, to be left alone, to be forgotten."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from frontdesk.desk.texts import said
from frontdesk.domain.commands import Commands, Word
from frontdesk.domain.messages import Record
from frontdesk.domain.replies import Dialogue
from frontdesk.domain.text import shorten
from frontdesk.store import contacts, thread
from frontdesk.store.database import Database

CONFIRMED_WITHIN = timedelta(minutes=15)
LINES = 10
LINE_CHARACTERS = 200


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command brought about: what the customer is told, and what changes of where the conversation stands."""

    text: str
    changes: tuple[tuple[str, object], ...] = ()
    hand_over: str | None = None


class CustomerCommands:
    """Carries out ``commands``. ``forget_memory`` removes a conversation that a model's provider keeps."""

    def __init__(
        self,
        *,
        database: Database,
        commands: Commands,
        business_name: str,
        zone_of: Callable[[str], ZoneInfo],
        forget_memory: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._database = database
        self._commands = commands
        self._business_name = business_name
        self._zone_of = zone_of
        self._forget_memory = forget_memory

    async def carry_out(self, word: Word, record: Record, dialogue: Dialogue, *, now: datetime) -> Done | None:
        """Carry out a command; None where it is none here, and the message is one as any other."""
        language = word.language or (record.analysis.language if record.analysis is not None else "en")
        done: Done | None
        match word.command:
            case "info":
                done = Done(text=said("info", language, facts=await self._facts(record)))
            case "history":
                done = Done(text=await self._history(record, dialogue, language))
            case "reset":
                if dialogue.memory_id is not None and self._forget_memory is not None:
                    await self._forget_memory(dialogue.memory_id)
                begun = (
                    ("context_after", record.id),
                    ("summary", ""),
                    ("summarised_up_to", record.id),
                    ("summarised_at", now),
                )
                forgotten = (("memory_id", None), ("memory_item", None), ("memory_up_to", record.id))
                done = Done(text=said("reset", language), changes=begun + forgotten)
            case "human":
                text = said("human", language, business=self._business_name)
                done = Done(text=text, hand_over="the customer asks for a person")
            case "stop":
                text = said("stop", language, start=self._commands.word_for("start", language))
                done = Done(text=text, changes=(("is_stopped", True),))
            case "start":
                done = Done(text=said("start", language), changes=(("is_stopped", False),))
            case "delete":
                text = said("delete", language, confirm=self._commands.word_for("confirm", language))
                done = Done(text=text, changes=(("erase_asked_at", now),))
            case "confirm":
                done = self._confirmed(dialogue, language, now)
        return done

    def _confirmed(self, dialogue: Dialogue, language: str, now: datetime) -> Done | None:
        asked = dialogue.erase_asked_at
        if asked is None:
            # A plain “/yes” to a question of ours is an answer to it.
            return None
        if now - asked > CONFIRMED_WITHIN:
            return Done(text=said("nothing", language), changes=(("erase_asked_at", None),))
        return Done(text=said("deleted", language), changes=(("erase_at", now), ("erase_asked_at", None)))

    async def _facts(self, record: Record) -> str:
        known = await contacts.known_of(self._database, record.contact_id)
        since = known.first_seen_at.astimezone(self._zone_of(record.message.account))
        facts = [known.name or "", *known.identities, *(f"{name}: {value}" for name, value in known.fields.items())]
        facts.append(f"{known.messages} ✉, {known.files} 📎, {known.tasks} ☑, {since:%Y-%m-%d} →")
        return "\n" + "\n".join(f"• {fact}" for fact in facts if fact)

    async def _history(self, record: Record, dialogue: Dialogue, language: str) -> str:
        lines = await thread.since(
            self._database,
            record.conversation_id,
            after=dialogue.context_after,
            before=record.id,
            until=record.created_at,
            limit=LINES,
        )
        if not lines:
            return said("history_empty", language)
        zone = self._zone_of(record.message.account)
        told = [
            f"{line.at.astimezone(zone):%Y-%m-%d %H:%M} {'→' if line.from_us else '←'} {shorten(line.text, LINE_CHARACTERS)}"
            for line in lines
        ]
        return said("history", language, lines="\n".join(told))
