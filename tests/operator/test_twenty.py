"""Twenty credentials on one target, asked for by twenty objects at once, where Azure throttles and refuses overlaps."""

import sys
import time
from collections import Counter
from dataclasses import dataclass

import pytest
import pytest_asyncio

from entrafed.api.metadata import FEDERATIONS
from entrafed_lab.azure import Delays, Rates, ServiceName
from manifests import from_oidc
from operator_process import Operator, StartOperator
from operator_world import TARGETS, NewWorld, World

FASTER = 20.0
"""Than Azure's published rates: those of the simulated Azure, and those that the operator keeps to."""


@dataclass(frozen=True, slots=True)
class Calls:
    """What Azure was asked for twenty credentials; the target's own GET apart."""

    seconds: float
    by_operation: Counter[str]
    writes: int
    statuses: set[int | None]
    overlapped: bool

    @classmethod
    def until_now(cls, world: World, started: float) -> "Calls":
        asked = [entry for entry in world.azure.log if entry.service is not ServiceName.LOGIN]
        return cls(
            seconds=time.monotonic() - started,
            by_operation=Counter(e.operation for e in asked if e.operation.startswith("credentials.")),
            writes=sum(entry.write for entry in asked),
            statuses={entry.status for entry in asked},
            overlapped=any(entry.overlapping for entry in asked),
        )

    @property
    def per_credential(self) -> float:
        return self.by_operation.total() / 20

    def __str__(self) -> str:
        return f"in {self.seconds:.1f} s, {self.per_credential} calls each {dict(self.by_operation)}"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def operator(start_operator: StartOperator) -> Operator:
    return await start_operator(time_scale=1 / FASTER, azure_rate_scale=FASTER)


@pytest_asyncio.fixture
async def strict(new_world: NewWorld) -> World:
    """A world with every limit in force, replicas that lag and writes that last."""
    return await new_world(rates=Rates(scale=FASTER), delays=Delays(scale=1 / FASTER))


@pytest.mark.parametrize("kind", TARGETS)
async def test_twenty_at_once_come_and_go_without_a_409_or_429_in_two_calls_each(
    strict: World, kind: str, capsys: pytest.CaptureFixture[str]
) -> None:
    key, target = TARGETS[kind]
    holder = strict.holder(key)
    for foreign in holder.credentials:
        holder.remove(foreign.name)
    many = [strict.federation(from_oidc(subject=f"job-{n}"), name=f"web-{n}", target=target) for n in range(20)]
    names = [one["metadata"]["name"] for one in many]

    started = time.monotonic()
    await strict.apply(*many)
    await strict.until_ready(*names)
    created = Calls.until_now(strict, started)
    assert len(strict.ours(key)) == 20

    await strict.second_pass("web-0")
    assert len(strict.azure.log.writes()) == 20

    strict.azure.log.clear()
    started = time.monotonic()
    await strict.kubectl("delete", FEDERATIONS, "--all", "--namespace", strict.namespace, "--wait=false")
    await strict.until_gone(*names)
    deleted = Calls.until_now(strict, started)
    assert strict.ours(key) == {}

    with capsys.disabled():
        sys.stdout.write(f"\n{kind}: 20 credentials created {created}; deleted {deleted}\n")
    for calls in (created, deleted):
        assert calls.statuses <= {200, 201, 204}
        assert not calls.overlapped
        assert calls.writes == 20
        assert calls.per_credential <= 2
