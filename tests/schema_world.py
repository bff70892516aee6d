"""Our kinds on the shared API server, as the models are now, and kubectl as their users have it."""

import json
import re
from typing import Any

import pytest
import pytest_asyncio

from entrafed.api.crd import as_yaml, definitions
from entrafed_lab.controlplane import ControlPlane, Kubectl, KubectlError
from manifests import NAMESPACE, Manifest


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def our_kinds(control_plane: ControlPlane) -> None:
    """Both kinds, the namespace of the manifests and that of the examples."""
    kubectl = control_plane.kubectl
    kinds = definitions()
    await kubectl.apply("---\n".join(as_yaml(kind) for kind in kinds.values()))
    names = [f"crd/{kind['metadata']['name']}" for kind in kinds.values()]
    await kubectl("wait", "--for=condition=Established", *names, "--timeout=30s")
    for namespace in (NAMESPACE, "payments"):
        await kubectl.apply(f"{{apiVersion: v1, kind: Namespace, metadata: {{name: {namespace}}}}}")


@pytest.fixture
def user(control_plane: ControlPlane, our_kinds: None) -> Kubectl:
    """kubectl at an API server that knows our kinds."""
    return control_plane.kubectl


async def apply(user: Kubectl, manifest: Manifest, *flags: str) -> Manifest:
    """What `kubectl apply` makes of a manifest. Raises `KubectlError` with what kubectl says."""
    applied: dict[str, Any] = json.loads(
        await user("apply", "-f", "-", "-o", "json", *flags, stdin=json.dumps(manifest))
    )
    return applied


_COMPLAINT = re.compile(
    r"(?:^\* |is invalid: )(?P<where>[a-zA-Z]+(?:\.[a-zA-Z]+|\[\d+\])*): (?P<what>.*)$", re.MULTILINE
)


def complaints(error: KubectlError) -> list[tuple[str, str]]:
    """Where and what, for each complaint of the API server that kubectl shows."""
    return [(found["where"], found["what"]) for found in _COMPLAINT.finditer(str(error.detail))]


async def refused(user: Kubectl, manifest: Manifest) -> list[tuple[str, str]]:
    """What the API server says to a manifest that it does not take, and where."""
    with pytest.raises(KubectlError) as error:
        await apply(user, manifest)
    return complaints(error.value)
