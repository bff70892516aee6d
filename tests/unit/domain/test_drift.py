"""What others made of a credential, in words that stay short and the same."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.domain.credentials import ObservedCredential, Pair, Trust
from entrafed.domain.drift import LONGEST, difference

ASKED = Trust(Pair("https://issuer.example", "job-a"), "api://x")


def stands(
    issuer: str = "https://issuer.example", subject: str | None = "job-a", audiences: tuple[str, ...] = ("api://x",)
) -> ObservedCredential:
    return ObservedCredential("mif-web", issuer, subject, audiences)


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (None, "removed"),
        (stands(subject="job-b"), 'changed (subject: asked for "job-a", stands "job-b")'),
        (stands(subject="Job-a"), 'changed (subject: asked for "job-a", stands "Job-a")'),
        (stands(audiences=("api://y",)), 'changed (audience: asked for "api://x", stands "api://y")'),
        (stands(audiences=("a", "b")), 'changed (audience: asked for "api://x", stands "a, b")'),
        (stands(audiences=()), 'changed (audience: asked for "api://x", stands none)'),
        (stands(subject=None), 'changed (subject: asked for "job-a", stands none)'),
        (
            stands(issuer="https://issuer.example/", subject="job-b"),
            (
                'changed (issuer: asked for "https://issuer.example", stands "https://issuer.example/"; '
                'subject: asked for "job-a", stands "job-b")'
            ),
        ),
        (stands(subject="job\n\x1b[2J"), 'changed (subject: asked for "job-a", stands "job??[2J")'),
    ],
)
def test_only_the_fields_that_differ_are_told(found: ObservedCredential | None, told: str) -> None:
    assert difference(ASKED, found) == told


EXPRESSION = "claims['sub'] matches 'job-*'"


@pytest.mark.parametrize(
    ("asked", "found", "told"),
    [
        (
            Pair("https://issuer.example", expression=EXPRESSION),
            replace(stands(subject=None), expression="claims['sub'] matches '*'"),
            f"""changed (expression: asked for "{EXPRESSION}", stands "claims['sub'] matches '*'")""",
        ),
        (
            Pair("https://issuer.example", expression=EXPRESSION),
            stands(subject=EXPRESSION),
            (
                f'changed (subject: asked for none, stands "{EXPRESSION}"; '
                f'expression: asked for "{EXPRESSION}", stands none)'
            ),
        ),
        (
            ASKED.pair,
            replace(stands(subject=None), expression=EXPRESSION),
            f'changed (subject: asked for "job-a", stands none; expression: asked for none, stands "{EXPRESSION}")',
        ),
    ],
)
def test_an_expression_is_told_apart_from_a_subject(asked: Pair, found: ObservedCredential, told: str) -> None:
    assert difference(Trust(asked, "api://x"), found) == told


@pytest.mark.parametrize("at", [0, 50, 99, 100, 300, 599])
def test_a_long_value_is_cut_so_that_the_difference_shows(at: int) -> None:
    asked = "s" * at + "a" + "s" * (599 - at)
    told = difference(
        Trust(Pair("https://i", asked), "x"), ObservedCredential("n", "https://i", asked.replace("a", "b"), ("x",))
    )
    assert "a" in told.partition("asked for ")[2].partition(", stands ")[0].strip('s."')
    assert "b" in told.partition(", stands ")[2]


values = st.text(max_size=600)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(trust=st.builds(Trust, st.builds(Pair, values, values), values), found=st.builds(stands, values, values))
def test_the_words_fit_into_an_event_whatever_stands(trust: Trust, found: ObservedCredential) -> None:
    told = difference(trust, found)
    assert len(told) <= 6 * (LONGEST + 10) + 120
    assert told.isprintable()
