"""What Azure says about the objects that a ManagedIdentityFederation names."""

from dataclasses import dataclass

from entrafed.api.federation import Target
from entrafed.api.status import TargetStatus
from entrafed.domain.credentials import Parent, ParentKind


@dataclass(frozen=True, slots=True)
class ResolvedTarget:
    """The application or user-assigned identity that carries the credentials.

    `object_id` is the application's object id; `principal_id` the identity's service principal. All ids lower-case.
    `multi_tenant`: whether other tenants can have it; None where nobody has looked.
    """

    parent: Parent
    client_id: str
    object_id: str | None
    principal_id: str | None
    tenant_id: str
    multi_tenant: bool | None = None


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """A user-assigned managed identity. `principal_id` changes when it is deleted and made again."""

    resource_id: str
    client_id: str
    principal_id: str
    tenant_id: str


@dataclass(frozen=True, slots=True)
class ServicePrincipal:
    """What an application is in one tenant; ids lower-case."""

    client_id: str
    object_id: str


@dataclass(frozen=True, slots=True)
class OwnIdentity:
    """Who the operator is in a tenant, as a successful sign-in and a read of its own service principal show.

    Not `from_directory`: the read was not permitted, and only the token tells. That proves nothing about what else the
    directory answers.
    """

    client_id: str
    object_id: str
    from_directory: bool = True

    def vouches_for(self, kind: ParentKind) -> bool:
        """Whether a target of this kind that is missed now is missed by one who sees: Resource Manager answers 403, not
        404, where it shows nothing; Microsoft Graph may not."""
        return self.from_directory or kind is ParentKind.MANAGED_IDENTITY


def target_status(target: ResolvedTarget) -> TargetStatus:
    """The target as a status records it: enough to find its parent again without asking Azure."""
    is_identity = target.parent.kind is ParentKind.MANAGED_IDENTITY
    return TargetStatus(
        client_id=target.client_id,
        object_id=target.object_id,
        principal_id=target.principal_id,
        tenant_id=target.tenant_id,
        resource_id=target.parent.id if is_identity else None,
    )


def short_name(target: Target) -> str:
    """The target as the columns of kubectl show it."""
    if target.managed_identity is not None:
        return target.managed_identity.resource_id.rstrip("/").rpartition("/")[2]
    application = target.application
    return (application and (application.unique_name or application.client_id or application.object_id)) or ""
