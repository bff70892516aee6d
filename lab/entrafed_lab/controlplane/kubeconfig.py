"""Kubeconfig files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from .private_files import write_private


def write_kubeconfig(path: Path, *, server: str, ca: Path | None, user: str, credentials: Mapping[str, str]) -> None:
    """A kubeconfig for one user of one server. `credentials` is the user entry, e.g. {"tokenFile": "/..."}.

    Without `ca` the system's roots must vouch for the server.
    """
    trust = {} if ca is None else {"certificate-authority": str(ca.absolute())}
    context = {"cluster": "entrafed-lab", "user": user, "namespace": "default"}
    body: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "entrafed-lab", "cluster": {"server": server, **trust}}],
        "users": [{"name": user, "user": dict(credentials)}],
        "contexts": [{"name": "entrafed-lab", "context": context}],
        "current-context": "entrafed-lab",
    }
    write_private(path, yaml.safe_dump(body, sort_keys=False))
