"""Manifests as users write them, small and valid: a test changes what it is about."""

from typing import Any

Manifest = dict[str, Any]

NAMESPACE = "schema"

TENANT = "11111111-1111-1111-1111-111111111111"
SUBSCRIPTION = "22222222-2222-2222-2222-222222222222"
APP = "33333333-3333-3333-3333-333333333333"
OPERATOR = "44444444-4444-4444-4444-444444444444"


def identity_id(name: str = "web") -> str:
    """Resource id of a user-assigned managed identity."""
    provider = "providers/Microsoft.ManagedIdentity/userAssignedIdentities"
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/payments/{provider}/{name}"


def resource_id(kind: str, *names: str, group: str = "payments") -> str:
    """Resource id of a resource of a provider, like `resource_id("Microsoft.Web/sites/slots", "web", "next")`."""
    provider, *types = kind.split("/")
    path = "/".join(f"{one}/{name}" for one, name in zip(types, names, strict=True))
    return f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}/providers/{provider}/{path}"


VM = resource_id("Microsoft.Compute/virtualMachines", "web-1")
SITE = resource_id("Microsoft.Web/sites", "web")
STORAGE = resource_id("Microsoft.Storage/storageAccounts", "contosodata")
BLOB_READER = "Storage Blob Data Reader"

ON_APPLICATION: Manifest = {"application": {"clientId": APP}}
ON_IDENTITY: Manifest = {"managedIdentity": {"resourceId": identity_id("target")}}


def federation(*credentials: Manifest, name: str = "web", target: Manifest | None = None, **spec: Any) -> Manifest:
    """A ManagedIdentityFederation with these items."""
    return {
        "apiVersion": "entrafed.io/v1beta1",
        "kind": "ManagedIdentityFederation",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "connectionRef": {"name": "default"},
            "target": ON_APPLICATION if target is None else target,
            "federatedCredentials": list(credentials),
            **spec,
        },
    }


def connection(*rules: Manifest, name: str = "contoso", **spec: Any) -> Manifest:
    """An EntraConnection with these rules."""
    return {
        "apiVersion": "entrafed.io/v1beta1",
        "kind": "EntraConnection",
        "metadata": {"name": name},
        "spec": {
            "tenantId": TENANT,
            "credential": {"workloadIdentity": {"clientId": OPERATOR}},
            "rules": list(rules),
            **spec,
        },
    }


def rule(*credentials: Manifest, **parts: Any) -> Manifest:
    """A rule that serves `payments` and allows one app."""
    return {
        "namespaces": {"names": ["payments"]},
        "targets": {"applications": [APP]},
        "federatedCredentials": list(credentials),
        **parts,
    }


def from_service_account(account: str = "web", *, name: str = "pods", **more: Any) -> Manifest:
    return {"name": name, "serviceAccount": {"name": account}, **more}


def from_identity(resource_id: str | None = None, *, name: str = "vm") -> Manifest:
    return {"name": name, "managedIdentity": {"resourceId": resource_id or identity_id()}}


def from_github(repository: str = "contoso/web", *, name: str = "ci", **narrowed: Any) -> Manifest:
    return {"name": name, "githubActions": {"repository": repository, **(narrowed or {"environment": "prod"})}}


def from_oidc(
    issuer: str = "https://issuer.example", subject: str = "job-17", *, name: str = "any", **more: Any
) -> Manifest:
    return {"name": name, "oidc": {"issuer": issuer, "subject": subject}, **more}


def assigned(*resources: str, identity: str | None = None, name: str = "hosts") -> Manifest:
    """An item of `identityAssignments`; without `identity` it is the target that is assigned."""
    item: Manifest = {"name": name, "resources": list(resources or (VM,))}
    return item if identity is None else {**item, "managedIdentity": {"resourceId": identity}}


def given(role: str = BLOB_READER, scope: str = STORAGE, *, name: str = "blobs", **more: Any) -> Manifest:
    """An item of `roleAssignments`."""
    return {"name": name, "role": role, "scope": scope, **more}


def without(manifest: Manifest, *path: str) -> Manifest:
    """The manifest without the field at this path."""
    first, *rest = path
    if not rest:
        return {field: value for field, value in manifest.items() if field != first}
    return {**manifest, first: without(manifest[first], *rest)}
