"""How one ask stands after a run, and whose connection takes a step."""

from dataclasses import replace

import pytest

from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.asks import Stance
from entrafed.domain.assignments import (
    Assign,
    Assignment,
    AssignmentAsk,
    AssignmentPlan,
    AssignmentRecord,
    AssignmentVerdict,
    Mark,
    ObservedAssignment,
    ObservedParent,
    Progress,
    Unassign,
)
from entrafed.domain.credentials import ParentKind
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import IN_PROGRESS, PROPAGATING, AssignmentFinding
from entrafed.engine.assigned import (
    AssignmentRun,
    blocked_by_the_dead,
    finding_of,
    keys_of,
    of_one_connection,
    spoken,
)
from entrafed.engine.overlay import Overlay
from entrafed.engine.timing import Timing
from unit.engine.assigning import HOST, SCOPE, TENANT_APP, VM, asking
from unit.engine.port_fakes import SIGN_IN

A, B = Assignment("a", "1"), Assignment("b", "1")
NEW = replace(A, value="2")
FAILED = Problem(ProblemKind.FORBIDDEN, Reason.ACCESS_DENIED, "no")


def seeing(*there: Assignment, kind: ParentKind = ParentKind.HOST, is_changing: bool = False) -> Overlay:
    overlay = Overlay(kind, Timing())
    found = tuple(ObservedAssignment(one.key, one.value, Mark.NONE, "id") for one in there)
    overlay.note_look(ObservedParent(found, "vm", is_changing), 0.0)
    return overlay


def run(reason: Reason, wanted: Assignment = A, *left: str, failed: Problem | None = None) -> AssignmentRun:
    made = AssignmentRun(HOST, AssignmentPlan((), {wanted: AssignmentVerdict(reason)}, frozenset(left)))
    if failed is not None:
        made.fail(Assign((wanted,)), failed)
    return made


def intended(ask: AssignmentAsk) -> AssignmentAsk:
    return replace(ask, records=(AssignmentRecord("item", A, Progress.INTENDED),))


def found(ask: AssignmentAsk, overlay: Overlay, one: AssignmentRun) -> AssignmentFinding:
    return finding_of(ask, [ask], overlay, one)


def test_what_stands_is_made_and_has_nothing_wrong_with_it() -> None:
    standing = found(asking("web", A), seeing(A), run(Reason.SYNCED)).standings[A]
    assert (standing.progress, standing.problem, standing.id_) == (Progress.MADE, None, "id")


def test_what_was_made_a_moment_ago_is_propagating() -> None:
    overlay = seeing()
    overlay.note_assigned([A], 1.0)
    assert found(asking("web", A), overlay, run(Reason.SYNCED)).standings[A].problem is PROPAGATING


def test_what_a_change_that_runs_will_have_made_is_not_made_yet() -> None:
    standing = found(intended(asking("web", A)), seeing(A, is_changing=True), run(Reason.SYNCED)).standings[A]
    assert (standing.progress, standing.problem) == (Progress.INTENDED, PROPAGATING)
    made = asking("web", A, made=(A,))
    assert found(made, seeing(A, is_changing=True), run(Reason.SYNCED)).standings[A].problem is None


def test_what_failed_is_told_with_why() -> None:
    one = run(Reason.PROGRESSING, failed=FAILED)
    standing = found(intended(asking("web", A)), seeing(), one).standings[A]
    assert (standing.origin, standing.progress, standing.problem) == (Origin.OPERATOR, Progress.INTENDED, FAILED)


def test_drift_that_is_only_told_stays_recorded_as_made() -> None:
    standing = found(asking("web", A, made=(A,)), seeing(), run(Reason.DRIFTED)).standings[A]
    assert standing.progress is Progress.MADE
    assert standing.problem is not None
    assert (standing.problem.kind, standing.problem.reason) == (ProblemKind.CONFLICT, Reason.DRIFTED)


@pytest.mark.parametrize(("there", "was"), [((), "was taken back by"), ((NEW,), "was changed by")])
def test_of_drift_is_told_what_it_is_and_where(there: tuple[Assignment, ...], was: str) -> None:
    problem = found(asking("web", A, made=(A,)), seeing(*there), run(Reason.DRIFTED)).standings[A].problem
    assert problem is not None
    assert f"{spoken(HOST, 'a')} {was}" in problem.message


def test_a_conflict_is_nothing_of_ours() -> None:
    standing = found(asking("web", A), seeing(A), run(Reason.ASSIGNMENT_CONFLICT)).standings[A]
    assert standing.origin is Origin.PRE_EXISTING
    assert standing.problem is not None
    assert standing.problem.kind is ProblemKind.CONFLICT
    assert standing.problem.message.startswith(f"{spoken(HOST, 'a')} is ")


@pytest.mark.parametrize(("kind", "recorded"), [(ParentKind.HOST, A), (ParentKind.SCOPE, NEW)])
def test_the_record_is_of_what_stands_where_that_has_to_go_first_else_of_what_is_to_come(
    kind: ParentKind, recorded: Assignment
) -> None:
    ask = asking("web", NEW, made=(A,))
    assert found(ask, seeing(A, kind=kind), run(Reason.PROGRESSING, NEW)).standings[NEW].as_ == recorded


def test_what_stands_without_being_wanted_is_left_with_why_it_could_not_go() -> None:
    ask = asking("web", made=(A, B))
    one = run(Reason.SYNCED, A, "a")
    one.fail(Unassign(("a",)), FAILED)
    assert [(left.key, left.problem) for left in found(ask, seeing(A, B), one).left] == [("a", FAILED)]


def test_what_another_one_holds_is_not_left_by_this_one() -> None:
    ask, other = asking("web", made=(A,)), asking("other", A, made=(A,))
    one = run(Reason.SYNCED, A, "a")
    assert finding_of(ask, [ask, other], seeing(A), one).left == ()
    kept = replace(ask, kept=frozenset({"a"}))
    assert [left.key for left in finding_of(kept, [kept, other], seeing(A), one).left] == ["a"]


@pytest.mark.parametrize("stance", [Stance.RECONCILE, Stance.LEAVE])
def test_what_another_takes_over_is_recorded_until_that_one_has_recorded_it(stance: Stance) -> None:
    ask, other, one = asking("web", made=(A,), stance=stance), asking("other", A), run(Reason.SYNCED, A)
    assert [left.key for left in finding_of(ask, [ask, other], seeing(A), one).left] == ["a"]
    assert finding_of(ask, [ask, intended(other)], seeing(A), one).left == ()


@pytest.mark.parametrize(
    ("other", "verdict"),
    [
        (asking("other", A), AssignmentVerdict(Reason.SYNCED, Origin.PRE_EXISTING)),
        (asking("other", A), AssignmentVerdict(Reason.ASSIGNMENT_CONFLICT)),
        (asking("other", A, stance=Stance.KEEP), AssignmentVerdict(Reason.SYNCED)),
    ],
    ids=["it is somebody else's", "it cannot have it", "it is suspended"],
)
def test_nobody_waits_for_a_record_that_will_not_come(other: AssignmentAsk, verdict: AssignmentVerdict) -> None:
    ask = asking("web", made=(A,), stance=Stance.LEAVE)
    one = AssignmentRun(HOST, AssignmentPlan((), {A: verdict}, frozenset()))
    assert finding_of(ask, [ask, other], seeing(A), one).left == ()


def test_one_who_retains_leaves_nothing_but_what_is_revoked() -> None:
    ask = asking("web", made=(A,), stance=Stance.RETAIN)
    one = run(Reason.SYNCED, A, "a")
    assert found(ask, seeing(A), one).left == ()
    assert [left.key for left in found(replace(ask, revoked=frozenset({"a"})), seeing(A), one).left] == ["a"]


def test_only_dead_identities_of_others_are_named_as_what_blocks() -> None:
    seen = ObservedParent((ObservedAssignment("/x/dead", None), ObservedAssignment("/x/fine", "1")))
    blocked = blocked_by_the_dead(HOST, seen, ("/x/new",))
    assert blocked is not None
    assert str(HOST) in blocked.message
    assert (blocked.reason, "dead" in blocked.message, "fine" in blocked.message) == (Reason.HOST_BLOCKED, True, False)
    assert blocked_by_the_dead(HOST, seen, ("/x/dead",)) is None


def test_a_step_is_taken_by_the_connection_of_who_asks() -> None:
    other = replace(SIGN_IN, connection="other")
    one, two = asking("one", A), asking("two", B, sign_in=other)
    assert of_one_connection(Assign((A, B)), [one, two]) == (SIGN_IN, Assign((A,)))
    assert of_one_connection(Assign((B,)), [one, two]) == (other, Assign((B,)))
    one, two = asking("one", made=(A,)), asking("two", made=(B,), sign_in=other)
    assert of_one_connection(Unassign(("a", "b")), [one, two]) == (SIGN_IN, Unassign(("a",)))
    assert of_one_connection(Unassign(("b",)), [one, two]) == (other, Unassign(("b",)))


def test_what_failed_in_a_run_is_left_out_of_its_steps() -> None:
    one = AssignmentRun(HOST)
    one.fail(Assign((A,)), IN_PROGRESS)
    assert one.without_failures(Assign((A, B))) == Assign((B,))
    assert one.without_failures(Assign((A,))) is None
    assert one.without_failures(Unassign(("a", "b"))) == Unassign(("b",))
    assert one.without_failures(Unassign(("a",))) is None


def test_all_that_is_wanted_or_recorded_is_looked_for() -> None:
    assert keys_of(asking("web", A, made=(B,))) == {"a", "b"}


def test_assignments_are_spoken_of_as_people_do() -> None:
    assert spoken(HOST, "/x/y/api") == f"managed identity api at {VM}"
    assert spoken(SCOPE, "role principal") == f"role role at {SCOPE.id}"
    assert spoken(TENANT_APP, "client") == "the service principal in tenant other-tenant"


def test_what_a_change_that_runs_will_have_taken_back_is_not_gone_yet() -> None:
    ask = asking("web", made=(A,))
    assert [left.key for left in found(ask, seeing(is_changing=True), run(Reason.SYNCED)).left] == ["a"]
    assert found(ask, seeing(), run(Reason.SYNCED)).left == ()
