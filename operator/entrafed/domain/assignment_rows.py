"""Hosts, roles and tenants as the sections of a status have them. Pure."""

from collections.abc import Iterable

from entrafed.api.assignment_status import (
    AssignedIdentity,
    AssignedRole,
    IdentityAssignmentStatus,
    RoleAssignmentStatus,
    TenantStatus,
)
from entrafed.api.choices import DeletionPolicy
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.domain.assignment_summary import AssignmentItem, AssignmentRow
from entrafed.domain.errors import Problem
from entrafed.domain.findings import Section
from entrafed.domain.recorded_rows import tenants_in
from entrafed.domain.roles import role_and_principal
from entrafed.domain.states import state_of

ALL_WELL = "Azure holds exactly what is asked for"


def identity_rows(items: Iterable[AssignmentItem]) -> tuple[IdentityAssignmentStatus, ...]:
    """The section of identities at hosts."""
    return tuple(
        IdentityAssignmentStatus(
            name=item.name,
            state=state_of(item.problem),
            reason=_reason(item.problem),
            message=_message(item.problem),
            denied_since=item.denied_since,
            resources=tuple(_identity(row) for row in sorted(item.rows, key=lambda row: (row.place, row.key))),
        )
        for item in _of(items, Section.IDENTITIES)
    )


def role_rows(items: Iterable[AssignmentItem]) -> tuple[RoleAssignmentStatus, ...]:
    """The section of roles at scopes."""
    return tuple(
        RoleAssignmentStatus(
            name=item.name,
            state=state_of(item.problem),
            reason=_reason(item.problem),
            message=_message(item.problem),
            denied_since=item.denied_since,
            assignments=tuple(_role(row) for row in sorted(item.rows, key=lambda row: (row.place, row.key))),
        )
        for item in _of(items, Section.ROLES)
    )


def tenant_rows(federation: Federation, items: Iterable[AssignmentItem]) -> tuple[TenantStatus, ...]:
    """The section of other tenants."""
    asked = {one.tenant_id.lower(): one for one in federation.spec.tenants}
    recorded = {one.tenant_id: one for one in tenants_in(federation.status.tenants)}

    def tenant(item: AssignmentItem) -> TenantStatus:
        wish, before = asked.get(item.name), recorded.get(item.name)
        row = item.rows[0] if item.rows else None
        connection = wish.connection_ref.name if wish and wish.connection_ref else None
        policy = wish.deletion_policy if wish else before.deletion_policy if before else DeletionPolicy.RETAIN
        is_made = row is not None and before is not None and before.connection is not None
        return TenantStatus(
            tenant_id=item.name,
            state=state_of(item.problem),
            reason=_reason(item.problem),
            message=_message(item.problem),
            denied_since=item.denied_since,
            connection=before.connection if is_made and before else connection,
            deletion_policy=policy,
            service_principal_id=row.id_ if row else None,
            origin=row.origin if row else None,
            assignment=row.state if row else None,
            consent_url=item.consent_url,
        )

    return tuple(tenant(item) for item in _of(items, Section.TENANTS))


def _identity(row: AssignmentRow) -> AssignedIdentity:
    return AssignedIdentity(
        resource_id=row.place,
        identity_id=row.key,
        principal_id=row.value,
        instance_id=row.instance or None,
        origin=row.origin,
        state=row.state,
    )


def _role(row: AssignmentRow) -> AssignedRole:
    role_id, principal_id = role_and_principal(row.key)
    return AssignedRole(
        scope=row.place,
        role=row.role or None,
        role_definition_id=role_id,
        principal_id=principal_id,
        condition=row.value or None,
        assignment_name=row.id_,
        origin=row.origin,
        state=row.state,
    )


def _of(items: Iterable[AssignmentItem], section: Section) -> list[AssignmentItem]:
    """Those of one section, as many as a status has room for."""
    return [item for item in items if item.section is section and item.is_shown]


def _reason(problem: Problem | None) -> Reason:
    return problem.reason if problem else Reason.SYNCED


def _message(problem: Problem | None) -> str:
    return problem.message if problem else ALL_WELL
