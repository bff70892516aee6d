"""azure-mgmt-msi in the hands of any caller, and short words for what tests of Resource Manager do all the time."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.mgmt.msi.aio import ManagedServiceIdentityClient
from azure.mgmt.msi.models import FederatedIdentityCredential

from azure_callers import PrincipalCredential
from azure_clients import plain_client
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.objects import Access, ServicePrincipal
from entrafed_lab.azure.seed import BILLING_APP, GITHUB, HOME_TENANT, OPERATOR_APP, SUBSCRIPTION

AUDIENCE = "api://AzureADTokenExchange"
GROUP = "payments"
ROOT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}"
IDENTITIES = f"{ROOT}/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
VERSION = "2024-11-30"


@asynccontextmanager
async def arm_as(
    azure: SimulatedAzure, *, app_id: str = OPERATOR_APP, subscription_id: str = SUBSCRIPTION
) -> AsyncIterator[ManagedServiceIdentityClient]:
    """A client that signs in as an application of the home tenant. No retries: an error is the answer."""
    async with ManagedServiceIdentityClient(
        PrincipalCredential(azure, azure.world.service_principals[HOME_TENANT, app_id]),
        subscription_id,
        base_url=azure.url(ServiceName.ARM),
        credential_scopes=["https://management.azure.com/.default"],
        connection_verify=str(azure.ca_file),
        retry_total=0,
    ) as client:
        yield client


def stranger_with(azure: SimulatedAzure, scope: str, *actions: str) -> ServicePrincipal:
    """An application without any rights but these; sign in with `app_id=BILLING_APP`."""
    principal = azure.world.service_principals[HOME_TENANT, BILLING_APP]
    azure.world.access.append(Access(principal.object_id, scope.lower(), actions))
    return principal


def credential(subject: str | None = "job-17", **given: Any) -> FederatedIdentityCredential:
    """A credential that the resource provider takes, unless `given` spoils it."""
    return FederatedIdentityCredential(**{"issuer": GITHUB, "subject": subject, "audiences": [AUDIENCE], **given})


class CredentialsOf:
    """The credentials of one identity."""

    def __init__(self, arm: ManagedServiceIdentityClient, identity: str, *, group: str = GROUP) -> None:
        self._calls = arm.federated_identity_credentials
        self._identity = (group, identity)

    async def put(
        self, name: str, content: FederatedIdentityCredential | bytes | None = None, **options: Any
    ) -> tuple[int, FederatedIdentityCredential]:
        """Status, and what was answered."""
        content = credential(name) if content is None else content
        answered: tuple[int, FederatedIdentityCredential] = await self._calls.create_or_update(
            *self._identity, name, content, cls=lambda run, found, _: (run.http_response.status_code, found), **options
        )
        return answered

    async def get(self, name: str) -> FederatedIdentityCredential:
        found: FederatedIdentityCredential = await self._calls.get(*self._identity, name)
        return found

    async def delete(self, name: str) -> int:
        """Status."""
        status: int = await self._calls.delete(*self._identity, name, cls=lambda run, *_: run.http_response.status_code)
        return status

    async def list(self, **options: Any) -> Sequence[FederatedIdentityCredential]:
        """Those of all pages."""
        return [item async for item in self._calls.list(*self._identity, **options)]

    async def names(self, **options: Any) -> Sequence[str | None]:
        return [item.name for item in await self.list(**options)]


@contextmanager
def refused(status: int, code: str, *words: str) -> Iterator[pytest.ExceptionInfo[HttpResponseError]]:
    """Inside, Resource Manager says no: with this status, this code and these words in its message."""
    with pytest.raises(HttpResponseError) as caught:
        yield caught
    error = caught.value.error
    assert error is not None
    assert (caught.value.status_code, error.code) == (status, code), error.message
    for word in words:
        assert word in (error.message or "")


def header(caught: pytest.ExceptionInfo[HttpResponseError], name: str) -> str | None:
    """A header of the answer that said no."""
    response: Any = caught.value.response
    found: str | None = response.headers.get(name)
    return found


class Answered:
    """What came back for a plain request."""

    def __init__(self, status: int, headers: Mapping[str, str], document: Any) -> None:
        self.status = status
        self.headers = headers
        self.document = document

    @property
    def code(self) -> str:
        """Of an error."""
        return str(self.document["error"]["code"])


async def send(
    azure: SimulatedAzure, method: str, path: str, body: object = None, *, token: str | None = None
) -> Answered:
    """What no SDK would send, as the operator."""
    if token is None:
        operator = PrincipalCredential(azure, azure.world.service_principals[HOME_TENANT, OPERATOR_APP])
        token = f"Bearer {(await operator.get_token('https://management.azure.com/.default')).token}"
    headers = {"Authorization": token} if token else {}
    url = azure.url(ServiceName.ARM) + path
    async with plain_client(azure) as http, http.request(method, url, json=body, headers=headers) as answer:
        document = await answer.json() if answer.content_type == "application/json" else None
        return Answered(answer.status, answer.headers.copy(), document)
