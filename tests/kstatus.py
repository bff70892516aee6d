"""What `kubectl wait`, Flux and Argo CD's users make of an object: the rules of kstatus, in Python.

Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/README.md and `pkg/kstatus/status` there.
"""

from enum import StrEnum
from typing import Any


class KStatus(StrEnum):
    """As kstatus names them."""

    IN_PROGRESS = "InProgress"
    FAILED = "Failed"
    CURRENT = "Current"
    TERMINATING = "Terminating"


def kstatus(body: dict[str, Any]) -> KStatus:
    """The status of a custom resource. Of one that says nothing of itself kstatus takes that all is well."""
    metadata, status = body["metadata"], body.get("status", {})
    conditions = {condition["type"]: condition["status"] for condition in status.get("conditions", ())}
    if "deletionTimestamp" in metadata:
        return KStatus.TERMINATING
    if "observedGeneration" in status and status["observedGeneration"] != metadata["generation"]:
        return KStatus.IN_PROGRESS
    if conditions.get("Reconciling") == "True":
        return KStatus.IN_PROGRESS
    if conditions.get("Stalled") == "True":
        return KStatus.FAILED
    return KStatus.CURRENT if conditions.get("Ready", "True") == "True" else KStatus.IN_PROGRESS
