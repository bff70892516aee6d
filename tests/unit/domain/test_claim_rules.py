"""Which flexible credentials a rule allows: none that could let in a token which the rule does not mean."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from entrafed.api.claims import ClaimName, ClaimRule, Claims
from entrafed.api.federation import FederatedCredential
from entrafed.api.rules import CredentialMatch, NamespaceMatch, Rule, TargetMatch
from entrafed.domain.claims import Operator, Term, expression_of
from entrafed.domain.credentials import Pair
from entrafed.domain.rules import Namespace, allows_credential
from manifests import APP

GITHUB = "https://token.actions.githubusercontent.com"
PAYMENTS = Namespace("payments", {})
ITEM = FederatedCredential(
    name="x",
    claims=TypeAdapter(Claims).validate_python({"issuer": GITHUB, "match": [{"claim": "sub", "eq": "not looked at"}]}),
)

SUB, OWNER = ClaimName.SUB, ClaimName.REPOSITORY_OWNER_ID


def matching(pattern: str, claim: ClaimName = SUB) -> Term:
    return Term(claim, Operator.MATCHES, pattern)


def equal(value: str, claim: ClaimName = SUB) -> Term:
    return Term(claim, Operator.EQ, value)


def allowing(issuer: str = GITHUB, **values: tuple[str, ...]) -> CredentialMatch:
    """A rule's entry: values by claim."""
    rules = tuple(ClaimRule(claim=ClaimName(claim), values=patterns) for claim, patterns in values.items())
    return CredentialMatch(issuer=issuer, claims=rules)


def allows(match: CredentialMatch, *terms: Term, issuer: str = GITHUB, namespace: Namespace = PAYMENTS) -> bool:
    return allows_pair(match, Pair(issuer, expression=expression_of(terms)), namespace)


def allows_pair(match: CredentialMatch, pair: Pair, namespace: Namespace = PAYMENTS) -> bool:
    rule = Rule(
        namespaces=NamespaceMatch(names=("payments",)),
        targets=TargetMatch(applications=(APP,)),
        federated_credentials=(match,),
    )
    return allows_credential([rule], ITEM, pair, namespace, (GITHUB,))


def test_each_claim_of_the_rule_must_be_matched_within_it() -> None:
    match = allowing(sub=("repo:contoso/web:**",), repository_owner_id=("123",))
    assert allows(match, matching("repo:contoso/web:ref:refs/heads/*"), equal("123", OWNER))
    assert not allows(match, matching("repo:contoso/web:ref:refs/heads/*"))
    assert not allows(match, equal("123", OWNER))
    assert not allows(match, matching("repo:contoso/web:*"), equal("124", OWNER))
    assert not allows(match, matching("repo:contoso/*"), equal("123", OWNER))


def test_what_an_item_matches_besides_only_narrows_it() -> None:
    match = allowing(repository_owner_id=("123",))
    assert allows(match, matching("*"), equal("123", OWNER), equal("x", ClaimName.JOB_WORKFLOW_REF))


def test_one_of_several_values_is_enough() -> None:
    match = allowing(repository_owner_id=("1", "2"))
    assert allows(match, equal("2", OWNER))
    assert not allows(match, equal("3", OWNER))


def test_the_issuer_is_compared_exactly() -> None:
    for other in (f"{GITHUB}/", f"{GITHUB}/contoso", "https://gitlab.com", "cluster"):
        assert not allows(allowing(sub=("**",)), equal("x"), issuer=other)
    assert not allows(CredentialMatch(issuer="cluster", claims=allowing(sub=("**",)).claims), equal("x"))


@pytest.mark.parametrize("subjects", ["**", "*", "claims**"])
def test_subjects_never_allow_a_flexible_credential(subjects: str) -> None:
    assert not allows(CredentialMatch(issuer=GITHUB, subjects=(subjects,)), matching("*"))


def test_claims_never_allow_an_exact_subject() -> None:
    for subject in ("repo:contoso/web", "claims['sub'] matches '*'", ""):
        assert not allows_pair(allowing(sub=("**",)), Pair(GITHUB, subject))


def test_an_entry_without_claims_allows_none() -> None:
    assert not allows(CredentialMatch(issuer=GITHUB), matching("*"))
    assert not allows_pair(CredentialMatch(issuer=GITHUB), Pair(GITHUB, expression="sub eq x"))


@pytest.mark.parametrize(
    "odd", ["sub eq 'x'", "claims['sub'] eq 'x' or claims['sub'] eq 'y'", "claims['sub'] eq 'a''b'"]
)
def test_an_expression_that_cannot_be_read_is_not_allowed(odd: str) -> None:
    assert not allows_pair(allowing(sub=("**",)), Pair(GITHUB, expression=odd))


@pytest.mark.parametrize(
    ("pattern", "asked", "expected"),
    [
        ("repo:contoso/web:**", matching("repo:contoso/web:*"), True),
        ("repo:contoso/web:**", matching("repo:contoso/web*"), False),
        ("repo:contoso/web:**", matching("repo:contoso/*:x"), False),
        ("repo:contoso/web:*", matching("repo:contoso/web:*"), False),  # the item's crosses `/` and `:`, the rule's not
        ("repo:contoso/web:*", matching("repo:contoso/web:?"), False),
        ("repo:contoso/*:pull_request", equal("repo:contoso/web:pull_request"), True),
        ("repo:contoso/*:pull_request", matching("repo:contoso/w?b:pull_request"), False),
        ("**", matching("*"), True),
        ("**", matching("???"), True),
        ("*", matching("*"), False),
        ("a**b", matching("a*b"), True),
        ("a**b", matching("a?b"), True),
        ("a**b", matching("ab*"), False),
        ("a**b", matching("*ab"), False),
        ("a**", matching("?a"), False),
        ("x*", equal("x*"), True),
        ("job:{namespace}:**", matching("job:payments:*"), True),
        ("job:{namespace}:**", matching("job:*:x"), False),
        ("Repo:**", matching("repo:*"), False),
    ],
)
def test_wildcards_of_an_item_fit_only_into_two_stars(pattern: str, asked: Term, expected: bool) -> None:
    assert allows(allowing(sub=(pattern,)), asked) is expected


texts = st.text(alphabet="ab/:", max_size=6)
asked_patterns = st.lists(st.sampled_from(["a", "b", "/", ":", "*", "?"]), max_size=8).map("".join)
pieces = st.tuples(st.sampled_from(["a", "b", "/", ":", "*", "?", "a/b"]), st.sampled_from(["same", "*", "**", "a"]))


@given(pieces=st.lists(pieces, min_size=1, max_size=6), drawn=st.data())
def test_whatever_token_an_allowed_item_lets_in_the_rule_means(
    pieces: list[tuple[str, str]], drawn: st.DataObject
) -> None:
    """As Entra reads the item, and as the page of the rules reads the rule."""
    asked = "".join(piece for piece, _ in pieces)
    pattern = "".join(piece.replace("?", "*") if ruled == "same" else ruled for piece, ruled in pieces)
    if allows(allowing(sub=(pattern,)), matching(asked)):
        stands_for = {"*": texts, "?": st.sampled_from("ab/:")}
        subject = "".join(drawn.draw(stands_for[c]) if c in stands_for else c for c in asked)
        parts = re.split(r"(\*\*|\*)", pattern)
        meant = "".join({"*": "[^/:]*", "**": ".*"}.get(part, re.escape(part)) for part in parts)
        assert re.fullmatch(meant, subject, re.DOTALL)


@given(before=texts, asked=asked_patterns, after=texts)
def test_two_stars_take_in_any_pattern(before: str, asked: str, after: str) -> None:
    assert allows(allowing(sub=(f"{before}**{after}",)), matching(f"{before}{asked}{after}"))


def test_many_wildcards_take_no_longer_than_their_number() -> None:
    """The longest value and pattern that the schema admits."""
    started = time.process_time()
    assert not allows(allowing(sub=("**a" * 99 + "b",)), matching("a*" * 200))
    assert time.process_time() - started < 2
