"""What can go wrong, told by who must act."""

import pytest

from entrafed.api.reasons import Reason
from entrafed.domain import errors
from entrafed.domain.errors import HANDLING, AlreadyThere, AzureProblem, NotFound, Problem, ProblemKind

A_PERSON_ACTS = {ProblemKind.TERMINAL, ProblemKind.FORBIDDEN, ProblemKind.CONFLICT}


@pytest.mark.parametrize("kind", ProblemKind)
def test_what_waits_for_a_person_is_stalled_and_all_else_goes_on(kind: ProblemKind) -> None:
    problem = Problem(kind, Reason.AZURE_ERROR, "")
    assert problem.stalled is (kind in A_PERSON_ACTS)


@pytest.mark.parametrize("kind", ProblemKind)
def test_only_what_is_expected_to_pass_by_itself_is_no_warning(kind: ProblemKind) -> None:
    problem = Problem(kind, Reason.AZURE_ERROR, "")
    assert problem.warning is (kind not in {ProblemKind.WAITING, ProblemKind.THROTTLED})


def test_every_kind_has_its_handling_and_stands_in_the_tree() -> None:
    assert set(HANDLING) == set(ProblemKind)
    for kind in ProblemKind:
        assert f"── {kind} " in (errors.__doc__ or "")


def test_an_exception_says_what_users_read_and_never_the_request_id() -> None:
    failure = AzureProblem(Problem(ProblemKind.TRANSIENT, Reason.AZURE_ERROR, "Azure says no"), request_id="3f1c")
    assert str(failure) == "Azure says no"
    assert failure.request_id == "3f1c"
    assert failure.answered


def test_what_is_missing_and_what_is_there_are_problems_of_azure() -> None:
    assert issubclass(NotFound, AzureProblem)
    assert issubclass(AlreadyThere, AzureProblem)


def test_equal_problems_are_equal() -> None:
    problems = {Problem(ProblemKind.WAITING, Reason.PROGRESSING, "soon", after=1.0) for _ in range(2)}
    assert len(problems) == 1
