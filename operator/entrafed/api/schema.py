"""The vocabulary in which the models say what a value must look like: bounds, forms, list types and rules.

Bounds are pydantic's own (`Field(max_length=...)`). Bounds and forms hold in the API server and in the operator's own
reading, with the same words; rules (`Must`) are CEL and hold in the API server only.
Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ConfigDict, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

VALIDATIONS = "x-kubernetes-validations"


@dataclass(frozen=True, slots=True)
class Must:
    """A CEL rule over `self` (and `oldSelf`: then it holds for changes only), and what the user reads when it fails."""

    rule: str
    message: str

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        return {**schema, VALIDATIONS: [*schema.get(VALIDATIONS, []), self.as_validation()]}

    def as_validation(self) -> dict[str, str]:
        return {"rule": self.rule, "message": self.message}


@dataclass(frozen=True, slots=True)
class Form:
    """What a string must look like: `cel` tells the API server, `holds` tells us, and both refuse with `message`."""

    cel: str
    holds: Callable[[str], bool]
    message: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return Must(self.cel, self.message).__get_pydantic_json_schema__(core, handler)

    def _check(self, text: str) -> str:
        if not self.holds(text):
            raise PydanticCustomError("form", "{rule}", {"rule": self.message})
        return text


def like(pattern: str, message: str) -> Form:
    """The whole string matches a regular expression, written as RE2 and Python both read it: in ASCII, without single
    quotes, with flags only in front."""
    return Form(_matches(pattern), lambda text: _fits(pattern, text), message)


def unlike(pattern: str, message: str) -> Form:
    """The whole string does not match: RE2 has no negative look-ahead to say it in the pattern."""
    return Form(f"!{_matches(pattern)}", lambda text: not _fits(pattern, text), message)


def _matches(pattern: str) -> str:
    flags, rest = re.fullmatch(r"(?s)((?:\(\?[is]+\))?)(.*)", pattern).groups()  # type: ignore[union-attr] # fits always
    return f"self.matches(r'{flags}^(?:{rest})$')"


def _fits(pattern: str, text: str) -> bool:
    return re.fullmatch(pattern, text, re.ASCII) is not None


@dataclass(frozen=True, slots=True)
class Keywords:
    """Further keywords of one schema, such as a list's type."""

    keywords: tuple[tuple[str, Any], ...]

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(core), **dict(self.keywords)}


SET = Keywords((("x-kubernetes-list-type", "set"),))
ATOMIC_LIST = Keywords((("x-kubernetes-list-type", "atomic"),))
TIME = Keywords((("format", "date-time"),))
IMMUTABLE = Must("self == oldSelf", "may not be changed: make a new object instead")


def list_keyed_by(*keys: str) -> Keywords:
    """A list of objects in which no two have the same `keys`; server-side apply merges it by them."""
    return Keywords((("x-kubernetes-list-type", "map"), ("x-kubernetes-list-map-keys", list(keys))))


def exactly_one_of(*fields: str) -> Must:
    """Exactly one of the fields, in the user's spelling, is set."""
    if len(fields) == 1:
        return Must(f"has(self.{fields[0]})", f"must have `{fields[0]}`")
    present = ", ".join(f"has(self.{field})" for field in fields)
    return Must(f"[{present}].exists_one(set, set)", f"must have exactly one of {quoted(fields)}")


def at_least_one_of(*fields: str) -> Must:
    """At least one of the fields, in the user's spelling, is set."""
    return Must(" || ".join(f"has(self.{field})" for field in fields), f"must have at least one of {quoted(fields)}")


def quoted(fields: tuple[str, ...]) -> str:
    """Names of fields as messages show them."""
    return ", ".join(f"`{field}`" for field in fields)


def camel_case(*rules: Must, keywords: Mapping[str, Any] | None = None) -> ConfigDict:
    """The configuration of every model: users write camelCase, docstrings are descriptions, `rules` bind the whole."""
    extra: dict[str, Any] = dict(keywords or {})
    if rules:
        extra[VALIDATIONS] = [rule.as_validation() for rule in rules]
    return ConfigDict(
        alias_generator=to_camel,
        validate_by_name=True,
        validate_by_alias=True,
        use_attribute_docstrings=True,
        json_schema_extra=extra,
    )
