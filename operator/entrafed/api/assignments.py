"""What a federation asks for besides credentials: identities at hosts, roles at scopes, an app in other tenants.

The docstrings are what `kubectl explain` shows.
"""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from entrafed.api.choices import ConnectionRef, DeletionPolicy
from entrafed.api.formats import GUID, NO_BLANKS_AROUND, DnsLabel, Guid
from entrafed.api.schema import SET, Must, camel_case, like, list_keyed_by, unlike
from entrafed.api.sources import ManagedIdentityRef

MAX_ASSIGNMENTS = 16
"""Items of each kind in one object."""
MAX_HOSTS = 20
"""Resources of one item."""
MAX_HOSTS_IN_ALL = 100
"""Resources of all items together: etcd holds 1.5 MiB, in which each stands in spec, status and managed fields, twice
in each while what was asked for before is still there."""

_NAME = r"[^/?#%\\\s]{0,259}[^/?#%\\\s.]"
_GROUP = rf"/subscriptions/{GUID}/resourceGroups/{_NAME}"
_HOST_TYPES = (
    rf"Microsoft\.Compute/(virtualMachines|virtualMachineScaleSets)/{_NAME}"
    rf"|Microsoft\.Web/sites/{_NAME}(/slots/{_NAME})?"
    rf"|Microsoft\.App/(containerApps|jobs)/{_NAME}"
    rf"|Microsoft\.Automation/automationAccounts/{_NAME}"
)
_REPLACED_WHOLE = (
    rf"Microsoft\.(ContainerService/managedClusters|ContainerInstance/containerGroups|Logic/workflows)/{_NAME}"
)

HostId = Annotated[
    str,
    Field(max_length=512),
    like(
        rf"(?i){_GROUP}/providers/({_HOST_TYPES}|{_REPLACED_WHOLE})",
        "must be the resource id of a virtual machine, a scale set, an App Service or Function app or a slot of one, a"
        " container app or job, or an Automation account: of these the identities can be changed without replacing the"
        " resource",
    ),
    unlike(
        rf"(?is).*/providers/({_REPLACED_WHOLE})",
        "may not be an AKS cluster, a container group or a Logic app: Azure changes their identities only by replacing"
        " the whole resource, which is its owner's to do; pods of AKS sign in by `serviceAccount` in"
        " `federatedCredentials`",
    ),
]

ScopeId = Annotated[
    str,
    Field(max_length=512),
    like(
        rf"(?i)/subscriptions/{GUID}(/resourceGroups/{_NAME}(/providers/{_NAME}(/{_NAME}/{_NAME})+)?)?"
        rf"|/providers/Microsoft\.Management/managementGroups/{_NAME}",
        "must be a subscription, a resource group, a resource or a management group, like"
        " `/subscriptions/<id>/resourceGroups/<name>`",
    ),
]


def _different(key: str, message: str) -> Must:
    """No two of a list have the same `key`, which is CEL about `item`. The outer list is how CEL names a value."""
    return Must(f"[self.map(item, {key})].all(keys, keys.all(one, keys.exists_one(other, other == one)))", message)


DIFFERENT_HOSTS = _different(
    "item.lowerAscii()", "must have each resource once: upper and lower case are the same in resource ids"
)


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class IdentityAssignment:
    """One managed identity that Azure resources are given: what runs there can sign in as it."""

    name: DnsLabel
    """A name of your choice, unique in this object, by which status speaks of the item."""
    managed_identity: ManagedIdentityRef | None = None
    """The user-assigned managed identity. Omitted, it is the target itself, when that is a managed identity."""
    resources: Annotated[tuple[HostId, ...], SET, Field(min_length=1, max_length=MAX_HOSTS), DIFFERENT_HOSTS]
    """Resource ids of what is given the identity: virtual machines, scale sets, App Service and Function apps and their
    slots, container apps and jobs, Automation accounts. Other identities of theirs are never changed."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class RoleAssignment:
    """One Azure role that the target's service principal is given at a scope."""

    name: DnsLabel
    """A name of your choice, unique in this object, by which status speaks of the item."""
    role: Annotated[str, Field(max_length=512), NO_BLANKS_AROUND]
    """The role: its name, like `Storage Blob Data Reader`, or the GUID of its definition."""
    scope: ScopeId
    """Where the role holds: the resource id of a subscription, a resource group, a resource or a management group."""
    condition: Annotated[str, Field(max_length=4096), NO_BLANKS_AROUND] | None = None
    """A condition on the role (attribute-based access control, version 2.0), as Azure writes it."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Tenant:
    """Another tenant in which the target application gets a service principal: it can sign in there then."""

    tenant_id: Guid
    """Id of the other tenant (directory)."""
    connection_ref: ConnectionRef | None = None
    """The EntraConnection of that tenant, whose rules must allow it too. Omitted, status shows the address at which an
    administrator of that tenant consents. Whether that has been done is asked of that tenant every ten minutes, by a
    sign-in that fails on purpose and that its logs show."""
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    """What happens to a service principal that was made for this item when the item or the object is removed. `Retain`
    leaves it there: with it would go every permission that the other tenant has granted to it."""


_IDENTITY = "(has({0}.managedIdentity) ? {0}.managedIdentity.resourceId.lowerAscii() : '')"
_HOSTS = "{0}.resources.map(id, id.lowerAscii())"

IdentityAssignments = Annotated[
    tuple[IdentityAssignment, ...],
    Field(max_length=MAX_ASSIGNMENTS),
    list_keyed_by("name"),
    Must(
        f"self.map(item, item.resources.size()).sum() <= {MAX_HOSTS_IN_ALL}",
        f"may have at most {MAX_HOSTS_IN_ALL} resources in all items together, since a status has no room for more: use"
        " another object",
    ),
    Must(
        "self.all(item, self.all(other, item.name == other.name"
        f" || {_IDENTITY.format('item')} != {_IDENTITY.format('other')}"
        f" || !sets.intersects({_HOSTS.format('item')}, {_HOSTS.format('other')})))",
        "must give an identity to a resource in one item only: name the resource there, and leave it out of the others",
    ),
]
RoleAssignments = Annotated[
    tuple[RoleAssignment, ...],
    Field(max_length=MAX_ASSIGNMENTS),
    list_keyed_by("name"),
    _different(
        "item.role.lowerAscii() + ' at ' + item.scope.lowerAscii()",
        "must have another role or scope in each item: Azure has one assignment of a role at a scope, and one condition"
        " on it",
    ),
]
Tenants = Annotated[
    tuple[Tenant, ...],
    Field(max_length=MAX_ASSIGNMENTS),
    list_keyed_by("tenantId"),
    _different("item.tenantId.lowerAscii()", "must have each tenant once: upper and lower case are the same in a GUID"),
]
