"""What tools and people conclude from a status: true, and told as each kind of problem is to be handled."""

from dataclasses import replace

import pytest
from hypothesis import given

from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import Finding, Knowledge, Left, Outcome, Standing
from entrafed.domain.summary import summarise
from unit.domain.federations import federation, oidc
from unit.domain.knowing import credential_name, known, observed, shown
from unit.domain.summarising import (
    LATER,
    A,
    B,
    C,
    any_known,
    knowing,
    looked,
    of,
    problem,
    ready,
    recorded,
    row,
    rows,
    synced,
)


def kstatus(one: Federation) -> str:
    """What tools conclude.

    Source: https://github.com/kubernetes-sigs/cli-utils/blob/master/pkg/kstatus/status/core.go (generic part)
    """
    conditions = {c.type: c.status for c in one.status.conditions}
    if one.metadata.deletion_timestamp:
        return "Terminating"
    if one.status.observed_generation != one.metadata.generation:
        return "InProgress"
    if conditions.get(ConditionType.RECONCILING) is ConditionStatus.TRUE:
        return "InProgress"
    if conditions.get(ConditionType.STALLED) is ConditionStatus.TRUE:
        return "Failed"
    return (
        "Current" if conditions.get(ConditionType.READY, ConditionStatus.TRUE) is ConditionStatus.TRUE else "InProgress"
    )


def all_is_in_place(knowledge: Knowledge) -> bool:
    finding = knowledge.finding
    return (
        knowledge.problem is None
        and finding is not None
        and finding.problem is None
        and not finding.left
        and all(
            o.trusts and not o.problem and all(finding.standings[trust].problem is None for trust in o.trusts)
            for o in knowledge.outcomes
        )
    )


def moves(knowledge: Knowledge) -> bool:
    """Whether there is hope without a person: what concerns the whole decides, else whatever moves."""
    finding = knowledge.finding
    if knowledge.problem is not None:
        return not knowledge.problem.stalled
    if finding is None:
        return True
    if finding.problem is not None:
        return not finding.problem.stalled
    problems = [o.problem for o in knowledge.outcomes]
    problems += [s.problem for s in finding.standings.values()] + [left.problem for left in finding.left]
    waits = finding.left and any(left.problem is None for left in finding.left)
    return bool(waits) or any(p is not None and not p.stalled for p in problems)


@any_known
@given(known)
def test_ready_is_always_told_and_says_true_only_when_all_was_seen_in_place(
    known: tuple[Federation, Knowledge],
) -> None:
    one, knowledge = known
    status = summarise(one, knowledge, LATER)
    leaving = one.metadata.deletion_timestamp is not None
    assert (ready(status).status is ConditionStatus.TRUE) is (all_is_in_place(knowledge) and not leaving)


@any_known
@given(known)
def test_reconciling_and_stalled_exclude_each_other_and_are_there_only_while_true(
    known: tuple[Federation, Knowledge],
) -> None:
    status = summarise(*known, LATER)
    abnormal = [c for kind in (ConditionType.RECONCILING, ConditionType.STALLED) if (c := of(kind, status))]
    assert all(c.status is ConditionStatus.TRUE for c in abnormal)
    settled = ready(status).status is ConditionStatus.TRUE or ready(status).reason == Reason.SUSPENDED
    assert len(abnormal) == (0 if settled else 1)


@any_known
@given(known)
def test_tools_see_success_failure_and_progress_as_they_are(known: tuple[Federation, Knowledge]) -> None:
    one, knowledge = known
    status = summarise(one, knowledge, LATER)
    verdict = kstatus(replace(one, status=status))
    if one.metadata.deletion_timestamp:
        assert verdict == "Terminating"
    elif all_is_in_place(knowledge):
        assert verdict == "Current"
    elif ready(status).reason == Reason.SUSPENDED:
        assert verdict == "InProgress"
    else:
        items_only = knowledge.problem is None and knowledge.finding is not None and knowledge.finding.problem is None
        if not items_only:
            assert verdict == ("InProgress" if moves(knowledge) else "Failed")
        elif not moves(knowledge):
            assert verdict == "Failed"


def test_what_stands_without_being_asked_for_is_told_under_the_item_that_it_was_written_for() -> None:
    denied = Outcome("a", (B,), problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED), denied_since=0.0)
    knowledge = replace(knowing(looked({}, Left(observed(A), None)), denied), written={"a": (A,)})
    status = summarise(federation(oidc("a")), knowledge, LATER)
    assert [(i.name, [c.credential_name for c in i.credentials]) for i in status.federated_credentials] == [
        ("a", [credential_name(A)])
    ]


@pytest.mark.parametrize("kind", ProblemKind)
@pytest.mark.parametrize("reason", [reason for reason in Reason if reason is not Reason.SUSPENDED])
def test_each_problem_is_told_as_its_kind_is_to_be_handled(kind: ProblemKind, reason: Reason) -> None:
    status = summarise(federation(oidc("a")), knowing(None, Outcome("a", (A,)), whole=problem(kind, reason)), LATER)
    stalled = kind in (ProblemKind.TERMINAL, ProblemKind.FORBIDDEN, ProblemKind.CONFLICT)
    quiet = kind in (ProblemKind.WAITING, ProblemKind.THROTTLED)
    assert ready(status).status is (ConditionStatus.UNKNOWN if quiet else ConditionStatus.FALSE)
    assert (ready(status).reason, ready(status).message) == (reason, "Azure says no")
    assert (of(ConditionType.STALLED, status) is not None) is stalled
    assert (of(ConditionType.RECONCILING, status) is not None) is not stalled


def test_a_suspended_object_is_neither_ready_nor_moving_nor_stalled() -> None:
    suspended = problem(ProblemKind.WAITING, Reason.SUSPENDED)
    status = summarise(
        federation(oidc("a"), suspend=True), knowing(None, Outcome("a", (A,), suspended), whole=suspended), 0
    )
    assert (ready(status).status, ready(status).reason) == (ConditionStatus.UNKNOWN, Reason.SUSPENDED)
    assert of(ConditionType.RECONCILING, status) is None
    assert of(ConditionType.STALLED, status) is None


def test_what_became_of_the_credentials_of_a_suspended_object_is_recorded_though_nobody_looked() -> None:
    suspended, passed_on = problem(ProblemKind.WAITING, Reason.SUSPENDED), replace(observed(B), name="other")
    amended = {credential_name(A): None, "other": passed_on, credential_name(C): observed(C)}
    kept = knowing(Finding(amended=amended), Outcome("a", (A,), suspended), whole=suspended)
    knowledge = replace(kept, written={"b": (B,)})
    before = recorded(row("a", shown(A)), row("b", shown(B)))
    status = summarise(federation(oidc("a"), suspend=True, status=before), knowledge, 0)
    assert ready(status).reason == Reason.SUSPENDED
    assert {name: [c.credential_name for c in item.credentials] for name, item in rows(status).items()} == {
        "a": [],
        "b": [credential_name(B), "other"],
        credential_name(C): [credential_name(C)],
    }
    assert {item.reason for item in status.federated_credentials} == {Reason.SUSPENDED}


@pytest.mark.parametrize(
    ("found", "state"),
    [
        (None, ItemState.SYNCED),
        (problem(ProblemKind.WAITING), ItemState.PENDING),
        (problem(ProblemKind.THROTTLED), ItemState.PENDING),
        (problem(ProblemKind.TRANSIENT), ItemState.PENDING),
        (problem(ProblemKind.TERMINAL), ItemState.FAILED),
        (problem(ProblemKind.FORBIDDEN), ItemState.FAILED),
        (problem(ProblemKind.CONFLICT, Reason.CREDENTIAL_CONFLICT), ItemState.CONFLICT),
        (problem(ProblemKind.CONFLICT, Reason.AUDIENCE_CONFLICT), ItemState.CONFLICT),
        (problem(ProblemKind.CONFLICT, Reason.DRIFTED), ItemState.DRIFTED),
        (problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED), ItemState.DENIED),
        (problem(ProblemKind.FORBIDDEN, Reason.REVOKED), ItemState.DENIED),
    ],
)
def test_the_state_of_an_item_tells_what_is_wrong_with_it(found: Problem | None, state: ItemState) -> None:
    standing = Standing(observed(A), Origin.OPERATOR, found)
    status = summarise(federation(oidc("a")), knowing(looked({A: standing}), Outcome("a", (A,))), LATER)
    assert rows(status)["a"].state is state
    assert status.summary is not None
    assert status.summary.credentials == ("1/1" if state is ItemState.SYNCED else "0/1")


def test_what_moves_is_told_before_what_is_stuck_and_what_is_stuck_is_named_with_it() -> None:
    stuck = Standing(None, Origin.OPERATOR, problem(ProblemKind.TERMINAL, Reason.VALUE_REFUSED))
    moving = Standing(None, Origin.OPERATOR, problem(ProblemKind.WAITING, Reason.PROGRESSING, "soon"))
    finding = looked({A: stuck, B: moving})
    status = summarise(
        federation(oidc("a"), oidc("b")), knowing(finding, Outcome("a", (A,)), Outcome("b", (B,))), LATER
    )
    assert (ready(status).reason, ready(status).message) == (Reason.PROGRESSING, "b: soon (also not in place: a)")


@pytest.mark.parametrize("moving_first", [True, False])
def test_an_item_of_two_credentials_moves_while_one_of_them_does(moving_first: bool) -> None:
    stuck = Standing(None, Origin.OPERATOR, problem(ProblemKind.TERMINAL, Reason.VALUE_REFUSED))
    moving = Standing(None, Origin.OPERATOR, problem(ProblemKind.WAITING, Reason.PROGRESSING))
    finding = looked({A: moving, B: stuck} if moving_first else {A: stuck, B: moving})
    status = summarise(federation(oidc("a")), knowing(finding, Outcome("a", (A, B))), LATER)
    assert rows(status)["a"].state is ItemState.PENDING


def test_what_stood_before_does_not_hide_that_its_successor_is_refused() -> None:
    refused = Standing(None, Origin.OPERATOR, problem(ProblemKind.TERMINAL, Reason.VALUE_REFUSED))
    one = federation(oidc("a", "job-b"), status=recorded(row("a", shown(A))))
    status = summarise(one, knowing(looked({B: refused}, Left(observed(A), None)), Outcome("a", (B,))), LATER)
    assert rows(status)["a"].state is ItemState.FAILED
    assert of(ConditionType.STALLED, status) is not None


def test_the_generation_that_the_status_speaks_about_is_told_everywhere() -> None:
    one = federation(oidc("a"), generation=7)
    status = summarise(one, knowing(looked({A: synced(A)}), Outcome("a", (A,))), LATER)
    assert status.observed_generation == 7
    assert {c.observed_generation for c in status.conditions} == {7}


def test_an_item_whose_rules_could_not_be_judged_does_not_count_as_allowed() -> None:
    unknown = Outcome("a", (), problem(ProblemKind.TRANSIENT, Reason.ISSUER_UNKNOWN))
    status = summarise(federation(oidc("a")), knowing(looked(), unknown), LATER)
    permitted = of(ConditionType.PERMITTED, status)
    assert permitted is not None
    assert permitted.status is ConditionStatus.UNKNOWN
