"""A parent's assignments as far as they are known: the last look, and our own writes over it while replicas may lag."""

import pytest

from entrafed.domain.assignments import Assignment, Mark, ObservedAssignment, ObservedParent
from entrafed.domain.credentials import ParentKind
from entrafed.engine.overlay import Overlay
from entrafed.engine.timing import Timing

TIMING = Timing()
A = Assignment("a", "1")


def seen(*keys: str, value: str = "1", mark: Mark = Mark.NONE, instance: str = "") -> ObservedParent:
    return ObservedParent(tuple(ObservedAssignment(key, value, mark) for key in keys), instance)


def keys(overlay: Overlay) -> set[str]:
    return {one.key for one in overlay.view().assignments}


def test_nothing_is_known_before_the_first_look() -> None:
    overlay = Overlay(ParentKind.HOST, TIMING)
    assert overlay.needs_look(0.0)
    assert keys(overlay) == set()


def test_a_fresh_look_is_planned_on_and_an_old_one_is_not() -> None:
    overlay = Overlay(ParentKind.HOST, TIMING)
    overlay.note_look(seen("a"), 10.0)
    assert not overlay.needs_look(10.0 + TIMING.fresh)
    assert overlay.needs_look(10.1 + TIMING.fresh)


def test_what_was_made_stands_though_a_look_lacks_it() -> None:
    overlay = Overlay(ParentKind.TENANT_APP, TIMING)
    overlay.note_look(seen(), 0.0)
    overlay.note_assigned([A], 1.0)
    assert keys(overlay) == {"a"}
    overlay.note_look(seen(), 2.0)
    assert keys(overlay) == {"a"}
    assert not overlay.is_confirmed("a")
    overlay.note_look(seen(), 2.0 + TIMING.lag_limit)
    assert keys(overlay) == set(), "no replica lags for so long"


def test_what_was_taken_back_is_gone_though_a_look_shows_it() -> None:
    overlay = Overlay(ParentKind.SCOPE, TIMING)
    overlay.note_look(seen("a", "b"), 0.0)
    overlay.note_unassigned(["a"], 1.0)
    overlay.note_look(seen("a", "b"), 2.0)
    assert keys(overlay) == {"b"}
    overlay.note_look(seen("b"), 3.0)
    assert overlay.is_confirmed("a")


@pytest.mark.parametrize(("kind", "looks"), [(ParentKind.HOST, 1), (ParentKind.SCOPE, 2), (ParentKind.TENANT_APP, 2)])
def test_a_write_counts_when_as_many_looks_agree_as_there_are_replicas(kind: ParentKind, looks: int) -> None:
    overlay = Overlay(kind, TIMING)
    overlay.note_assigned([A], 0.0)
    for number in range(looks):
        assert not overlay.is_confirmed("a")
        overlay.note_look(seen("a"), 1.0 + number)
    assert overlay.is_confirmed("a")


def test_another_value_under_the_key_is_no_agreement() -> None:
    overlay = Overlay(ParentKind.SCOPE, TIMING)
    overlay.note_assigned([A], 0.0)
    overlay.note_look(seen("a", value="2", mark=Mark.OTHERS), 1.0)
    assert not overlay.is_confirmed("a")
    assert [(one.value, one.mark) for one in overlay.view().assignments] == [("1", Mark.OTHERS)]


def test_a_role_of_ours_that_no_look_shows_yet_carries_our_mark() -> None:
    overlay = Overlay(ParentKind.SCOPE, TIMING)
    overlay.note_assigned([A], 0.0)
    assert [one.mark for one in overlay.view().assignments] == [Mark.OURS]
    assert not overlay.has_no_marks
    assert Overlay(ParentKind.HOST, TIMING).has_no_marks


def test_an_answer_that_was_not_seen_makes_a_look_necessary_and_proves_nothing() -> None:
    overlay = Overlay(ParentKind.HOST, TIMING)
    overlay.note_look(seen(), 0.0)
    overlay.note_assigned([A], 0.5)
    overlay.note_unanswered(["a"], 1.0)
    assert overlay.unanswered_at == 1.0
    assert keys(overlay) == set()
    assert overlay.needs_look(1.0)


def test_another_host_under_the_same_id_has_nothing_of_what_was_made_at_the_first() -> None:
    overlay = Overlay(ParentKind.HOST, TIMING)
    overlay.note_look(seen(instance="vm-1"), 0.0)
    overlay.note_assigned([A], 1.0)
    overlay.note_look(seen(instance="vm-2"), 2.0)
    assert keys(overlay) == set()


def test_looks_that_confirm_are_spaced_ever_wider_up_to_a_bound() -> None:
    overlay = Overlay(ParentKind.SCOPE, TIMING)
    overlay.note_assigned([A], 0.0)
    first = overlay.confirmation_due(0.0)
    for number in range(10):
        overlay.note_look(seen(), 1.0 + number)
    last = overlay.confirmation_due(10.0)
    assert first is not None
    assert first <= TIMING.agreement
    assert last == TIMING.longest_agreement


def test_when_all_is_confirmed_no_look_is_due() -> None:
    overlay = Overlay(ParentKind.HOST, TIMING)
    overlay.note_assigned([A], 0.0)
    overlay.note_look(seen("a"), 1.0)
    assert overlay.confirmation_due(1.0) is None


def test_a_look_that_contradicts_what_was_confirmed_is_believed_when_no_replica_can_lag() -> None:
    overlay = Overlay(ParentKind.HOST, TIMING)
    overlay.note_assigned([A], 0.0)
    overlay.note_look(seen("a"), 1.0)
    overlay.note_look(seen(), 10.0)
    assert keys(overlay) == {"a"}
    due = overlay.confirmation_due(10.0)
    assert due is not None
    assert TIMING.lag_limit - 10.0 < due < TIMING.lag_limit
    overlay.note_look(seen(), 10.0 + due)
    assert keys(overlay) == set()


def test_a_change_under_way_may_be_ours_until_the_host_was_seen_at_rest() -> None:
    changing = ObservedParent((), is_changing=True)
    overlay = Overlay(ParentKind.HOST, TIMING)
    told = [overlay.may_be_coming]
    overlay.note_look(changing, 0.0)
    told.append(overlay.may_be_coming)  # a dead operator may have begun it
    overlay.note_look(seen(), 1.0)
    overlay.note_look(changing, 2.0)
    told.append(overlay.may_be_coming)  # this one somebody else began
    overlay.note_unanswered(["a"], 3.0)
    overlay.note_look(changing, 4.0)
    told.append(overlay.may_be_coming)
    assert told == [False, True, False, True]
