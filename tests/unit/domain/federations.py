"""Objects as the API server shows them, with as little said as a test needs."""

from collections.abc import Mapping
from typing import Any

from entrafed.api.connection import Connection, parse_connection
from entrafed.api.federation import Federation, parse_federation
from entrafed.api.metadata import FINALIZER, RECONCILE_ANNOTATION
from entrafed.api.status import FederationStatus, dump_status

TENANT = "11111111-1111-4111-8111-111111111111"
OTHER_TENANT = "22222222-2222-4222-8222-222222222222"
OPERATOR = "0e0e0e0e-0000-4000-8000-000000000001"
CLIENT = "c0c0c0c0-0000-4000-8000-000000000001"
OBJECT = "0b0b0b0b-0000-4000-8000-000000000001"
GROUP = f"/subscriptions/{TENANT}/resourcegroups/payments/providers/microsoft.managedidentity/userassignedidentities"
IDENTITY = f"{GROUP}/web"
APPLICATION: Mapping[str, Any] = {"application": {"clientId": CLIENT}}
ISSUER = "https://issuer.example"
CLUSTER_ISSUER = "https://oidc.example/cluster"
CREATED = "2026-01-31T12:00:00Z"
CREATED_AT = 1769860800.0  # the same in seconds since the epoch

Manifest = dict[str, Any]


def oidc(name: str, subject: str | None = None, **more: Any) -> Manifest:
    """An item that trusts a subject of https://issuer.example."""
    return {"name": name, "oidc": {"issuer": ISSUER, "subject": subject or f"job-{name}"}, **more}


def federation(
    *items: Mapping[str, Any],
    name: str = "web",
    namespace: str = "payments",
    version: int = 1,
    generation: int = 1,
    deleted: str | None = None,
    request: str | None = None,
    finalizers: tuple[str, ...] = (FINALIZER,),
    target: Mapping[str, Any] = APPLICATION,
    status: FederationStatus | Mapping[str, Any] | None = None,
    **spec: Any,
) -> Federation:
    """A ManagedIdentityFederation; further words go into its spec, in the user's spelling."""
    metadata: Manifest = {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{namespace}-{name}",
        "generation": generation,
        "resourceVersion": str(version),
        "creationTimestamp": CREATED,
        "finalizers": list(finalizers),
        "annotations": {RECONCILE_ANNOTATION: request} if request else {},
    }
    if deleted:
        metadata["deletionTimestamp"] = deleted
    body: Manifest = {
        "metadata": metadata,
        "spec": {
            "connectionRef": {"name": "default"},
            "target": target,
            "federatedCredentials": list(items),
            **spec,
        },
    }
    if status is not None:
        body["status"] = dump_status(status) if isinstance(status, FederationStatus) else status
    return parse_federation(body)


EVERYTHING: Mapping[str, Any] = {
    "namespaces": {"names": ["payments"]},
    "targets": {"applications": [CLIENT], "managedIdentities": [f"{GROUP}/*"]},
    "federatedCredentials": [
        {"issuer": "cluster", "subjects": ["system:serviceaccount:{namespace}:*"]},
        {"issuer": ISSUER, "subjects": ["**"]},
        {"managedIdentities": [f"{GROUP}/*"]},
    ],
}
"""A rule that allows all that these tests ask for."""


def connection(*rules: Mapping[str, Any], name: str = "default", generation: int = 1, **spec: Any) -> Connection:
    """An EntraConnection; further words go into its spec, in the user's spelling."""
    return parse_connection(
        {
            "metadata": {
                "name": name,
                "uid": f"uid-{name}",
                "generation": generation,
                "resourceVersion": "1",
                "creationTimestamp": CREATED,
            },
            "spec": {
                "tenantId": TENANT,
                "credential": {"workloadIdentity": {"clientId": OPERATOR}},
                "rules": list(rules),
                **spec,
            },
        }
    )
