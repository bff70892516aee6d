"""The vocabulary in which the models say what a value must look like: bounds, formats, list types and rules.

Bounds are pydantic's own (`Field(max_length=...)`). Bounds and formats hold in the API server and in the operator's own
reading, with the same words; rules (`Must`) are CEL and hold in the API server only.
Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#validation-rules
"""

import re
from collections.abc import Mapping
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
class _Format:
    """A regular expression over a whole string, in the syntax that RE2 and Python share; it has no single quote."""

    pattern: str
    message: str

    def matches(self, text: str) -> bool:
        return re.fullmatch(self.pattern, text) is not None

    def accepts(self, text: str) -> bool:
        raise NotImplementedError

    @property
    def cel(self) -> str:
        """The pattern as CEL matches it. Flags stay in front of the anchors."""
        flags, rest = re.fullmatch(r"(?s)((?:\(\?[is]+\))?)(.*)", self.pattern).groups()  # type: ignore[union-attr]
        return f"self.matches(r'{flags}^(?:{rest})$')"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, text: str) -> str:
        if not self.accepts(text):
            raise PydanticCustomError("format", "{rule}", {"rule": self.message})
        return text


class Like(_Format):
    """A string that has this form, or else `message`."""

    __slots__ = ()

    def accepts(self, text: str) -> bool:
        return self.matches(text)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return Must(self.cel, self.message).__get_pydantic_json_schema__(core, handler)


class Unlike(_Format):
    """A string that has not this form, or else `message`. RE2 has no negative look-ahead to say it in the pattern."""

    __slots__ = ()

    def accepts(self, text: str) -> bool:
        return not self.matches(text)

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return Must(f"!{self.cel}", self.message).__get_pydantic_json_schema__(core, handler)


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


def list_keyed_by(key: str) -> Keywords:
    """A list of objects in which no two have the same `key`; server-side apply merges it by that key."""
    return Keywords((("x-kubernetes-list-type", "map"), ("x-kubernetes-list-map-keys", [key])))


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
