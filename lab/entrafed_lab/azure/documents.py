"""Frozen dataclasses out of YAML or JSON: camelCase keys, unknown keys refused, lists as tuples."""

import types
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, Field, fields, is_dataclass
from enum import Enum
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

T = TypeVar("T")


class InvalidDocument(ValueError):
    """A document does not fit; the message names the place and what is possible there."""


def camel(name: str) -> str:
    """`app_id` as it is spelled in documents: `appId`."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def parse(kind: type[T], document: object, place: str = "document") -> T:
    """Build a `kind` from a mapping; raises `InvalidDocument`."""
    if not isinstance(document, Mapping):
        raise InvalidDocument(f"{place}: expected a mapping, found {type(document).__name__}")
    known = {camel(field.name): field for field in fields(cast(Any, kind)) if field.init}
    if unknown := sorted(str(key) for key in document if key not in known):
        raise InvalidDocument(f"{place}: unknown {', '.join(unknown)}; possible are {', '.join(sorted(known))}")
    hints = get_type_hints(kind)
    values = {}
    for key, field in known.items():
        if key in document:
            values[field.name] = _value(hints[field.name], document[key], f"{place}.{key}")
        elif _required(field):
            raise InvalidDocument(f"{place}: {key} is missing")
    return kind(**values)


def _required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _value(hint: Any, value: object, place: str) -> Any:
    origin = get_origin(hint)
    if origin in {types.UnionType, Union}:
        if value is None:
            return None
        hint = next(arg for arg in get_args(hint) if arg is not type(None))
        origin = get_origin(hint)
    if origin in {tuple, frozenset}:
        return origin(_items(get_args(hint)[0], value, place))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(value, place)
    return _scalar(hint, value, place)


def _items(hint: Any, value: object, place: str) -> list[Any]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise InvalidDocument(f"{place}: expected a list")
    return [_value(hint, item, f"{place}[{index}]") for index, item in enumerate(value)]


def _mapping(value: object, place: str) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidDocument(f"{place}: expected a mapping")
    return dict(value)


def _scalar(hint: Any, value: object, place: str) -> Any:
    if is_dataclass(hint):
        return parse(cast(type, hint), value, place)
    if issubclass(hint, Enum):
        try:
            return hint(value)
        except ValueError:
            raise InvalidDocument(f"{place}: possible are {', '.join(str(item.value) for item in hint)}") from None
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not hint:
        raise InvalidDocument(f"{place}: expected {hint.__name__}, found {type(value).__name__}")
    return value
