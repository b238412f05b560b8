"""What an agent may look up while it writes an answer: typed, read-only, and only of the conversation that it answers."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class LookUpTasks(BaseModel):
    """What is to be done for this customer, or was."""

    model_config = ConfigDict(extra="forbid")

    status: Literal["open", "done", "cancelled", "all"] = Field(description="Which of them")


class LookUpConversations(BaseModel):
    """What was said with this customer before, also long ago: the lines that hold a word, or the latest."""

    model_config = ConfigDict(extra="forbid")

    word: str = Field(max_length=100, description="A word that the lines hold; empty means the latest lines")


class LookUpFacts(BaseModel):
    """What the business says of itself about something: prices, hours, delivery, answers to frequent questions."""

    model_config = ConfigDict(extra="forbid")

    about: str = Field(max_length=200, description="What it is about, in the customer's words")


TOOLS: Mapping[str, type[BaseModel]] = {
    "tasks": LookUpTasks,
    "earlier_conversations": LookUpConversations,
    "business_facts": LookUpFacts,
}


def schema_of(arguments: type[BaseModel]) -> dict[str, Any]:
    """The JSON schema of a tool's arguments, with every field required, as strict function calls want it."""
    schema = arguments.model_json_schema()
    properties = {
        name: {key: value for key, value in field.items() if key in {"type", "enum", "description"}}
        for name, field in schema["properties"].items()
    }
    return {"type": "object", "properties": properties, "required": list(properties), "additionalProperties": False}
