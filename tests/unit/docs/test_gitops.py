"""The health script for Argo CD and the expressions for Flux, over every kind of status that the operator writes."""

from typing import Any

import pytest

from gitops import argo_health, flux_status
from kstatus import KStatus, kstatus

Body = dict[str, Any]


def body(*conditions: tuple[str, str, str], generation: int = 2, observed: int = 2, **metadata: Any) -> Body:
    """An object with these conditions: type, status, reason."""
    return {
        "apiVersion": "entrafed.io/v1beta1",
        "kind": "ManagedIdentityFederation",
        "metadata": {"name": "web", "generation": generation, **metadata},
        "spec": {},
        "status": {
            "observedGeneration": observed,
            "conditions": [{"type": t, "status": s, "reason": r, "message": f"about {t}"} for t, s, r in conditions],
        },
    }


READY = ("Ready", "True", "Synced")
GOLDEN: dict[str, tuple[Body, KStatus, str, str]] = {
    "nobody has looked": (body(observed=-1), KStatus.IN_PROGRESS, "Progressing", "waiting for"),
    "an older generation was well": (body(READY, observed=1), KStatus.IN_PROGRESS, "Progressing", "waiting for"),
    "it is well": (body(READY), KStatus.CURRENT, "Healthy", "Synced: about Ready"),
    "it moves": (
        body(("Ready", "False", "AzureUnavailable"), ("Reconciling", "True", "AzureUnavailable")),
        KStatus.IN_PROGRESS,
        "Progressing",
        "AzureUnavailable: about Ready",
    ),
    "somebody must act": (
        body(("Ready", "False", "NotPermitted"), ("Stalled", "True", "NotPermitted")),
        KStatus.FAILED,
        "Degraded",
        "NotPermitted: about Ready",
    ),
    "it is suspended": (
        body(("Ready", "Unknown", "Suspended")),
        KStatus.IN_PROGRESS,
        "Suspended",
        "Suspended: about Ready",
    ),
    "it is only reported": (
        body(("Ready", "False", "Drifted")),
        KStatus.IN_PROGRESS,
        "Progressing",
        "Drifted: about Ready",
    ),
    "it is being deleted": (
        body(READY, deletionTimestamp="2026-01-31T12:00:00Z"),
        KStatus.TERMINATING,
        "Progressing",
        "Pending deletion",
    ),
}


@pytest.mark.parametrize("kind", ["ManagedIdentityFederation", "EntraConnection"])
@pytest.mark.parametrize("name", GOLDEN)
def test_argo_cd_and_flux_are_told_what_kstatus_tells(name: str, kind: str) -> None:
    shown, status, health, message = GOLDEN[name]
    shown = {**shown, "kind": kind}
    assert kstatus(shown) is status
    assert flux_status(shown) is status
    assert argo_health(shown)[0] == health
    assert argo_health(shown)[1].startswith(message)


def test_an_object_without_a_status_is_in_progress() -> None:
    bare = {key: value for key, value in body().items() if key != "status"}
    assert flux_status(bare) is KStatus.IN_PROGRESS
    assert argo_health(bare)[0] == "Progressing"
