"""Hosts, roles and tenants of an object: what is asked for where, when it is denied, and for how long that is kept."""

from dataclasses import replace
from typing import Any

import pytest

from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.asks import Stance
from entrafed.domain.assignments import AssignmentAsk
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem
from entrafed.domain.targets import ServicePrincipal
from entrafed.engine.admission import Admission
from unit.domain.federations import (
    CLIENT,
    CREATED,
    CREATED_AT,
    EVERYTHING,
    GROUP,
    IDENTITY,
    OTHER_TENANT,
    TENANT,
    Manifest,
    federation,
)
from unit.engine.admitting import APP, TIMING, Admitting, status
from unit.engine.port_fakes import HandClock, problem

PRINCIPAL = "d0d0d0d0-0000-4000-8000-000000000001"
VM = f"/subscriptions/{TENANT}/resourcegroups/web/providers/microsoft.compute/virtualmachines/web-1"
HOST = Parent(ParentKind.HOST, TENANT, VM)
HOME, THERE = Parent(ParentKind.TENANT_APP, TENANT, CLIENT), Parent(ParentKind.TENANT_APP, OTHER_TENANT, CLIENT)
ALLOWED: Manifest = {
    **EVERYTHING,
    "identityAssignments": [{"managedIdentities": [f"{GROUP}/*"], "resources": [VM]}],
    "tenants": [OTHER_TENANT],
}
DENYING: Manifest = dict(EVERYTHING)
OVER = "2026-01-31T12:00:00Z"  # long ago, for the clock of these tests


def world(*, rule: Manifest = ALLOWED) -> Admitting:
    made = Admitting()
    made.connect(rule)
    made.connect({**EVERYTHING, "tenants": [OTHER_TENANT]}, name="partner", tenantId=OTHER_TENANT)
    made.azure.targets[federation().spec.target] = replace(APP, multi_tenant=True)
    made.azure.principals[CLIENT] = ServicePrincipal(CLIENT, "at-home")
    return made


def recorded(
    *, denied: str | None = None, asked: bool = True, origin: Origin = Origin.OPERATOR, **more: Any
) -> Federation:
    """An object with an identity at a host, that its status records as made."""
    place = {
        "resourceId": VM,
        "identityId": IDENTITY,
        "principalId": PRINCIPAL,
        "origin": origin.value,
        "state": "Assigned",
    }
    row = {"name": "web", "state": "Synced", "reason": "Synced", "message": "", "resources": [place]}
    items = [{"name": "web", "managedIdentity": {"resourceId": IDENTITY}, "resources": [VM]}] if asked else []
    before = status(identityAssignments=[row | ({"deniedSince": denied} if denied else {})])
    return federation(status=before, identityAssignments=items, **more)


def in_tenant(*, denied: str | None = None, asked: bool = True, policy: str = "Delete", **more: Any) -> Federation:
    """The same with a tenant."""
    row = {
        "tenantId": OTHER_TENANT,
        "state": "Synced",
        "reason": "Synced",
        "message": "",
        "connection": "partner",
        "deletionPolicy": policy,
        "origin": "Operator",
        "assignment": "Assigned",
        **({"deniedSince": denied} if denied else {}),
    }
    item = {"tenantId": OTHER_TENANT, "connectionRef": {"name": "partner"}, "deletionPolicy": policy}
    return federation(status=status(tenants=[row]), tenants=[item] if asked else [], **more)


def ask_at(admission: Admission, parent: Parent = HOST) -> AssignmentAsk:
    return admission.assigned[parent]


async def test_what_is_allowed_is_asked_for() -> None:
    ask = ask_at(await world().admit(recorded()))
    assert {one.key for one in ask.wanted} == {IDENTITY}
    assert ask.stance is Stance.RECONCILE


async def test_what_is_denied_is_kept_and_has_a_time_when_that_is_over() -> None:
    made = world(rule=DENYING)
    admission = await made.admit(recorded())
    assert ask_at(admission).kept == {IDENTITY}
    assert admission.due == TIMING.revocation_delay
    (outcome,) = admission.knowledge.assignments
    assert outcome.denied_since == made.clock.now() - 1


@pytest.mark.parametrize("origin", Origin)
@pytest.mark.parametrize("rule", [ALLOWED, DENYING], ids=["allowed", "denied"])
async def test_whoever_assigned_it_what_no_rule_allows_any_more_is_told_right_after_a_start(
    origin: Origin, rule: Manifest
) -> None:
    one = recorded(origin=origin)
    assert await world(rule=rule).admitter.is_as_recorded(one) is (rule is ALLOWED)


async def test_what_was_denied_stays_so_since_then_while_nothing_can_be_told() -> None:
    made = world()
    made.objects.namespaces.clear()
    (outcome,) = (await made.admit(recorded(denied=OVER))).knowledge.assignments
    assert outcome.denied_since == CREATED_AT


async def test_what_was_denied_long_ago_is_taken_back() -> None:
    admission = await world(rule=DENYING).admit(recorded(denied=OVER))
    assert ask_at(admission).revoked == {IDENTITY}
    assert admission.due is None
    (outcome,) = admission.knowledge.assignments
    assert [place.problem.reason for place in outcome.places if place.problem] == [Reason.REVOKED]
    assert outcome.denied_since == CREATED_AT


@pytest.mark.parametrize("denied", ["2999-01-01T00:00:00Z", "yesterday"])
async def test_a_time_to_come_and_no_time_at_all_defer_nothing(denied: str) -> None:
    made = world(rule=DENYING)
    admission = await made.admit(recorded(denied=denied))
    assert admission.due == TIMING.revocation_delay


@pytest.mark.parametrize("more", [{"suspend": True}, {"deletionPolicy": "Retain"}], ids=str)
async def test_neither_suspend_nor_retain_keep_what_was_denied_long_ago(more: dict[str, Any]) -> None:
    ask = ask_at(await world(rule=DENYING).admit(recorded(denied=OVER, **more)))
    assert ask.revoked == {IDENTITY}
    assert ask.needs_look


async def test_each_item_of_a_suspended_object_is_told_of_whether_anything_was_made_for_it() -> None:
    asked = [{"name": name, "managedIdentity": {"resourceId": IDENTITY}, "resources": [VM]} for name in ("new", "web")]
    one = replace(recorded(suspend=True), spec=federation(suspend=True, identityAssignments=asked).spec)
    outcomes = (await world().admit(one)).knowledge.assignments
    assert {outcome.name: outcome.problem and outcome.problem.reason for outcome in outcomes} == {
        "new": Reason.SUSPENDED,
        "web": Reason.SUSPENDED,
    }


async def test_a_suspended_object_only_keeps_and_reads_nothing() -> None:
    made = world()
    ask = ask_at(await made.admit(recorded(suspend=True)))
    assert (ask.stance, len(ask.records), ask.needs_look) == (Stance.KEEP, 1, False)
    assert made.azure.calls == []


async def test_without_a_connection_what_was_asked_for_stands() -> None:
    made = world()
    await made.admit(recorded())
    made.objects.connections.clear()
    ask = ask_at(await made.admit(recorded()))
    assert {one.key for one in ask.wanted} == {IDENTITY}
    ask = ask_at(await made.admit(recorded(suspend=True)))
    assert ask.stance is Stance.KEEP


async def test_without_a_connection_and_a_memory_what_is_recorded_is_kept() -> None:
    made = world()
    made.objects.connections.clear()
    ask = ask_at(await made.admit(recorded()))
    assert (ask.stance, ask.sign_in, len(ask.records)) == (Stance.KEEP, None, 1)


async def test_one_who_leaves_is_allowed_to_clean_up_without_a_rule() -> None:
    ask = ask_at(await world(rule=DENYING).admit(recorded(deleted=CREATED)))
    assert (ask.stance, ask.revoked) == (Stance.LEAVE, frozenset({IDENTITY}))
    ask = ask_at(await world().admit(recorded(deleted=CREATED)))
    assert (ask.stance, len(ask.revoked)) == (Stance.LEAVE, 0)


async def test_one_who_retains_leaves_what_is_allowed_and_takes_back_what_is_denied() -> None:
    retaining = recorded(deleted=CREATED, deletionPolicy="Retain")
    assert (await world().admit(retaining)).assigned == {}
    assert ask_at(await world(rule=DENYING).admit(retaining)).revoked == {IDENTITY}


async def test_where_no_rule_can_be_asked_what_the_status_says_was_denied_is_not_retained() -> None:
    made = world()
    made.objects.connections.clear()
    retaining = recorded(denied=OVER, deleted=CREATED, deletionPolicy="Retain")
    ask = ask_at(await made.admit(retaining))
    assert (ask.revoked, ask.sign_in) == (frozenset({IDENTITY}), None)


async def test_a_tenant_is_denied_by_either_connection() -> None:
    for name, tenant_id in (("default", TENANT), ("partner", OTHER_TENANT)):
        made = world()
        made.connect(DENYING, name=name, tenantId=tenant_id)
        ask = ask_at(await made.admit(in_tenant(denied=OVER)), THERE)
        assert (ask.revoked, ask.sign_in and ask.sign_in.connection) == (frozenset({CLIENT}), "partner")


async def test_a_tenant_whose_connection_is_missing_is_kept() -> None:
    made = world()
    del made.objects.connections["partner"]
    admission = await made.admit(in_tenant())
    assert (ask_at(admission, THERE).stance, ask_at(admission, THERE).kept) == (Stance.KEEP, frozenset({CLIENT}))
    assert admission.problem is not None
    assert admission.problem.reason is Reason.CONNECTION_NOT_FOUND


async def test_what_outlives_its_item_is_let_go_while_it_is_allowed() -> None:
    removed = in_tenant(asked=False, policy="Retain")
    assert THERE not in (await world().admit(removed)).assigned
    assert THERE in (await world(rule=DENYING).admit(removed)).assigned
    made = world()
    del made.objects.connections["partner"]
    assert THERE not in (await made.admit(removed)).assigned
    assert THERE in (await made.admit(in_tenant(asked=False, policy="Retain", denied=OVER))).assigned


async def test_a_target_without_a_service_principal_at_home_asks_for_one_that_is_never_taken_back() -> None:
    made = world()
    made.azure.principals.clear()
    ask = ask_at(await made.admit(federation()), HOME)
    assert ({one.key for one in ask.wanted}, [r.assignment.key for r in ask.records]) == ({CLIENT}, [CLIENT])
    assert (await made.admit(federation(deleted=CREATED, status=status()))).assigned == {}


async def test_where_the_service_principal_may_not_be_read_somebody_else_sees_to_it() -> None:
    made = world()
    made.azure.principals[CLIENT] = AzureProblem(problem(Reason.ACCESS_DENIED))
    assert (await made.admit(federation())).assigned == {}


async def test_without_a_rule_for_the_target_nothing_is_made_at_home() -> None:
    made = world(rule={**EVERYTHING, "targets": {"applications": [OTHER_TENANT]}})
    made.azure.principals.clear()
    assert (await made.admit(federation(status=status()))).assigned == {}


class _Ticking(HandClock):
    """Time that passes while an object is admitted."""

    def now(self) -> float:
        self.seconds += 0.001
        return self.seconds


@pytest.mark.parametrize("milliseconds", range(12))
async def test_what_is_not_over_yet_has_a_time_when_it_is_however_near_that_is(milliseconds: int) -> None:
    over_at = CREATED_AT + TIMING.revocation_delay
    made = Admitting(clock=_Ticking(over_at - milliseconds / 1000))
    made.connect(DENYING)
    admission = await made.admitter.admit(recorded(denied=CREATED), 0.0)
    ask = ask_at(admission)
    assert ask.revoked or admission.due is not None
