"""From the API server's JSON to values. Unknown fields are passed over: an older operator reads newer objects."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

Model = TypeVar("Model")

_LONGEST_NAME = 64  # characters of a field's name that a message shows: keys of maps are the user's own

_WORDS = {
    "missing": "is required",
    "string_type": "must be a string",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "tuple_type": "must be a list",
    "dict_type": "must be an object",
    "mapping_type": "must be an object",
    "dataclass_type": "must be an object",
    "dataclass_exact_type": "must be an object",
    "string_too_long": "may have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_long": "may have at most {max_length} entries",
    "too_short": "must have at least {min_length} entries",
    "enum": "must be one of {expected}",
}


class InvalidObject(ValueError):
    """An object that the schema should have refused. The message is one line, names the field and shows no value."""


def parse(adapter: TypeAdapter[Model], body: Mapping[str, Any]) -> Model:
    """One object as a value. Raises InvalidObject for the first thing that is wrong with it."""
    if not isinstance(body, Mapping):
        raise InvalidObject("must be an object")
    try:
        return adapter.validate_python(body)
    except ValidationError as refused:
        # Not chained: pydantic's own text shows the values.
        first = refused.errors(include_url=False, include_input=False)[0]
    raise InvalidObject(_describe(first))


def _describe(error: ErrorDetails) -> str:
    words = _WORDS.get(error["type"], error["msg"].removeprefix("Value error, "))
    told = words.format_map(error["ctx"]) if error["type"] in _WORDS and "ctx" in error else words
    path = _path(error["loc"])
    return f"{path}: {told}" if path else told


def _path(location: tuple[int | str, ...]) -> str:
    """`spec.federatedCredentials[0].oidc.issuer`, as kubectl would spell it."""
    path = ""
    for step in location:
        path += f"[{step}]" if isinstance(step, int) else f".{_shown(step)}"
    return path.removeprefix(".")


def _shown(name: str) -> str:
    printable = "".join(c if c.isprintable() else "?" for c in name[:_LONGEST_NAME])
    return printable if len(name) <= _LONGEST_NAME else f"{printable}..."
