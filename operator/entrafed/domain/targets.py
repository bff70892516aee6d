"""What Azure says about the objects that a ManagedIdentityFederation names."""

from dataclasses import dataclass

from entrafed.domain.credentials import Parent, ParentKind


@dataclass(frozen=True, slots=True)
class ResolvedTarget:
    """The application or user-assigned identity that carries the credentials.

    `object_id` is the application's object id; `principal_id` the identity's service principal. All ids lower-case.
    """

    parent: Parent
    client_id: str
    object_id: str | None
    principal_id: str | None
    tenant_id: str


@dataclass(frozen=True, slots=True)
class ManagedIdentity:
    """A user-assigned managed identity. `principal_id` changes when it is deleted and made again."""

    resource_id: str
    client_id: str
    principal_id: str
    tenant_id: str


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
