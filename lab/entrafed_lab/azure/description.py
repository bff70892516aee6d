"""Where the simulated Azure can be reached: for people, for a demo in another process, for the SDKs."""

from collections.abc import Mapping
from typing import Any

from entrafed_lab.azure.app_service import PATH as APP_SERVICE_PATH
from entrafed_lab.azure.exchange import ServiceName
from entrafed_lab.azure.host_types import Endpoint, HostKind
from entrafed_lab.azure.hosts import Host
from entrafed_lab.azure.snapshot import snapshot
from entrafed_lab.azure.world import World

Urls = Mapping[ServiceName, str]


def described(world: World, urls: Urls) -> dict[str, Any]:
    """Endpoints, tenants and what exists: the content of azure.json. Each host has the variables of its workloads."""
    document = snapshot(world)
    document["hosts"] = [
        {**item, "environment": host_environment(world.hosts[item["id"]], urls)} for item in document["hosts"]
    ]
    return {"endpoints": {name.value: url for name, url in urls.items()}, **document}


def host_environment(host: Host, urls: Urls) -> dict[str, str]:
    """What azure-identity reads on this host to find the token endpoint for managed identities, should it have one."""
    match host.type.endpoint:
        case Endpoint.APP_SERVICE:
            endpoint = f"{urls[ServiceName.APP_SERVICE]}/{host.id}/{APP_SERVICE_PATH}"
            return {"IDENTITY_ENDPOINT": endpoint, "IDENTITY_HEADER": host.identity_header}
        case Endpoint.IMDS:
            return {"AZURE_POD_IDENTITY_AUTHORITY_HOST": f"{urls[ServiceName.IMDS]}/{host.id}"}
    return {}


def environment(world: World, urls: Urls) -> dict[str, str]:
    """What azure-identity reads on the user's machine, as if it were the first virtual machine; and our addresses."""
    machines = [host for host in world.hosts.values() if host.kind is HostKind.VIRTUAL_MACHINE]
    variables = host_environment(machines[0], urls) if machines else {}
    if world.operator is not None:
        variables["AZURE_TENANT_ID"] = world.operator.tenant_id
    ours = {f"ENTRAFED_LAB_{name.upper()}": url for name, url in urls.items()}
    return {**variables, **ours, "AZURE_AUTHORITY_HOST": urls[ServiceName.LOGIN]}
