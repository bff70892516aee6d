"""Microsoft's SDKs, as their users set them up, pointed at a simulated Azure."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import httpx
from azure.core.credentials_async import AsyncTokenCredential
from azure.identity.aio import ClientAssertionCredential
from kiota_authentication_azure.azure_identity_authentication_provider import AzureIdentityAuthenticationProvider
from msgraph.graph_request_adapter import GraphRequestAdapter
from msgraph.graph_service_client import GraphServiceClient

from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import HOME_TENANT, OPERATOR_APP
from lab_fixtures import CLUSTER_ISSUER, OPERATOR_SUBJECT


def assertion_credential(
    azure: SimulatedAzure, assertion: str, *, client_id: str, tenant_id: str = HOME_TENANT
) -> ClientAssertionCredential:
    """What a workload has that signs in with a token from elsewhere. No retries: an error is the answer."""
    return ClientAssertionCredential(
        tenant_id,
        client_id,
        lambda: assertion,
        authority=azure.url(ServiceName.LOGIN),
        connection_verify=str(azure.ca_file),
        retry_total=0,
    )


def operator_credential(azure: SimulatedAzure) -> ClientAssertionCredential:
    """The operator of the default seed, with a token of the tests' own cluster issuer."""
    token = azure.issue(issuer=CLUSTER_ISSUER, subject=OPERATOR_SUBJECT)
    return assertion_credential(azure, token, client_id=OPERATOR_APP)


def graph_client(
    azure: SimulatedAzure, credential: AsyncTokenCredential, *, version: str = "v1.0", retry: bool = False
) -> GraphServiceClient:
    """msgraph-sdk with the SDK's own middleware; `retry` as the SDK does it by itself."""
    client = httpx.AsyncClient(verify=trusting(azure.ca_file), base_url=azure.url(ServiceName.GRAPH))
    provider = AzureIdentityAuthenticationProvider(credential, scopes=["https://graph.microsoft.com/.default"])
    if retry:
        from msgraph_core import GraphClientFactory  # type: ignore[import-untyped]  # noqa: PLC0415

        client = GraphClientFactory.create_with_default_middleware(client=client)
    adapter = GraphRequestAdapter(provider, client=client)
    adapter.base_url = f"{azure.url(ServiceName.GRAPH)}/{version}"
    return GraphServiceClient(request_adapter=adapter)


@asynccontextmanager
async def plain_client(azure: SimulatedAzure) -> AsyncIterator[aiohttp.ClientSession]:
    """For what no SDK exists, or what one would never send."""
    connector = aiohttp.TCPConnector(ssl=trusting(azure.ca_file))
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=20)) as session:
        yield session


def trusting(ca_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca_file))
