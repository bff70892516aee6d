"""The Kubernetes side of the lab as its other parts see it, be it the lab's own or the user's."""

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import yaml

from .controlplane.errors import KubectlError, LabError
from .controlplane.kubectl import Kubectl
from .controlplane.plane import ControlPlane
from .controlplane.private_files import write_private

DISCOVERY = "/.well-known/openid-configuration"
HOW_TO_OPEN_DISCOVERY = (
    "kubectl create clusterrolebinding anonymous-issuer-discovery "
    "--clusterrole=system:service-account-issuer-discovery --group=system:unauthenticated"
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """An API server, how to trust it, and kubectl as the lab's user. `ca` is None where the system's roots do."""

    server: str
    ca: Path | None
    issuer: str
    kubectl: Kubectl


async def own_cluster(plane: ControlPlane) -> Cluster:
    """The lab's control plane."""
    return Cluster(plane.url, plane.ca_path, await _issuer(plane.kubectl), plane.kubectl)


async def named_cluster(kubectl: Kubectl, *, kubeconfig: Path, ca: Path) -> Cluster:
    """The cluster of the user's current context; its kubeconfig is copied to `kubeconfig` and its CA to `ca`.

    Raises `LabError` when there is none, or it does not tell its issuer.
    """
    text, entry = await _current(kubectl)
    write_private(kubeconfig, text)
    encoded = entry.get("certificate-authority-data")
    if encoded:
        write_private(ca, base64.b64decode(encoded))
    mine = kubectl.with_kubeconfig(kubeconfig)
    try:
        issuer = await _issuer(mine)
    except KubectlError as error:
        message = f"{entry['server']}, which {kubectl.kubeconfig} names, does not say who issues its tokens"
        raise LabError(message, detail=error.detail) from None
    return Cluster(entry["server"], ca if encoded else None, issuer, mine)


async def _current(kubectl: Kubectl) -> tuple[str, Mapping[str, str]]:
    """A kubeconfig of the current context alone, with all it needs in it, and its entry for the cluster."""
    message = f"{kubectl.kubeconfig} has no current context that names a cluster"
    try:
        text = await kubectl("config", "view", "--raw", "--minify", "--flatten")
    except KubectlError as error:
        raise LabError(message, detail=error.detail) from None
    entries: list[Mapping[str, Mapping[str, str]]] = yaml.safe_load(text)["clusters"] or []
    if not entries or not entries[0]["cluster"].get("server"):
        raise LabError(message)
    return text, entries[0]["cluster"]


async def is_issuer_readable(cluster: Cluster) -> bool:
    """Whether one who has not signed in can read the issuer's discovery document from here, as Entra would."""
    trusting = ssl.create_default_context(cafile=None if cluster.ca is None else str(cluster.ca))
    try:
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10)) as session,
            session.get(cluster.issuer.rstrip("/") + DISCOVERY, ssl=trusting) as answer,
        ):
            return answer.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


async def _issuer(kubectl: Kubectl) -> str:
    document: Mapping[str, str] = json.loads(await kubectl("get", "--raw", DISCOVERY))
    return document["issuer"]
