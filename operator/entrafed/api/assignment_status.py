"""The parts of a status that speak of hosts, roles and tenants: what users read, and what the operator remembers."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from entrafed.api.choices import DeletionPolicy
from entrafed.api.conditions import Message, ReasonWord
from entrafed.api.schema import TIME, camel_case, list_keyed_by
from entrafed.api.states import ItemState, Origin

MAX_ROWS = 64
"""Items of a section: those of the spec, and those that left it while something of theirs still stands in Azure."""
MAX_PLACES = 40
"""Places of one item: those it names, and those it named before."""

Id = Annotated[str, Field(max_length=64)]
ResourceId = Annotated[str, Field(max_length=512)]


class AssignmentState(StrEnum):
    """How one assignment stands."""

    ASSIGNING = "Assigning"
    """The operator is about to make it, or has begun to."""
    ASSIGNED = "Assigned"
    """It stands."""
    REMOVING = "Removing"
    """It still stands, and is being taken back."""

    @classmethod
    def _missing_(cls, value: object) -> "AssignmentState | None":
        """A state that a newer operator wrote is not known here yet: it may stand."""
        return cls.ASSIGNED if isinstance(value, str) else None


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class AssignedIdentity:
    """A managed identity at one resource."""

    resource_id: ResourceId
    """Resource id of the host."""
    identity_id: ResourceId
    """Resource id of the managed identity."""
    principal_id: Id
    """Object id of the identity's service principal: an identity that is made again has another."""
    instance_id: Id | None = None
    """The `vmId` of a virtual machine: one that is made again under the same name has another."""
    origin: Origin
    """Operator: assigned by the operator, and taken back by it. PreExisting: found there, never taken back."""
    state: AssignmentState
    """Assigning: recorded, and about to be made. Assigned: it stands. Removing: it is being taken back."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class IdentityAssignmentStatus:
    """How one item of `spec.identityAssignments` stands."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the item. One that the spec has no more is listed until what was made for it is gone."""
    state: ItemState
    """As in `federatedCredentials`."""
    reason: ReasonWord
    """Why, in one CamelCase word. Every reason has a page in the reference."""
    message: Message
    """What, where and what to do, for people."""
    denied_since: Annotated[str, TIME] | None = None
    """Since when no rule of the connection allows the item, in RFC 3339."""
    resources: Annotated[
        tuple[AssignedIdentity, ...], list_keyed_by("resourceId", "identityId"), Field(max_length=MAX_PLACES)
    ] = ()
    """Where the identity is assigned, or about to be."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class AssignedRole:
    """A role that the target has at a scope."""

    scope: ResourceId
    """Where the role holds."""
    role: Annotated[str, Field(max_length=512)] | None = None
    """Name of the role, when it was asked for by its name."""
    role_definition_id: Id
    """GUID of the role's definition."""
    principal_id: Id
    """Object id of the service principal that has the role."""
    condition: Annotated[str, Field(max_length=4096)] | None = None
    """The condition on it."""
    assignment_name: Id | None = None
    """Name of the role assignment in Azure, a GUID."""
    origin: Origin
    """Operator: given by the operator, and taken back by it. PreExisting: found there, never changed or taken back."""
    state: AssignmentState
    """Assigning: recorded, and about to be made. Assigned: it stands. Removing: it is being taken back."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class RoleAssignmentStatus:
    """How one item of `spec.roleAssignments` stands."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the item. One that the spec has no more is listed until what was made for it is gone."""
    state: ItemState
    """As in `federatedCredentials`."""
    reason: ReasonWord
    """Why, in one CamelCase word. Every reason has a page in the reference."""
    message: Message
    """What, where and what to do, for people."""
    denied_since: Annotated[str, TIME] | None = None
    """Since when no rule of the connection allows the item, in RFC 3339."""
    assignments: Annotated[
        tuple[AssignedRole, ...],
        list_keyed_by("scope", "roleDefinitionId", "principalId"),
        Field(max_length=MAX_PLACES),
    ] = ()
    """The role assignments that stand for the item, or are about to."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class TenantStatus:
    """How one item of `spec.tenants` stands."""

    tenant_id: Id
    """Id of the other tenant."""
    state: ItemState
    """As in `federatedCredentials`."""
    reason: ReasonWord
    """Why, in one CamelCase word. Every reason has a page in the reference."""
    message: Message
    """What, where and what to do, for people."""
    denied_since: Annotated[str, TIME] | None = None
    """Since when no rule of a connection allows the item, in RFC 3339."""
    connection: Annotated[str, Field(max_length=253)] | None = None
    """Name of the EntraConnection through which the service principal was made."""
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    """What the item said last of how it is removed."""
    service_principal_id: Id | None = None
    """Object id of the service principal."""
    origin: Origin | None = None
    """Operator: made by the operator. PreExisting: found there, never deleted."""
    assignment: AssignmentState | None = None
    """Assigning: recorded, and about to be made. Assigned: it stands. Removing: it is being deleted."""
    consent_url: Annotated[str, Field(max_length=512)] | None = None
    """Where an administrator of that tenant consents, while it is needed."""
