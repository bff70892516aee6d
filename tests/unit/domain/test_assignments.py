"""Recorded, then made; a second plan is empty; what has no record is somebody else's and stays as it was."""

from dataclasses import dataclass, field, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.api.choices import DriftPolicy
from entrafed.api.connection import CloudName
from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.asks import Stance
from entrafed.domain.assignments import (
    Assign,
    Assignment,
    AssignmentAsk,
    AssignmentPlan,
    AssignmentRecord,
    Change,
    Mark,
    ObservedAssignment,
    ObservedParent,
    Progress,
    Unassign,
    plan_assignments,
)
from entrafed.domain.connections import SignIn

SIGN_IN = SignIn("default", CloudName.AZURE_PUBLIC, "tenant", "client", "https://l", "https://g", "https://a")
A, B, C = Assignment("a", "1"), Assignment("b", "1"), Assignment("c", "1")
MOST = 3


def ask(name: str, *wanted: Assignment, stance: Stance = Stance.RECONCILE, since: float = 0) -> AssignmentAsk:
    return AssignmentAsk(
        uid=name,
        namespace="payments",
        name=name,
        sign_in=SIGN_IN,
        stance=stance,
        drift=DriftPolicy.REPAIR,
        since=since,
        wanted=frozenset(wanted),
    )


def recorded(one: AssignmentAsk, *assignments: Assignment, progress: Progress = Progress.MADE) -> AssignmentAsk:
    return replace(one, records=tuple(AssignmentRecord("item", a, progress) for a in assignments))


def standing(*assignments: Assignment, instance: str = "") -> ObservedParent:
    return ObservedParent(tuple(ObservedAssignment(a.key, a.value) for a in assignments), instance)


def planned(
    there: ObservedParent,
    *asks: AssignmentAsk,
    change: Change = Change.ANEW,
    may_remove: bool = True,
    alone: tuple[str, ...] = (),
) -> AssignmentPlan:
    return plan_assignments(there, asks, change=change, may_remove=may_remove, most=MOST, alone=alone)


def test_nothing_is_made_before_it_is_recorded() -> None:
    result = planned(standing(), ask("web", A))
    assert result.steps == ()
    assert result.verdicts[A].reason is Reason.PROGRESSING
    assert result.verdicts[A].origin is Origin.OPERATOR


def test_what_is_recorded_and_missing_is_made() -> None:
    assert planned(standing(), recorded(ask("web", A), A, progress=Progress.INTENDED)).steps == (Assign((A,)),)


def test_what_stands_without_a_record_satisfies_the_item_and_is_never_taken_back() -> None:
    result = planned(standing(A), ask("web", A))
    assert (result.steps, result.verdicts[A].reason) == ((), Reason.SYNCED)
    assert result.verdicts[A].origin is Origin.PRE_EXISTING
    assert planned(standing(A), ask("web", stance=Stance.LEAVE)).steps == ()


def test_what_is_recorded_and_stands_is_the_operators() -> None:
    result = planned(standing(A), recorded(ask("web", A), A))
    assert (result.steps, result.verdicts[A].origin) == ((), Origin.OPERATOR)


def test_a_name_of_ours_stands_in_for_a_lost_record() -> None:
    there = ObservedParent((ObservedAssignment(A.key, A.value, Mark.OURS),))
    assert planned(there, ask("web", A)).verdicts[A].origin is Origin.OPERATOR
    assert planned(there, ask("web")).steps == (), "but what nobody records is taken back by nobody"


def test_a_record_that_a_hand_wrote_makes_nothing_ours_that_has_another_name() -> None:
    there = ObservedParent((ObservedAssignment(A.key, A.value, Mark.OTHERS),))
    assert planned(there, recorded(ask("web", A), A)).verdicts[A].origin is Origin.PRE_EXISTING
    assert planned(there, recorded(ask("web", stance=Stance.LEAVE), A)).steps == ()


def test_the_record_of_another_machine_of_the_same_name_says_nothing() -> None:
    record = AssignmentRecord("item", A, Progress.MADE, instance="vm-1")
    with_record = replace(ask("web", A), records=(record,))
    assert planned(standing(A, instance="vm-2"), with_record).verdicts[A].origin is Origin.PRE_EXISTING
    assert planned(standing(instance="vm-2"), with_record).steps == (), "it is to be recorded anew first"
    assert planned(standing(A, instance="vm-1"), with_record).verdicts[A].origin is Origin.OPERATOR


def test_what_is_wanted_no_more_is_taken_back() -> None:
    assert planned(standing(A, B), recorded(ask("web", A), A, B)).steps == (Unassign(("b",)),)


def test_additions_come_before_removals_and_never_too_many_at_once() -> None:
    wanted = tuple(Assignment(str(n), "1") for n in range(4))
    result = planned(standing(A), recorded(ask("web", *wanted), A, *wanted))
    assert result.steps == (Assign(wanted[:3]), Assign(wanted[3:]), Unassign(("a",)))


def test_what_failed_together_with_others_is_made_alone() -> None:
    result = planned(standing(), recorded(ask("web", A, B, C), A, B, C), alone=("b",))
    assert result.steps == (Assign((A, C)), Assign((B,)))


def test_before_everybody_was_heard_nothing_is_taken_back() -> None:
    assert planned(standing(A), recorded(ask("web"), A), may_remove=False).steps == ()
    stale = planned(standing(replace(A, value="0")), recorded(ask("web", A), replace(A, value="0")), may_remove=False)
    assert stale.steps == ()


def test_what_another_asks_for_stays_until_the_last_has_gone() -> None:
    leaving = recorded(ask("one", stance=Stance.LEAVE), A)
    assert planned(standing(A), leaving, ask("two", A)).steps == (), "recorded by the one, asked for by the other"
    assert planned(standing(A), leaving).steps == (Unassign(("a",)),)


def test_of_several_that_leave_the_last_decides() -> None:
    deletes = recorded(ask("one", stance=Stance.LEAVE, since=1), A)
    retains = recorded(ask("two", stance=Stance.RETAIN, since=2), A)
    assert planned(standing(A), deletes, retains).steps == ()
    assert planned(standing(A), replace(deletes, since=3), retains).steps == (Unassign(("a",)),)


def test_what_is_denied_is_taken_back_though_the_object_retains_or_keeps() -> None:
    for stance in (Stance.RETAIN, Stance.KEEP, Stance.RECONCILE):
        revoked = replace(recorded(ask("web", stance=stance), A), revoked=frozenset({"a"}))
        assert planned(standing(A), revoked).steps == (Unassign(("a",)),)


def test_what_is_denied_for_one_stays_for_another_who_may_have_it() -> None:
    revoked = replace(recorded(ask("one"), A), revoked=frozenset({"a"}))
    assert planned(standing(A), revoked, ask("two", A)).steps == ()


def test_what_cannot_be_told_for_now_is_neither_made_nor_taken_back() -> None:
    kept = replace(recorded(ask("web"), A), kept=frozenset({"a"}))
    assert planned(standing(A), kept).steps == ()
    assert planned(standing(), kept).steps == ()
    suspended = recorded(ask("web", stance=Stance.KEEP), A)
    assert planned(standing(A), suspended).steps == ()


def test_one_who_was_never_allowed_cannot_keep_alive_what_is_withdrawn_from_another() -> None:
    revoked = replace(recorded(ask("one"), A), revoked=frozenset({"a"}))
    denied = replace(ask("two"), kept=frozenset({"a"}))
    assert planned(standing(A), revoked, denied).steps == (Unassign(("a",)),)


def test_an_identity_that_was_made_again_is_taken_back_then_recorded_then_made() -> None:
    old, new = Assignment("a", "1"), Assignment("a", "2")
    for entry in (ObservedAssignment("a", "1"), ObservedAssignment("a", None)):
        result = planned(ObservedParent((entry,)), recorded(ask("web", new), old))
        assert (result.steps, result.verdicts[new].reason) == ((Unassign(("a",)),), Reason.PROGRESSING)
    assert planned(standing(), recorded(ask("web", new), old)).steps == (), "recorded first"
    assert planned(standing(), recorded(ask("web", new), new)).steps == (Assign((new,)),)


def test_a_dead_entry_of_others_is_a_conflict_and_stays() -> None:
    for entry in (ObservedAssignment("a", None), ObservedAssignment("a", "0")):
        result = planned(ObservedParent((entry,)), ask("web", A))
        assert (result.steps, result.verdicts[A].reason) == ((), Reason.ASSIGNMENT_CONFLICT)


def test_another_value_is_written_over_ours_where_that_can_be() -> None:
    new = replace(A, value="2")
    there = ObservedParent((ObservedAssignment("a", "1", Mark.OURS),))
    assert planned(there, recorded(ask("web", new), new), change=Change.IN_PLACE).steps == (Assign((new,)),)
    assert planned(there, ask("web", new), change=Change.IN_PLACE).steps == (), "recorded first"


def test_of_two_values_the_one_that_stands_holds_else_the_older() -> None:
    one, two = ask("one", A, since=1), ask("two", replace(A, value="2"), since=2)
    assert planned(standing(), one, two).verdicts[replace(A, value="2")].reason is Reason.ASSIGNMENT_CONFLICT
    assert planned(standing(replace(A, value="2")), one, two).verdicts[A].reason is Reason.ASSIGNMENT_CONFLICT


def test_a_suspended_object_is_not_overruled() -> None:
    kept = recorded(ask("old", stance=Stance.KEEP), A)
    other = recorded(ask("young", replace(A, value="2")), replace(A, value="2"))
    result = planned(standing(A), kept, other, change=Change.IN_PLACE)
    assert result.steps == ()
    assert result.verdicts[replace(A, value="2")].reason is Reason.ASSIGNMENT_CONFLICT


def test_drift_is_only_told_where_nobody_wants_it_repaired() -> None:
    reported = replace(recorded(ask("one", A), A), drift=DriftPolicy.REPORT)
    assert planned(standing(), reported).verdicts[A].reason is Reason.DRIFTED
    assert planned(standing(), reported).steps == ()
    assert planned(standing(), reported, ask("two", A)).steps == (Assign((A,)),)


def test_what_was_recorded_and_not_made_yet_is_no_drift() -> None:
    intended = replace(recorded(ask("one", A), A, progress=Progress.INTENDED), drift=DriftPolicy.REPORT)
    assert planned(standing(), intended).steps == (Assign((A,)),)


# Whatever happens


@dataclass
class World:
    """One parent, and the objects that ask at it; `foreign` is what others assigned."""

    foreign: dict[str, str]
    asks: dict[str, AssignmentAsk]
    there: dict[str, str] = field(default_factory=dict)

    def settle(self, change: Change) -> int:
        """Plan, record and act until nothing moves; how many rounds that took."""
        self.there = {**self.foreign, **self.there}
        for round_ in range(12):
            result = planned(self.seen(), *self.asks.values(), change=change)
            if not self.record(result) and not result.steps:
                return round_
            for step in planned(self.seen(), *self.asks.values(), change=change).steps:
                self.take(step)
        pytest.fail("it never came to rest")

    def seen(self) -> ObservedParent:
        return standing(*(Assignment(key, value) for key, value in self.there.items()))

    def record(self, result: AssignmentPlan) -> bool:
        """What a report does: each who asks records what is, or is to be, the operator's, and forgets what is gone."""
        changed = False
        for uid, one in self.asks.items():
            mine = {
                wanted: result.verdicts[wanted].reason
                for wanted in one.wanted
                if one.stance is Stance.RECONCILE
                and wanted in result.verdicts
                and result.verdicts[wanted].origin is Origin.OPERATOR
                and result.verdicts[wanted].reason in (Reason.SYNCED, Reason.PROGRESSING)
                and (self.there.get(wanted.key) in (None, wanted.value))
            }
            progress = {Reason.SYNCED: Progress.MADE, Reason.PROGRESSING: Progress.INTENDED}
            records = [AssignmentRecord("item", w, progress[reason]) for w, reason in sorted(mine.items())]
            known = {record.assignment.key for record in records}
            records += [r for r in one.records if r.assignment.key not in known and r.assignment.key in self.there]
            changed |= tuple(records) != one.records
            self.asks[uid] = replace(one, records=tuple(records))
        return changed

    def take(self, step: Assign | Unassign) -> None:
        match step:
            case Assign(assignments):
                for one in assignments:
                    assert one.key not in self.foreign, "what is somebody else's was written over"
                    self.there[one.key] = one.value
            case Unassign(keys):
                for key in keys:
                    assert key not in self.foreign, "what is somebody else's was taken back"
                    del self.there[key]


KEYS = ("a", "b", "c", "d")
assignments = st.sampled_from([Assignment(key, "1") for key in KEYS])
wishes = st.dictionaries(st.sampled_from(("one", "two", "three")), st.frozensets(assignments), max_size=3)


@settings(max_examples=300)
@given(
    st.frozensets(st.sampled_from(KEYS), max_size=2),
    st.lists(wishes, min_size=1, max_size=4),
    st.sampled_from(Change),
)
def test_whatever_is_asked_in_turn_stands_and_nothing_else_of_ours(
    foreign: frozenset[str], turns: list[dict[str, frozenset[Assignment]]], change: Change
) -> None:
    world = World(dict.fromkeys(foreign, "1"), {})
    for turn in turns:
        for uid, wanted in turn.items():
            before = world.asks.get(uid, ask(uid))
            world.asks[uid] = replace(before, wanted=wanted)
        world.settle(change)
        wanted_keys = {wanted.key for one in world.asks.values() for wanted in one.wanted}
        assert world.there.keys() == wanted_keys | foreign
    for uid, one in world.asks.items():
        world.asks[uid] = replace(one, stance=Stance.LEAVE, wanted=frozenset())
    world.settle(change)
    assert world.there == world.foreign
