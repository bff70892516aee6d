"""The adapter in front of a simulated Azure, as fixtures."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from cloud_world import Connected, connected
from entrafed_lab.azure import SimulatedAzure


@pytest_asyncio.fixture
async def world(simulated_azure: SimulatedAzure, operator_token: Path) -> AsyncIterator[Connected]:
    """The adapter and an Azure with the default seed, without delays and throttling."""
    async with connected(simulated_azure, operator_token) as made:
        yield made
