"""Hosts through azure-mgmt-core's own pipeline and poller, as a client does that knows no resource type in advance."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from azure.core.exceptions import HttpResponseError
from azure.core.pipeline import PipelineResponse
from azure.core.pipeline.policies import AsyncRetryPolicy, ContentDecodePolicy, RequestIdPolicy
from azure.core.polling import AsyncLROPoller
from azure.core.rest import HttpRequest
from azure.mgmt.core import AsyncARMPipelineClient
from azure.mgmt.core.exceptions import ARMErrorFormat
from azure.mgmt.core.policies import AsyncARMChallengeAuthenticationPolicy
from azure.mgmt.core.polling.async_arm_polling import AsyncARMPolling

from arm_world import ROOT
from azure_callers import PrincipalCredential
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.host_types import HostKind, host_kind
from entrafed_lab.azure.seed import API_APP, API_IDENTITY, API_NODES, HOME_TENANT, OPERATOR_APP, WEB_IDENTITY, WEB_VM

VERSIONS = {
    HostKind.VIRTUAL_MACHINE: "2024-07-01",
    HostKind.SCALE_SET: "2024-07-01",
    HostKind.SITE: "2024-11-01",
    HostKind.SLOT: "2024-11-01",
    HostKind.CONTAINER_APP: "2025-01-01",
    HostKind.JOB: "2025-01-01",
    HostKind.AUTOMATION_ACCOUNT: "2023-11-01",
    HostKind.CONTAINER_GROUP: "2023-05-01",
    HostKind.CLUSTER: "2024-09-01",
    HostKind.WORKFLOW: "2019-05-01",
}
IDS = {
    HostKind.VIRTUAL_MACHINE: WEB_VM,
    HostKind.SCALE_SET: API_NODES,
    HostKind.SITE: f"{ROOT}/providers/Microsoft.Web/sites/shop",
    HostKind.SLOT: f"{ROOT}/providers/Microsoft.Web/sites/shop/slots/staging",
    HostKind.CONTAINER_APP: API_APP,
    HostKind.JOB: f"{ROOT}/providers/Microsoft.App/jobs/nightly",
    HostKind.AUTOMATION_ACCOUNT: f"{ROOT}/providers/Microsoft.Automation/automationAccounts/runbooks",
    HostKind.CONTAINER_GROUP: f"{ROOT}/providers/Microsoft.ContainerInstance/containerGroups/batch",
    HostKind.CLUSTER: f"{ROOT}/providers/Microsoft.ContainerService/managedClusters/aks",
    HostKind.WORKFLOW: f"{ROOT}/providers/Microsoft.Logic/workflows/orders",
}
"""One host of each kind; those that the seed lacks are made by `planted_host`."""
PATCHED = [
    HostKind.VIRTUAL_MACHINE, HostKind.SCALE_SET, HostKind.SITE, HostKind.SLOT, HostKind.CONTAINER_APP, HostKind.JOB,
    HostKind.AUTOMATION_ACCOUNT,
]  # fmt: skip
"""Kinds of hosts that take identities in a PATCH."""


class HostCalls:
    """GET and PATCH of hosts, with the whole of an update waited for or only its beginning."""

    def __init__(self, client: Any, base: str) -> None:
        self._client = client
        self._base = base

    async def get(self, host: str, version: str | None = None) -> Mapping[str, Any]:
        document: Mapping[str, Any] = (await self._ask("GET", host, version=version)).http_response.json()
        return document

    async def begin(
        self, host: str, body: object, *, version: str | None = None, headers: Mapping[str, str] | None = None
    ) -> PipelineResponse[Any, Any]:
        """The first answer to a PATCH."""
        return await self._ask("PATCH", host, body=body, version=version, headers=headers)

    async def patch(self, host: str, body: object, **options: Any) -> Mapping[str, Any]:
        """What the SDK's poller has when an update is over."""
        begun = await self.begin(host, body, **options)
        polling = AsyncARMPolling(timeout=0.01, lro_options={"final-state-via": "azure-async-operation"})
        poller = AsyncLROPoller(self._client, begun, lambda answered: answered.http_response.json(), polling)
        result: Mapping[str, Any] = await poller.result()
        return result

    async def identity(self, host: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = (await self.get(host)).get("identity", {})
        return found

    async def assigned(self, host: str) -> set[str]:
        """Names of the user-assigned identities."""
        return {key.rpartition("/")[2] for key in (await self.identity(host)).get("userAssignedIdentities", {})}

    async def assign(
        self, host: str, *identities: str, kind: str = "UserAssigned", **options: Any
    ) -> Mapping[str, Any]:
        return await self.patch(host, block(*identities, kind=kind), **options)

    async def _ask(
        self,
        method: str,
        host: str,
        *,
        body: object = None,
        version: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> PipelineResponse[Any, Any]:
        found = host_kind(host)
        chosen = version or (VERSIONS[found] if found is not None else "2024-07-01")
        request = HttpRequest(
            method, self._base + host, params={"api-version": chosen}, json=body, headers=dict(headers or {})
        )
        answered: PipelineResponse[Any, Any] = await self._client.send_request(request, _return_pipeline_response=True)
        if answered.http_response.status_code >= 400:
            raise HttpResponseError(response=answered.http_response, error_format=ARMErrorFormat)
        return answered


def block(*given: str, removed: tuple[str, ...] = (), kind: str = "UserAssigned") -> dict[str, Any]:
    """The body of a PATCH; without identities it has no map of them."""
    identity: dict[str, Any] = {"type": kind}
    if given or removed:
        identity["userAssignedIdentities"] = {**{key: {} for key in given}, **dict.fromkeys(removed)}
    return {"identity": identity}


@asynccontextmanager
async def hosts_as(azure: SimulatedAzure, *, app_id: str = OPERATOR_APP) -> AsyncIterator[HostCalls]:
    """Calls as an application of the home tenant. No retries: an error is the answer."""
    credential = PrincipalCredential(azure, azure.world.service_principals[HOME_TENANT, app_id])
    base = azure.url(ServiceName.ARM)
    policies = [
        RequestIdPolicy(),  # the poller needs it
        ContentDecodePolicy(),
        AsyncRetryPolicy(retry_total=0),
        AsyncARMChallengeAuthenticationPolicy(credential, "https://management.azure.com/.default"),
    ]
    client: Any = AsyncARMPipelineClient(base, policies=policies, connection_verify=str(azure.ca_file))
    async with client:
        yield HostCalls(client, base)


def planted_host(azure: SimulatedAzure, kind: HostKind, *identities: str) -> str:
    """The resource id of a host of this kind, which has these identities."""
    resource_id = IDS[kind]
    if all(item.resource_id != resource_id for item in azure.world.hosts.values()):
        azure.world.create_host(resource_id, host_id=kind.name.lower())
    for key in ("web", "api"):
        azure.world.detach(resource_id, key)
    for key in identities:
        azure.world.attach(resource_id, key)
    return resource_id


WEB_KEY, API_KEY = (item.replace("resourceGroups", "resourcegroups") for item in (WEB_IDENTITY, API_IDENTITY))
"""As hosts show them."""
