"""A world for each test of the engine."""

from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import trustme

from assignment_world import OpenWorld, assignment_world
from engine_world import EngineWorld, new_world
from entrafed_lab.azure import KeyRing, SimulatedAzure


@pytest_asyncio.fixture
async def world(simulated_azure: SimulatedAzure, operator_token: Path) -> EngineWorld:
    return await new_world(simulated_azure, operator_token)


@pytest.fixture
def open_world(azure_ca: trustme.CA, azure_keys: KeyRing, tmp_path: Path) -> OpenWorld:
    """`async with open_world(variants=...) as world`: in virtual time, with everything of hosts, roles and tenants."""

    def opened(**wishes: Any) -> AbstractAsyncContextManager[EngineWorld]:
        return assignment_world(tmp_path, ca=azure_ca, keys=azure_keys, **wishes)

    return opened
