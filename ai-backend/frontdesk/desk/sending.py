"""Writing to a conversation: into the outbox first, from where it is sent."""

from collections.abc import Callable, Collection
from datetime import datetime

import structlog

from frontdesk.domain.errors import ConflictError, FieldProblem, InvalidInputError, NotFoundError
from frontdesk.domain.outgoing import Outgoing
from frontdesk.domain.ports import AddressOf, Wakeups
from frontdesk.domain.replies import Turn
from frontdesk.store import addresses, outbox, turns
from frontdesk.store.database import Database

log = structlog.get_logger(__name__)

AT_ONCE = 50


class Sender:
    """Puts messages of people and agents into the outbox, for ``accounts`` whose connectors send them."""

    def __init__(
        self,
        *,
        database: Database,
        accounts: Collection[str],
        address_of: AddressOf,
        wakeups: Wakeups,
        announce: Callable[[], None],
        clock: Callable[[], datetime],
    ) -> None:
        self._database = database
        self._accounts = accounts
        self._address_of = address_of
        self._wakeups = wakeups
        self._announce = announce
        self._clock = clock

    async def send(
        self,
        conversation_id: int,
        text: str,
        *,
        key: str,
        is_automatic: bool = False,
        trace: str | None = None,
        turn: Turn | None = None,
    ) -> tuple[int, bool]:
        """Queue a text; its id in the outbox, and whether it is new. The same key again is the same message.

        An automatic one leaves in working hours only.

        Raises:
            NotFoundError: there is no such conversation. InvalidInputError: nobody could be reached there.
            ConflictError: the key was used for another message. UnavailableError: the store is away.
        """
        chat, recipient = await self._reached(conversation_id)
        id_, is_new = await outbox.enqueue(
            self._database, chat,
            recipient=recipient, text=text, key=key, is_automatic=is_automatic, trace=trace, now=self._clock(), turn=turn,
        )  # fmt: skip
        if is_new:
            self._wakeups.outgoing([chat.account_id])
            self._announce()
        return id_, is_new

    async def accept(self, turn: Turn, *, text: str | None = None, trace: str | None = None) -> tuple[int, bool]:
        """A person sends a draft, as it is or with words of their own. The same turn again is the same message.

        Raises:
            ConflictError: it was dismissed or replaced. Others as :meth:`send`.
        """
        return await self.send(turn.conversation_id, text or turn.text, key=turn.key, trace=trace, turn=turn)

    async def send_again(self, outbox_id: int) -> Outgoing:
        """A person has a message sent again that failed or is of unknown outcome, to where its chat is reached now.

        Raises:
            NotFoundError: there is no such message. ConflictError: it is neither. InvalidInputError: nobody could be reached there.
        """
        failed = await outbox.fetch(self._database, outbox_id)
        if failed is None:
            raise NotFoundError("there is no such message")
        _, recipient = await self._reached(failed.conversation_id)
        is_queued = await outbox.send_again(self._database, outbox_id, recipient=recipient, now=self._clock())
        found = await outbox.fetch(self._database, outbox_id) or failed
        if not is_queued:
            raise ConflictError("it has not failed: there is nothing to send again")
        self._wakeups.outgoing([found.account_id])
        self._announce()
        return found

    async def _reached(self, conversation_id: int) -> tuple[addresses.Chat, str]:
        """A chat, and its address on WhatsApp."""
        chat = await addresses.chat_of(self._database, conversation_id)
        if chat is None:
            raise NotFoundError("there is no such conversation")
        if chat.account not in self._accounts:
            raise _refusal(f"is of the account {chat.account}, for which no connector sends")
        recipient = self._address_of(group_id=chat.group_id, sender_ids=chat.sender_ids, phone_number=chat.phone_number)
        if recipient is None:
            raise _refusal("has no address that WhatsApp knows")
        return chat, recipient

    async def send_chosen(self, conversation_id: int | None = None) -> int:
        """Put what was chosen to be sent into the outbox; how much there was. What cannot be sent is suggested instead."""
        found = await turns.chosen(self._database, conversation_id=conversation_id, limit=AT_ONCE)
        for turn in found:
            try:
                await self.send(turn.conversation_id, turn.text, key=turn.key, is_automatic=True, turn=turn)
            except ConflictError:
                log.info("turn_overtaken", turn=turn.id)
            except (InvalidInputError, NotFoundError) as error:
                reasons = getattr(error, "problems", ())
                reason = "; ".join(problem.detail for problem in reasons) or error.detail
                await turns.suggest_instead(self._database, turn.id, reason=f"it cannot be sent: {reason}")
        return len(found)


def _refusal(reason: str) -> InvalidInputError:
    return InvalidInputError("this conversation cannot be written to", (FieldProblem(pointer="", detail=reason),))
