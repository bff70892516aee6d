"""What a status records of hosts, roles and tenants: the operator's memory, where a hand may have written too."""

from collections.abc import Iterator
from dataclasses import dataclass

from entrafed.api.assignment_status import AssignmentState
from entrafed.api.choices import DeletionPolicy
from entrafed.api.federation import Federation
from entrafed.api.states import Origin
from entrafed.domain.assignments import Assignment, AssignmentRecord, Progress
from entrafed.domain.credentials import Parent, ParentKind, resource_key
from entrafed.domain.findings import Section
from entrafed.domain.recorded_rows import identities_in, roles_in, tenants_in
from entrafed.domain.roles import granted
from entrafed.engine.recorded import pinned_target


@dataclass(frozen=True, slots=True)
class Recorded:
    """One record, and where it holds. `connection` is the name of another connection than the object's own; `role` that
    of a role, where it was asked for by its name; `outlives`: it is left alone when its item or object goes."""

    section: Section
    parent: Parent
    record: AssignmentRecord
    origin: Origin
    connection: str | None = None
    role: str = ""
    outlives: bool = False


def assignments_recorded(federation: Federation) -> tuple[Recorded, ...]:
    """All that the status says the operator assigned; what no operator can have written is passed over."""
    return tuple(one for one in assignments_shown(federation) if one.origin is Origin.OPERATOR)


def assignments_shown(federation: Federation) -> tuple[Recorded, ...]:
    """All that the status says is assigned, by whomever."""
    pinned = pinned_target(federation)
    if pinned is None:
        return ()
    found = [*_hosts(federation, pinned.tenant_id), *_roles(federation, pinned.tenant_id)]
    return (*found, *_tenants(federation, pinned.client_id))


def _hosts(federation: Federation, tenant_id: str) -> Iterator[Recorded]:
    for item in federation.status.identity_assignments:
        for row in identities_in(item):
            assignment = Assignment(resource_key(row.identity_id), row.principal_id.lower())
            record = AssignmentRecord(item.name, assignment, _progress(row.state), row.instance_id or "")
            parent = Parent(ParentKind.HOST, tenant_id, resource_key(row.resource_id))
            yield Recorded(Section.IDENTITIES, parent, record, row.origin)


def _roles(federation: Federation, tenant_id: str) -> Iterator[Recorded]:
    for item in federation.status.role_assignments:
        for row in roles_in(item):
            assignment = granted(row.role_definition_id, row.principal_id, row.condition)
            record = AssignmentRecord(item.name, assignment, _progress(row.state))
            parent = Parent(ParentKind.SCOPE, tenant_id, resource_key(row.scope))
            yield Recorded(Section.ROLES, parent, record, row.origin, role=row.role or "")


def _tenants(federation: Federation, client_id: str) -> Iterator[Recorded]:
    policies = {tenant.tenant_id.lower(): tenant.deletion_policy for tenant in federation.spec.tenants}
    for row in tenants_in(federation.status.tenants):
        if row.origin is None or row.assignment is None or not row.connection:
            continue
        record = AssignmentRecord(row.tenant_id, Assignment(client_id), _progress(row.assignment))
        parent = Parent(ParentKind.TENANT_APP, row.tenant_id, client_id)
        outlives = policies.get(row.tenant_id, row.deletion_policy) is DeletionPolicy.RETAIN
        yield Recorded(Section.TENANTS, parent, record, row.origin, row.connection, outlives=outlives)


def _progress(state: AssignmentState) -> Progress:
    return Progress.INTENDED if state is AssignmentState.ASSIGNING else Progress.MADE
