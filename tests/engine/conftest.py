"""A world for each test of the engine."""

from pathlib import Path

import pytest_asyncio

from engine_world import EngineWorld, new_world
from entrafed_lab.azure import SimulatedAzure


@pytest_asyncio.fixture
async def world(simulated_azure: SimulatedAzure, operator_token: Path) -> EngineWorld:
    return await new_world(simulated_azure, operator_token)
