"""The places where more than one implementation fits. Each port has a contract suite that runs on all of them."""

from collections.abc import AsyncIterator, Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.messages import HistoryItem, IncomingMessage
from frontdesk.domain.outgoing import Outgoing
from frontdesk.domain.usage import Usage


class Subject(BaseModel):
    """What is to be judged: a message and the chat that led to it."""

    model_config = ConfigDict(frozen=True)

    text: str
    key: str = Field(default="", description="Names the judgement, so that a provider can recognise a repeated call")
    quoted: str | None = Field(default=None, description="The earlier message that this one answers")
    history: tuple[HistoryItem, ...] = ()
    chat_name: str = ""
    media_kind: str | None = None

    @classmethod
    def of(cls, message: IncomingMessage, *, key: str, history: tuple[HistoryItem, ...] | None = None) -> Self:
        """A message with its own history, or another one."""
        return cls(
            text=message.text,
            quoted=message.quoted.content if message.quoted else None,
            key=key,
            history=message.history if history is None else history,
            chat_name=message.chat_name,
            media_kind=message.media.kind if message.media else None,
        )


class Judgement(BaseModel):
    """Values for some fields of an analysis, how sure they are, and what they took."""

    model_config = ConfigDict(frozen=True)

    values: Mapping[str, Any]
    confidence: Mapping[str, float] = {}
    usage: Usage = Usage()
    model: str | None = None


class Analyser(Protocol):
    """Judges a message."""

    name: str

    async def judge(self, subject: Subject) -> Judgement:
        """Values for the fields it knows.

        Raises:
            AnalyserError: there is no usable answer, now or ever; nothing was lost by asking.
        """
        ...


class Wakeups(Protocol):
    """Tells workers that there is something to do. Losing a wake-up costs time, never work: the store is asked regularly."""

    def incoming(self, conversation_ids: Iterable[int]) -> None:
        """Messages wait in these conversations."""
        ...

    def outgoing(self, account_ids: Iterable[int]) -> None:
        """Messages of these accounts wait to be sent."""
        ...

    def voice(self, conversation_ids: Iterable[int]) -> None:
        """Files of these conversations wait to be listened to, or looked at."""
        ...


class AddressOf(Protocol):
    """A channel's way to tell where to write to a chat; None where it cannot be written to."""

    def __call__(self, *, group_id: str | None, sender_ids: Iterable[str], phone_number: str | None) -> str | None:
        """The address of a group, or of a contact by how it wrote and by its number."""
        ...


class FilePlace(Protocol):
    """Where files lie for good, each under the SHA-256 of what is in it."""

    async def put(self, source: Path, digest: str) -> None:
        """Take a file of this machine over; it is safe when this returns, and gone from where it was.

        Raises:
            StorageFullError: it could not be stored.
        """
        ...

    async def size(self, digest: str) -> int | None:
        """How many bytes a file has, or None where it is not here."""
        ...

    def chunks(self, digest: str, start: int, stop: int) -> AsyncIterator[bytes]:
        """The bytes from ``start`` to ``stop`` (exclusive)."""
        ...

    async def remove(self, digest: str) -> None:
        """Remove a file, if it is here."""
        ...

    def local_path(self, digest: str) -> Path | None:
        """Where a file lies on this machine, or None where it lies elsewhere."""
        ...


class Channel(Protocol):
    """Takes messages to the people they are for."""

    async def send(self, outgoing: Outgoing) -> str:
        """Send a message and return the channel's id of it.

        Raises:
            ChannelError: it was not sent; ChannelRejectedError: and never will be.
            UnknownOutcomeError: it may have been sent; :meth:`find` may know later.
        """
        ...

    async def find(self, outgoing: Outgoing) -> str | None:
        """The channel's id of the message with this key, or None where it was certainly not sent.

        Raises:
            ChannelError: the channel cannot be asked now; UnknownOutcomeError: it does not know either.
        """
        ...
