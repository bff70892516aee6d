"""What a status says of hosts, roles and tenants, from what is known of them; and that it forgets nothing of ours."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from entrafed.api.assignment_status import MAX_PLACES, MAX_ROWS, AssignmentState, IdentityAssignmentStatus
from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed.api.status import FederationStatus
from entrafed.domain.assignments import Assignment, Progress
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import (
    AssignmentFinding,
    AssignmentLeft,
    AssignmentOutcome,
    AssignmentStanding,
    Finding,
    Knowledge,
    Place,
    Section,
)
from entrafed.domain.roles import role_key
from entrafed.domain.summary import summarise
from entrafed.domain.tenants import consent_url
from unit.domain.federations import CLIENT, CREATED, CREATED_AT, GROUP, OTHER_TENANT, TENANT, Manifest, federation
from unit.domain.knowing import TARGET
from unit.engine.port_fakes import SIGN_IN

PRINCIPAL = "d0d0d0d0-0000-4000-8000-000000000001"
VM = f"/subscriptions/{TENANT}/resourcegroups/web/providers/microsoft.compute/virtualmachines/web-1"
OTHER_VM = VM.replace("web-1", "web-2")
ROLE = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
SCOPE = f"/subscriptions/{TENANT}/resourcegroups/data"
HOST, OTHER_HOST = Parent(ParentKind.HOST, TENANT, VM), Parent(ParentKind.HOST, TENANT, OTHER_VM)
AT_SCOPE = Parent(ParentKind.SCOPE, TENANT, SCOPE)
THERE, HOME = Parent(ParentKind.TENANT_APP, OTHER_TENANT, CLIENT), Parent(ParentKind.TENANT_APP, TENANT, CLIENT)
API = Assignment(f"{GROUP}/api", PRINCIPAL)
GIVEN = Assignment(role_key(ROLE, PRINCIPAL))
DENIED = Problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED, "no rule allows it")
BUSY = Problem(ProblemKind.WAITING, Reason.HOST_BUSY, "something is under way")
LOCKED = Problem(ProblemKind.FORBIDDEN, Reason.SCOPE_LOCKED, "a lock forbids it")
PINNED: Manifest = {"clientId": CLIENT, "objectId": "o", "tenantId": TENANT}


def standing(
    one: Assignment = API,
    progress: Progress = Progress.MADE,
    problem: Problem | None = None,
    origin: Origin = Origin.OPERATOR,
) -> AssignmentFinding:
    return AssignmentFinding(standings={one: AssignmentStanding(one, origin, progress, problem, "id")}, instance="vm")


def left(key: str = API.key, problem: Problem | None = None) -> AssignmentFinding:
    return AssignmentFinding(left=(AssignmentLeft(key, problem),))


def web(*parents: Parent, problem: Problem | None = None, of_place: Problem | None = None) -> AssignmentOutcome:
    places = tuple(Place(parent, API, SIGN_IN, of_place) for parent in parents)
    denied = CREATED_AT if of_place is not None else None
    return AssignmentOutcome(Section.IDENTITIES, "web", places, problem, denied)


def recorded(
    *hosts: str, state: str = "Assigned", origin: str = "Operator", items: Iterable[str] = ("web",), **more: Any
) -> Federation:
    """An object whose status has the identity at these hosts."""
    places = [
        {"resourceId": host, "identityId": API.key, "principalId": PRINCIPAL, "origin": origin, "state": state}
        for host in hosts
    ]
    as_asked = {"state": "Synced", "reason": "Synced", "message": "", "resources": places}
    rows = [{"name": name, **as_asked} for name in items]
    return federation(status={"observedGeneration": 1, "identityAssignments": rows, "target": PINNED}, **more)


def told(
    one: Federation,
    *outcomes: AssignmentOutcome,
    found: dict[Parent, AssignmentFinding] | None = None,
    places: frozenset[Parent] = frozenset(),
) -> FederationStatus:
    known = Knowledge(
        target=TARGET,
        finding=Finding(),
        may_show_target=True,
        assignments=outcomes,
        assigned=found or {},
        places=places | frozenset(found or {}),
    )
    return summarise(one, known, CREATED_AT)


def item(status: FederationStatus, name: str = "web") -> IdentityAssignmentStatus:
    return next(one for one in status.identity_assignments if one.name == name)


def ready(status: FederationStatus) -> tuple[ConditionStatus, str, str]:
    found = next(one for one in status.conditions if one.type is ConditionType.READY)
    return found.status, found.reason, found.message


def test_what_stands_is_shown_as_it_stands() -> None:
    status = told(federation(), web(HOST), found={HOST: standing()})
    (row,) = item(status).resources
    assert (row.resource_id, row.identity_id, row.principal_id, row.instance_id) == (VM, API.key, PRINCIPAL, "vm")
    assert (row.origin, row.state, item(status).state) == (Origin.OPERATOR, AssignmentState.ASSIGNED, ItemState.SYNCED)
    assert ready(status)[0] is ConditionStatus.TRUE


def test_what_is_about_to_be_made_is_recorded_as_such() -> None:
    status = told(federation(), web(HOST), found={HOST: standing(progress=Progress.INTENDED, problem=BUSY)})
    assert [row.state for row in item(status).resources] == [AssignmentState.ASSIGNING]
    assert item(status).reason == Reason.HOST_BUSY
    assert ready(status)[:2] == (ConditionStatus.UNKNOWN, Reason.HOST_BUSY)


def test_what_others_made_with_something_wrong_about_it_is_no_row() -> None:
    conflict = Problem(ProblemKind.CONFLICT, Reason.ASSIGNMENT_CONFLICT, "another one stands")
    found = standing(origin=Origin.PRE_EXISTING, problem=conflict)
    asked = {"name": "web", "managedIdentity": {"resourceId": API.key}, "resources": [VM]}
    status = told(federation(identityAssignments=[asked]), web(HOST), found={HOST: found})
    assert (item(status).resources, item(status).reason) == ((), Reason.ASSIGNMENT_CONFLICT)


def test_an_item_that_left_a_suspended_object_is_shown_no_longer_than_what_was_made_for_it() -> None:
    one = recorded(VM)
    suspended = replace(web(HOST), problem=Problem(ProblemKind.WAITING, Reason.SUSPENDED, "suspended"), places=())
    assert [row.name for row in told(one, suspended).identity_assignments] == ["web"]
    gone = told(one, suspended, found={HOST: AssignmentFinding()})
    assert gone.identity_assignments == ()


@pytest.mark.parametrize("found", [{}, {HOST: AssignmentFinding(problem=BUSY)}], ids=["not looked", "cannot look"])
@pytest.mark.parametrize("state", ["Assigning", "Assigned", "Removing"])
def test_what_was_recorded_stays_recorded_while_nobody_looked(
    found: dict[Parent, AssignmentFinding], state: str
) -> None:
    one = recorded(VM, state=state)
    assert item(told(one, web(HOST), found=found)).resources == item(one.status).resources
    assert item(told(one, found=found)).resources == item(one.status).resources


def test_what_others_made_is_forgotten_with_the_item() -> None:
    assert told(recorded(VM, origin="PreExisting"), found={}).identity_assignments == ()


def test_a_place_that_left_its_item_is_shown_until_it_is_gone() -> None:
    one = recorded(VM, OTHER_VM)
    status = told(one, web(HOST), found={HOST: standing(), OTHER_HOST: left()})
    states = {row.resource_id: row.state for row in item(status).resources}
    assert states == {VM: AssignmentState.ASSIGNED, OTHER_VM: AssignmentState.REMOVING}
    assert item(status).reason == Reason.PROGRESSING
    status = told(one, web(HOST), found={HOST: standing(), OTHER_HOST: AssignmentFinding()})
    assert [row.resource_id for row in item(status).resources] == [VM]


@pytest.mark.parametrize(
    "wrong",
    [{"resourceId": "/../web-1"}, {"identityId": "/api?"}, {"principalId": "none"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_an_identity_that_no_operator_can_have_recorded_is_forgotten(wrong: Manifest) -> None:
    place = {"resourceId": VM, "identityId": API.key, "principalId": PRINCIPAL, "origin": "Operator"}
    assert told(_with_row("identityAssignments", resources=[place | wrong])).identity_assignments == ()
    assert len(told(_with_row("identityAssignments", resources=[place])).identity_assignments) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"scope": "/../data"}, {"roleDefinitionId": "Reader"}, {"principalId": "none"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_a_role_that_no_operator_can_have_recorded_is_forgotten(wrong: Manifest) -> None:
    place = {"scope": SCOPE, "roleDefinitionId": ROLE, "principalId": PRINCIPAL, "origin": "Operator"}
    assert told(_with_row("roleAssignments", assignments=[place | wrong])).role_assignments == ()
    assert len(told(_with_row("roleAssignments", assignments=[place])).role_assignments) == 1


def test_a_tenant_that_no_operator_can_have_recorded_is_forgotten() -> None:
    there = frozenset({THERE, replace(THERE, tenant_id="../graph")})
    entered = {"connection": "partner", "deletionPolicy": "Delete", "origin": "Operator", "assignment": "Assigned"}
    rows = [_with_row("tenants", tenantId=tenant_id, **entered) for tenant_id in ("../graph", OTHER_TENANT)]
    assert [len(told(one, places=there).tenants) for one in rows] == [0, 1]


def test_a_tenant_is_known_however_a_hand_spelled_it() -> None:
    entered = {"connection": "partner", "deletionPolicy": "Delete", "origin": "Operator", "assignment": "Assigned"}
    tenant_id = "ABCDEF00-2222-4222-8222-222222222222"
    there = replace(THERE, tenant_id=tenant_id.lower())
    one = _with_row("tenants", tenantId=tenant_id, **entered)
    (row,) = told(one, found={there: left(CLIENT)}).tenants
    assert (row.tenant_id, row.connection) == (tenant_id.lower(), "partner")
    assert told(one, found={there: AssignmentFinding()}).tenants == ()


def _with_row(section: str, **row: Any) -> Federation:
    """An object of whose spec nothing is left but a row in the status."""
    row = {"name": "left", "state": "Synced", "reason": "Synced", "message": "", **row}
    for place in row.get("resources", []) + row.get("assignments", []):
        place["state"] = "Assigned"
    return federation(status={"observedGeneration": 1, section: [row], "target": PINNED})


def test_a_full_item_forgets_nothing_of_ours_for_what_is_new() -> None:
    before = [VM.replace("web-1", f"old-{number}") for number in range(MAX_PLACES)]
    found = {Parent(ParentKind.HOST, TENANT, host): left() for host in before} | {HOST: standing()}
    status = told(recorded(*before), web(HOST), found=found)
    assert {row.resource_id for row in item(status).resources} == set(before)


def test_a_full_section_forgets_nothing_of_ours_for_what_is_new() -> None:
    names = [f"old-{number}" for number in range(MAX_ROWS)]
    before = recorded(VM, items=names)
    status = told(before, replace(web(OTHER_HOST), name="a-new-one"), found={HOST: left(), OTHER_HOST: standing()})
    assert [one.name for one in status.identity_assignments] == sorted(names)
    assert ready(status)[2].startswith("identity assignment a-new-one: the status has no room for more")


def test_what_cannot_be_removed_is_named() -> None:
    status = told(recorded(VM), found={HOST: left(problem=LOCKED)})
    assert item(status).reason == Reason.SCOPE_LOCKED
    assert ready(status) == (ConditionStatus.FALSE, Reason.SCOPE_LOCKED, "identity assignment web: a lock forbids it")


def test_what_keeps_a_deleted_object_is_named_with_what_to_do() -> None:
    status = told(recorded(VM, deleted=CREATED), found={HOST: left(problem=LOCKED)})
    state, reason, message = ready(status)
    assert (state, reason) == (ConditionStatus.FALSE, Reason.DELETION_BLOCKED)
    assert "identity assignment web: a lock forbids it" in message
    assert "deletionPolicy: Retain" in message


def test_a_denied_item_keeps_what_stands_and_says_since_when() -> None:
    status = told(recorded(VM), web(HOST, of_place=DENIED), found={HOST: left()})
    assert (item(status).state, item(status).denied_since) == (ItemState.DENIED, CREATED)
    assert [row.state for row in item(status).resources] == [AssignmentState.ASSIGNED]
    permitted = next(one for one in status.conditions if one.type is ConditionType.PERMITTED)
    assert permitted.status is ConditionStatus.FALSE
    assert "identity assignment web" in permitted.message


def test_an_item_that_cannot_be_told_keeps_what_stands() -> None:
    unknown = Problem(ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, "no answer")
    status = told(recorded(VM), web(problem=unknown), found={HOST: left()})
    assert [row.state for row in item(status).resources] == [AssignmentState.ASSIGNED]
    assert item(status).reason == Reason.AZURE_UNAVAILABLE


def test_what_moves_is_told_before_what_stalls() -> None:
    found = {HOST: standing(problem=LOCKED), OTHER_HOST: standing(problem=BUSY)}
    assert item(told(federation(), web(HOST, OTHER_HOST), found=found)).reason == Reason.HOST_BUSY


@pytest.mark.parametrize("name", ["Blob Writer", ""])
def test_a_role_is_shown_by_the_name_that_azure_has_for_it_where_it_was_asked_for_by_name(name: str) -> None:
    outcome = AssignmentOutcome(Section.ROLES, "blobs", (Place(AT_SCOPE, GIVEN, SIGN_IN, role=name),))
    status = told(federation(), outcome, found={AT_SCOPE: standing(GIVEN)})
    (row,) = status.role_assignments[0].assignments
    assert (row.role, row.role_definition_id, row.principal_id) == (name or None, ROLE, PRINCIPAL)
    assert (row.scope, row.assignment_name, row.condition) == (SCOPE, "id", None)


def in_tenant(policy: str = "Retain", *, asked: bool = True, **more: Any) -> Federation:
    """An object with a tenant, that its status says was entered."""
    row = {
        "tenantId": OTHER_TENANT,
        "state": "Synced",
        "reason": "Synced",
        "message": "",
        "connection": "partner",
        "deletionPolicy": policy,
        "origin": "Operator",
        "assignment": "Assigned",
    }
    items = [{"tenantId": OTHER_TENANT, "connectionRef": {"name": "other"}, "deletionPolicy": policy}] if asked else []
    return federation(tenants=items, status={"observedGeneration": 1, "tenants": [row], "target": PINNED}, **more)


def test_a_tenant_remembers_the_connection_it_was_entered_by() -> None:
    outcome = AssignmentOutcome(Section.TENANTS, OTHER_TENANT, (Place(THERE, Assignment(CLIENT), SIGN_IN),))
    status = told(in_tenant(), outcome, found={THERE: standing(Assignment(CLIENT))})
    (row,) = status.tenants
    assert (row.connection, row.service_principal_id, row.assignment) == ("partner", "id", AssignmentState.ASSIGNED)


@pytest.mark.parametrize("more", [{"asked": False}, {"deleted": CREATED}], ids=["item gone", "object goes"])
def test_an_application_that_stays_in_its_tenant_is_forgotten(more: dict[str, Any]) -> None:
    assert told(in_tenant(**more)).tenants == ()


@pytest.mark.parametrize("more", [{"asked": False}, {"deleted": CREATED}], ids=["item gone", "object goes"])
def test_an_application_that_is_to_go_is_remembered_until_it_has_gone(more: dict[str, Any]) -> None:
    assert len(told(in_tenant("Delete", **more), places=frozenset({THERE})).tenants) == 1
    denied = told(in_tenant("Retain", **more), found={THERE: left(CLIENT)})
    assert [row.assignment for row in denied.tenants] == [AssignmentState.REMOVING]
    assert told(in_tenant("Delete", **more), found={THERE: AssignmentFinding()}).tenants == ()


def test_a_target_without_a_service_principal_at_home_is_not_ready() -> None:
    one = federation(status={"observedGeneration": 1, "target": PINNED})
    status = told(one, found={HOME: standing(Assignment(CLIENT), Progress.INTENDED, LOCKED)})
    assert ready(status)[2].startswith("service principal: ")
    assert status.tenants == ()


@pytest.mark.parametrize("cloud", list(CLOUDS), ids=str)
def test_consent_is_given_at_the_sign_in_page_of_the_cloud(cloud: Any) -> None:
    url = consent_url(CLOUDS[cloud], OTHER_TENANT, CLIENT)
    assert url == f"{CLOUDS[cloud].login}/{OTHER_TENANT}/adminconsent?client_id={CLIENT}"
