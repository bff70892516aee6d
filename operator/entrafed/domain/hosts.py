"""Azure resources that a managed identity can be assigned to, and how their identity block is changed. Pure.

Source: https://learn.microsoft.com/entra/identity/managed-identities-azure-resources/how-to-manage-ua-identity-rest
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import Enum

from entrafed.domain.assignments import ObservedAssignment, ObservedParent
from entrafed.domain.credentials import resource_key


class Merging(Enum):
    """What a PATCH does to the identities that it leaves out."""

    MERGES = "merges"
    """They stay: documented."""
    UNKNOWN = "unknown"
    """Nobody says: those that are to stay are sent along, which is right either way."""


@dataclass(frozen=True, slots=True)
class HostType:
    """A type of resource whose identities can be changed by PATCH. `api_version` is one that takes it so."""

    name: str
    """Lower-case, like `microsoft.compute/virtualmachines`."""
    api_version: str
    merging: Merging = Merging.UNKNOWN
    spelling: str = "SystemAssigned, UserAssigned"
    """Of both kinds of identity at once."""


HOST_TYPES = {
    host.name: host
    for host in (
        HostType("microsoft.compute/virtualmachines", "2024-07-01", Merging.MERGES),
        HostType("microsoft.compute/virtualmachinescalesets", "2024-07-01", Merging.MERGES),
        HostType("microsoft.web/sites", "2024-04-01"),
        HostType("microsoft.web/sites/slots", "2024-04-01"),
        HostType("microsoft.app/containerapps", "2024-03-01", spelling="SystemAssigned,UserAssigned"),
        HostType("microsoft.app/jobs", "2024-03-01", spelling="SystemAssigned,UserAssigned"),
        HostType("microsoft.automation/automationaccounts", "2023-11-01"),
    )
}
"""Not among them: container groups, AKS clusters and Logic workflows, whose PATCH takes no identity; to replace the
whole resource for it is not ours to do."""

_NAME = (
    r"[^/?#%\s]*[^/?#%\s.]"  # no name of Azure's ends with a dot: so none leads up, in the address it becomes part of
)
_RESOURCE_ID = re.compile(
    rf"/subscriptions/({_NAME})/resourcegroups/{_NAME}/providers/({_NAME})((?:/{_NAME}/{_NAME})+)"
)


@dataclass(frozen=True, slots=True)
class HostPath:
    """A host's resource id, taken apart."""

    key: str
    """The whole id, lower-case."""
    subscription: str
    type: HostType

    @classmethod
    def parse(cls, resource_id: str) -> "HostPath":
        """Read an id. Raises ValueError for what is no host, in words for its user."""
        key = resource_key(resource_id)
        match = _RESOURCE_ID.fullmatch(key)
        if match is None:
            raise ValueError(f"{resource_id[:300]} is not the resource id of an Azure resource")
        kind = "/".join([match[2], *match[3].split("/")[1::2]])
        if kind not in HOST_TYPES:
            raise ValueError(f"a {kind} takes no identity by itself; possible are {', '.join(sorted(HOST_TYPES))}")
        return cls(key, match[1], HOST_TYPES[kind])


@dataclass(frozen=True, slots=True)
class HostIdentity:
    """A user-assigned identity in a host's block. Without ids the identity is gone, and only the entry is left."""

    spelled: str
    """Its resource id as the host spells it: a removal must spell it so."""
    principal_id: str | None
    client_id: str | None

    @property
    def key(self) -> str:
        return resource_key(self.spelled)


class Provisioning(Enum):
    """Whether something changes the host at this moment."""

    AT_REST = "at rest"
    CHANGING = "changing"


@dataclass(frozen=True, slots=True)
class Host:
    """A host as Azure shows it. `instance` is the `vmId` of a virtual machine, else empty; `etag` where it has one."""

    path: HostPath
    has_system_identity: bool
    identities: tuple[HostIdentity, ...]
    provisioning: Provisioning = Provisioning.AT_REST
    instance: str = ""
    etag: str | None = None

    def observed(self) -> ObservedParent:
        """Its identities as assignments."""
        return ObservedParent(
            tuple(ObservedAssignment(one.key, one.principal_id) for one in self.identities), self.instance
        )

    def dead(self) -> tuple[HostIdentity, ...]:
        """Identities of which only the entry is left: Azure may refuse every change because of one."""
        return tuple(one for one in self.identities if one.principal_id is None)


def identity_block(host: Host, *, add: Collection[str] = (), remove: Collection[str] = ()) -> dict[str, object]:
    """The `identity` of a PATCH that adds identities, or removes some; ids are resource keys.

    `type` always replaces what was there, so the identity that Azure itself gave the host is kept in it.
    """
    there = {one.key: one.spelled for one in host.identities}
    stay = [key for key in there if key not in remove]
    left = [*stay, *(key for key in add if key not in there)]
    kinds = "UserAssigned" if left else "None"
    if host.has_system_identity:
        kinds = host.path.type.spelling if left else "SystemAssigned"
    if not left:
        return {"type": kinds}
    sent = left if host.path.type.merging is Merging.UNKNOWN else [key for key in add if key not in there]
    changes: dict[str, object] = {there.get(key, key): {} for key in sent}
    changes |= {there[key]: None for key in remove if key in there}
    return {"type": kinds, "userAssignedIdentities": changes}
