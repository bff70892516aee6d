"""The whole world as one JSON document, in camelCase: for people, demos and tests in other processes."""

from typing import Any

from entrafed_lab.azure.hosts import Host
from entrafed_lab.azure.objects import Application, Credential, CredentialHolder, Identity, ServicePrincipal
from entrafed_lab.azure.roles import RoleAssignment
from entrafed_lab.azure.world import World

Document = dict[str, Any]


def snapshot(world: World) -> Document:
    """Everything that exists now, whatever lagging replicas say."""
    operator = world.operator
    return {
        "tenants": [
            {"id": item.id, "name": item.name, "domain": item.domain, "issuer": item.issuer}
            for item in world.tenants.values()
        ],
        "operator": None if operator is None else {"tenantId": operator.tenant_id, "clientId": operator.app_id},
        "applications": [application_document(item) for item in world.applications.values()],
        "identities": [identity_document(item) for item in world.identities.values()],
        "servicePrincipals": [principal_document(item) for item in world.service_principals.values()],
        "hosts": [host_document(item) for item in world.hosts.values()],
        "blobs": [
            {"path": f"{item.account.name}/{item.container}/{item.name}", "tenantId": item.account.tenant_id}
            for item in world.blobs
        ],
        "storageAccounts": [
            {"name": item.name, "resourceId": item.resource_id, "tenantId": item.tenant_id}
            for item in world.storage_accounts.values()
        ],
        "roleAssignments": [role_document(world, item) for item in world.roles.assignments.values()],
        "issuers": sorted(world.issuers),
    }


def application_document(item: Application) -> Document:
    return {
        "name": item.name,
        "tenantId": item.tenant_id,
        "clientId": item.app_id,
        "objectId": item.object_id,
        "uniqueName": item.unique_name,
        "signInAudience": item.sign_in_audience,
        "federatedCredentials": _credentials(item),
    }


def principal_document(item: ServicePrincipal) -> Document:
    return {
        "tenantId": item.tenant_id,
        "objectId": item.object_id,
        "clientId": item.app_id,
        "name": item.name,
        "managedIdentity": item.managed_identity,
        "appRoles": sorted(item.app_roles),
    }


def identity_document(item: Identity) -> Document:
    return {
        "name": item.name,
        "tenantId": item.tenant_id,
        "resourceId": item.resource_id,
        "clientId": item.client_id,
        "principalId": item.principal_id,
        "federatedCredentials": _credentials(item),
    }


def credential_document(item: Credential) -> Document:
    return {
        "id": item.id,
        "name": item.name,
        "issuer": item.issuer,
        "subject": item.subject,
        "audiences": list(item.audiences),
        "description": item.description,
        "expression": item.expression,
    }


def role_document(world: World, item: RoleAssignment) -> Document:
    return {
        "name": item.name,
        "tenantId": item.tenant_id,
        "principalId": item.principal_id,
        "role": world.roles.definitions[item.role_id].name,
        "scope": item.scope,
        "condition": item.condition,
        "description": item.description,
    }


def host_document(item: Host) -> Document:
    system = item.identity.system
    return {
        "id": item.id,
        "kind": item.kind.value,
        "resourceId": item.resource_id,
        "uniqueId": item.unique_id,
        "systemAssigned": None if system is None else system.principal_id,
        "identities": sorted(item.attached),
    }


def _credentials(holder: CredentialHolder) -> list[Document]:
    return [credential_document(item) for item in holder.credentials]
