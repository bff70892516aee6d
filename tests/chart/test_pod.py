"""The operator's pod: restricted Pod Security, its token, its probes, and one of it at a time."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from chart.rendering import render
from entrafed.runtime.settings import PREFIX, LogFormat, LogLevel, Settings, load_settings

RESTRICTED_VOLUMES = {
    *("configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret")
}


def violations(pod: Mapping[str, Any]) -> Iterator[str]:
    """What the Pod Security Standard "restricted" finds in a pod spec.

    Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/
    """
    context = pod.get("securityContext", {})
    for name in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.get(name):
            yield name
    for volume in pod.get("volumes", []):
        if not (set(volume) - {"name"}) <= RESTRICTED_VOLUMES:
            yield f"volume {volume['name']}"
    for container in (*pod["containers"], *pod.get("initContainers", [])):
        yield from container_violations(container["name"], {**context, **container.get("securityContext", {})})
        if any(port.get("hostPort") for port in container.get("ports", [])):
            yield f"{container['name']}: hostPort"


def container_violations(name: str, context: Mapping[str, Any]) -> Iterator[str]:
    if context.get("privileged"):
        yield f"{name}: privileged"
    if context.get("allowPrivilegeEscalation") is not False:
        yield f"{name}: allowPrivilegeEscalation"
    if context.get("runAsNonRoot") is not True or context.get("runAsUser") == 0:
        yield f"{name}: root"
    if context.get("seccompProfile", {}).get("type") not in ("RuntimeDefault", "Localhost"):
        yield f"{name}: seccomp"
    capabilities = context.get("capabilities", {})
    if "ALL" not in capabilities.get("drop", []) or set(capabilities.get("add", [])) - {"NET_BIND_SERVICE"}:
        yield f"{name}: capabilities"


def test_the_pod_passes_restricted_pod_security() -> None:
    assert list(violations(render().pod)) == []


def test_the_check_of_pod_security_sees_a_pod_that_says_nothing() -> None:
    bare = {"containers": [{"name": "c"}], "hostNetwork": True, "volumes": [{"name": "v", "hostPath": {"path": "/"}}]}

    assert list(violations(bare)) == [
        "hostNetwork",
        "volume v",
        "c: allowPrivilegeEscalation",
        "c: root",
        "c: seccomp",
        "c: capabilities",
    ]


def test_the_operator_is_user_65532_and_cannot_write_to_its_own_image() -> None:
    rendered = render()

    assert rendered.pod["securityContext"]["runAsUser"] == 65532
    assert rendered.container["securityContext"]["readOnlyRootFilesystem"] is True


def test_two_operators_never_run_side_by_side() -> None:
    (deployment,) = render().of("Deployment")

    assert deployment.body["spec"]["replicas"] == 1
    assert deployment.body["spec"]["strategy"] == {"type": "Recreate"}


def test_the_pod_has_longer_to_end_than_the_operator_takes() -> None:
    shutdown = 5  # seconds that the operator promises

    assert shutdown < render().pod["terminationGracePeriodSeconds"] <= 30


def test_the_container_runs_the_operator() -> None:
    container = render().container

    assert [*container["command"], *container["args"]] == ["entrafed", "run"]


def test_the_token_for_entra_is_projected_where_the_operator_looks_for_it() -> None:
    rendered = render()
    (volume,) = rendered.pod["volumes"]
    (mount,) = rendered.container["volumeMounts"]
    file = Settings().entra_token_file

    assert volume["projected"]["sources"] == [
        {
            "serviceAccountToken": {
                "path": file.name,
                "audience": "api://AzureADTokenExchange",
                "expirationSeconds": 3600,
            }
        }
    ]
    assert (mount["name"], mount["mountPath"]) == (volume["name"], str(file.parent))


def test_another_cloud_has_another_audience() -> None:
    (volume,) = render({"azureToken": {"audience": "api://AzureADTokenExchangeUSGov"}}).pod["volumes"]

    assert volume["projected"]["sources"][0]["serviceAccountToken"]["audience"] == "api://AzureADTokenExchangeUSGov"


@pytest.mark.parametrize(("probe", "path"), [("livenessProbe", "/healthz"), ("readinessProbe", "/readyz")])
def test_the_kubelet_asks_the_port_that_the_container_names(probe: str, path: str) -> None:
    container = render().container

    assert container[probe]["httpGet"] == {"path": path, "port": "http"}
    assert [(p["name"], p["containerPort"]) for p in container["ports"]] == [("http", Settings().listen.port)]


def test_no_service_of_the_namespace_reaches_the_environment() -> None:
    assert render().pod["enableServiceLinks"] is False


def test_memory_is_limited_and_cpu_is_not() -> None:
    resources = render().container["resources"]

    assert set(resources["requests"]) == {"cpu", "memory"}
    assert set(resources["limits"]) == {"memory"}


def settings_of(values: Mapping[str, Any]) -> dict[str, Any]:
    """What the container's variables set, by field of `Settings`."""
    return {v["name"].removeprefix(PREFIX).lower(): v["value"] for v in render(values).container["env"]}


def test_the_operators_own_defaults_are_the_charts() -> None:
    assert load_settings(settings_of({})) == Settings()


def test_every_setting_of_the_chart_reaches_the_operator() -> None:
    wanted = {
        "logLevel": "debug",
        "logFormat": "console",
        "resyncSeconds": 60,
        "revocationDelaySeconds": 0.5,
        "azureLimitsShare": 0.25,
        "issuerGraceSeconds": 7200.5,
        "formerClusterIds": ["one", "two"],
    }

    assert load_settings(settings_of({"settings": wanted})) == Settings(
        log_level=LogLevel.DEBUG,
        log_format=LogFormat.CONSOLE,
        resync_seconds=60,
        revocation_delay_seconds=0.5,
        azure_limits_share=0.25,
        issuer_grace_seconds=7200.5,
        former_cluster_ids=("one", "two"),
    )


IN_EVERY_POD_THE_SAME = {"kubeconfig", "entra_token_file", "listen"}
NEEDS_A_FILE = {"ca_bundle"}
FOR_LABORATORIES = {"allow_endpoints", "azure_rate_scale", "time_scale"}


def test_the_chart_sets_all_settings_but_these() -> None:
    left_out = IN_EVERY_POD_THE_SAME | NEEDS_A_FILE | FOR_LABORATORIES

    assert set(settings_of({})) == set(Settings.model_fields) - left_out


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        ({}, "localhost/entrafed:0.1.0"),
        ({"repository": "registry.example/e", "tag": "1.2.3"}, "registry.example/e:1.2.3"),
        ({"tag": "1.2.3", "digest": "sha256:" + "b" * 64}, "localhost/entrafed@sha256:" + "b" * 64),
    ],
)
def test_the_image_is_named_by_tag_or_by_digest(image: Mapping[str, str], expected: str) -> None:
    assert render({"image": image}).container["image"] == expected


def test_a_label_of_the_user_never_replaces_what_the_deployment_selects_by() -> None:
    values = {"podLabels": {"app.kubernetes.io/name": "other", "team": "platform"}}
    (deployment,) = render(values).of("Deployment")
    labels = deployment.body["spec"]["template"]["metadata"]["labels"]

    assert labels["team"] == "platform"
    assert deployment.body["spec"]["selector"]["matchLabels"].items() <= labels.items()
