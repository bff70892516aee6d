"""A status is the operator's memory: it forgets no credential too early, and says the same again in the same words."""

from dataclasses import replace

import pytest
from hypothesis import given

from entrafed.api.conditions import ConditionStatus, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import CredentialState, ItemState, Origin
from entrafed.domain.credentials import ObservedCredential
from entrafed.domain.errors import ProblemKind
from entrafed.domain.findings import Finding, Knowledge, Left, Outcome, Standing
from entrafed.domain.summary import summarise
from unit.domain.federations import CREATED, CREATED_AT, federation, oidc
from unit.domain.knowing import credential_name, known, observed, shown
from unit.domain.summarising import (
    LATER,
    A,
    B,
    C,
    any_known,
    knowing,
    looked,
    named,
    of,
    problem,
    ready,
    recorded,
    row,
    rows,
    synced,
)


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
        assert rows(status)["a"].credentials == (replace(shown(A), state=CredentialState.REMAINING),)
        assert ready(status).status is not ConditionStatus.TRUE
    assert list(rows(summarise(one, knowing(looked({B: synced(B)}), outcome), LATER))) == ["b"]


def test_an_item_whose_former_credential_still_stands_is_not_in_place() -> None:
    one = federation(oidc("a", "job-b"), status=recorded(row("a", shown(A))))
    status = summarise(one, knowing(looked({B: synced(B)}, Left(observed(A), None)), Outcome("a", (B,))), LATER)
    assert rows(status)["a"].state is ItemState.PENDING
    assert {c.credential_name: c.state for c in rows(status)["a"].credentials} == {
        credential_name(A): CredentialState.REMAINING,
        credential_name(B): CredentialState.STANDING,
    }
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


def test_what_no_rule_allows_any_more_is_told_and_dated_only_while_it_stands() -> None:
    one = federation(oidc("a", "job-b"), status=recorded(row("a", shown(A), denied_since=CREATED)))
    outcome = Outcome("a", (B,), denied=frozenset({A.pair}), denied_since=CREATED_AT)
    refused = Standing(None, Origin.OPERATOR, problem(ProblemKind.TERMINAL, Reason.VALUE_REFUSED))
    for finding in (None, looked({B: refused}, Left(observed(A), None))):
        status = summarise(one, knowing(finding, outcome), LATER)
        assert rows(status)["a"].denied_since == CREATED
        permitted = of(ConditionType.PERMITTED, status)
        assert permitted is not None
        assert (permitted.status, permitted.message) == (
            ConditionStatus.FALSE,
            "no rule of EntraConnection default allows what still stands for: a",
        )
    status = summarise(one, knowing(looked({B: refused}), outcome), LATER)
    assert rows(status)["a"].denied_since is None
    permitted = of(ConditionType.PERMITTED, status)
    assert permitted is not None
    assert permitted.status is ConditionStatus.TRUE


def test_what_stands_for_a_denied_item_remains_and_for_a_suspended_or_unknown_one_it_stands() -> None:
    one = federation(oidc("a", "job-a"), status=recorded(row("a", shown(A))))
    not_permitted, unknown = problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED), problem(ProblemKind.TRANSIENT)
    denied = Outcome("a", (A,), not_permitted, denied=frozenset({A.pair}), denied_since=CREATED_AT)
    states = {CredentialState.REMAINING: [denied]}
    suspended = problem(ProblemKind.WAITING, Reason.SUSPENDED)
    states[CredentialState.STANDING] = [
        Outcome("a", (A,), suspended),
        Outcome("a", (A,), unknown),
        Outcome("a", (), unknown),
    ]
    for state, outcomes in states.items():
        for outcome in outcomes:
            for finding in (None, looked({}, Left(observed(A), None))):
                (credential,) = rows(summarise(one, knowing(finding, outcome), LATER))["a"].credentials
                assert credential.state is state


def test_a_denied_item_keeps_its_date_when_it_is_renamed() -> None:
    """Else renaming would begin the delay anew, and what is denied would never be removed."""
    denied = Outcome("new", (A,), problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED), denied_since=CREATED_AT)
    one = federation(oidc("new", "job-a"), status=recorded(row("old", shown(A), denied_since=CREATED)))
    for finding, holder in ((None, "old"), (looked({}, Left(observed(A), None)), "new")):
        status = summarise(one, knowing(finding, denied), LATER)
        assert {name for name, item in rows(status).items() if item.credentials} == {holder}
        assert rows(status)[holder].denied_since == CREATED
        assert rows(status)["new"].denied_since == CREATED


def test_what_an_item_took_over_is_shown_with_it_while_its_successor_is_denied() -> None:
    """Though the status knows it by the item that had it before, which has got another one long since."""
    denied = Outcome("a", (B,), problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED), denied_since=CREATED_AT)
    moved = oidc("d", "job-c")
    one = federation(oidc("a", "job-b"), moved, status=recorded(row("d", shown(A))))
    known = knowing(looked({C: synced(C)}, Left(observed(A), None)), denied, Outcome("d", (C,)))
    status = summarise(one, replace(known, written={"a": (A,), "d": (A, C)}), LATER)
    assert {name: [c.subject for c in item.credentials] for name, item in rows(status).items()} == {
        "a": ["job-a"],
        "d": ["job-c"],
    }
    assert rows(status)["d"].state is ItemState.SYNCED


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
