"""The chart as a whole: it lints, renders the same each time, and gives objects that Kubernetes 1.37 knows."""

from typing import Any

import helm_python
import kubernetes_validate  # type: ignore[import-untyped]  # the package ships no types
import pytest

from chart.rendering import CHART, render, render_text

KUBERNETES = "1.37"
ERROR = 3  # Helm's own numbering of a linter's findings
WARNING = 2

EVERY_VALUE: dict[str, Any] = {
    "fullnameOverride": "federation",
    "nameOverride": "fed",
    "image": {"repository": "registry.example/entrafed", "digest": "sha256:" + "a" * 64, "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "pull"}],
    "serviceAccount": {"name": "operator", "annotations": {"example.io/a": "1"}},
    "azureToken": {"audience": "api://AzureADTokenExchangeChina", "expirationSeconds": 7200},
    "settings": {
        "logLevel": "debug",
        "logFormat": "console",
        "resyncSeconds": 60,
        "revocationDelaySeconds": 0,
        "azureLimitsShare": 0.5,
        "issuerGraceSeconds": 0,
        "formerClusterIds": ["0e5b4a36-0000-4000-8000-000000000001", "0e5b4a36-0000-4000-8000-000000000002"],
    },
    "podLabels": {"team": "platform"},
    "podAnnotations": {"example.io/b": "2"},
    "priorityClassName": "system-cluster-critical",
    "nodeSelector": {"kubernetes.io/os": "linux"},
    "tolerations": [{"key": "dedicated", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "resources": {"limits": {"cpu": 1, "memory": "1Gi"}},
}
SWITCHED_OFF: dict[str, Any] = {
    "crds": {"enabled": False},
    "serviceAccount": {"create": False, "name": "made-elsewhere"},
    "rbac": {"create": False, "aggregateToDefaultRoles": False},
}


def test_the_linter_finds_neither_an_error_nor_a_warning() -> None:
    report = helm_python.lint(CHART, strict=True, kube_version=f"v{KUBERNETES}.0")

    assert report["errors"] == []
    assert [m for m in report["messages"] if m["severity"] in (WARNING, ERROR)] == []


@pytest.mark.parametrize("values", [{}, EVERY_VALUE, SWITCHED_OFF], ids=["defaults", "every value", "switched off"])
def test_every_object_is_one_that_kubernetes_knows(values: dict[str, Any]) -> None:
    for manifest in render(values).manifests:
        kubernetes_validate.validate(dict(manifest.body), KUBERNETES, strict=True)


def test_rendering_twice_gives_the_same_text() -> None:
    assert render_text(EVERY_VALUE) == render_text(EVERY_VALUE)


def test_what_is_switched_off_leaves_only_the_deployment() -> None:
    assert [m.kind for m in render(SWITCHED_OFF).manifests] == ["Deployment"]


def test_every_object_carries_the_common_labels() -> None:
    for manifest in render().manifests:
        assert manifest.labels["app.kubernetes.io/name"] == "entrafed"
        assert manifest.labels["app.kubernetes.io/managed-by"] == "Helm"


def test_the_chart_asks_for_kubernetes_1_31() -> None:
    with helm_python.Chart.load(CHART) as chart:
        assert chart.metadata["kubeVersion"] == ">=1.31.0-0"


def test_the_notes_name_the_subject_that_entra_must_trust() -> None:
    assert "system:serviceaccount:entrafed-system:entrafed" in render().notes


@pytest.mark.parametrize("release", ["entrafed", "prod", "r" * 53])
def test_names_fit_into_63_characters(release: str) -> None:
    manifests = render({"nameOverride": "n" * 63, "crds": {"enabled": False}}, release=release).manifests

    assert max(len(m.name) for m in manifests) <= 63
    assert max(len(value) for m in manifests for value in m.labels.values()) <= 63


def test_names_that_are_cut_stay_distinct() -> None:
    roles = render({"nameOverride": "n" * 63}, release="r" * 53).of("ClusterRole")

    assert len({role.name for role in roles}) == len(roles) == 3


def test_the_release_named_entrafed_has_a_service_account_named_entrafed() -> None:
    assert [m.name for m in render(release="entrafed").of("ServiceAccount")] == ["entrafed"]
