"""From values to the JSON that the API server takes, always in one order: equal statuses are equal text."""

from typing import Any, TypeVar

from pydantic import TypeAdapter

Model = TypeVar("Model")

_KEYS = (
    "name",
    "credentialName",
    "type",
    "tenantId",
    "resourceId",
    "identityId",
    "scope",
    "roleDefinitionId",
    "principalId",
)
"""What the lists of a status are keyed by."""


def dump(adapter: TypeAdapter[Model], value: Model) -> dict[str, Any]:
    """An object in camelCase, without nulls and empty lists, lists sorted by their key."""
    dumped: dict[str, Any] = _tidy(adapter.dump_python(value, mode="json", by_alias=True, exclude_none=True))
    return dumped


def _tidy(value: Any) -> Any:
    if isinstance(value, dict):
        return {field: _tidy(inner) for field, inner in value.items() if inner != []}
    if isinstance(value, list):
        return sorted((_tidy(entry) for entry in value), key=_key)
    return value


def _key(entry: Any) -> tuple[str, ...]:
    return tuple(str(entry[key]) for key in _KEYS if key in entry)
