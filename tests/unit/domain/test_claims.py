"""Expressions over claims: one spelling for each meaning, and nothing within a value that could end it."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from entrafed.api.formats import MAX_EXPRESSION
from entrafed.domain.claims import Operator, Term, canonical, expression_of, terms_of

SUB = Term("sub", Operator.MATCHES, "repo:contoso/web:ref:refs/heads/*")
ID = Term("repository_id", Operator.EQ, "456789")
WORKFLOW = Term("job_workflow_ref", Operator.EQ, "contoso/web/.github/workflows/x.yml@refs/heads/main")
WHOLE = (
    "claims['sub'] matches 'repo:contoso/web:ref:refs/heads/*'"
    " and claims['job_workflow_ref'] eq 'contoso/web/.github/workflows/x.yml@refs/heads/main'"
    " and claims['repository_id'] eq '456789'"
)

values = st.text(st.characters(exclude_characters="'\\", exclude_categories=["Cs", "Cc"]), max_size=30)
terms = st.builds(Term, st.sampled_from(["sub", "a", "b_1"]), st.sampled_from(Operator), values)
lists = st.lists(terms, min_size=1, max_size=5)


def test_an_expression_is_spelled_as_microsoft_spells_it_the_subject_first() -> None:
    assert expression_of([ID, WORKFLOW, SUB]) == WHOLE


@given(lists)
def test_what_is_written_is_read_back(demanded: list[Term]) -> None:
    read = terms_of(expression_of(demanded))
    assert read is not None
    assert sorted(map(repr, read)) == sorted(map(repr, demanded))


@given(lists, st.randoms())
def test_the_order_of_the_terms_makes_no_difference(demanded: list[Term], random: object) -> None:
    shuffled = list(demanded)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert expression_of(shuffled) == expression_of(demanded)


@given(lists)
def test_what_is_canonical_stays_as_it_is(demanded: list[Term]) -> None:
    expression = expression_of(demanded)
    assert canonical(expression) == expression


@pytest.mark.parametrize(
    "spelled",
    [
        f" {WHOLE}  ",
        WHOLE.replace(" and ", "\n  and\t"),
        WHOLE.replace(" eq ", "   eq  "),
        " and ".join(reversed(WHOLE.split(" and "))),
    ],
)
def test_what_means_the_same_is_spelled_the_same(spelled: str) -> None:
    assert canonical(spelled) == WHOLE


@pytest.mark.parametrize(
    "odd",
    [
        "sub eq 'x'",
        "claims['sub'] like 'x'",
        "claims['sub'] EQ 'x'",
        "claims['sub'] eq x",
        "claims[sub] eq 'x'",
        "claims['sub'] eq 'x' or claims['sub'] eq 'y'",
        "claims['sub'] eq 'x' and",
        "claims['sub'] eq 'x' and ",
        "and claims['sub'] eq 'x'",
        "claims['sub'] eq 'x' claims['a'] eq 'y'",
        "claims['sub'] eq 'x'and claims['a'] eq 'y'",
        "claims['sub'] eq 'x' andclaims['a'] eq 'y'",
        "claims['sub'] eq 'it's'",
        "claims['sub'] eq 'it''s'",
        "claims['sub'] eq 'it\\'s'",
        "(claims['sub'] eq 'x')",
    ],
)
def test_what_is_not_of_the_documented_form_is_left_as_it_is(odd: str) -> None:
    assert terms_of(odd) is None
    assert canonical(odd) == odd


@pytest.mark.parametrize("blank", ["", " ", "\n"])
def test_nothing_has_no_terms(blank: str) -> None:
    assert terms_of(blank) is None


def test_an_expression_beyond_the_bound_is_none_of_ours() -> None:
    longest = expression_of([Term("sub", Operator.EQ, "x" * (MAX_EXPRESSION - len("claims['sub'] eq ''")))])
    assert canonical(longest) == longest
    assert canonical(longest + " ") is None


def test_a_long_expression_is_read_in_no_time() -> None:
    started = time.process_time()
    for hostile in ("claims['sub'] eq 'x' and " * 40, "claims['sub'] " + " " * 1000, " " * 1024, "claims['" * 128):
        terms_of(hostile)
    assert time.process_time() - started < 0.5
