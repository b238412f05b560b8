"""The chat before a message, each line stored once a conversation: only what is new is written."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping

from sqlalchemy import and_, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from frontdesk.domain.messages import HistoryItem
from frontdesk.store.tables import message_history

REMEMBERED_DIGESTS = 200_000

Window = Mapping[bytes, HistoryItem]
"""Lines of a chat by their digests."""


class StoredDigests:
    """Which history is in the store, of the conversations that were in use last."""

    def __init__(self) -> None:
        self._of: OrderedDict[int, set[bytes]] = OrderedDict()
        self._count = 0

    def __contains__(self, conversation_id: int) -> bool:
        return conversation_id in self._of

    def of(self, conversation_id: int) -> set[bytes]:
        """The digests that are known to be stored."""
        return self._of.get(conversation_id, set())

    def remember(self, kept: Mapping[int, set[bytes]]) -> None:
        """These are committed. Windows move on: of a conversation only the latest two are worth remembering."""
        for conversation_id, digests in kept.items():
            before = self._of.pop(conversation_id, set())
            self._count -= len(before)
            after = digests | before if len(before) <= 2 * len(digests) else digests
            self._of[conversation_id] = after
            self._count += len(after)
        while self._count > REMEMBERED_DIGESTS and len(self._of) > 1:
            _, dropped = self._of.popitem(last=False)
            self._count -= len(dropped)

    def forget(self, conversation_ids: Iterable[int]) -> None:
        """The store says otherwise."""
        for conversation_id in conversation_ids:
            self._count -= len(self._of.pop(conversation_id, ()))


async def keep_history(connection: AsyncConnection, windows: Mapping[int, Window], stored: StoredDigests) -> None:
    """Write what of the windows, conversation → lines, is not in the store yet."""
    unsure = {id_: window for id_, window in windows.items() if window and id_ not in stored}
    known = await _stored_history(connection, unsure)
    rows = [
        {
            "conversation_id": conversation_id,
            "digest": digest,
            "sender": item.sender,
            "content": item.content,
            "sent_at": item.sent_at,
            "type": item.type,
            "from_us": item.from_us,
        }
        for conversation_id, window in windows.items()
        for digest, item in window.items()
        if digest not in known.get(conversation_id, ()) and digest not in stored.of(conversation_id)
    ]
    if rows:
        # Sorted by key: two transactions that insert the same rows in different orders would deadlock.
        rows.sort(key=lambda row: (row["conversation_id"], row["digest"]))
        await connection.execute(insert(message_history), rows)


async def _stored_history(connection: AsyncConnection, wanted: Mapping[int, Window]) -> dict[int, set[bytes]]:
    table = message_history
    if not wanted:
        return {}
    rows = await connection.execute(
        select(table.c.conversation_id, table.c.digest).where(
            or_(
                *(
                    and_(table.c.conversation_id == conversation_id, table.c.digest.in_(list(digests)))
                    for conversation_id, digests in wanted.items()
                )
            )
        )
    )
    found: defaultdict[int, set[bytes]] = defaultdict(set)
    for row in rows:
        found[row.conversation_id].add(bytes(row.digest))
    return found
