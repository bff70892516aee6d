"""Graph, without an SDK."""

from collections.abc import AsyncIterator

import pytest_asyncio

from azure_clients import plain_client
from entrafed_lab.azure import SimulatedAzure
from graph_world import Http


@pytest_asyncio.fixture
async def http(simulated_azure: SimulatedAzure) -> AsyncIterator[Http]:
    async with plain_client(simulated_azure) as session:
        yield Http(simulated_azure, session)
