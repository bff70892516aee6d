"""The reference page of the API, generated from the schema that the API server enforces."""

import json
from collections.abc import Iterable, Iterator

from entrafed.api.openapi import Schema
from entrafed.api.schema import VALIDATIONS


def page(kinds: Iterable[Schema]) -> str:
    """The page, in Markdown; `kinds` are CustomResourceDefinitions."""
    lines = [
        "<!-- Generated from the models in operator/entrafed/api by `make generate`: change those, not this file. -->",
        "# API reference",
        "",
        "The same text is in the cluster: `kubectl explain mif.spec`, `kubectl explain entraconn.spec.rules`.",
        "",
    ]
    for kind in kinds:
        lines.extend(_kind(kind))
    return "\n".join(lines).rstrip() + "\n"


def _kind(definition: Schema) -> Iterator[str]:
    spec, version = definition["spec"], definition["spec"]["versions"][0]
    schema = version["schema"]["openAPIV3Schema"]
    names = spec["names"]
    yield from (f"## {names['kind']}", "", schema["description"], "")
    api_version = f"{spec['group']}/{version['name']}"
    yield f"`apiVersion: {api_version}`, scope {spec['scope']}, short name `{names['shortNames'][0]}`."
    yield ""
    for part in ("spec", "status"):
        yield from (f"### {names['kind']} {part}", "")
        yield from _object(part, schema["properties"][part])


def _object(path: str, schema: Schema) -> Iterator[str]:
    """A table of the fields of one object, then what is inside them."""
    yield from (f"#### `{path}`", "", schema.get("description", ""), "")
    for rule in schema.get(VALIDATIONS, ()):
        yield f"- {rule['message']}"
    yield from ("", "| field | type | what it is |", "|---|---|---|")
    required = set(schema.get("required", ()))
    fields = schema.get("properties", {})
    for name, field in fields.items():
        mark = ", required" if name in required else ""
        yield f"| `{name}` | {_type(field)}{mark} | {_about(field)} |"
    yield ""
    for name, field in fields.items():
        inner = field.get("items", field)
        if inner.get("properties"):
            yield from _object(f"{path}.{name}" + ("[]" if "items" in field else ""), inner)


def _type(field: Schema) -> str:
    if "enum" in field:
        return " or ".join(f"`{value}`" for value in field["enum"])
    if field["type"] == "array":
        return f"list of {_type(field['items'])}, at most {field['maxItems']}"
    if "additionalProperties" in field:
        return f"map of {_type(field['additionalProperties'])}"
    return f"{field['type']}, at most {field['maxLength']}" if "maxLength" in field else str(field["type"])


def _about(field: Schema) -> str:
    inner = field.get("items", {})
    rules = [rule["message"] for rule in (*field.get(VALIDATIONS, ()), *inner.get(VALIDATIONS, ()))]
    own_rules = [] if inner.get("properties") or field.get("properties") else rules
    default = f"Default: `{json.dumps(field['default'])}`.".replace('"', "") if "default" in field else ""
    text = " ".join(filter(None, [field.get("description", ""), default, *(f"It {rule}." for rule in own_rules)]))
    return text.replace("|", "\\|").replace("\n", " ")
