"""The names of our role assignments: always the same for the same, never for another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrafed.domain.assignments import Mark
from entrafed.domain.roles import RoleAssignment, assignment_name, granted, role_and_principal, role_key

SCOPE = "/subscriptions/s/resourceGroups/data"
READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
PRINCIPAL = "11111111-2222-3333-4444-555555555555"
CLUSTER, FORMER, OTHER = "aaaaaaaa", "bbbbbbbb", "cccccccc"


def test_a_name_never_changes_from_one_release_to_the_next() -> None:
    assert assignment_name(CLUSTER, SCOPE, READER, PRINCIPAL) == "24ce268e-86d6-5fe8-83b1-7c7f28181865"


def test_the_case_of_an_id_and_a_slash_at_the_end_make_no_other_name() -> None:
    name = assignment_name(CLUSTER, SCOPE, READER, PRINCIPAL)
    assert assignment_name(CLUSTER, SCOPE.upper() + "/", READER.upper(), PRINCIPAL.upper()) == name


@pytest.mark.parametrize("place", range(4), ids=["cluster", "scope", "role", "principal"])
def test_one_field_alone_makes_another_name(place: int) -> None:
    """Of a principal too: an identity that is made again has another one, and Azure moves no assignment to it."""
    one = [CLUSTER, SCOPE, READER, PRINCIPAL]
    other = [field + "0" if at == place else field for at, field in enumerate(one)]
    assert assignment_name(*one) != assignment_name(*other)


fields = st.text(st.characters(codec="utf-8", exclude_characters="\0/ "), min_size=1, max_size=8)


@given(st.tuples(fields, fields, fields, fields), st.tuples(fields, fields, fields, fields))
def test_what_differs_has_another_name(one: tuple[str, ...], other: tuple[str, ...]) -> None:
    same = one[0] == other[0] and [f.lower() for f in one[1:]] == [f.lower() for f in other[1:]]
    if not same:
        assert assignment_name(*one) != assignment_name(*other)


def found(cluster: str, condition: str = "") -> RoleAssignment:
    name = assignment_name(cluster, SCOPE, READER, PRINCIPAL)
    return RoleAssignment(name.upper(), SCOPE, READER, PRINCIPAL, condition)


def test_ours_are_told_by_their_name_also_those_of_a_cluster_that_this_one_replaces() -> None:
    assert found(CLUSTER).observed((CLUSTER, FORMER)).mark is Mark.OURS
    assert found(FORMER).observed((CLUSTER, FORMER)).mark is Mark.OURS
    assert found(OTHER).observed((CLUSTER, FORMER)).mark is Mark.OTHERS


def test_the_name_of_another_scope_is_not_taken_for_ours() -> None:
    name = assignment_name(CLUSTER, SCOPE, READER, PRINCIPAL)
    moved = RoleAssignment(name, f"{SCOPE}/x", READER, PRINCIPAL)
    assert moved.observed((CLUSTER,)).mark is Mark.OTHERS


def test_key_and_condition_are_what_is_asked_for() -> None:
    observed = found(CLUSTER, "a condition").observed((CLUSTER,))
    wanted = granted(READER.upper(), PRINCIPAL.upper(), "a condition")
    assert (observed.key, observed.value) == (wanted.key, wanted.value)
    assert granted(READER, PRINCIPAL, None).value == ""
    assert role_and_principal(role_key(READER, PRINCIPAL)) == (READER, PRINCIPAL)
