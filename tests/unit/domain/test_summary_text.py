"""What a status may tell, how it is written, and what it says of an object that is deleted."""

import json
from dataclasses import replace

import pytest
from hypothesis import given

from entrafed.api.conditions import MAX_MESSAGE, ConditionStatus, ConditionType
from entrafed.api.federation import Federation, parse_federation
from entrafed.api.formats import MAX_VALUE
from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.api.status import MAX_ITEMS, FederationStatus, TargetStatus, dump_status
from entrafed.domain.credentials import LIMIT, Pair, Trust
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import Finding, Knowledge, Left, Outcome, Standing
from entrafed.domain.summary import summarise
from unit.domain.federations import APPLICATION, CLIENT, CREATED, OBJECT, TENANT, federation, oidc
from unit.domain.knowing import condition, credential_name, known, observed, shown
from unit.domain.summarising import (
    LATER,
    A,
    B,
    any_known,
    knowing,
    looked,
    of,
    problem,
    ready,
    recorded,
    row,
    rows,
)

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
