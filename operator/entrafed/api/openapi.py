"""From pydantic's JSON schema to the structural OpenAPI v3 schema that a CustomResourceDefinition carries.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#specifying-a-structural-schema
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from entrafed.api.schema import VALIDATIONS

Schema = dict[str, Any]

_DROPPED = frozenset({"title", "$defs"})
_FIRST = ("type", "description", "default", "enum")  # what readers look for, ahead of the rest


def structural(model: type[Any]) -> Schema:
    """The schema of a model, every reference written out. Raises ValueError for what a structural schema cannot say."""
    schema = TypeAdapter(model).json_schema(by_alias=True)
    return _structural(schema, schema.get("$defs", {}))


def _structural(schema: Mapping[str, Any], models: Mapping[str, Any]) -> Schema:
    written = _without_null(_written_out(schema, models), models)
    result: Schema = {}
    for keyword, value in written.items():
        match keyword:
            case "properties":
                result[keyword] = {name: _structural(inner, models) for name, inner in value.items()}
            case "items" | "additionalProperties":
                result[keyword] = _structural(value, models)
            case "const":
                result["enum"] = [value]
            case "description":
                result[keyword] = _unwrapped(value)
            case "default" if value is None or value == []:
                pass  # absent and empty mean the same: a default would only appear in every object
            case "anyOf" | "allOf" | "oneOf" | "prefixItems":
                raise ValueError(f"a structural schema has no {keyword}: {written}")
            case _ if keyword not in _DROPPED:
                result[keyword] = value
    if result.get("type") == "integer":
        result["format"] = "int64"
    return {**{keyword: result[keyword] for keyword in _FIRST if keyword in result}, **result}


def _written_out(schema: Mapping[str, Any], models: Mapping[str, Any]) -> Schema:
    """The schema with its reference, if any, replaced by what it refers to; its own keywords come on top."""
    if "$ref" not in schema:
        return dict(schema)
    referred = models[schema["$ref"].removeprefix("#/$defs/")]
    return _merged(referred, {keyword: value for keyword, value in schema.items() if keyword != "$ref"})


def _without_null(schema: Schema, models: Mapping[str, Any]) -> Schema:
    """`X | None` as X: in Kubernetes a field that is not set is absent."""
    alternatives = [_written_out(a, models) for a in schema.get("anyOf", ()) if a.get("type") != "null"]
    if len(alternatives) != 1:
        return schema
    return _merged(alternatives[0], {keyword: value for keyword, value in schema.items() if keyword != "anyOf"})


def _merged(lower: Mapping[str, Any], upper: Mapping[str, Any]) -> Schema:
    validations = [*lower.get(VALIDATIONS, []), *upper.get(VALIDATIONS, [])]
    return {**lower, **upper, **({VALIDATIONS: validations} if validations else {})}


def _unwrapped(text: str) -> str:
    """Paragraphs in one line each: whoever shows them breaks the lines."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))
