"""When a parent is looked at again."""

from random import Random

import pytest

from entrafed.api.reasons import Reason
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import IN_PROGRESS
from entrafed.engine.pace import Pace
from entrafed.engine.timing import Timing
from unit.engine.assigning import HOST, SCOPE
from unit.engine.port_fakes import HandClock

TIMING = Timing()


def pace() -> Pace:
    return Pace(clock=HandClock(1000.0), timing=TIMING, random=Random(0))


def of_kind(kind: ProblemKind, after: float | None = None) -> Problem:
    return Problem(kind, Reason.AZURE_ERROR, "no", after)


@pytest.mark.parametrize(
    ("problem", "seconds"),
    [
        (of_kind(ProblemKind.WAITING, 7.0), 7.0),
        (of_kind(ProblemKind.CONFLICT), TIMING.conflict),
        (of_kind(ProblemKind.TERMINAL), TIMING.forbidden),
        (of_kind(ProblemKind.FORBIDDEN), TIMING.forbidden),
        (of_kind(ProblemKind.FORBIDDEN, 60.0), 60.0),
    ],
)
def test_a_problem_says_when_or_else_its_kind_does(problem: Problem, seconds: float) -> None:
    assert pace().next_try(HOST, [problem]) == seconds


def test_the_nearest_of_several_counts() -> None:
    problems = [of_kind(ProblemKind.TERMINAL), of_kind(ProblemKind.WAITING, 3.0)]
    assert pace().next_try(HOST, problems) == 3.0


def test_what_fails_again_and_again_is_tried_ever_more_seldom_and_each_parent_by_itself() -> None:
    one = pace()
    waits = [one.next_try(HOST, [of_kind(ProblemKind.TRANSIENT)]) for _ in range(30)]
    assert waits[-1] > 20 * waits[0]
    assert max(waits) <= TIMING.longest_backoff * 1.5
    assert one.next_try(SCOPE, [of_kind(ProblemKind.TRANSIENT)]) <= 2 * TIMING.first_backoff
    one.succeeded(HOST)
    assert one.next_try(HOST, [of_kind(ProblemKind.TRANSIENT)]) <= 2 * TIMING.first_backoff


def test_what_only_moves_is_no_failure() -> None:
    one = pace()
    for _ in range(20):
        assert one.next_try(HOST, [IN_PROGRESS]) == TIMING.agreement
    assert one.next_try(HOST, []) == TIMING.agreement


def test_what_nobody_changed_is_not_compared_all_at_once() -> None:
    one = pace()
    times = [one.next_resync() - 1000.0 for _ in range(100)]
    assert TIMING.resync * 0.8 <= min(times) < max(times) <= TIMING.resync * 1.2
    soon = [one.some_time(60.0) - 1000.0 for _ in range(100)]
    assert 0.0 <= min(soon) < 10.0
    assert 50.0 < max(soon) <= 60.0
