"""The pages say of every field where its value is found, and what they show works."""

from collections.abc import Iterator

import pytest
from pydantic import TypeAdapter

from entrafed.api.connection import CloudName, ConnectionSpec
from entrafed.api.federation import SOURCES, FederatedCredential, Target
from entrafed.api.openapi import Schema, structural
from entrafed.api.rules import Rule
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.rules import Namespace, allows_credential
from entrafed.domain.sources import Known, trusts_of
from manifests import TENANT, rule
from source_pages import FOLDER, PAGES

CLUSTER = "https://region.oic.example/tenant/cluster/"
KNOWN = Known(CLOUDS[CloudName.AZURE_PUBLIC], TENANT, "payments", frozenset({CLUSTER}), principal_id="principal")
FIELDS = structural(FederatedCredential)["properties"]
TARGET = structural(Target)["properties"]
CONNECTION = structural(ConnectionSpec)["properties"]


def named_fields(schema: Schema) -> Iterator[str]:
    for name, field in schema.get("properties", {}).items():
        yield name
        yield from named_fields(field.get("items", field))


def test_every_source_has_a_page_and_every_page_is_listed() -> None:
    assert tuple(PAGES) == SOURCES
    assert len(list(FOLDER.glob("*.md"))) == len(SOURCES) + 1


@pytest.mark.parametrize("source", SOURCES)
def test_a_page_says_of_every_field_where_its_value_is_found(source: str) -> None:
    rows = [line for line in PAGES[source].text.splitlines() if line.startswith("| ")]
    explained = " ".join(row.split("|")[1] for row in rows)
    assert [name for name in named_fields(FIELDS[source]) if f"`{name}`" not in explained] == []


def test_the_overview_says_of_the_target_and_the_connection_where_their_values_are_found() -> None:
    rows = [line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("| `")]
    explained = {row.split("`")[1] for row in rows}
    target = {f"{kind}.{value}" for kind, fields in TARGET.items() for value in named_fields(fields)}
    connection = {*CONNECTION} - {"credential", "endpoints", "rules"} | {"credential.workloadIdentity.clientId"}
    assert target | connection <= explained


@pytest.mark.parametrize("source", SOURCES)
def test_the_rule_of_a_page_allows_each_of_its_items(source: str) -> None:
    page = PAGES[source]
    assert all(source in item for item in page.items)
    allowing = TypeAdapter(Rule).validate_python(rule(*page.allowed))
    for item in TypeAdapter(list[FederatedCredential]).validate_python(page.items):
        for trust in trusts_of(item, KNOWN):
            assert allows_credential([allowing], item, trust.pair, Namespace("payments", {}), (CLUSTER,)), item.name
