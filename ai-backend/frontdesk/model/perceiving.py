"""Listening to sound and looking at pictures by a model."""

import base64
from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from frontdesk.domain.usage import Usage
from frontdesk.model.client import ModelClient
from frontdesk.model.transcript import DATA_FROM_STRANGERS

MAX_TRANSCRIPT_TOKENS = 4000
MAX_DESCRIPTION_TOKENS = 400

LISTEN = (
    "Write down what is said in this voice message to a business, word for word, in the language in which it is said. "
    "Write nothing else. Where nothing can be heard, write nothing. " + DATA_FROM_STRANGERS
)
LOOK = (
    "A customer sent this picture to a business by WhatsApp. Say in at most three sentences what it shows that the business "
    "has to know: the thing, its damage, error messages, numbers, prices, and text that can be read, word for word. Do not say "
    "who people in it are. " + DATA_FROM_STRANGERS
)


class Heard(BaseModel):
    """What the model hears."""

    model_config = ConfigDict(extra="forbid")

    text: str = Field(description="What is said, word for word")
    language: str = Field(description="BCP 47, or und")


class Seen(BaseModel):
    """What the model sees."""

    model_config = ConfigDict(extra="forbid")

    description: str = Field(description="What the picture shows, in at most three sentences")


async def listen(
    client: ModelClient, model: str, sound: bytes, filename: str, *, languages: Sequence[str], key: str
) -> tuple[str, str | None, Usage]:
    """What is said in a sound file, its language where that is known, and what it took.

    ``filename`` has an extension, which tells the format. ``languages`` (ISO 639-1) are those that are likely.

    Raises:
        AnalyserError: there was no usable answer.
    """
    if client.style == "responses":
        return await client.transcribe(model=model, sound=sound, filename=filename, languages=languages, key=key)
    hint = f"It is likely in {', '.join(languages)}." if languages else "The language is not known."
    answer, usage = await client.structured(
        model=model, instructions=LISTEN, text=hint, schema=Heard, max_output_tokens=MAX_TRANSCRIPT_TOKENS, key=key,
        sound=(base64.b64encode(sound).decode(), filename.rpartition(".")[2]),
    )  # fmt: skip
    assert isinstance(answer, Heard)  # noqa: S101 (asked for as such)
    return answer.text, None if answer.language in {"", "und"} else answer.language, usage


async def look(
    client: ModelClient, model: str, picture: bytes, mimetype: str, *, caption: str, key: str
) -> tuple[str, Usage]:
    """What a picture shows, and what it took to see it.

    Raises:
        AnalyserError: there was no usable answer.
    """
    url = f"data:{mimetype};base64,{base64.b64encode(picture).decode()}"
    answer, usage = await client.structured(
        model=model, instructions=LOOK, text=f"Written with it, as data: {caption!r}", schema=Seen,
        max_output_tokens=MAX_DESCRIPTION_TOKENS, key=key, picture=url,
    )  # fmt: skip
    assert isinstance(answer, Seen)  # noqa: S101 (asked for as such)
    return answer.description, usage
