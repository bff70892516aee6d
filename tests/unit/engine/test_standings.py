"""How one ask stands after a run: what stands for each trust, what is left over, and what others may know of it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.api.choices import DriftPolicy
from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.api.status import dump_status
from entrafed.domain.asks import Ask, Stance
from entrafed.domain.credentials import LIMIT, NewCredential, ObservedCredential, ParentKind, Trust
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import Finding, Knowledge, Outcome
from entrafed.domain.marks import owner_mark, pair_mark
from entrafed.domain.plan import name_of, plan
from entrafed.domain.summary import summarise
from entrafed.engine.lane import Lane
from entrafed.engine.standings import Run, finding_of
from unit.domain.federations import federation, oidc
from unit.engine.port_fakes import problem
from unit.engine.settling import CLUSTER, FOREIGN, TIMING, asking, named, record, standing, trust

A, B, C = trust("a"), trust("b"), trust("c")
OTHER_AUDIENCE = trust("a", "api://y")
REFUSED = problem(Reason.VALUE_REFUSED, ProblemKind.TERMINAL)


def listed(*there: ObservedCredential) -> Lane:
    lane = Lane(ParentKind.APPLICATION, TIMING)
    lane.note_list(there, 0)
    return lane


def found(lane: Lane, ask: Ask, *others: Ask, failing: dict[str, Problem] | None = None) -> Finding:
    """What a run finds for an ask; nothing of its plan is carried out."""
    asks = [ask, *others]
    run = Run(plan(lane.view(), asks, clusters=(CLUSTER,), may_remove=True), failed=failing or {})
    return finding_of(ask, asks, lane, run, (CLUSTER,))


def reason(finding: Finding, wanted: Trust) -> Reason | None:
    told = finding.standings[wanted].problem
    return told.reason if told else None


def left(finding: Finding) -> list[str]:
    return [one.credential.name for one in finding.left]


def test_what_stands_is_told_with_the_credential_that_stands_for_it() -> None:
    finding = found(listed(standing(named("web", A), A)), asking("web", A))
    assert finding.standings[A].credential == standing(named("web", A), A)
    assert finding.standings[A].origin is Origin.OPERATOR
    assert (reason(finding, A), finding.left) == (None, ())


def test_what_others_made_before_is_told_as_theirs() -> None:
    finding = found(listed(standing("by-hand", A)), asking("web", A))
    assert finding.standings[A].origin is Origin.PRE_EXISTING
    assert reason(finding, A) is None


def test_what_another_object_of_ours_made_is_told_as_ours() -> None:
    finding = found(listed(standing(named("other", A), A)), asking("web", A), asking("other", A))
    assert finding.standings[A].origin is Origin.OPERATOR


def test_what_was_written_but_not_seen_wherever_it_is_asked_is_propagating() -> None:
    lane = listed()
    lane.note_write(NewCredential(named("web", A), A, ""), 0)
    assert reason(found(lane, asking("web", A)), A) is Reason.PROPAGATING


def test_what_is_not_written_yet_is_in_progress() -> None:
    assert reason(found(listed(), asking("web", A)), A) is Reason.PROGRESSING


def test_what_failed_to_be_written_tells_why_and_the_others_are_not_blamed() -> None:
    finding = found(listed(), asking("web", A, B), failing={named("web", A): REFUSED})
    assert finding.standings[A].problem == REFUSED
    assert reason(finding, B) is Reason.PROGRESSING


FULL = [standing(f"foreign-{n}", trust(f"f{n}")) for n in range(LIMIT)]
REPORTING = replace(asking("web", A, records=(record(named("web", A), A),)), drift=DriftPolicy.REPORT)


@pytest.mark.parametrize(
    ("there", "asks", "expected", "advice"),
    [
        ([standing("by-hand", OTHER_AUDIENCE)], [asking("web", A)], Reason.CREDENTIAL_CONFLICT, "by-hand"),
        (
            [standing(named("other", A), OTHER_AUDIENCE)],
            [asking("web", A, since=2), asking("other", OTHER_AUDIENCE, since=1)],
            Reason.AUDIENCE_CONFLICT,
            "agree on one audience",
        ),
        (FULL, [asking("web", A)], Reason.QUOTA_EXCEEDED, "20"),
        ([], [REPORTING], Reason.DRIFTED, "`driftPolicy: Repair`"),
        ([], [REPORTING], Reason.DRIFTED, "was removed by somebody else"),
        ([standing(named("web", A), B)], [REPORTING], Reason.DRIFTED, 'subject: asked for "a", stands "b"'),
        (
            [standing(named("web", A), OTHER_AUDIENCE)],
            [REPORTING],
            Reason.DRIFTED,
            'changed (audience: asked for "api://x", stands "api://y") by somebody else',
        ),
    ],
    ids=["held by others", "two audiences", "no room", "drifted", "removed", "changed", "changed audience"],
)
def test_what_cannot_stand_tells_who_must_act_and_what_to_do(
    there: list[ObservedCredential], asks: list[Ask], expected: Reason, advice: str
) -> None:
    told = found(listed(*there), *asks).standings[A].problem
    assert told is not None
    assert (told.kind, told.reason) == (ProblemKind.CONFLICT, expected)
    assert advice in told.message


def test_what_is_not_wanted_any_more_is_left_until_it_is_gone() -> None:
    finding = found(listed(standing(named("web", A), A)), asking("web", B))
    assert left(finding) == [named("web", A)]
    assert finding.left[0].problem is None


def test_what_cannot_be_removed_tells_why() -> None:
    finding = found(listed(standing(named("web", A), A)), asking("web"), failing={named("web", A): REFUSED})
    assert finding.left[0].problem == REFUSED


@pytest.mark.parametrize(
    "other", ["by-hand", named("web", A, FOREIGN), named("other", A)], ids=["foreign", "another cluster's", "another's"]
)
def test_what_is_not_its_own_is_not_left_by_an_object(other: str) -> None:
    assert found(listed(standing(other, A)), asking("web"), asking("other")).left == ()


def test_what_another_holds_is_not_left_by_the_one_who_made_it() -> None:
    there = listed(standing(named("web", A), A))
    for stance in (Stance.RECONCILE, Stance.LEAVE):
        assert found(there, asking("web", stance=stance), asking("other", A)).left == ()


def test_what_is_recorded_is_left_though_another_s_mark_is_on_it() -> None:
    there, recorded = listed(standing(named("gone", A), A)), (record(named("gone", A), A),)
    assert left(found(there, asking("web", stance=Stance.LEAVE, records=recorded))) == [named("gone", A)]


def test_one_who_retains_leaves_nothing_but_what_is_denied() -> None:
    there = listed(standing(named("web", A), A), standing(named("web", B), B))
    retaining = replace(asking("web", stance=Stance.RETAIN), revoked=frozenset({B.pair}))
    assert left(found(there, retaining)) == [named("web", B)]


def test_what_is_kept_for_a_while_is_told_as_long_as_it_stands() -> None:
    keeping = replace(asking("web"), kept=frozenset({A.pair}))
    assert left(found(listed(standing(named("web", A), A)), keeping)) == [named("web", A)]


def test_what_is_kept_for_a_while_is_told_though_another_holds_it_too() -> None:
    """A record that is dropped could not be removed later."""
    keeping = replace(asking("web", records=(record(named("web", A), A),)), kept=frozenset({A.pair}))
    assert left(found(listed(standing(named("web", A), A)), keeping, asking("other", A))) == [named("web", A)]


# What others may know

HIDDEN = "hidden"
subjects = st.sampled_from(["a", "b", "c"])
trusts = st.builds(trust, subjects, st.sampled_from(["api://x", "api://y"]))
hidden_trusts = st.builds(lambda t: trust(f"{HIDDEN}-{t.pair.subject}", t.audience), trusts) | trusts


def hidden(*wanted: Trust, stance: Stance) -> Ask:
    """An object of another namespace."""
    ask = asking(f"{HIDDEN}-name", *wanted, stance=stance)
    return replace(ask, namespace=f"{HIDDEN}-namespace", owner=owner_mark(f"{HIDDEN}-namespace", f"{HIDDEN}-name"))


def theirs(content: Trust) -> ObservedCredential:
    owner = owner_mark(f"{HIDDEN}-namespace", f"{HIDDEN}-name")
    return standing(f"mif-{CLUSTER}-{owner}-{pair_mark(content.pair)}", content)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    wanted=st.lists(trusts, max_size=3, unique_by=lambda t: t.pair),
    others=st.lists(hidden_trusts, max_size=3, unique_by=lambda t: t.pair),
    stance=st.sampled_from(Stance),
    there=st.lists(st.builds(theirs, hidden_trusts), unique_by=lambda c: c.pair, max_size=4),
    fails=st.booleans(),
)
def test_a_status_names_no_object_of_another_namespace_nor_what_only_that_asks_for(
    wanted: list[Trust], others: list[Trust], stance: Stance, there: list[ObservedCredential], fails: bool
) -> None:
    lane, ask = listed(*there), asking("web", *wanted)
    asks = [ask, hidden(*others, stance=stance)]
    run = Run(plan(lane.view(), asks, clusters=(CLUSTER,), may_remove=True))
    if fails:
        run.failed = {name_of(step): REFUSED for step in run.plan.steps}
    finding = finding_of(ask, asks, lane, run, (CLUSTER,))
    items = [oidc(f"item-{n}", one.pair.subject) for n, one in enumerate(wanted)]
    outcomes = tuple(Outcome(f"item-{n}", (one,)) for n, one in enumerate(wanted))
    status = summarise(federation(*items), Knowledge(outcomes, finding=finding, may_show_target=True), 0)
    assert HIDDEN not in json.dumps(dump_status(status))


def test_what_still_stands_for_the_item_of_another_is_not_left_over() -> None:
    own, in_the_way = standing(named("web", A), A), standing("by-hand", trust("b", "api://y"))
    other = replace(asking("other", B, records=(record(own.name, A),)), items=(("item", B),))
    assert left(found(listed(own, in_the_way), asking("web"), other)) == []
    assert left(found(listed(own), asking("web"))) == [own.name]


def test_drift_that_is_told_is_not_called_left_over_too() -> None:
    drifted = standing(named("web", A), B)
    finding = found(listed(drifted), replace(asking("web", A), drift=DriftPolicy.REPORT))
    assert (reason(finding, A), left(finding)) == (Reason.DRIFTED, [])
