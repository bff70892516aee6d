"""Living through a scenario, undisturbed or with one thing that goes wrong, in a world made for it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import trustme

from crash.chronicle import Chronicle, Crash, Write
from engine_world import Between, EngineWorld, straight
from entrafed.azure import BudgetSettings
from entrafed_lab.azure import Delays, KeyRing
from entrafed_lab.azure.objects import Application, Identity
from virtual_world import virtual_world

POLL = 1.0  # seconds
PATIENCE = 1800.0  # seconds, after which something that is not quiet counts as never quiet
ISSUER_GRACE = 1800.0  # seconds; a day of virtual time takes longer than it is worth

Act = Callable[[EngineWorld], None]

NOT_OURS = ("resourceVersion", "spec")
"""What tells nothing about what the operator did."""
TIMES = (
    "servicePrincipalId",
    "lastTransitionTime",
    "deniedSince",
    "retiringSince",
    "creationTimestamp",
    "deletionTimestamp",
)
"""Of these only tells whether they are there."""
PLACES = ("AZURE_AUTHORITY_HOST",)
"""Nor do these: the Azure of each world has ports of its own."""


@dataclass(frozen=True, slots=True)
class Step:
    """What somebody does, after which everything becomes quiet; `later`, in seconds, it becomes quiet once more."""

    act: Act
    later: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """`before` is how the world came to be what it is, as every replica shows it; things go wrong in `steps`.
    `asks_graph`: Graph has a part in it, whose replicas may lag."""

    name: str
    steps: tuple[Step, ...]
    before: tuple[Step, ...] = ()
    asks_graph: bool = True


@dataclass(slots=True)
class Story:
    """What came of it: how everything stood after each step, and every write."""

    moments: list[dict[str, Any]] = field(default_factory=list)
    writes: list[Write] = field(default_factory=list)
    requests: int = 0
    """To Azure, reads too."""
    has_struck: bool = False


class NeverQuiet(Exception):
    """The operator went on and on."""


@dataclass(frozen=True, slots=True)
class Stage:
    """What the worlds of a test share; `replica_lag` is in seconds. The engine sees Azure through `between`."""

    ca: trustme.CA
    keys: KeyRing
    directory: Path
    replica_lag: float = 0.0
    between: Between = straight

    async def play(self, scenario: Scenario, crash: Crash | None = None) -> Story:
        """Live through a scenario. Raises `NeverQuiet`."""
        async with self._world() as world:
            return await _Play(world, scenario, crash).to_the_end()

    @asynccontextmanager
    async def _world(self) -> AsyncIterator[EngineWorld]:
        delays = Delays(replica_lag=self.replica_lag)
        unhurried = BudgetSettings(rate_scale=1000.0)
        async with virtual_world(self.directory, ca=self.ca, keys=self.keys, delays=delays, budgets=unhurried) as world:
            world.timing = replace(world.timing, issuer_grace=ISSUER_GRACE)
            world.between = self.between
            yield world


class _Play:
    """One story in the making. An operator that dies is followed by a new one, which goes on in the same step."""

    def __init__(self, world: EngineWorld, scenario: Scenario, crash: Crash | None) -> None:
        self._world = world
        self._crash = crash
        self._prelude = list(scenario.before)
        self._todo = list(scenario.steps)
        self._has_acted = False
        self._settled_at = 0.0
        """Until then one who lives anew has a second look to come, at what a replica that lags did not show."""
        self._story = Story()

    async def to_the_end(self) -> Story:
        async with self._world.operator():
            for step in self._prelude:
                step.act(self._world)
                await self._rest(step, None)
            await asyncio.sleep(self._world.azure.world.delays.replica_lag)
            chronicle = Chronicle(self._world, self._crash)
            await self._go_on(chronicle)
        if self._todo:
            chronicle.new_life()
            self._settled_at = self._world.clock.monotonic() + self._world.timing.lag_limit * 1.1
            async with self._world.operator():
                await self._go_on(chronicle)
        self._story.requests = len(self._world.azure.log)
        self._story.writes, self._story.has_struck = chronicle.writes(), chronicle.has_struck
        return self._story

    async def _go_on(self, chronicle: Chronicle) -> None:
        """Take one step after the other, as long as the operator lives."""
        while self._todo:
            step = self._todo[0]
            if not self._has_acted:
                step.act(self._world)
                self._has_acted = True
            if not await self._rest(step, chronicle):
                return
            self._story.moments.append(moment(self._world))
            del self._todo[0]
            self._has_acted = False

    async def _rest(self, step: Step, chronicle: Chronicle | None) -> bool:
        """Wait until a step has come to rest; false when the operator dies before that."""
        if not await self._quiet(chronicle):
            return False
        if step.later:
            await asyncio.sleep(step.later)
        return await self._quiet(chronicle)

    async def _quiet(self, chronicle: Chronicle | None) -> bool:
        engine = self._world.engine
        assert engine is not None
        for _ in range(int(PATIENCE / POLL)):
            if chronicle is not None and chronicle.is_dead:
                return False
            if engine.is_idle(self._world.timing.quiet * 1.2) and self._world.clock.monotonic() > self._settled_at:
                return True
            await asyncio.sleep(POLL)
        raise NeverQuiet


def moment(world: EngineWorld) -> dict[str, Any]:
    """How everything stands now, in Azure and in Kubernetes."""
    holders: list[Application | Identity] = [
        *world.azure.world.applications.values(),
        *world.azure.world.identities.values(),
    ]
    return {
        "azure": {
            holder.name: {
                c.name: [c.issuer, c.subject, list(c.audiences), c.description, c.expression]
                for c in holder.credentials
            }
            for holder in holders
        },
        "hosts": {
            host.id: {key: attachment.principal_id for key, attachment in host.attached.items()}
            for host in world.azure.world.hosts.values()
        },
        "roles": {
            role.name: [role.scope, role.role_id, role.principal_id, role.condition, role.description]
            for role in world.azure.world.roles.assignments.values()
        },
        "principals": sorted([one.tenant_id, one.name] for one in world.azure.world.service_principals.values()),
        "kubernetes": {
            f"{body['kind']} {body['metadata']['name']}": _without_times(body) for body in world.cluster.bodies()
        },
    }


def _without_times(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {key: inner for key, inner in value.items() if key not in NOT_OURS}
        return {key: "..." if key in TIMES + PLACES else _without_times(inner) for key, inner in kept.items()}
    return [_without_times(inner) for inner in value] if isinstance(value, list) else value
