"""A real API server with our kinds and the chart's roles, for tests of what speaks to it."""

import asyncio
import itertools
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml

from chart.rendering import ROOT, render
from entrafed.api.metadata import CONNECTIONS, FEDERATIONS, GROUP
from entrafed_lab.controlplane import ControlPlane, Kubectl

SYSTEM = "entrafed-system"
TENANT = "11111111-1111-1111-1111-111111111111"
CLIENT = "22222222-2222-2222-2222-222222222222"
ROLE_KINDS = ("ClusterRole", "ClusterRoleBinding", "ServiceAccount")
LONGEST_LINE = 2**20  # bytes; one version of an object is one line of a watch
WRITES = frozenset({"POST", "PUT", "PATCH", "APPLY", "DELETE"})
_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Cluster:
    """The API server, seen by its administrator, and the operator's way in."""

    plane: ControlPlane
    directory: Path

    @property
    def kubeconfig(self) -> Path:
        """The operator's: the chart's service account, by a token in a file."""
        return self.directory / "operator.kubeconfig"

    @property
    def token_file(self) -> Path:
        return self.directory / "operator-token"

    async def apply(self, *manifests: dict[str, Any]) -> None:
        await self.plane.kubectl.apply(json.dumps({"apiVersion": "v1", "kind": "List", "items": list(manifests)}))

    async def get(self, plural: str, name: str, namespace: str | None = None) -> dict[str, Any]:
        scope = ["--namespace", namespace] if namespace else []
        return await self.plane.kubectl.get(plural, name, *scope)

    async def new_namespace(self, **labels: str) -> str:
        name = f"team-{next(_numbers)}"
        await self.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
        return name

    async def new_federation(self, namespace: str, name: str = "web") -> dict[str, Any]:
        await self.apply(federation(namespace, name))
        return await self.get(FEDERATIONS, name, namespace)

    async def new_connection(self) -> dict[str, Any]:
        name = f"connection-{next(_numbers)}"
        await self.apply(connection(name))
        return await self.get(CONNECTIONS, name)

    @asynccontextmanager
    async def allowing_outputs(self) -> AsyncIterator[None]:
        """The operator's role with both outputs switched on in the chart; afterwards it is as it was."""
        values = {"outputs": {"serviceAccountAnnotations": True, "configMaps": True}}
        await self.apply(dict(render(values).one("ClusterRole", "entrafed").body))
        await self.until_the_operator_may("patch", "", "serviceaccounts", allowed=True)
        try:
            yield
        finally:
            await self.apply(dict(render().one("ClusterRole", "entrafed").body))
            await self.until_the_operator_may("patch", "", "serviceaccounts", allowed=False)

    async def new_token(self) -> str:
        return (await self.plane.kubectl("create", "token", "entrafed", "--namespace", SYSTEM)).strip()

    @property
    def as_operator(self) -> Kubectl:
        """kubectl with the operator's way in."""
        return self.plane.kubectl.with_kubeconfig(self.kubeconfig)

    async def may_the_operator(self, verb: str, group: str, resource: str) -> bool:
        """What the API server answers when the operator itself asks, for all namespaces."""
        kind, _, subresource = resource.partition("/")
        attributes = {"verb": verb, "group": group, "resource": kind, "subresource": subresource}
        question = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        }
        create = ("create", "--validate=false", "-o", "json", "-f", "-")  # validating, kubectl would list all kinds
        answer = json.loads(await self.as_operator(*create, stdin=json.dumps(question)))
        return bool(answer["status"]["allowed"])

    async def writes(self) -> int:
        """Requests so far that changed objects of our group, as the API server itself counts them.

        Those by which its namespace controller empties the namespaces of earlier tests are left out.
        """
        counted = await self.plane.kubectl("get", "--raw", "/metrics")
        total = 0.0
        for text, count in re.findall(r"^apiserver_request_total\{(.*)\} (\S+)$", counted, re.MULTILINE):
            labels = dict(re.findall(r'(\w+)="(.*?)"', text))
            empties_a_namespace = labels["verb"] == "DELETE" and labels["scope"] != "resource"
            if labels["group"] == GROUP and labels["verb"] in WRITES and not empties_a_namespace:
                total += float(count)
        return int(total)

    async def until_the_operator_may(self, verb: str, group: str, resource: str, *, allowed: bool) -> None:
        """Roles count a moment after they were applied: the API server watches them."""
        async with asyncio.timeout(60):
            while await self.may_the_operator(verb, group, resource) is not allowed:
                pass


async def watched(kubectl: Kubectl, *arguments: str) -> AsyncGenerator[dict[str, Any]]:
    """What `kubectl get --watch` shows: the type of each change, and the object. Raises AssertionError at its end."""
    process = await asyncio.create_subprocess_exec(
        kubectl.program,
        f"--kubeconfig={kubectl.kubeconfig}",
        *("get", *arguments, "--watch", "--output-watch-events", "--output=json"),
        stdout=asyncio.subprocess.PIPE,
        limit=LONGEST_LINE,
    )
    assert process.stdout
    try:
        while line := await process.stdout.readline():
            yield json.loads(line)
        raise AssertionError("the watch has ended")
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def federation(namespace: str, name: str) -> dict[str, Any]:
    return {
        "apiVersion": "entrafed.io/v1beta1",
        "kind": "ManagedIdentityFederation",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "connectionRef": {"name": "default"},
            "target": {"application": {"clientId": CLIENT}},
            "federatedCredentials": [{"name": "pods", "serviceAccount": {"name": "web"}}],
        },
    }


def connection(name: str) -> dict[str, Any]:
    return {
        "apiVersion": "entrafed.io/v1beta1",
        "kind": "EntraConnection",
        "metadata": {"name": name},
        "spec": {"tenantId": TENANT, "credential": {"workloadIdentity": {"clientId": CLIENT}}},
    }


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def cluster(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    return await installed(control_plane, tmp_path_factory.mktemp("cluster"))


async def installed(plane: ControlPlane, directory: Path) -> Cluster:
    """A control plane with our kinds and the chart's roles; `directory` is for the operator's way in."""
    cluster = Cluster(plane, directory)
    for path in sorted((ROOT / "crds").glob("*.yaml")):
        await cluster.plane.kubectl.apply(path.read_text())
    await cluster.plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    await cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SYSTEM}})
    await cluster.apply(*(dict(m.body) for kind in ROLE_KINDS for m in render().of(kind)))
    cluster.token_file.write_text(await cluster.new_token() + "\n")
    cluster.kubeconfig.write_text(yaml.safe_dump(_kubeconfig(cluster)))
    await cluster.until_the_operator_may("patch", GROUP, FEDERATIONS, allowed=True)
    return cluster


def _kubeconfig(cluster: Cluster) -> dict[str, Any]:
    there = {"server": cluster.plane.url, "certificate-authority": str(cluster.plane.ca_path)}
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": there}],
        "users": [{"name": "operator", "user": {"tokenFile": cluster.token_file.name}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "operator"}}],
    }
