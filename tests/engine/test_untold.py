"""What a process wrote that died before its first status, when no rule allows the target any more."""

import asyncio
from typing import Any

import pytest

from assignment_world import OpenWorld, because, ready
from engine_world import APPLICATION, EVERYTHING, IDENTITY, EngineWorld, Manifest, federation, oidc
from entrafed.domain.errors import KubeProblem
from entrafed_lab.azure import Fault
from entrafed_lab.azure.seed import BILLING_APP, READER_APP, WEB_IDENTITY
from virtual_world import until

pytestmark = pytest.mark.looptime

BY_NAME: Manifest = {"application": {"uniqueName": "storage-reader"}}
ANOTHER_TARGET: Manifest = {**EVERYTHING, "targets": {"applications": [BILLING_APP]}}
NEXT_LOOK = 4500.0  # seconds, after which everything was looked at once more


async def die_before_the_first_status(world: EngineWorld, holder: str = READER_APP, **spec: Any) -> None:
    """The operator writes a credential, and can tell nobody."""

    def refuse(write: str) -> None:
        if write == "status web":
            raise KubeProblem("no answer")

    world.cluster.before = refuse
    async with world.operator():
        world.cluster.apply(federation(oidc("a"), **spec))
        await until(lambda: world.ours(holder), within=60)
    world.cluster.before = lambda _: None
    assert world.seen().status.target is None


def looks(world: EngineWorld) -> int:
    """How often the target or its credentials were read."""
    return sum(len(world.azure.log.named(operation)) for operation in ("applications.get", "credentials.list"))


@pytest.mark.parametrize("target", [APPLICATION, BY_NAME, IDENTITY], ids=["client id", "unique name", "identity"])
@pytest.mark.parametrize("rules", [(), (ANOTHER_TARGET,)], ids=["no rule", "no rule for the target"])
async def test_it_goes_after_the_delay_and_nobody_is_told_of_it(
    open_world: OpenWorld, rules: tuple[Manifest, ...], target: Manifest
) -> None:
    holder = WEB_IDENTITY if target is IDENTITY else READER_APP
    async with open_world() as world:
        await die_before_the_first_status(world, holder, target=target)
        world.connect(*rules)
        async with world.operator():
            await because(world, "NotPermitted")
            told = world.seen().status
            await asyncio.sleep(world.timing.revocation_delay - 60)
            assert len(world.ours(holder)) == 1
            await until(lambda: not world.ours(holder), within=120)
            await asyncio.sleep(NEXT_LOOK)
        assert world.seen().status == told
        assert told.target is None
        assert "mif-" not in str((told, world.cluster.events))


async def test_the_delay_goes_on_over_a_restart(open_world: OpenWorld) -> None:
    async with open_world() as world:
        await die_before_the_first_status(world)
        world.connect()
        async with world.operator():
            await because(world, "NotPermitted")
            await asyncio.sleep(world.timing.revocation_delay - 60)
        async with world.operator():
            await until(lambda: not world.ours(), within=120)


async def test_a_rule_that_comes_back_in_time_finds_it_as_it_was(open_world: OpenWorld) -> None:
    async with open_world() as world:
        await die_before_the_first_status(world)
        world.connect()
        async with world.operator():
            await because(world, "NotPermitted")
            world.azure.log.clear()
            world.connect(EVERYTHING)
            await ready(world)
        assert world.azure.log.writes() == []
        assert len(world.ours()) == 1


async def test_what_is_shared_with_one_who_is_allowed_to_stays(open_world: OpenWorld) -> None:
    async with open_world() as world:
        await die_before_the_first_status(world)
        world.namespace("orders")
        world.connect({**EVERYTHING, "namespaces": {"names": ["orders"]}})
        async with world.operator():
            world.cluster.apply(federation(oidc("a"), name="other", namespace="orders"))
            await because(world, "NotPermitted")
            await asyncio.sleep(world.timing.revocation_delay * 2)
            assert len(world.ours()) == 1
            world.cluster.delete("ManagedIdentityFederation", "orders", "other")
            await until(lambda: not world.ours(), within=300)


async def test_it_goes_though_azure_fails_for_a_while(open_world: OpenWorld) -> None:
    async with open_world() as world:
        await die_before_the_first_status(world)
        world.connect()
        down = world.azure.faults.add(Fault(status=503))
        async with world.operator():
            await because(world, "NotPermitted")
            told = world.seen().status
            await asyncio.sleep(world.timing.revocation_delay)
            down.remove()
            await until(lambda: not world.ours(), within=world.timing.longest_backoff * 2)
        assert world.seen().status == told


async def test_where_nothing_was_written_a_few_looks_are_all(open_world: OpenWorld) -> None:
    """Whoever may create objects can have the operator look at any target: nothing comes of it."""
    async with open_world() as world:
        world.connect()
        async with world.operator():
            world.cluster.apply(federation(oidc("a")))
            await because(world, "NotPermitted")
        del world.cluster.writes[:]
        world.azure.log.clear()
        async with world.operator():
            await asyncio.sleep(NEXT_LOOK)
            looked = looks(world)
            assert 0 < looked <= 4
            await asyncio.sleep(NEXT_LOOK * 2)
            assert looks(world) == looked
        assert world.cluster.writes == []
        assert world.azure.log.writes() == []


async def test_of_a_target_that_is_not_there_nothing_is_told(open_world: OpenWorld) -> None:
    async with open_world() as world:
        world.connect()
        async with world.operator():
            world.cluster.apply(federation(oidc("a"), target={"application": {"uniqueName": "nobody"}}))
            await because(world, "NotPermitted")
        told = world.seen().status
        async with world.operator():
            await asyncio.sleep(world.timing.revocation_delay * 2)
        assert world.seen().status == told
