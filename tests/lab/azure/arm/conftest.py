"""Resource Manager, as the operator of the default seed sees it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from azure.mgmt.msi.aio import ManagedServiceIdentityClient

from arm_hosts import HostCalls, hosts_as
from arm_roles import RoleCalls, roles_as
from arm_world import CredentialsOf, arm_as
from entrafed_lab.azure import SimulatedAzure


@pytest_asyncio.fixture
async def arm(simulated_azure: SimulatedAzure) -> AsyncIterator[ManagedServiceIdentityClient]:
    async with arm_as(simulated_azure) as client:
        yield client


@pytest.fixture
def web(arm: ManagedServiceIdentityClient) -> CredentialsOf:
    """The credentials of the identity web, which has none."""
    return CredentialsOf(arm, "web")


@pytest_asyncio.fixture
async def hosts(simulated_azure: SimulatedAzure) -> AsyncIterator[HostCalls]:
    """Hosts in the hands of the operator."""
    async with hosts_as(simulated_azure) as calls:
        yield calls


@pytest_asyncio.fixture
async def roles(simulated_azure: SimulatedAzure) -> AsyncIterator[RoleCalls]:
    """Role assignments in the hands of the operator."""
    async with roles_as(simulated_azure) as calls:
        yield calls
