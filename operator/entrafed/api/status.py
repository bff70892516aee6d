"""The status of a `ManagedIdentityFederation`: what is true in Azure, as the operator last saw it."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from entrafed.api.assignment_status import (
    MAX_ROWS,
    IdentityAssignmentStatus,
    RoleAssignmentStatus,
    TenantStatus,
)
from entrafed.api.conditions import Conditions, Message, ReasonWord
from entrafed.api.dumping import dump
from entrafed.api.formats import MAX_EXPRESSION, MAX_VALUE
from entrafed.api.metadata import MAX_ANNOTATION
from entrafed.api.schema import TIME, camel_case, list_keyed_by
from entrafed.api.states import CredentialState, ItemState, Origin, OutputKind

MAX_ITEMS = 64
"""Items of a status: those of the spec, and those that left it while something of theirs still stands in Azure."""

Id = Annotated[str, Field(max_length=64)]
Value = Annotated[str, Field(max_length=MAX_VALUE)]


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class TargetStatus:
    """The target as Azure knows it."""

    client_id: Id | None = None
    """Client id: what workloads sign in as."""
    object_id: Id | None = None
    """Object id of the app registration. It is pinned: another app under the same name is not taken for this one."""
    principal_id: Id | None = None
    """Object id of the managed identity's service principal: what roles are given to."""
    tenant_id: Id | None = None
    """Tenant that the target is in."""
    resource_id: Annotated[str, Field(max_length=512)] | None = None
    """Resource id of the managed identity."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Summary:
    """The state in words for the columns of `kubectl get`."""

    target: Annotated[str, Field(max_length=512)] | None = None
    """The target, in short."""
    credentials: Annotated[str, Field(max_length=16)] | None = None
    """How many items are Synced of how many there are, like `3/4`."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class CredentialStatus:
    """A federated identity credential that stands, or still stands, for an item."""

    credential_name: Annotated[str, Field(min_length=1, max_length=120)]
    """Name of the credential in Azure. The operator's own begin with `mif-`."""
    issuer: Value
    """The issuer that it trusts."""
    subject: Value | None = None
    """The subject that it trusts. A flexible credential has an expression in its place."""
    expression: Annotated[str, Field(max_length=MAX_EXPRESSION)] | None = None
    """The expression over claims that tokens must satisfy, of a flexible credential."""
    audience: Value
    """The audience that tokens must have."""
    origin: Origin
    """Operator: made by the operator, and removed by it. PreExisting: found there, never changed and never removed."""
    state: CredentialState = CredentialState.STANDING
    """Standing: the item asks for it. Retiring: it trusts an issuer that the cluster had before, whose last tokens are
    still good. Remaining: nothing that is allowed asks for it any more; it is being removed, or kept for a while: until
    its successor can be made, or until the revocation delay is over."""
    retiring_since: Annotated[str, TIME] | None = None
    """Of one that is Retiring: since when those of the cluster's present issuers stand in its place, in RFC 3339. It is
    removed after the operator's issuer grace, counted from here."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class CredentialItemStatus:
    """How one item of `spec.federatedCredentials` stands."""

    name: Annotated[str, Field(min_length=1, max_length=63)]
    """Name of the item. One that the spec has no more is listed until what was made for it is gone."""
    state: ItemState
    """Pending: under way. Synced: Azure holds what is asked for. Conflict: somebody else holds it, with other content.
    Denied: no rule of the connection allows it. Drifted: somebody else changed it, and `driftPolicy` is Report. Failed:
    a person must act."""
    reason: ReasonWord
    """Why, in one CamelCase word. Every reason has a page in the reference."""
    message: Message
    """What, where and what to do, for people."""
    denied_since: Annotated[str, TIME] | None = None
    """Since when no rule of the connection allows the item, or something that was made for it before and still stands,
    in RFC 3339. What is not allowed is removed after the operator's revocation delay, counted from here."""
    credentials: Annotated[tuple[CredentialStatus, ...], list_keyed_by("credentialName"), Field(max_length=40)] = ()
    """The credentials that stand for the item in Azure. One more while a changed one is replaced, or retires."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class OutputStatus:
    """How something that is written into the namespace stands."""

    kind: OutputKind
    """ServiceAccount: its annotations. ConfigMap: the whole of it."""
    name: Annotated[str, Field(min_length=1, max_length=253)]
    """Name of the service account or ConfigMap."""
    state: ItemState
    """Pending: under way. Synced: it is as asked for. Conflict: somebody else holds it, with other content. Denied: no
    rule of the connection allows it. Drifted: somebody else changed it, and `driftPolicy` is Report. Failed: a person
    must act."""
    reason: ReasonWord
    """Why, in one CamelCase word. Every reason has a page in the reference."""
    message: Message
    """What, where and what to do, for people."""
    field_manager: Annotated[str, Field(max_length=128)] | None = None
    """The field manager that the operator writes it with: set before the first write, and until what was written is
    gone."""
    denied_since: Annotated[str, TIME] | None = None
    """Since when no rule of the connection allows it, in RFC 3339."""


_KINDS = frozenset(OutputKind)


def _known_kinds(outputs: Any) -> Any:
    """Without those that a newer operator wrote: this one cannot look after them."""
    if not isinstance(outputs, list | tuple):
        return outputs
    return tuple(o for o in outputs if not (isinstance(o, dict) and o.get("kind") not in _KINDS))


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class FederationStatus:
    """What is true in Azure and in the namespace, as the operator last saw it. Compatible with kstatus: Ready,
    Reconciling and Stalled, and `observedGeneration`, which is -1 until the operator has looked."""

    observed_generation: Annotated[int, Field(ge=-1)] = -1
    """The `metadata.generation` that this status speaks about; -1 until the operator has looked."""
    target: TargetStatus | None = None
    """The target as Azure knows it."""
    summary: Summary | None = None
    """The state in words for the columns of `kubectl get`."""
    federated_credentials: Annotated[
        tuple[CredentialItemStatus, ...], list_keyed_by("name"), Field(max_length=MAX_ITEMS)
    ] = ()
    """How each item of `spec.federatedCredentials` stands."""
    identity_assignments: Annotated[
        tuple[IdentityAssignmentStatus, ...], list_keyed_by("name"), Field(max_length=MAX_ROWS)
    ] = ()
    """How each item of `spec.identityAssignments` stands."""
    role_assignments: Annotated[
        tuple[RoleAssignmentStatus, ...], list_keyed_by("name"), Field(max_length=MAX_ROWS)
    ] = ()
    """How each item of `spec.roleAssignments` stands."""
    tenants: Annotated[tuple[TenantStatus, ...], list_keyed_by("tenantId"), Field(max_length=MAX_ROWS)] = ()
    """How each item of `spec.tenants` stands."""
    outputs: Annotated[
        tuple[OutputStatus, ...],
        list_keyed_by("kind", "name"),
        Field(max_length=MAX_ITEMS),
        BeforeValidator(_known_kinds),
    ] = ()
    """What is written into the namespace: annotations of service accounts, and the ConfigMap."""
    conditions: Conditions = ()
    """What is true of the object. Ready sums the others up; Reconciling and Stalled are there only while true."""
    last_handled_reconcile_at: Annotated[str, Field(max_length=MAX_ANNOTATION)] | None = None
    """The value of the annotation `entrafed.io/reconcile-requested-at` that was acted on last."""


_STATUS = TypeAdapter(FederationStatus)


def dump_status(status: FederationStatus) -> dict[str, Any]:
    """The status as the API server takes it: camelCase, no nulls, no empty lists, lists sorted by their key."""
    return dump(_STATUS, status)
