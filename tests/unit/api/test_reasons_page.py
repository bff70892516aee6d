"""The page about reasons: one section for each, which says who must act and what to do."""

import re
from pathlib import Path

import pytest

from entrafed.api.reasons import Reason

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "reasons.md"
SECTIONS = re.findall(r"^### (.+)\n((?:(?!##).*\n)*)", PAGE.read_text(), re.MULTILINE)


def test_every_reason_has_one_section_and_no_section_is_left_over() -> None:
    assert sorted(title for title, _ in SECTIONS) == sorted(Reason)


@pytest.mark.parametrize(("title", "text"), SECTIONS, ids=[title for title, _ in SECTIONS])
def test_a_section_says_what_is_meant_and_who_must_do_what(title: str, text: str) -> None:
    meaning, _, advice = text.strip().partition("\n\n")
    who, _, what = advice.partition("\n- **What to do:** ")
    assert meaning.endswith(".")
    assert who.startswith("- **Who acts:** ")
    assert what.endswith(".")
