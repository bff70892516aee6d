"""What tools that wait for an object are told, at every version of it: in progress, failed, current, terminating."""

from collections.abc import Awaitable
from typing import Any

import pytest
import pytest_asyncio

from entrafed_lab.azure import Fault, ServiceName
from kstatus import KStatus, kstatus
from manifests import from_oidc
from operator_process import Operator, StartOperator
from operator_world import TARGETS, World

CURRENT, FAILED, IN_PROGRESS, TERMINATING = KStatus.CURRENT, KStatus.FAILED, KStatus.IN_PROGRESS, KStatus.TERMINATING
SLOW = 0.4  # seconds for a write to Azure: longer than the operator waits before it reports progress


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(start_operator: StartOperator) -> Operator:
    return await start_operator(time_scale=0.04, azure_rate_scale=100)


async def passed_through(world: World, doing: Awaitable[None], until: Awaitable[None]) -> list[KStatus]:
    """What was shown, one after the other, since something was done and until something holds."""
    before = len(world.versions.get("web", ()))
    await doing
    await until
    shown = [kstatus(version.body) for version in world.versions["web"][before:] if version.change != "DELETED"]
    return [state for state, previous in zip(shown, [None, *shown], strict=False) if state is not previous]


@pytest.mark.parametrize("kind", TARGETS)
async def test_an_object_is_current_only_while_azure_holds_what_it_asks_for(world: World, kind: str) -> None:
    _, target = TARGETS[kind]

    async def become(*subjects: str, **spec: Any) -> None:
        items = [from_oidc(subject=subject, name=f"item-{n}") for n, subject in enumerate(subjects)]
        await world.apply(world.federation(*items, target=target, **spec))

    world.azure.faults.add(Fault(methods=("POST", "PUT", "DELETE"), latency=SLOW))
    ready = world.until_ready
    assert await passed_through(world, become("one"), ready()) == [IN_PROGRESS, CURRENT]
    assert await passed_through(world, become("two", "three"), ready()) == [IN_PROGRESS, CURRENT]
    assert await passed_through(world, become("three"), ready()) == [IN_PROGRESS, CURRENT]
    suspended = world.until_reason("Suspended")
    assert await passed_through(world, become("four", suspend=True), suspended) == [IN_PROGRESS]
    assert await passed_through(world, become("four"), ready()) == [IN_PROGRESS, CURRENT]
    assert await passed_through(world, world.delete("web"), world.until_gone()) == [TERMINATING]


@pytest.mark.parametrize("kind", TARGETS)
async def test_an_object_fails_only_where_somebody_must_act(world: World, kind: str) -> None:
    key, target = TARGETS[kind]
    outage = world.azure.faults.add(Fault(services=(ServiceName.GRAPH, ServiceName.ARM), status=503))

    async def outlived() -> None:
        await world.until_reason("AzureUnavailable")
        outage.remove()
        await world.until_ready()

    doing = world.apply(world.federation(from_oidc(), target=target))
    assert await passed_through(world, doing, outlived()) == [IN_PROGRESS, CURRENT]
    world.holder(key).add_foreign_credential(
        name="another", issuer="https://issuer.example", subject="taken", audiences=("api://other",)
    )
    doing = world.apply(world.federation(from_oidc(subject="taken"), target=target))
    assert await passed_through(world, doing, world.until_reason("CredentialConflict")) == [IN_PROGRESS, FAILED]
    doing = world.apply(world.federation(from_oidc(), target=target))
    assert await passed_through(world, doing, world.until_ready()) == [IN_PROGRESS, CURRENT]
