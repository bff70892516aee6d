"""values.schema.json: a mistake in the values is refused before anything is installed."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import helm_python
import pytest
import yaml

from chart.rendering import CHART, render

SCHEMA = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text())


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"replicas": 2}, "replicas"),
        ({"image": {"version": "1"}}, "version"),
        ({"crds": {"enable": True}}, "enable"),
        ({"azureToken": {"expirationSeconds": 599}}, "expirationSeconds"),
        ({"azureToken": {"audience": ""}}, "audience"),
        ({"image": {"tag": "latest"}}, "tag"),
        ({"image": {"digest": "sha256:abc"}}, "digest"),
        ({"image": {"pullPolicy": "Sometimes"}}, "pullPolicy"),
        ({"rbac": {"create": "yes"}}, "create"),
        ({"outputs": {"serviceAccounts": True}}, "serviceAccounts"),
        ({"outputs": {"configMaps": "yes"}}, "configMaps"),
        ({"imagePullSecrets": ["pull"]}, "imagePullSecrets"),
        ({"fullnameOverride": "Not_A_Name"}, "fullnameOverride"),
        ({"resources": {"request": {}}}, "request"),
        ({"settings": {"logLevel": "loud"}}, "logLevel"),
        ({"settings": {"resyncSeconds": 0}}, "resyncSeconds"),
        ({"settings": {"azureLimitsShare": 0}}, "azureLimitsShare"),
        ({"settings": {"azureLimitsShare": 1.1}}, "azureLimitsShare"),
        ({"settings": {"formerClusterIds": ["a,b"]}}, "formerClusterIds"),
        ({"settings": {"allowEndpoints": True}}, "allowEndpoints"),
    ],
)
def test_a_wrong_value_is_refused_by_its_name(values: Mapping[str, Any], named: str) -> None:
    with pytest.raises(helm_python.HelmValuesError, match=named):
        render(values)


def test_a_service_account_made_elsewhere_must_be_named() -> None:
    with pytest.raises(helm_python.HelmRenderError, match=r"serviceAccount\.name must be set"):
        render({"serviceAccount": {"create": False}})


def test_every_object_of_the_schema_refuses_what_it_does_not_know() -> None:
    open_ones = [
        path for path, node in nodes(SCHEMA) if "properties" in node and node["additionalProperties"] is not False
    ]

    assert open_ones == []


def test_every_value_is_described() -> None:
    assert [path for path, node in nodes(SCHEMA) if not node.get("description")] == []


def test_schema_and_defaults_name_the_same_values() -> None:
    described = set(SCHEMA["properties"]) - {"global"}  # Helm adds `global` to the values of every subchart
    assert described == set(DEFAULTS)
    for name, value in DEFAULTS.items():
        if properties := SCHEMA["properties"][name].get("properties"):
            assert set(properties) == set(value), name


def nodes(node: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every named value of the schema with its dotted path, the root included."""
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(child, f"{path}.{name}")
