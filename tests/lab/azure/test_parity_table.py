"""The table of what the simulated Azure does as Azure does names tests: all of those that are there, no others."""

import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLE = HERE.parents[2] / "docs" / "reference" / "lab-parity.md"


def named() -> set[str]:
    return set(re.findall(r"`([\w/]+\.py::test_\w+)`", TABLE.read_text()))


def written(folder: str) -> set[str]:
    return {
        f"{path.relative_to(HERE)}::{name}"
        for path in (HERE / folder).rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def test_every_row_names_a_test_that_exists() -> None:
    assert named() - written(".") == set()


@pytest.mark.parametrize("folder", ["graph", "arm"])
def test_every_test_of_a_service_has_its_row(folder: str) -> None:
    assert written(folder) - named() == set()
