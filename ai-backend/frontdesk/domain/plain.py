"""What is wrong with a value, in words that need no programmer."""

from collections.abc import Iterable
from difflib import get_close_matches

from pydantic import BaseModel, ValidationError

_WORDS = {
    "missing": "is missing",
    "string_type": "must be a text in quotes",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "float_parsing": "must be a number",
    "bool_parsing": "must be true or false",
    "tuple_type": 'must be a list, as in ["one", "two"]',
    "list_type": 'must be a list, as in ["one", "two"]',
    "string_pattern_mismatch": "is not of the form that is wanted",
}


def plain_problems(error: ValidationError, model: type[BaseModel]) -> Iterable[tuple[str, str]]:
    """Each wrong field, as a path with list items counted from 1, and what is wrong with it. Values are never shown."""
    for item in error.errors(include_input=False, include_url=False):
        path = ".".join(str(part + 1) if isinstance(part, int) else str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            near = get_close_matches(str(item["loc"][-1]), _field_names(model), n=1)
            yield path, "is not known" + (f"; did you mean {near[0]}?" if near else "")
        else:
            yield path, _WORDS.get(item["type"], item["msg"].removeprefix("Value error, "))


def _field_names(model: type[BaseModel]) -> list[str]:
    """The names of a model's fields and of those of the models in it."""
    names = list(model.model_fields)
    for info in model.model_fields.values():
        for part in (info.annotation, *getattr(info.annotation, "__args__", ())):
            if isinstance(part, type) and issubclass(part, BaseModel) and part is not model:
                names += _field_names(part)
    return names
