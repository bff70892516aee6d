"""Sequences of hosts, roles and tenants: played, and judged by what must be true when it rests.

The second book is kept by place: whose an assignment is shows by who made it while nobody of ours asked for it.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

from assignment_world import ALL_ASSIGNMENTS, look_again, partner
from engine_world import NAMESPACE, EngineWorld, Manifest
from entrafed.api.federation import Federation
from entrafed.api.states import ItemState, Origin
from entrafed_lab.azure.roles import RoleAssignment
from entrafed_lab.azure.seed import PARTNER_TENANT, READER_APP, STORAGE_ACCOUNT, WEB_IDENTITY
from sequences.acts import Kill, KillAtWrite, Outage, Restart, Wait
from sequences.assignment_acts import (
    HOSTS,
    IDENTITIES,
    PLACES,
    ROLES,
    SLOTS,
    TENANT,
    Act,
    Apply,
    Delete,
    HostMadeAgain,
    IdentityMadeAgain,
    LookAgain,
    OthersAssign,
    OthersGive,
    OthersTakeBack,
    OthersTakeRole,
    PartnerRules,
    Place,
    Rules,
)
from sequences.ground import InMemory
from sequences.life import Life
from sequences.truth import incoherent

REVOKED_BY = 700.0  # seconds
RESYNC = 600.0  # seconds
LETS_NOBODY_IN: Manifest = {"namespaces": {"names": [NAMESPACE]}, "targets": {"applications": [READER_APP]}}


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
    their_roles: set[str] = field(default_factory=set)
    """Names of the role assignments that others made."""
    allowed: bool = True
    partner_allows: bool = True
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

    def _is_blocked(self, place: Place) -> bool:
        """Whether what is left of an identity is in the way and not ours to remove: others made it, or an object that
        retained it left it to nobody."""
        if place in self.dead:
            return True
        is_left_there = place != TENANT and place[1].lower() in self.world.azure.world.host(place[0]).attached
        return place in self.may_stay and is_left_there

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
            case PartnerRules(allowed):
                self.partner_allows = allowed
                partner(self.world, *(() if allowed else (LETS_NOBODY_IN,)))
            case LookAgain(slot):
                if slot in self._objects():
                    look_again(self.world, slot, f"step {self.steps}")
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
                    self.their_roles.add(azure.give_role("web", ROLES[number], STORAGE_ACCOUNT).name)
            case OthersTakeRole(number):
                for one in self._given(number):
                    azure.roles.remove(one)
                    self.their_roles.discard(one.name)
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
        wrong = [*self.untruths()]
        self.world.azure.log.clear()
        del self.world.cluster.writes[:]
        await asyncio.sleep(RESYNC * 1.25)
        wrong += [f"a second pass sent {record}" for record in self.world.azure.log.writes()]
        wrong += [f"a second pass wrote {write}" for write in self.world.cluster.writes]
        return wrong

    def untruths(self) -> Iterator[str]:
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
        for name in self.their_roles - {one.name for one in self.world.azure.world.roles.assignments.values()}:
            yield f"the role assignment {name} was somebody else's, and is gone"
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
            states |= {item.name: item.state for item in one.status.role_assignments}
            if set(states.values()) - {ItemState.DENIED}:
                yield f"nothing is allowed, and there is {states}"
            if self._recorded(one):
                yield f"nothing is allowed, and {self._recorded(one)} was not taken back"
            return
        wanted = spec.wanted()
        if not self.partner_allows and TENANT in wanted:
            wanted.remove(TENANT)
            state = states.pop(PARTNER_TENANT)
            if state is not ItemState.DENIED or TENANT in self._recorded(one):
                yield f"the partner lets nobody in, and there is {state}, {self._recorded(one)}"
        missing = wanted - standing
        blocked = set(filter(self._is_blocked, missing))
        missing -= blocked
        if missing and spec.drift == "Repair":
            yield f"{missing} is wanted, and not there: {states}"
        yield from self._of_roles(spec, one)
        if not missing and not blocked and any(state is not ItemState.SYNCED for state in states.values()):
            yield f"all is there, and there is {states}"

    def _of_roles(self, spec: Apply, one: Federation) -> Iterator[str]:
        states = {item.name: item.state for item in one.status.role_assignments}
        wanted = () if spec.slot == "three" else spec.roles
        for number in wanted:
            state = states.get(f"role-{number}")
            if self._given(number) and state is not ItemState.SYNCED:
                yield f"{ROLES[number]} is given, and its state is {state}"
            elif not self._given(number) and spec.drift == "Repair":
                yield f"{ROLES[number]} is wanted, and not given: {state}"
