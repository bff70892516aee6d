"""What a status records of hosts, roles and tenants is the operator's memory, in a place where a hand may write too."""

from typing import Any

import pytest

from entrafed.api.federation import Federation
from entrafed.domain.assignments import Assignment, Progress
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.findings import Section
from entrafed.engine.assignment_records import assignments_recorded
from unit.domain.federations import CLIENT, GROUP, OTHER_TENANT, TENANT, Manifest, federation
from unit.engine.admitting import status

PRINCIPAL = "d0d0d0d0-0000-4000-8000-000000000001"
ROLE = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
SCOPE = f"/subscriptions/{TENANT}/resourceGroups/data"
VM = f"/subscriptions/{TENANT}/resourceGroups/web/providers/Microsoft.Compute/virtualMachines/web-1"


def _row(name: str, **more: Any) -> Manifest:
    return {"name": name, "state": "Synced", "reason": "Synced", "message": "", **more}


def at_host(**more: Any) -> Federation:
    """An object whose status has one identity at one host."""
    place = {
        "resourceId": VM,
        "identityId": f"{GROUP}/api",
        "principalId": PRINCIPAL,
        "origin": "Operator",
        "state": "Assigned",
        **more,
    }
    return federation(status=status(identityAssignments=[_row("web", resources=[place])]))


def at_scope(**more: Any) -> Federation:
    """The same of one role at one scope."""
    place = {
        "scope": SCOPE,
        "roleDefinitionId": ROLE,
        "principalId": PRINCIPAL,
        "origin": "Operator",
        "state": "Assigned",
        **more,
    }
    return federation(status=status(roleAssignments=[_row("blobs", assignments=[place])]))


def in_tenant(*asked: Manifest, **more: Any) -> Federation:
    """The same of one tenant."""
    place = {
        "tenantId": OTHER_TENANT,
        "state": "Synced",
        "reason": "Synced",
        "message": "",
        "connection": "partner",
        "origin": "Operator",
        "assignment": "Assigned",
        **more,
    }
    return federation(tenants=list(asked), status=status(tenants=[place]))


def test_an_identity_at_a_host_is_recorded_whatever_its_spelling() -> None:
    (one,) = assignments_recorded(at_host(principalId=PRINCIPAL.upper(), instanceId="vm-id"))
    assert one.parent == Parent(ParentKind.HOST, TENANT, VM.lower())
    assert one.record.assignment == Assignment(f"{GROUP}/api", PRINCIPAL)
    assert (one.section, one.record.item, one.record.instance) == (Section.IDENTITIES, "web", "vm-id")
    assert (one.connection, one.outlives) == (None, False)


def test_a_role_at_a_scope_is_recorded_with_its_condition() -> None:
    (one,) = assignments_recorded(at_scope(condition="c", role="Reader"))
    assert one.parent == Parent(ParentKind.SCOPE, TENANT, SCOPE.lower())
    assert one.record.assignment == Assignment(f"{ROLE} {PRINCIPAL}", "c")
    assert (one.section, one.role) == (Section.ROLES, "Reader")


def test_an_application_in_a_tenant_is_recorded_with_the_connection_that_leads_there() -> None:
    (one,) = assignments_recorded(in_tenant())
    assert one.parent == Parent(ParentKind.TENANT_APP, OTHER_TENANT, CLIENT)
    assert (one.section, one.record.assignment, one.connection) == (Section.TENANTS, Assignment(CLIENT), "partner")


@pytest.mark.parametrize(
    ("state", "progress"),
    [
        ("Assigning", Progress.INTENDED),
        ("Assigned", Progress.MADE),
        ("Removing", Progress.MADE),
        ("New", Progress.MADE),
    ],
)
def test_only_what_is_being_assigned_may_not_stand_yet(state: str, progress: Progress) -> None:
    for one in (at_host(state=state), at_scope(state=state), in_tenant(assignment=state)):
        assert [found.record.progress for found in assignments_recorded(one)] == [progress]


@pytest.mark.parametrize("origin", ["PreExisting", "Somebody"])
def test_what_the_operator_did_not_make_is_no_record(origin: str) -> None:
    for one in (at_host(origin=origin), at_scope(origin=origin), in_tenant(origin=origin)):
        assert assignments_recorded(one) == ()


@pytest.mark.parametrize(
    "place",
    [
        {"resourceId": "/subscriptions/x/y"},
        {"resourceId": f"{VM}/../../../other"},
        {"resourceId": f"{VM}?api-version=1"},
        {"resourceId": VM.replace("virtualMachines", "disks")},
        {"resourceId": ""},
        {"identityId": VM},
        {"identityId": "web"},
        {"principalId": "none"},
        {"principalId": f"{PRINCIPAL} "},
    ],
    ids=str,
)
def test_what_names_no_host_or_identity_is_passed_over(place: Manifest) -> None:
    assert assignments_recorded(at_host(**place)) == ()


@pytest.mark.parametrize(
    "place",
    [
        {"scope": "/"},
        {"scope": f"{SCOPE}/../x"},
        {"scope": f"{SCOPE}#x"},
        {"roleDefinitionId": "Owner"},
        {"principalId": "' or 1 eq 1"},
    ],
    ids=str,
)
def test_what_names_no_scope_or_role_is_passed_over(place: Manifest) -> None:
    assert assignments_recorded(at_scope(**place)) == ()


@pytest.mark.parametrize(
    "place",
    [{"tenantId": "common"}, {"tenantId": "x/y"}, {"connection": None}, {"connection": ""}, {"assignment": None}],
)
def test_what_names_no_tenant_or_no_way_into_it_is_passed_over(place: Manifest) -> None:
    assert assignments_recorded(in_tenant(**place)) == ()


def test_without_a_target_nothing_is_recorded() -> None:
    rows = [_row("web", resources=[])]
    assert assignments_recorded(federation(status=status(target=None, identityAssignments=rows))) == ()
    hostile = {"clientId": "../x", "objectId": "x", "tenantId": TENANT}
    one = federation(status={**status(target=hostile), "tenants": [{"tenantId": OTHER_TENANT, **_row("")}]})
    assert assignments_recorded(one) == ()


@pytest.mark.parametrize(
    ("asked", "recorded", "outlives"),
    [
        (None, "Retain", True),
        (None, "Delete", False),
        ("Delete", "Retain", False),
        ("Retain", "Delete", True),
    ],
)
def test_the_item_says_what_becomes_of_an_application_or_else_the_record_of_it(
    asked: str | None, recorded: str, outlives: bool
) -> None:
    items = [{"tenantId": OTHER_TENANT.upper(), "deletionPolicy": asked}] if asked else []
    (one,) = assignments_recorded(in_tenant(*items, deletionPolicy=recorded))
    assert one.outlives is outlives
