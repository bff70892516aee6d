"""Conventions that hold for every field of both kinds, present and future."""

from collections.abc import Iterator

import pytest

from entrafed.api.crd import definitions
from entrafed.api.openapi import Schema
from entrafed.api.schema import VALIDATIONS


def fields(path: str, schema: Schema) -> Iterator[tuple[str, Schema]]:
    """Every schema within one, with its path."""
    yield path, schema
    for name, inner in schema.get("properties", {}).items():
        yield from fields(f"{path}.{name}", inner)
    for keyword, mark in (("items", "[]"), ("additionalProperties", "{}")):
        if keyword in schema:
            yield from fields(path + mark, schema[keyword])


def parts(kind: Schema, *names: str) -> Iterator[tuple[str, Schema]]:
    (version,) = kind["spec"]["versions"]
    schema = version["schema"]["openAPIV3Schema"]
    for name in names:
        yield from fields(f"{kind['spec']['names']['kind']}.{name}", schema["properties"][name])


ALL = [field for kind in definitions().values() for field in parts(kind, "spec", "status")]
OF_USERS = [field for kind in definitions().values() for field in parts(kind, "spec")]


def paths(*fields: tuple[str, Schema]) -> list[str]:
    return [path for path, _ in fields]


def test_there_is_something_to_look_at() -> None:
    assert len(ALL) > 100


def test_every_field_says_what_it_is_in_sentences() -> None:
    assert paths(*((p, s) for p, s in ALL if p[-1] not in "]}" and not s.get("description", "").endswith("."))) == []


def test_every_string_is_bounded() -> None:
    bounds = {"maxLength", "enum", "format"}
    assert paths(*((p, s) for p, s in ALL if s["type"] == "string" and not bounds & s.keys())) == []


def test_every_number_is_bounded_below() -> None:
    assert paths(*((p, s) for p, s in ALL if s["type"] == "integer" and "minimum" not in s)) == []


def test_every_list_is_bounded_and_says_how_it_is_merged() -> None:
    lists = [(p, s) for p, s in ALL if s["type"] == "array"]
    assert paths(*((p, s) for p, s in lists if not {"maxItems", "x-kubernetes-list-type"} <= s.keys())) == []


def test_every_key_of_a_list_is_a_required_field_of_its_items() -> None:
    keyed = [(p, s) for p, s in ALL if s.get("x-kubernetes-list-type") == "map"]
    assert keyed
    assert (
        paths(*((p, s) for p, s in keyed if not {*s["x-kubernetes-list-map-keys"]} <= {*s["items"]["required"]})) == []
    )


def test_every_map_is_bounded() -> None:
    assert paths(*((p, s) for p, s in ALL if "additionalProperties" in s and "maxProperties" not in s)) == []


def test_unknown_fields_are_nowhere_preserved() -> None:
    assert paths(*((p, s) for p, s in ALL if "x-kubernetes-preserve-unknown-fields" in s)) == []


def test_every_rule_tells_the_user_what_is_possible() -> None:
    messages = [rule["message"] for _, schema in OF_USERS for rule in schema.get(VALIDATIONS, ())]
    assert messages
    assert [message for message in messages if not message.startswith(("must ", "may not ", "may have "))] == []


@pytest.mark.parametrize(
    ("kind", "built"),
    [
        (
            "managedidentityfederations",
            {
                *(
                    "connectionRef",
                    "target",
                    "federatedCredentials",
                    "identityAssignments",
                    "roleAssignments",
                    "tenants",
                ),
                *("output", "deletionPolicy", "driftPolicy", "suspend"),
            },
        ),
        ("entraconnections", {"tenantId", "cloud", "credential", "clusterIssuers", "endpoints", "rules"}),
    ],
)
def test_what_is_not_built_yet_is_not_accepted_yet(kind: str, built: set[str]) -> None:
    (version,) = definitions()[kind]["spec"]["versions"]
    assert set(version["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"]) == built
