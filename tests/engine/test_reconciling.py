"""The engine through the real SDKs against a simulated Azure: what a ManagedIdentityFederation becomes."""

from pathlib import Path

import pytest_asyncio
from engine_world import IDENTITY, EngineWorld, account, federation, new_world, oidc

from entrafed_lab.azure import SimulatedAzure


@pytest_asyncio.fixture
async def world(simulated_azure: SimulatedAzure, operator_token: Path) -> EngineWorld:
    return await new_world(simulated_azure, operator_token)


async def test_an_item_becomes_a_credential_and_goes_with_its_object(world: EngineWorld) -> None:
    foreign = world.credentials()
    async with world.operator():
        world.cluster.apply(federation(oidc("ci"), account("web")))
        await world.until(world.is_ready)
        assert len(world.ours()) == 2
        world.cluster.delete("ManagedIdentityFederation", "payments", "web")
        await world.until(lambda: world.cluster.federation("payments", "web") is None)
    assert world.credentials() == foreign


async def test_an_identity_carries_credentials_too(world: EngineWorld) -> None:
    async with world.operator():
        world.cluster.apply(federation(account("web"), target=IDENTITY))
        await world.until(world.is_ready)
        assert len(world.ours("web")) == 1
