"""When a target that was not found counts as not there.

Source of the rules: section 6 of the design, "Consistency": absence in one read proves nothing.
"""

import pytest

from entrafed.api.reasons import Reason
from entrafed.domain.errors import ProblemKind
from entrafed.engine.absence import Absences, was_reported_missing
from entrafed.engine.timing import Timing
from unit.domain.federations import CREATED, federation
from unit.engine.port_fakes import HandClock, missing

TIMING = Timing()
MISSING = missing("the app is not there").problem


def watching() -> tuple[HandClock, Absences]:
    clock = HandClock(1000)
    return clock, Absences(clock, TIMING)


def test_a_target_that_is_missing_is_waited_for_while_it_is_young() -> None:
    clock, absences = watching()
    for _ in range(5):
        found = absences.living("key", MISSING, reported=False)
        assert (found.kind, found.reason) == (ProblemKind.WAITING, Reason.TARGET_NOT_READY)
        assert found.message == MISSING.message
        clock.seconds += TIMING.young / 5
    found = absences.living("key", MISSING, reported=False)
    assert (found.kind, found.reason) == (ProblemKind.TERMINAL, Reason.TARGET_NOT_FOUND)


def test_it_is_looked_for_more_often_while_it_is_young_than_later() -> None:
    clock, absences = watching()
    young = absences.living("key", MISSING, reported=False)
    clock.seconds += TIMING.young
    old = absences.living("key", MISSING, reported=False)
    assert young.after is not None
    assert old.after == TIMING.missing
    assert young.after < old.after


def test_what_was_reported_missing_before_a_restart_does_not_become_young_again() -> None:
    _, absences = watching()
    assert absences.living("key", MISSING, reported=True).reason is Reason.TARGET_NOT_FOUND


def test_a_target_that_was_seen_is_young_again() -> None:
    clock, absences = watching()
    absences.living("key", MISSING, reported=False)
    clock.seconds += TIMING.young
    absences.seen("key")
    assert absences.living("key", MISSING, reported=False).reason is Reason.TARGET_NOT_READY


def test_two_spaced_misses_each_after_a_look_at_ourselves_prove_that_it_is_gone() -> None:
    clock, absences = watching()
    assert not absences.is_suspected("key")
    assert not absences.proved("key", own_identity_was_read=False)
    assert absences.is_suspected("key")
    assert not absences.proved("key", own_identity_was_read=True)
    clock.seconds += TIMING.gone_interval
    assert absences.proved("key", own_identity_was_read=True)
    assert absences.is_proved("key")


@pytest.mark.parametrize("looked", [True, False], ids=["close together", "without a look at ourselves"])
def test_any_number_of_other_misses_proves_nothing(looked: bool) -> None:
    clock, absences = watching()
    for _ in range(20):
        assert not absences.proved("key", own_identity_was_read=looked)
        clock.seconds += TIMING.gone_interval / 50 if looked else TIMING.gone_interval


def test_a_target_that_was_seen_between_the_misses_is_not_gone() -> None:
    clock, absences = watching()
    absences.proved("key", own_identity_was_read=True)
    clock.seconds += TIMING.gone_interval
    absences.seen("key")
    assert not absences.proved("key", own_identity_was_read=True)
    assert not absences.is_proved("key")


def test_one_missing_says_nothing_of_another() -> None:
    clock, absences = watching()
    for _ in range(2):
        absences.proved("key", own_identity_was_read=True)
        clock.seconds += TIMING.gone_interval
    assert absences.is_proved("key")
    assert not absences.is_proved("another")
    assert not absences.is_suspected("another")


@pytest.mark.parametrize(("reason", "reported"), [("TargetNotFound", True), ("TargetNotReady", False)])
def test_a_status_remembers_what_was_reported(reason: str, reported: bool) -> None:
    ready = {
        "type": "Ready",
        "status": "False",
        "reason": reason,
        "message": "",
        "observedGeneration": 1,
        "lastTransitionTime": CREATED,
    }
    assert was_reported_missing(federation(status={"conditions": [ready]})) is reported
    assert not was_reported_missing(federation())
