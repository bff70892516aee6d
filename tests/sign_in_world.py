"""Workloads that sign in with a token from elsewhere, and what the token endpoint tells them when it refuses."""

import json
from dataclasses import dataclass
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity.aio import ClientAssertionCredential

from azure_clients import assertion_credential
from entrafed_lab.azure import SimulatedAzure
from entrafed_lab.azure.seed import HOME_TENANT, READER_APP
from lab_fixtures import CLUSTER_ISSUER

EXCHANGE = "api://AzureADTokenExchange"
STORAGE = "https://storage.azure.com/.default"
WEB = "system:serviceaccount:payments:web"
HOME_ISSUER = f"https://login.microsoftonline.com/{HOME_TENANT}/v2.0"


@dataclass(frozen=True, slots=True)
class Denial:
    """An error of the token endpoint."""

    code: int
    status: int
    error: str
    document: dict[str, Any]


def trust(
    azure: SimulatedAzure,
    holder: str = "storage-reader",
    *,
    issuer: str = CLUSTER_ISSUER,
    subject: str | None = WEB,
    audience: str = EXCHANGE,
    expression: str | None = None,
) -> None:
    """Have an application or identity trust a workload; unless told otherwise, service account payments/web."""
    azure.world.holder(holder).add_foreign_credential(
        name="trusted", issuer=issuer, subject=subject, audiences=[audience], expression=expression
    )


def workload(
    azure: SimulatedAzure,
    *,
    client_id: str = READER_APP,
    tenant_id: str = HOME_TENANT,
    issuer: str = CLUSTER_ISSUER,
    subject: str = WEB,
    audience: str = EXCHANGE,
    **token: Any,
) -> ClientAssertionCredential:
    """A workload with a token of that issuer, subject and audience; unless told otherwise of payments/web."""
    assertion = azure.issue(issuer=issuer, subject=subject, audience=audience, **token)
    return assertion_credential(azure, assertion, client_id=client_id, tenant_id=tenant_id)


async def sign_in(credential: Any, scope: str = STORAGE, **how: Any) -> str:
    """The access token that a credential of azure-identity gets."""
    async with credential:
        token: str = (await credential.get_token(scope, **how)).token
        return token


async def denial(credential: Any, scope: str = STORAGE) -> Denial:
    """Why a credential of azure-identity gets no token."""
    with pytest.raises(ClientAuthenticationError) as refused:
        await sign_in(credential, scope)
    response = refused.value.response
    assert response is not None
    assert response.status_code is not None
    document = json.loads(response.text())
    assert f"AADSTS{document['error_codes'][0]}" in str(refused.value)
    return Denial(document["error_codes"][0], response.status_code, document["error"], document)
