"""Where a sequence is played: an operator, its Kubernetes and its Azure."""

from contextlib import AsyncExitStack
from typing import Protocol

import pytest

from engine_world import EngineWorld, Manifest
from entrafed.api.federation import Federation, parse_federation
from entrafed.api.parsing import InvalidObject
from entrafed.domain.errors import WritesStopped
from entrafed.engine.ports import Clock
from entrafed_lab.azure import SimulatedAzure
from memory_cluster import ISSUER
from sequences.cast import Slot

BORN: Manifest = {"uid": "none", "generation": 1, "resourceVersion": "1", "creationTimestamp": "2026-01-01T00:00:00Z"}


class Gone(Exception):
    """The object that somebody wanted to change is there no more."""


class Ground(Protocol):
    """What a play needs of the world that it is played in."""

    @property
    def azure(self) -> SimulatedAzure: ...

    @property
    def clock(self) -> Clock: ...

    @property
    def scale(self) -> float:
        """How many seconds of the clock pass for what takes the operator a second in earnest."""
        ...

    @property
    def cluster(self) -> str:
        """What stands for it in marks."""
        ...

    @property
    def issuer(self) -> str:
        """The cluster's."""
        ...

    @property
    def revocation_delay(self) -> float:
        """How many seconds of the clock a credential outlives the rule that allowed it."""
        ...

    # What users do and see

    def found(self, slot: Slot) -> Federation | None:
        """The object of this name, if there is one."""
        ...

    async def apply(self, manifest: Manifest) -> None:
        """Create the object, or change the one that was found. Raises `Gone` where that has gone since."""
        ...

    async def refusal(self, manifest: Manifest) -> str:
        """Apply what the schema refuses: in which words. Fails where it does not."""
        ...

    async def connect(self, name: str, rules: list[Manifest]) -> None: ...

    async def label(self, namespace: str, labels: dict[str, str]) -> None:
        """Give a namespace these labels and no others."""
        ...

    async def request_reconcile(self, slot: Slot, text: str) -> None: ...

    async def delete(self, slot: Slot) -> None: ...

    # What the operator does

    async def begin(self) -> None:
        """It starts."""
        ...

    async def end(self) -> None:
        """It is told to end, and does. Of what was killed before, what is left is cleared away."""
        ...

    def kill(self) -> None:
        """It dies, and does nothing from now on."""
        ...

    async def until_at_work(self) -> None:
        """Wait until what began has found its way about, or is dead."""
        ...

    @property
    def kube_writes(self) -> list[str]:
        """What it wrote to Kubernetes but events, by name: `status one`. Who has judged them may forget them."""
        ...


class InMemory:
    """The engine, with Kubernetes in memory."""

    scale = 1.0
    issuer = ISSUER

    def __init__(self, world: EngineWorld) -> None:
        self.world = world
        self.azure = world.azure
        self.clock = world.clock
        self.cluster = world.mark
        self.kube_writes = world.cluster.writes
        self._life = AsyncExitStack()
        self._is_dead = False
        world.cluster.before = self._before_write

    @property
    def revocation_delay(self) -> float:
        return self.world.timing.revocation_delay

    def found(self, slot: Slot) -> Federation | None:
        return self.world.cluster.federation(slot.namespace, slot.name)

    async def apply(self, manifest: Manifest) -> None:
        self.world.cluster.apply(manifest)

    async def refusal(self, manifest: Manifest) -> str:
        with pytest.raises(InvalidObject) as refusal:
            parse_federation({**manifest, "metadata": {**manifest["metadata"], **BORN}})
        return str(refusal.value)

    async def connect(self, name: str, rules: list[Manifest]) -> None:
        self.world.connect(*rules, name=name)

    async def label(self, namespace: str, labels: dict[str, str]) -> None:
        self.world.namespace(namespace, labels)

    async def request_reconcile(self, slot: Slot, text: str) -> None:
        self.world.cluster.request_reconcile(slot.namespace, slot.name, text)

    async def delete(self, slot: Slot) -> None:
        self.world.cluster.delete("ManagedIdentityFederation", slot.namespace, slot.name)

    async def begin(self) -> None:
        self._is_dead = False
        await self._life.enter_async_context(self.world.operator())

    async def end(self) -> None:
        await self._life.aclose()

    def kill(self) -> None:
        self._is_dead = True
        self.world.gate.close()
        self.world.cluster.unwatch()

    async def until_at_work(self) -> None:
        """It is at once."""

    def _before_write(self, _: str) -> None:
        if self._is_dead:
            raise WritesStopped("dead")
