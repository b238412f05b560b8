"""What was said in a chat so far, in a few sentences, by a model."""

import json
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.thread import Line
from frontdesk.model.client import ModelClient
from frontdesk.model.transcript import DATA_FROM_STRANGERS

MAX_OUTPUT_TOKENS = 500
MAX_CHARACTERS = 24_000
LINE_CHARACTERS = 1000

INSTRUCTIONS = (
    "You keep the running summary of a WhatsApp chat between a business and a customer. You get the summary so far and the "
    "lines that followed, as JSON lines, oldest first. Write the new summary: what the customer wants and wanted, what was "
    "promised, agreed and done, with names, numbers, dates and prices; at most 150 words, in the language of the chat. "
    + DATA_FROM_STRANGERS
)


class Summary(BaseModel):
    """What the model writes."""

    model_config = ConfigDict(extra="forbid")

    summary: str = Field(description="The new summary, at most 150 words")


async def summarise(client: ModelClient, model: str, summary: str, lines: Sequence[Line], *, key: str) -> str:
    """The summary of what it was of, and of the lines.

    Raises:
        AnalyserError: there was no usable answer.
    """
    told = [json.dumps({"summary": summary}, ensure_ascii=False)]
    told += [
        json.dumps(
            {
                "from": "business" if line.from_us else "customer",
                "at": f"{line.at:%Y-%m-%d %H:%M}",
                "text": line.text[:LINE_CHARACTERS],
            },
            ensure_ascii=False,
        )
        for line in lines
    ]
    text = told[0] + "\n" + "\n".join(told[1:])[-MAX_CHARACTERS:]
    answer, _ = await client.structured(
        model=model, instructions=INSTRUCTIONS, text=text, schema=Summary, max_output_tokens=MAX_OUTPUT_TOKENS, key=key
    )
    assert isinstance(answer, Summary)  # noqa: S101 (asked for as such)
    return answer.summary
