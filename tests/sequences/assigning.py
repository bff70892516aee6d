"""Sequences of hosts, roles and tenants: what users, others and bad luck do, and what must be true when it rests.

The second book is kept by place: whose an assignment is shows by who made it while nobody of ours asked for it.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import strategies as st

from assignment_world import ALL_ASSIGNMENTS, assigned, role, tenant
from engine_world import APPLICATION, IDENTITY, NAMESPACE, EngineWorld, Manifest, federation
from entrafed.api.federation import Federation
from entrafed.api.states import ItemState, Origin
from entrafed_lab.azure.roles import RoleAssignment
from entrafed_lab.azure.seed import (
    API_IDENTITY,
    API_NODES,
    API_VM,
    PARTNER_TENANT,
    READER_APP,
    STORAGE_ACCOUNT,
    WEB_IDENTITY,
    WEB_SITE,
)
from sequences.acts import Failure, Kill, KillAtWrite, Outage, Restart, Value, Wait
from sequences.ground import InMemory
from sequences.life import Life
from sequences.truth import incoherent

SLOTS = {"one": IDENTITY, "two": IDENTITY, "three": APPLICATION}
"""Names under which objects come and go, and their targets."""
HOSTS = (API_VM, API_NODES, WEB_SITE)
IDENTITIES = (API_IDENTITY, WEB_IDENTITY)
ROLES = ("Storage Blob Data Contributor", "Storage Queue Data Reader")
REVOKED_BY = 700.0  # seconds
RESYNC = 600.0  # seconds

Place = tuple[str, str]
"""A host and an identity, by name; of the application in the other tenant `TENANT`."""
TENANT: Place = ("tenant", "reader")
PLACES = tuple((host, identity) for host in HOSTS for identity in IDENTITIES)


@dataclass(frozen=True, slots=True, repr=False)
class Apply(Value):
    """Create an object, or replace what it asks for. Numbers are those of `PLACES` and `ROLES`."""

    slot: str
    places: tuple[int, ...] = ()
    roles: tuple[int, ...] = ()
    enters: bool = False
    delete: str = "Delete"
    drift: str = "Repair"
    suspend: bool = False

    def wanted(self) -> set[Place]:
        return {PLACES[number] for number in self.places} | (
            {TENANT} if self.enters and self.slot == "three" else set()
        )

    def manifest(self) -> Manifest:
        items = [
            assigned(f"at-{host.rpartition('/')[2]}-{identity.rpartition('/')[2]}", host, identity=identity)
            for host, identity in sorted(self.wanted() - {TENANT})
        ]
        roles = [role(f"role-{number}", ROLES[number]) for number in self.roles if self.slot != "three"]
        return federation(
            name=self.slot,
            target=SLOTS[self.slot],
            identityAssignments=items,
            roleAssignments=roles,
            tenants=[tenant(deletionPolicy="Delete")] if TENANT in self.wanted() else [],
            deletionPolicy=self.delete,
            driftPolicy=self.drift,
            suspend=self.suspend,
        )


@dataclass(frozen=True, slots=True, repr=False)
class Delete(Value):
    slot: str


@dataclass(frozen=True, slots=True, repr=False)
class Rules(Value):
    """Whether anything of this is allowed."""

    allowed: bool


@dataclass(frozen=True, slots=True, repr=False)
class OthersAssign(Value):
    """Somebody else assigns; what is beyond `PLACES` is the application in the other tenant."""

    place: int


@dataclass(frozen=True, slots=True, repr=False)
class OthersTakeBack(Value):
    place: int


@dataclass(frozen=True, slots=True, repr=False)
class OthersGive(Value):
    """Somebody else gives a role."""

    role: int


@dataclass(frozen=True, slots=True, repr=False)
class OthersTakeRole(Value):
    role: int


@dataclass(frozen=True, slots=True, repr=False)
class HostMadeAgain(Value):
    host: int


@dataclass(frozen=True, slots=True, repr=False)
class IdentityMadeAgain(Value):
    """An identity gets other ids: what it was given is dead."""

    identity: int


Act = (
    Apply | Delete | Rules | OthersAssign | OthersTakeBack | OthersGive | OthersTakeRole | HostMadeAgain
    | IdentityMadeAgain | Outage | Restart | Kill | KillAtWrite | Wait
)  # fmt: skip

_slots = st.sampled_from(tuple(SLOTS))
_places = st.integers(0, len(PLACES))
_roles = st.integers(0, len(ROLES) - 1)
_applies = st.builds(
    Apply,
    _slots,
    st.sets(st.integers(0, len(PLACES) - 1), max_size=3).map(lambda found: tuple(sorted(found))),
    st.sets(_roles, max_size=2).map(lambda found: tuple(sorted(found))),
    st.booleans(),
    st.sampled_from(("Delete", "Delete", "Retain")),
    st.sampled_from(("Repair", "Repair", "Report")),
    st.sampled_from((False, False, False, True)),
)
_acts: st.SearchStrategy[Act] = st.one_of(
    _applies,
    _applies,
    _applies,
    st.builds(Delete, _slots),
    st.builds(Rules, st.sampled_from((True, True, False))),
    st.builds(OthersAssign, _places),
    st.builds(OthersTakeBack, _places),
    st.builds(OthersGive, _roles),
    st.builds(OthersTakeRole, _roles),
    st.builds(HostMadeAgain, st.integers(0, 1)),
    st.builds(IdentityMadeAgain, st.integers(0, 1)),
    st.builds(
        Outage,
        st.sampled_from(("graph", "arm", "login")),
        st.sampled_from(Failure),
        st.sampled_from((2.0, 20.0, 200.0)),
    ),
    st.sampled_from((Restart(), Kill(), KillAtWrite(after=True), KillAtWrite(after=False))),
    st.builds(Wait, st.sampled_from((1.0, 5.0, 30.0, 700.0))),
)
sequences = st.lists(st.lists(_acts, min_size=1, max_size=6), min_size=5, max_size=5)
"""Bursts, each of which is followed by rest and judged."""


@dataclass
class Performance:
    """One sequence in one world."""

    world: EngineWorld
    specs: dict[str, Apply] = field(default_factory=dict)
    theirs: set[Place] = field(default_factory=set)
    unclear: set[Place] = field(default_factory=set)
    """Made by others while an object asked for it: whose that is depends on who was first, and nobody saw that."""
    dead: set[Place] = field(default_factory=set)
    """Of `theirs` and `unclear`, those whose identity was made again: an entry of the old one is left in the way."""
    may_stay: set[Place] = field(default_factory=set)
    roles_may_stay: set[str] = field(default_factory=set)
    allowed: bool = True
    steps: int = 0

    def __post_init__(self) -> None:
        self.life = Life(InMemory(self.world))
        self.theirs = self._standing()

    # What stands

    def _standing(self) -> set[Place]:
        azure = self.world.azure.world
        there = {place for place in PLACES if self._is_alive(place)}
        return there | ({TENANT} if azure.service_principal(PARTNER_TENANT, READER_APP) else set())

    def _is_alive(self, place: Place) -> bool:
        """Whether an identity is at a host, and not only what is left of one that was made again since."""
        host, identity = place
        azure = self.world.azure.world
        entry = azure.host(host).attached.get(identity.lower())
        return entry is not None and entry.principal_id == azure.identity(identity).principal_id

    def _roles(self) -> dict[str, RoleAssignment]:
        principal = self.world.azure.world.identity(WEB_IDENTITY).principal_id
        found = self.world.azure.world.roles.assignments.values()
        return {one.name: one for one in found if one.principal_id == principal}

    def _objects(self) -> dict[str, Federation]:
        found = {slot: self.world.cluster.federation(NAMESPACE, slot) for slot in SLOTS}
        return {slot: one for slot, one in found.items() if one is not None}

    def _recorded(self, one: Federation) -> set[Place]:
        keys = {tuple(part.lower() for part in place): place for place in PLACES}
        rows = [row for item in one.status.identity_assignments for row in item.resources]
        places = {keys[row.resource_id, row.identity_id] for row in rows if row.origin is Origin.OPERATOR}
        entered = any(row.origin is Origin.OPERATOR for row in one.status.tenants)
        return places | ({TENANT} if entered else set())

    def _keep(self) -> None:
        """Note who has gone."""
        for slot in set(self.specs) - set(self._objects()):
            del self.specs[slot]

    # Acts

    async def perform(self, act: Act) -> None:
        self.steps += 1
        self._keep()
        match act:
            case Apply():
                self.specs[act.slot] = act
                self._note_what_is_retained(act.slot)
                self.world.cluster.apply(act.manifest())
            case Delete(slot):
                self._delete(slot)
            case Rules(allowed):
                self.allowed = allowed
                empty: Manifest = {"identityAssignments": [], "roleAssignments": [], "tenants": []}
                self.world.connect(ALL_ASSIGNMENTS if allowed else {**ALL_ASSIGNMENTS, **empty})
            case Restart():
                await self.life.restart()
            case Kill():
                await self.life.kill()
            case KillAtWrite(after):
                self.life.kill_at_write(after=after)
            case Outage():
                self.life.outage(act)
            case Wait(seconds):
                await asyncio.sleep(seconds)
            case _:
                self._others(act)

    def _delete(self, slot: str) -> None:
        if slot in self._objects():
            self.world.cluster.delete("ManagedIdentityFederation", NAMESPACE, slot)
            self._note_what_is_retained(slot)

    def _note_what_is_retained(self, slot: str) -> None:
        """Of one that leaves, also when it is told so only on its way."""
        one = self._objects().get(slot)
        if one is not None and one.metadata.deletion_timestamp is not None and self.specs[slot].delete == "Retain":
            self.may_stay |= self._recorded(one) | self.specs[slot].wanted()
            self.roles_may_stay |= {
                row.assignment_name or "" for i in one.status.role_assignments for row in i.assignments
            }
            self.roles_may_stay |= set(self._roles())

    def _others(self, act: Act) -> None:
        azure = self.world.azure.world
        match act:
            case OthersAssign(number):
                self._others_assign((*PLACES, TENANT)[number])
            case OthersTakeBack(number):
                self._others_take_back((*PLACES, TENANT)[number])
            case OthersGive(number):
                if not self._given(number):
                    azure.give_role("web", ROLES[number], STORAGE_ACCOUNT)
            case OthersTakeRole(number):
                for one in self._given(number):
                    azure.roles.remove(one)
            case HostMadeAgain(number):
                azure.recreate_host(HOSTS[number])
                gone = {place for place in PLACES if place[0] == HOSTS[number]}
                self.theirs -= gone
                self.dead -= gone
            case IdentityMadeAgain(number):
                azure.recreate_identity(IDENTITIES[number])
                gone = {place for place in PLACES if place[1] == IDENTITIES[number]}
                self.dead |= (self.theirs | self.unclear) & gone
                self.theirs -= gone

    def _given(self, number: int) -> list[RoleAssignment]:
        definition = self.world.azure.world.roles.definition(ROLES[number])
        assert definition is not None
        return [one for one in self._roles().values() if one.role_id == definition.id]

    def _others_assign(self, place: Place) -> None:
        azure = self.world.azure.world
        if place in self._standing():
            return
        if place == TENANT:
            azure.create_service_principal(PARTNER_TENANT, azure.application(READER_APP))
        else:
            azure.attach(*place)
        self.dead.discard(place)
        asked = any(place in spec.wanted() for spec in self.specs.values())
        recorded = any(place in self._recorded(one) for one in self._objects().values())
        (self.unclear if asked or recorded else self.theirs).add(place)

    def _others_take_back(self, place: Place) -> None:
        azure = self.world.azure.world
        if place not in self._standing():
            return
        if place == TENANT:
            azure.delete_service_principal(PARTNER_TENANT, READER_APP)
        else:
            azure.detach(*place)
        self.theirs.discard(place)

    # Judging

    async def judge(self) -> list[str]:
        """Wait for rest, have everything looked at, and wait again; what is wrong then."""
        await self.life.rest()
        await asyncio.sleep(max(RESYNC * 1.25, REVOKED_BY))
        await self.life.rest()
        self._keep()
        wrong = [*self._untruths()]
        self.world.azure.log.clear()
        del self.world.cluster.writes[:]
        await asyncio.sleep(RESYNC * 1.25)
        wrong += [f"a second pass sent {record}" for record in self.world.azure.log.writes()]
        wrong += [f"a second pass wrote {write}" for write in self.world.cluster.writes]
        return wrong

    def _untruths(self) -> Iterator[str]:
        standing, objects = self._standing(), self._objects()
        recorded = set[Place]().union(*(self._recorded(one) for one in objects.values()))
        for place in self.theirs - standing:
            yield f"{place} was somebody else's, and is gone"
        for host, identity in self.dead - self.unclear:
            if identity.lower() not in self.world.azure.world.host(host).attached:
                yield f"{host} had {identity} by somebody else, and its dead entry is gone"
        for place in standing - self.theirs - self.unclear - recorded - self.may_stay:
            yield f"{place} is left over"
        known = {r.assignment_name for o in objects.values() for i in o.status.role_assignments for r in i.assignments}
        for name, one in self._roles().items():
            if (one.description or "").startswith("entrafed") and name not in known | self.roles_may_stay:
                yield f"{one} is left over"
        for slot, found in objects.items():
            yield from (f"{slot}: {problem}" for problem in self._of_object(self.specs[slot], found, standing))

    def _of_object(self, spec: Apply, one: Federation, standing: set[Place]) -> Iterator[str]:
        if one.metadata.deletion_timestamp is not None:
            yield "its deletion never ended"
            return
        yield from incoherent(one)
        states = {item.name: item.state for item in one.status.identity_assignments}
        states |= {row.tenant_id: row.state for row in one.status.tenants}
        if spec.suspend:
            return
        if not self.allowed:
            if spec.wanted() and set(states.values()) - {ItemState.DENIED}:
                yield f"nothing is allowed, and there is {states}"
            if self._recorded(one):
                yield f"nothing is allowed, and {self._recorded(one)} was not taken back"
            return
        missing = spec.wanted() - standing
        blocked = missing & self.dead
        missing -= blocked
        if missing and spec.drift == "Repair":
            yield f"{missing} is wanted, and not there: {states}"
        if not missing and not blocked and any(state is not ItemState.SYNCED for state in states.values()):
            yield f"all is there, and there is {states}"
