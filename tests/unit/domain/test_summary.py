"""From what is known of an object to its status: true, stable, bounded, and a memory that forgets nothing too early."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings

from entrafed.api.conditions import MAX_MESSAGE, Condition, ConditionStatus, ConditionType
from entrafed.api.federation import Federation, parse_federation
from entrafed.api.formats import MAX_VALUE
from entrafed.api.reasons import Reason
from entrafed.api.status import (
    MAX_ITEMS,
    CredentialItemStatus,
    CredentialStatus,
    FederationStatus,
    ItemState,
    Origin,
    TargetStatus,
    dump_status,
)
from entrafed.domain.credentials import LIMIT, ObservedCredential, Pair, Trust
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import Finding, Knowledge, Left, Outcome, Standing
from entrafed.domain.summary import summarise
from unit.domain.federations import APPLICATION, CLIENT, CREATED, CREATED_AT, OBJECT, TENANT, federation, oidc
from unit.domain.knowing import TARGET, condition, credential_name, known, observed, shown

LATER = CREATED_AT + 3600
A = Trust(Pair("https://issuer.example", "job-a"), "api://x")
B = Trust(Pair("https://issuer.example", "job-b"), "api://x")

any_known = settings(max_examples=100, deadline=None, derandomize=True)


def problem(kind: ProblemKind, reason: Reason = Reason.AZURE_ERROR, message: str = "Azure says no") -> Problem:
    return Problem(kind, reason, message)


def synced(trust: Trust) -> Standing:
    return Standing(observed(trust), Origin.OPERATOR, None)


def looked(standings: dict[Trust, Standing] | None = None, *left: Left) -> Finding:
    return Finding(standings=standings or {}, left=left)


def knowing(finding: Finding | None, *outcomes: Outcome, whole: Problem | None = None) -> Knowledge:
    return Knowledge(outcomes, target=TARGET, problem=whole, finding=finding, may_show_target=True)


def row(name: str, *credentials: CredentialStatus, denied_since: str | None = None) -> CredentialItemStatus:
    """A row as an earlier status has it."""
    return CredentialItemStatus(
        name=name,
        state=ItemState.SYNCED,
        reason=Reason.SYNCED,
        message="",
        denied_since=denied_since,
        credentials=credentials,
    )


def recorded(*rows: CredentialItemStatus) -> FederationStatus:
    return FederationStatus(observed_generation=1, federated_credentials=rows)


def of(kind: ConditionType, status: FederationStatus) -> Condition | None:
    return next((c for c in status.conditions if c.type is kind), None)


def ready(status: FederationStatus) -> Condition:
    found = of(ConditionType.READY, status)
    assert found is not None
    return found


def rows(status: FederationStatus) -> dict[str, CredentialItemStatus]:
    return {item.name: item for item in status.federated_credentials}


def named(status: FederationStatus) -> set[str]:
    """Names of the credentials that a status records as made by us."""
    return {
        c.credential_name for i in status.federated_credentials for c in i.credentials if c.origin is Origin.OPERATOR
    }


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


# What tools and people conclude from it


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


# What it remembers


@any_known
@given(known)
def test_a_recorded_credential_stays_recorded_until_somebody_looked_and_did_not_see_it(
    known: tuple[Federation, Knowledge],
) -> None:
    one, knowledge = known
    finding = knowledge.finding
    before, after = named(one.status), named(summarise(one, knowledge, LATER))
    if finding is None or finding.problem is not None:
        assert before <= after
    else:
        seen = {left.credential.name for left in finding.left}
        seen |= {s.credential.name for s in finding.standings.values() if s.credential and s.origin is Origin.OPERATOR}
        assert seen <= after


def test_an_item_that_left_the_spec_is_shown_until_what_was_made_for_it_is_gone() -> None:
    one = federation(oidc("b"), status=recorded(row("a", shown(A))))
    outcome = Outcome("b", (B,))
    for finding in (
        None,
        Finding(problem=problem(ProblemKind.THROTTLED)),
        looked({B: synced(B)}, Left(observed(A), None)),
    ):
        status = summarise(one, knowing(finding, outcome), LATER)
        assert rows(status)["a"].credentials == (shown(A),)
        assert ready(status).status is not ConditionStatus.TRUE
    assert list(rows(summarise(one, knowing(looked({B: synced(B)}), outcome), LATER))) == ["b"]


def test_an_item_whose_former_credential_still_stands_is_not_in_place() -> None:
    one = federation(oidc("a", "job-b"), status=recorded(row("a", shown(A))))
    status = summarise(one, knowing(looked({B: synced(B)}, Left(observed(A), None)), Outcome("a", (B,))), LATER)
    assert rows(status)["a"].state is ItemState.PENDING
    assert {c.credential_name for c in rows(status)["a"].credentials} == {credential_name(A), credential_name(B)}
    assert of(ConditionType.RECONCILING, status) is not None


def test_what_was_there_before_is_not_remembered_once_the_item_is_gone() -> None:
    one = federation(status=recorded(row("a", shown(A, Origin.PRE_EXISTING))))
    assert rows(summarise(one, knowing(None), LATER)) == {}


def test_a_renamed_item_takes_its_credential_along() -> None:
    one = federation(oidc("new", "job-a"), status=recorded(row("old", shown(A))))
    status = summarise(one, knowing(looked({A: synced(A)}), Outcome("new", (A,))), LATER)
    assert {name: item.credentials for name, item in rows(status).items()} == {"new": (shown(A),)}


@pytest.mark.parametrize("item", ["a", "renamed"])
@pytest.mark.parametrize(
    "there", [None, ObservedCredential("by-hand", "https://issuer.example", "job-a", ("api://y",))]
)
def test_what_was_written_stays_known_while_its_drift_is_only_reported(
    item: str, there: ObservedCredential | None
) -> None:
    """Else it would count as never written, and be written anew against `driftPolicy: Report`."""
    drifted = Standing(there, Origin.OPERATOR, problem(ProblemKind.CONFLICT, Reason.DRIFTED))
    one = federation(oidc(item, "job-a"), driftPolicy="Report", status=recorded(row("a", shown(A))))
    status = summarise(one, knowing(looked({A: drifted}), Outcome(item, (A,))), LATER)
    assert rows(status)[item].credentials == (shown(A),)


def test_a_denied_item_keeps_its_date_when_it_is_renamed_and_left_behind() -> None:
    """Else renaming would begin the delay anew, and what is denied would never be removed."""
    denied = Outcome("new", (A,), problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED), denied_since=CREATED_AT)
    one = federation(oidc("new", "job-a"), status=recorded(row("old", shown(A), denied_since=CREATED)))
    for finding in (None, looked({}, Left(observed(A), None))):
        status = summarise(one, knowing(finding, denied), LATER)
        assert rows(status)["old"].denied_since == CREATED
        assert rows(status)["new"].denied_since == CREATED


@any_known
@given(known)
def test_saying_the_same_again_changes_nothing_not_even_a_time(known: tuple[Federation, Knowledge]) -> None:
    one, knowledge = known
    first = summarise(one, knowledge, LATER)
    assert summarise(replace(one, status=first), knowledge, LATER + 500) == first


@any_known
@given(known)
def test_a_condition_keeps_its_time_while_its_status_stays(known: tuple[Federation, Knowledge]) -> None:
    one, knowledge = known
    before = {c.type: c for c in one.status.conditions}
    for after in summarise(one, knowledge, LATER).conditions:
        was = before.get(after.type)
        kept = was is not None and was.status is after.status
        assert (after.last_transition_time == CREATED) is kept


@any_known
@given(known)
def test_no_text_depends_on_the_time(known: tuple[Federation, Knowledge]) -> None:
    def texts(now: float) -> list[tuple[str, str]]:
        status = summarise(*known, now)
        return [(c.reason, c.message) for c in status.conditions] + [
            (item.reason, item.message) for item in status.federated_credentials
        ]

    assert texts(LATER) == texts(LATER * 2)


# What may be told


@any_known
@given(known)
def test_nothing_of_a_target_is_told_before_a_rule_allows_it(known: tuple[Federation, Knowledge]) -> None:
    one, knowledge = known
    status = summarise(one, replace(knowledge, may_show_target=False), LATER)
    assert status.target == one.status.target


def test_a_permitted_target_is_told_and_stays_told() -> None:
    expected = TargetStatus(client_id=CLIENT, object_id=OBJECT, tenant_id=TENANT)
    one = federation(oidc("a"))
    status = summarise(one, knowing(None, Outcome("a", (A,))), LATER)
    assert status.target == expected
    assert summarise(replace(one, status=status), Knowledge(), LATER).target == expected


def test_a_request_that_was_handled_is_echoed_and_the_echo_stays() -> None:
    one = federation(request="now")
    echoed = summarise(one, replace(knowing(None), handled_request="now"), LATER)
    assert echoed.last_handled_reconcile_at == "now"
    assert summarise(replace(one, status=echoed), knowing(None), LATER).last_handled_reconcile_at == "now"


# How it is written


@any_known
@given(known)
def test_what_is_written_is_read_back_as_the_same_value(known: tuple[Federation, Knowledge]) -> None:
    one, knowledge = known
    status = summarise(one, knowledge, LATER)
    body = {
        "metadata": {
            "name": "web",
            "uid": "uid",
            "generation": 1,
            "resourceVersion": "1",
            "creationTimestamp": CREATED,
        },
        "spec": {"connectionRef": {"name": "default"}, "target": APPLICATION},
        "status": json.loads(json.dumps(dump_status(status))),
    }
    assert parse_federation(body).status == status


def test_a_message_that_is_too_long_is_cut_and_the_status_is_written_all_the_same() -> None:
    long = problem(ProblemKind.TERMINAL, message="x" * 2 * MAX_MESSAGE)
    status = summarise(federation(oidc("a")), knowing(None, Outcome("a", (A,)), whole=long), LATER)
    assert ready(status).message == "x" * (MAX_MESSAGE - 1) + "…"
    assert rows(status)["a"].message == ready(status).message


def test_the_largest_status_is_within_the_bounds_of_the_schema_and_of_etcd() -> None:
    names = [f"{n:02}".ljust(63, "x") for n in range(LIMIT)]
    trusts = [
        Trust(Pair("https://" + "i" * (MAX_VALUE - 8), f"{n:02}".ljust(MAX_VALUE, "s")), "a" * MAX_VALUE)
        for n in range(2 * LIMIT)
    ]
    stuck = problem(ProblemKind.TERMINAL, message="m" * 2 * MAX_MESSAGE)
    finding = looked(
        {trust: Standing(None, Origin.OPERATOR, stuck) for trust in trusts[:LIMIT]},
        *(Left(observed(trust), stuck) for trust in trusts[LIMIT:]),
    )
    before = recorded(*(row(f"gone-{n}", shown(trust)) for n, trust in enumerate(trusts[LIMIT:])))
    items = [
        {"name": n, "oidc": {"issuer": t.pair.issuer, "subject": t.pair.subject}}
        for n, t in zip(names, trusts, strict=False)
    ]
    one = federation(*items, status=before)
    outcomes = [Outcome(name, (trust,)) for name, trust in zip(names, trusts, strict=False)]
    for knowledge in (knowing(finding, *outcomes), knowing(None, *outcomes, whole=stuck)):
        status = summarise(one, knowledge, LATER)
        assert len(status.federated_credentials) == 2 * LIMIT
        assert len(json.dumps(dump_status(status))) < 256 * 1024


def test_a_status_that_a_hand_filled_to_the_brim_does_not_stop_the_operator() -> None:
    forged = recorded(
        *(row(f"gone-{n}", shown(Trust(Pair("https://i.example", str(n)), "x"))) for n in range(MAX_ITEMS))
    )
    items = [oidc(f"item-{n}") for n in range(LIMIT)]
    outcomes = [Outcome(f"item-{n}", (), problem(ProblemKind.TRANSIENT)) for n in range(LIMIT)]
    status = summarise(federation(*items, status=forged), knowing(None, *outcomes), LATER)
    assert len(status.federated_credentials) == MAX_ITEMS
    assert {f"item-{n}" for n in range(LIMIT)} <= set(rows(status))


def test_lists_are_sorted_whatever_order_a_hand_gave_them() -> None:
    disordered = recorded(row("a", *sorted((shown(A), shown(B)), key=lambda c: c.credential_name, reverse=True)))
    status = summarise(federation(oidc("a"), status=disordered), knowing(None, Outcome("a", (A,))), LATER)
    found = [c.credential_name for c in rows(status)["a"].credentials]
    assert found == sorted(found)


# When the object is deleted


def deleted(finding: Finding | None, whole: Problem | None = None, policy: str = "Delete") -> FederationStatus:
    one = federation(oidc("a"), deleted=CREATED, deletionPolicy=policy, status=recorded(row("a", shown(A))))
    return summarise(one, Knowledge(problem=whole, finding=finding), LATER)


@pytest.mark.parametrize("finding", [None, looked(), looked({}, Left(observed(A), None))])
def test_a_deletion_that_is_under_way_says_so(finding: Finding | None) -> None:
    status = deleted(finding)
    assert (ready(status).status, ready(status).reason) == (ConditionStatus.UNKNOWN, Reason.DELETING)
    assert of(ConditionType.RECONCILING, status) is not None


@pytest.mark.parametrize(
    ("finding", "whole"),
    [
        (looked({}, Left(observed(A), problem(ProblemKind.FORBIDDEN, Reason.SCOPE_LOCKED))), None),
        (Finding(problem=problem(ProblemKind.FORBIDDEN, Reason.SCOPE_LOCKED)), None),
        (None, problem(ProblemKind.FORBIDDEN, Reason.SCOPE_LOCKED)),
    ],
)
def test_a_deletion_that_is_blocked_says_by_what_and_how_to_be_free_of_it(
    finding: Finding | None, whole: Problem | None
) -> None:
    status = deleted(finding, whole)
    assert (ready(status).status, ready(status).reason) == (ConditionStatus.FALSE, Reason.DELETION_BLOCKED)
    assert "ScopeLocked" in ready(status).message
    assert "Azure says no" in ready(status).message
    assert "`deletionPolicy: Retain`" in ready(status).message
    assert of(ConditionType.STALLED, status) is not None


def test_a_blocked_deletion_names_the_credentials_that_are_left() -> None:
    left = [Left(observed(trust), problem(ProblemKind.FORBIDDEN)) for trust in (A, B)]
    message = ready(deleted(looked({}, *left))).message
    assert credential_name(A) in message
    assert credential_name(B) in message


def test_one_who_retains_already_is_not_advised_to_retain() -> None:
    status = deleted(looked({}, Left(observed(A), problem(ProblemKind.FORBIDDEN))), policy="Retain")
    assert ready(status).reason == Reason.DELETION_BLOCKED
    assert "Retain" not in ready(status).message


def test_the_permission_of_an_object_that_leaves_stays_as_it_was() -> None:
    was = condition(ConditionType.PERMITTED, ConditionStatus.FALSE)
    one = federation(oidc("a"), deleted=CREATED, status=FederationStatus(conditions=(was,)))
    assert of(ConditionType.PERMITTED, summarise(one, Knowledge(), LATER)) == was
