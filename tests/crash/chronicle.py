"""Every external write of the operator, in order, and what goes wrong at one of them."""

import json
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import unquote

from engine_world import EngineWorld
from entrafed.domain.errors import KubeProblem, WritesStopped
from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.faults import WRITES
from entrafed_lab.azure.operations import operation_of


class Mode(StrEnum):
    """What goes wrong at a write."""

    BEFORE = "before"
    """The operator dies in the instant before: the write reaches nobody."""
    AFTER = "after"
    """The operator dies in the instant after: the write happened, and its answer is never processed."""
    LOST = "lost"
    """The write happens, the operator sees an error instead of the answer, and lives on."""


@dataclass(frozen=True, slots=True)
class Point:
    """The `nth` write of a name, from 0: what order others come in does not matter."""

    write: str
    nth: int

    def __str__(self) -> str:
        return f"{self.write} ({self.nth + 1})" if self.nth else self.write


@dataclass(frozen=True, slots=True)
class Crash:
    """One thing that goes wrong."""

    point: Point
    mode: Mode

    def __str__(self) -> str:
        return f"{self.point}, {self.mode}"


@dataclass(frozen=True, slots=True)
class Write:
    """One write as it was sent. `status` is Azure's, None where nobody answered. Kubernetes shows only what it took."""

    name: str
    is_azure: bool
    before_crash: bool
    status: int | None = None

    @property
    def took_effect(self) -> bool:
        """Whether Azure did it, and it was not done already: to a deletion of nothing ARM answers 204."""
        if self.status == 204 and self.name.startswith("delete") and " on identity " in self.name:
            return False
        return self.is_azure and self.status is not None and 200 <= self.status < 300

    @property
    def is_repetition(self) -> bool:
        """Whether it may have been sent although it was done already: an update, or what Azure refuses for that."""
        verb = self.name.partition(" ")[0]
        return verb == "update" or self.status in {"create": (409,), "delete": (404, 204)}.get(verb, ())


class Chronicle:
    """Stands between one world's operator and everything that it writes to, from now on.

    Events are not noted: nothing is ever decided by one, and one that is lost is lost.
    """

    def __init__(self, world: EngineWorld, crash: Crash | None) -> None:
        self._world = world
        self._crash = crash
        self._writes: list[Write] = []
        self.has_struck = False
        self.is_dead = False
        world.azure.log.clear()
        mode = crash.mode if crash else None
        lost = mode in (Mode.AFTER, Mode.LOST)
        fault = Fault((ServiceName.GRAPH, ServiceName.ARM), WRITES, refuse=mode is Mode.BEFORE, lose_answer=lost)
        world.azure.faults.add(fault, only=self._arrives, notify=lambda _: self._strike())
        world.cluster.before, world.cluster.after = self._before, self._after

    def new_life(self) -> None:
        """Another process begins, which knows nothing."""
        self.is_dead = False

    def writes(self) -> list[Write]:
        """All so far, with what Azure made of them."""
        statuses = iter([record.status for record in self._world.azure.log.writes()])
        return [Write(w.name, w.is_azure, w.before_crash, next(statuses) if w.is_azure else None) for w in self._writes]

    def _arrives(self, call: Call) -> bool:
        """A request has reached Azure by a verb that writes; whether it is the one. Several reads come by POST too."""
        if not operation_of(call).write:
            return False
        name = self._name_of(call)
        is_point = self._is_point(name)
        self._note(name, is_azure=True)
        return is_point

    def _before(self, name: str) -> None:
        if self.is_dead:
            raise WritesStopped("dead")
        if self._crash and self._crash.mode is Mode.BEFORE and self._is_point(name):
            self._strike()
            raise WritesStopped("dies before it")

    def _after(self, name: str) -> None:
        is_point = self._is_point(name)
        self._note(name, is_azure=False)
        if is_point:
            self._strike()
            raise KubeProblem("the answer was lost")

    def _is_point(self, name: str) -> bool:
        if self._crash is None or self.has_struck:
            return False
        return self._crash.point == Point(name, sum(1 for write in self._writes if write.name == name))

    def _note(self, name: str, *, is_azure: bool) -> None:
        """What was on its way when the operator died was sent before that, though it arrives later."""
        self._writes.append(Write(name, is_azure, before_crash=not self.has_struck or self.is_dead))

    def _strike(self) -> None:
        self.has_struck = True
        if self._crash and self._crash.mode is not Mode.LOST:
            self.is_dead = True
            self._world.gate.close()
            self._world.cluster.unwatch()

    def _name_of(self, call: Call) -> str:
        operation = operation_of(call)
        noun, _, verb = operation.name.partition(".")
        last = unquote(call.path).rstrip("/").rpartition("/")[2]
        match noun:
            case "hosts":
                return f"update {_identities_in(call)} on host {last}"
            case "roleAssignments":
                return f"{verb} role assignment {last}"
            case "servicePrincipals":
                key = json.loads(call.body)["appId"] if call.body else last
                return f"{verb} service principal of {self._application(key)}"
        credential = last
        if call.method == "POST":
            credential = str(json.loads(call.body)["name"])
        elif call.service is ServiceName.GRAPH:
            credential = credential.partition("'")[2].partition("'")[0]
        kind = "application" if call.service is ServiceName.GRAPH else "identity"
        return f"{verb} {credential} on {kind} {self._holder(operation.parent or '')}"

    def _application(self, key: str) -> str:
        """The name of an application, by its client id or by the object id of a service principal, gone or not."""
        world = self._world.azure.world
        principals = (*world.service_principals.values(), *(gone for gone, _ in world.departed))
        return next(one.name for one in principals if key in (one.app_id, one.object_id))

    def _holder(self, parent: str) -> str:
        azure = self._world.azure.world
        found = azure.applications.get(parent) or azure.identities.get(parent)
        return found.name if found else parent


def _identities_in(call: Call) -> str:
    """What the body of an update of a host gives and takes."""
    block = json.loads(call.body)["identity"]
    signs = [
        f"{'-' if value is None else '+'}{key.rpartition('/')[2]}"
        for key, value in block.get("userAssignedIdentities", {}).items()
    ]
    return ", ".join(sorted(signs)) or block["type"]
