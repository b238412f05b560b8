"""The places where more than one implementation fits. Each port has a contract suite that runs on all of them."""

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.messages import HistoryItem
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
