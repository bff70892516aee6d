"""What the simulated Azure tells about itself: to people, to a demo in another process, to the SDKs."""

from collections.abc import Mapping
from typing import Any

from entrafed_lab.azure.exchange import ServiceName
from entrafed_lab.azure.objects import Application, Identity
from entrafed_lab.azure.world import World

Urls = Mapping[ServiceName, str]


def described(world: World, urls: Urls) -> dict[str, Any]:
    """Endpoints, tenants and what was seeded, in camelCase."""
    operator = world.operator
    return {
        "endpoints": {name.value: url for name, url in urls.items()},
        "tenants": [
            {"id": item.id, "name": item.name, "domain": item.domain, "issuer": item.issuer}
            for item in world.tenants.values()
        ],
        "operator": None if operator is None else {"tenantId": operator.tenant_id, "clientId": operator.app_id},
        "applications": [_application(item) for item in world.applications.values()],
        "identities": [_identity(item) for item in world.identities.values()],
    }


def environment(world: World, urls: Urls) -> dict[str, str]:
    """What azure-identity reads, and addresses for which it has no variable."""
    variables = {"AZURE_AUTHORITY_HOST": urls[ServiceName.LOGIN]}
    if world.operator is not None:
        variables["AZURE_TENANT_ID"] = world.operator.tenant_id
    return variables


def _application(item: Application) -> dict[str, Any]:
    return {
        "name": item.name,
        "tenantId": item.tenant_id,
        "clientId": item.app_id,
        "objectId": item.object_id,
        "uniqueName": item.unique_name,
    }


def _identity(item: Identity) -> dict[str, Any]:
    return {
        "name": item.name,
        "tenantId": item.tenant_id,
        "resourceId": item.resource_id,
        "clientId": item.client_id,
        "principalId": item.principal_id,
    }
