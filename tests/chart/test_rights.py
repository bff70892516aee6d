"""Least privilege: the operator's role holds exactly what the operator does."""

from collections.abc import Mapping
from typing import Any

import pytest

from chart.rendering import Manifest, render

OUR_GROUP = "entrafed.io"


def grants(role: Manifest) -> set[tuple[str, str, str]]:
    """A role as (group, resource, verb)."""
    return {
        (group, resource, verb)
        for rule in role.body["rules"]
        for group in rule.get("apiGroups", [])
        for resource in rule.get("resources", [])
        for verb in rule["verbs"]
    }


def the_operators_role(values: Mapping[str, Any] | None = None) -> Manifest:
    return render(values).one("ClusterRole", "entrafed")


KINDS = ("managedidentityfederations", "entraconnections")
ALWAYS = {
    *((OUR_GROUP, kind, verb) for kind in KINDS for verb in ("get", "list", "watch", "patch")),
    *((OUR_GROUP, f"{kind}/status", "patch") for kind in KINDS),
    *(("", "namespaces", verb) for verb in ("get", "list", "watch")),
    ("events.k8s.io", "events", "create"),
}
OUTPUTS = {
    "serviceAccountAnnotations": {("", "serviceaccounts", "get"), ("", "serviceaccounts", "patch")},
    "configMaps": {("", "configmaps", verb) for verb in ("get", "create", "patch", "delete")},
}


def test_the_operator_may_do_exactly_this() -> None:
    assert grants(the_operators_role()) == ALWAYS


@pytest.mark.parametrize("output", OUTPUTS)
def test_an_output_that_is_switched_on_gives_exactly_its_rights(output: str) -> None:
    assert grants(the_operators_role({"outputs": {output: True}})) == ALWAYS | OUTPUTS[output]


@pytest.mark.parametrize("resource", ["secrets", "serviceaccounts/token", "pods", "*"])
def test_with_all_outputs_no_role_speaks_of(resource: str) -> None:
    roles = render({"outputs": dict.fromkeys(OUTPUTS, True)}).of("ClusterRole")

    assert [role.name for role in roles for _, named, _ in grants(role) if named == resource] == []


def test_the_operator_reads_the_issuer_of_its_own_cluster() -> None:
    urls = [rule for rule in the_operators_role().body["rules"] if "nonResourceURLs" in rule]

    assert urls == [{"nonResourceURLs": ["/.well-known/openid-configuration"], "verbs": ["get"]}]


@pytest.mark.parametrize(
    "resource", ["secrets", "serviceaccounts", "serviceaccounts/token", "configmaps", "leases", "*"]
)
def test_no_role_of_the_chart_speaks_of(resource: str) -> None:
    rendered = render()
    roles = (*rendered.of("ClusterRole"), *rendered.of("Role"))

    assert roles
    assert [role.name for role in roles for _, named, _ in grants(role) if named == resource] == []


@pytest.mark.parametrize("verb", ["*", "escalate", "bind", "impersonate"])
def test_no_role_of_the_chart_has_the_verb(verb: str) -> None:
    assert [role.name for role in render().of("ClusterRole") for *_, granted in grants(role) if granted == verb] == []


def test_the_role_is_bound_to_the_operators_account_only() -> None:
    (binding,) = render().of("ClusterRoleBinding")

    assert binding.body["subjects"] == [
        {"kind": "ServiceAccount", "name": "entrafed", "namespace": "entrafed-system"},
    ]
    assert binding.body["roleRef"]["name"] == "entrafed"


def test_the_role_is_bound_to_the_account_that_was_made_elsewhere() -> None:
    (binding,) = render({"serviceAccount": {"create": False, "name": "mine"}}).of("ClusterRoleBinding")

    assert binding.body["subjects"][0]["name"] == "mine"


def aggregated() -> list[Manifest]:
    return [r for r in render().of("ClusterRole") if any(label.startswith(AGGREGATE) for label in r.labels)]


AGGREGATE = "rbac.authorization.k8s.io/aggregate-to-"


def test_a_connection_is_in_no_aggregated_role() -> None:
    assert aggregated()
    assert {resource for role in aggregated() for _, resource, _ in grants(role)} == {"managedidentityfederations"}


def test_whoever_may_view_a_namespace_sees_its_federations() -> None:
    assert verbs_aggregated_to("view") == {"get", "list", "watch"}


@pytest.mark.parametrize("role", ["edit", "admin"])
def test_whoever_may_edit_a_namespace_may_ask_for_federations(role: str) -> None:
    expected = {"get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"}
    assert verbs_aggregated_to(role) == expected


def verbs_aggregated_to(role: str) -> set[str]:
    return {verb for r in aggregated() if r.labels.get(AGGREGATE + role) == "true" for *_, verb in grants(r)}


def test_aggregation_can_be_switched_off() -> None:
    roles = render({"rbac": {"aggregateToDefaultRoles": False}}).of("ClusterRole")

    assert [role.name for role in roles] == ["entrafed"]
