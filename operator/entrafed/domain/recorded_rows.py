"""Rows of a status that the operator can have written: a hand may have written others beside them. Pure."""

from collections.abc import Iterable
from dataclasses import replace

from pydantic import TypeAdapter, ValidationError

from entrafed.api.assignment_status import (
    AssignedIdentity,
    AssignedRole,
    IdentityAssignmentStatus,
    RoleAssignmentStatus,
    TenantStatus,
)
from entrafed.api.assignments import HostId, ScopeId
from entrafed.api.formats import Guid, ManagedIdentityId
from entrafed.api.status import FederationStatus
from entrafed.domain.findings import Section

_GUID: TypeAdapter[str] = TypeAdapter(Guid)
_HOST: TypeAdapter[str] = TypeAdapter(HostId)
_SCOPE: TypeAdapter[str] = TypeAdapter(ScopeId)
_IDENTITY: TypeAdapter[str] = TypeAdapter(ManagedIdentityId)


def identities_in(item: IdentityAssignmentStatus) -> tuple[AssignedIdentity, ...]:
    """Those of one item whose ids are ids: they become parts of addresses."""
    return tuple(
        row
        for row in item.resources
        if _are((_HOST, row.resource_id), (_IDENTITY, row.identity_id), (_GUID, row.principal_id))
    )


def roles_in(item: RoleAssignmentStatus) -> tuple[AssignedRole, ...]:
    """The same of roles."""
    return tuple(
        row
        for row in item.assignments
        if _are((_SCOPE, row.scope), (_GUID, row.role_definition_id), (_GUID, row.principal_id))
    )


def tenants_in(rows: Iterable[TenantStatus]) -> tuple[TenantStatus, ...]:
    """The same of other tenants, whose ids are lower-case then as the operator writes them."""
    return tuple(replace(row, tenant_id=row.tenant_id.lower()) for row in rows if _are((_GUID, row.tenant_id)))


def denials(status: FederationStatus) -> dict[tuple[Section, str], str]:
    """Since when an item is denied, by section and name, as far as the status says that it is."""
    rows = (
        *((Section.IDENTITIES, one.name, one.denied_since) for one in status.identity_assignments),
        *((Section.ROLES, one.name, one.denied_since) for one in status.role_assignments),
        *((Section.TENANTS, one.tenant_id, one.denied_since) for one in status.tenants),
    )
    return {(section, name): since for section, name, since in rows if since is not None}


def _are(*values: tuple[TypeAdapter[str], str]) -> bool:
    """Whether each value is what it should be."""
    try:
        for kind, value in values:
            kind.validate_python(value)
    except ValidationError:
        return False
    return True
