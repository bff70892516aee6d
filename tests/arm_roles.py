"""azure-mgmt-authorization in the hands of any caller."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

from azure.mgmt.authorization.aio import AuthorizationManagementClient
from azure.mgmt.authorization.v2022_04_01.models import RoleAssignment, RoleAssignmentCreateParameters

from azure_callers import PrincipalCredential
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import HOME_TENANT, OPERATOR_APP, STORAGE_ACCOUNT, SUBSCRIPTION

BLOB_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
BLOB_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
SECRETS_USER = "4633458b-17de-408a-b874-0445c86b69e6"
WEB_PRINCIPAL = "eeeeeeee-0001-4eee-8eee-eeeeeeeeeeee"
API_PRINCIPAL = "eeeeeeee-0002-4eee-8eee-eeeeeeeeeeee"


def name(number: int) -> str:
    """The name of a role assignment."""
    return str(UUID(int=number))


class RoleCalls:
    """Role assignments; unless told otherwise Storage Blob Data Reader for the identity web at the storage account."""

    def __init__(self, client: AuthorizationManagementClient) -> None:
        self.client = client

    async def give(
        self,
        number: int = 1,
        *,
        role: str = BLOB_READER,
        principal: str = WEB_PRINCIPAL,
        scope: str = STORAGE_ACCOUNT,
        **given: Any,
    ) -> tuple[int, RoleAssignment]:
        """Status, and what was answered."""
        whole = {"principal_type": "ServicePrincipal", **given}
        parameters = RoleAssignmentCreateParameters(
            role_definition_id=f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Authorization/roleDefinitions/{role}",
            principal_id=principal,
            **whole,
        )
        answered: tuple[int, RoleAssignment] = await self.client.role_assignments.create(
            scope, name(number), parameters, cls=lambda run, found, _: (run.http_response.status_code, found)
        )
        return answered

    async def take(self, number: int = 1, *, scope: str = STORAGE_ACCOUNT) -> int:
        """Status."""
        status: int = await self.client.role_assignments.delete(
            scope, name(number), cls=lambda run, *_: run.http_response.status_code
        )
        return status

    async def listed(self, scope: str, filtered: str | None = None) -> list[RoleAssignment]:
        return [item async for item in self.client.role_assignments.list_for_scope(scope, filter=filtered)]

    async def names(self, scope: str, filtered: str | None = None) -> set[str | None]:
        return {item.name for item in await self.listed(scope, filtered)}


@asynccontextmanager
async def roles_as(azure: SimulatedAzure, *, app_id: str = OPERATOR_APP) -> AsyncIterator[RoleCalls]:
    """Calls as an application of the home tenant. No retries: an error is the answer."""
    async with AuthorizationManagementClient(
        PrincipalCredential(azure, azure.world.service_principals[HOME_TENANT, app_id]),
        SUBSCRIPTION,
        base_url=azure.url(ServiceName.ARM),
        credential_scopes=["https://management.azure.com/.default"],
        connection_verify=str(azure.ca_file),
        retry_total=0,
        api_version="2022-04-01",
    ) as client:
        yield RoleCalls(client)
