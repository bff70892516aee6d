"""Being a workload on a simulated host: azure-identity finds the host's token endpoint in environment variables."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest
from azure.core.exceptions import HttpResponseError
from azure.identity.aio import ManagedIdentityCredential

from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.description import host_environment

VM = "web-vm"
SITE = "web-site"
READ_BY_THE_SDK = (
    "IDENTITY_ENDPOINT", "IDENTITY_HEADER", "IMDS_ENDPOINT", "MSI_ENDPOINT", "MSI_SECRET", "AZURE_AUTHORITY_HOST",
    "AZURE_TENANT_ID", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_POD_IDENTITY_AUTHORITY_HOST",
)  # fmt: skip


def variables(azure: SimulatedAzure, host: str) -> Mapping[str, str]:
    """What the platform sets on a host."""
    return host_environment(azure.world.hosts[host], {name: azure.url(name) for name in ServiceName})


def move_to(host: str, azure: SimulatedAzure, environment: pytest.MonkeyPatch) -> None:
    """Have this process be a workload on that host, as far as the SDK can tell."""
    for name in READ_BY_THE_SDK:
        environment.delenv(name, raising=False)
    for name, value in variables(azure, host).items():
        environment.setenv(name, value)


def managed_identity(**which: Any) -> ManagedIdentityCredential:
    """The asynchronous credential, without retries: an error is the answer."""
    return ManagedIdentityCredential(retry_total=0, **which)


async def token_of(credential: Any, resource: str) -> str:
    """The token that a credential gets for a resource, be it synchronous or not."""
    if asyncio.iscoroutinefunction(credential.get_token):
        async with credential:
            return str((await credential.get_token(f"{resource}/.default")).token)
    with credential:
        return str((await asyncio.to_thread(credential.get_token, f"{resource}/.default")).token)


async def refusal_of(credential: Any, resource: str) -> dict[str, Any]:
    """What the host's endpoint says when it refuses; the SDK hides it behind "unavailable"."""
    with pytest.raises(HttpResponseError) as refused:
        await token_of(credential, resource)
    error: BaseException | None = refused.value
    while error is not None:
        response = getattr(error, "response", None)
        if response is not None:
            document: dict[str, Any] = json.loads(response.text())
            return {"status": response.status_code, **document}
        error = error.__cause__ or error.__context__
    pytest.fail(f"no answer behind {refused.value!r}")
