"""What users, others and bad luck do to hosts, roles and tenants."""

from dataclasses import dataclass

from hypothesis import strategies as st

from assignment_world import assigned, role, tenant
from engine_world import APPLICATION, IDENTITY, Manifest, federation
from entrafed_lab.azure.seed import (
    API_IDENTITY,
    API_NODES,
    API_VM,
    WEB_IDENTITY,
    WEB_SITE,
)
from sequences.acts import Failure, Kill, KillAtWrite, Outage, Restart, Value, Wait

SLOTS = {"one": IDENTITY, "two": IDENTITY, "three": APPLICATION}
"""Names under which objects come and go, and their targets."""
HOSTS = (API_VM, API_NODES, WEB_SITE)
IDENTITIES = (API_IDENTITY, WEB_IDENTITY)
ROLES = ("Storage Blob Data Contributor", "Storage Queue Data Reader")

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
class PartnerRules(Value):
    """Whether the other tenant's connection lets the application in."""

    allowed: bool


@dataclass(frozen=True, slots=True, repr=False)
class LookAgain(Value):
    """A user wants an object compared with Azure now."""

    slot: str


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
    Apply | Delete | Rules | PartnerRules | LookAgain | OthersAssign | OthersTakeBack | OthersGive | OthersTakeRole
    | HostMadeAgain | IdentityMadeAgain | Outage | Restart | Kill | KillAtWrite | Wait
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
    st.builds(PartnerRules, st.sampled_from((True, True, False))),
    st.builds(LookAgain, _slots),
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
