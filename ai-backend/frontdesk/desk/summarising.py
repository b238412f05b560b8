"""The running summary of what was said before the lines that an agent is told as they are."""

from collections.abc import Sequence

import structlog

from frontdesk.domain.errors import AnalyserError
from frontdesk.domain.text import shorten
from frontdesk.domain.thread import Line
from frontdesk.model.client import ModelClient
from frontdesk.model.summarising import summarise

log = structlog.get_logger(__name__)

LONGEST = 1500
"""Characters of a summary."""
LINE_CHARACTERS = 120


class Summariser:
    """Rolls lines into a summary: by the model where there is one, else by shortening them and forgetting the oldest."""

    def __init__(self, client: ModelClient | None, *, model: str) -> None:
        self._client = client
        self._model = model

    async def summarise(self, summary: str, lines: Sequence[Line], *, key: str) -> str:
        """The summary of what it was of, and of the lines. Never fails for the model's sake."""
        if self._client is not None:
            try:
                return shorten(await summarise(self._client, self._model, summary, lines, key=key), LONGEST)
            except AnalyserError as error:
                log.warning("summary_by_rules", reason=error.detail)
        told = [summary] if summary else []
        told += [
            f"{line.at:%Y-%m-%d} {'we' if line.from_us else 'they'}: {shorten(line.text, LINE_CHARACTERS)}"
            for line in lines
        ]
        return _newest("\n".join(told))


def _newest(text: str) -> str:
    """The end of a text, from the beginning of a line."""
    if len(text) <= LONGEST:
        return text
    return text[-LONGEST:].partition("\n")[2] or text[-LONGEST:]
