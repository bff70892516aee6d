"""msgraph-sdk in the hands of any caller, and short words for what tests of Graph do all the time."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from kiota_abstractions.base_request_configuration import RequestConfiguration
from msgraph.generated.applications.item.federated_identity_credentials.federated_identity_credentials_request_builder import (  # noqa: E501
    FederatedIdentityCredentialsRequestBuilder,
)
from msgraph.generated.models.federated_identity_credential import FederatedIdentityCredential
from msgraph.generated.models.o_data_errors.o_data_error import ODataError
from msgraph.graph_service_client import GraphServiceClient

from azure_callers import PrincipalCredential
from azure_clients import graph_client
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import GITHUB, HOME_TENANT, OPERATOR_APP, READER_OBJECT

OWNED_BY = "Application.ReadWrite.OwnedBy"
READ_ALL = "Application.Read.All"
WRITE_ALL = "Application.ReadWrite.All"
AUDIENCE = "api://AzureADTokenExchange"

APPLICATION = f"/applications/{READER_OBJECT}"
CREDENTIALS = f"{APPLICATION}/federatedIdentityCredentials"

Builder = FederatedIdentityCredentialsRequestBuilder
Member = Mapping[str, Any]
"""One request of a batch."""


def graph_as(
    azure: SimulatedAzure,
    *roles: str,
    app_id: str = OPERATOR_APP,
    tenant_id: str = HOME_TENANT,
    version: str = "v1.0",
) -> GraphServiceClient:
    """A client that signs in as an application with these Graph permissions; without any: the operator with its own."""
    principal = azure.world.service_principals[tenant_id, app_id]
    if roles or app_id != OPERATOR_APP:
        principal = replace(principal, app_roles=set(roles))
    return graph_client(azure, PrincipalCredential(azure, principal), version=version)


def credentials_of(graph: GraphServiceClient, application: str = READER_OBJECT) -> Builder:
    """The credentials of an application, named by its object id."""
    return graph.applications.by_application_id(application).federated_identity_credentials


def credential(name: str | None = "deploy", **given: Any) -> FederatedIdentityCredential:
    """A credential that Graph takes, unless `given` spoils it."""
    subject = f"repo:contoso/web:environment:{name}"
    whole = {"issuer": GITHUB, "subject": subject, "audiences": [AUDIENCE], **given}
    return FederatedIdentityCredential(name=name, **whole)


def flexible(name: str, expression: str, *, issuer: str = GITHUB, **given: Any) -> FederatedIdentityCredential:
    """A credential with a claims matching expression in place of a subject."""
    matching = {"value": expression, "languageVersion": 1}
    return credential(
        name, issuer=issuer, subject=None, additional_data={"claimsMatchingExpression": matching}, **given
    )


def create_if_missing() -> RequestConfiguration[Any]:
    """What makes an upsert of a PATCH."""
    configuration: RequestConfiguration[Any] = RequestConfiguration()
    configuration.headers.add("Prefer", "create-if-missing")
    return configuration


def query(**options: Any) -> RequestConfiguration[Any]:
    """OData options, as in `query(select=["id"])`."""
    parameters = Builder.FederatedIdentityCredentialsRequestBuilderGetQueryParameters(**options)
    return RequestConfiguration(query_parameters=parameters)


async def names(credentials: Builder) -> Sequence[str | None]:
    """The names on the first page of a list."""
    listed = await credentials.get()
    assert listed is not None
    return [item.name for item in listed.value or []]


@contextmanager
def refused(status: int, code: str, *words: str) -> Iterator[pytest.ExceptionInfo[ODataError]]:
    """Inside, Graph says no: with this status, this code and these words in its message."""
    with pytest.raises(ODataError) as caught:
        yield caught
    error = caught.value.error
    assert error is not None
    assert (caught.value.response_status_code, error.code) == (status, code), error.message
    for word in words:
        assert word in (error.message or "")


class Http:
    """Plain requests to Graph, signed in as the operator."""

    def __init__(self, azure: SimulatedAzure, session: aiohttp.ClientSession) -> None:
        principal = azure.world.service_principals[HOME_TENANT, OPERATOR_APP]
        self._credential = PrincipalCredential(azure, principal)
        self._session = session
        self._base = f"{azure.url(ServiceName.GRAPH)}/v1.0"

    async def send(self, method: str, path: str, body: object = None) -> aiohttp.ClientResponse:
        token = await self._credential.get_token("https://graph.microsoft.com/.default")
        headers = {"Authorization": f"Bearer {token.token}"}
        async with self._session.request(method, self._base + path, json=body, headers=headers) as answer:
            await answer.read()
            return answer

    async def batch(self, *members: Member) -> tuple[int, Mapping[str, Mapping[str, Any]]]:
        """Status of the whole, and the answers by id."""
        answer = await self.send("POST", "/$batch", {"requests": members})
        document = await answer.json()
        return answer.status, {item["id"]: item for item in document.get("responses", ())}


def member(number: int, method: str = "GET", url: str = CREDENTIALS, **extra: Any) -> Member:
    return {"id": str(number), "method": method, "url": url, **extra}


def creation(number: int, name: str, **extra: Any) -> Member:
    body = {"name": name, "issuer": GITHUB, "subject": name, "audiences": [AUDIENCE]}
    return member(number, "POST", body=body, headers={"Content-Type": "application/json"}, **extra)
