"""The table of what the simulated Azure does as Azure does names tests: all of those that are there, no others."""

import re
from pathlib import Path

import pytest

from entrafed_lab.azure.entra_errors import CODES

HERE = Path(__file__).parent
TABLE = HERE.parents[2] / "docs" / "reference" / "lab-parity.md"


def named() -> set[str]:
    return set(re.findall(r"`([\w/]+\.py::test_\w+)`", TABLE.read_text()))


def written(pattern: str) -> set[str]:
    return {
        f"{path.relative_to(HERE)}::{name}"
        for path in HERE.glob(pattern)
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE)
    }


def rows() -> list[list[str]]:
    """Rule, source and test of every row."""
    lines = TABLE.read_text().splitlines()
    return [line.strip("| ").split(" | ") for line in lines if line.startswith("| ") and "::test_" in line]


def test_every_row_names_a_test_that_exists() -> None:
    assert named() - written("**/test_*.py") == set()


@pytest.mark.parametrize(
    "pattern",
    [
        "graph/test_*.py",
        "arm/test_*.py",
        "test_token_endpoint.py",
        "test_assertions.py",
        "test_managed_identities.py",
        "test_external_issuers.py",
        "test_hosts.py",
        "test_storage.py",
        "test_tenants.py",
    ],
)
def test_every_test_of_a_service_has_its_row(pattern: str) -> None:
    assert written(pattern) - named() == set()


def test_every_code_of_the_token_endpoint_has_its_row() -> None:
    told = {int(code) for code in re.findall(r"AADSTS(\d+)", TABLE.read_text())}
    assert CODES - told == set()


def test_every_row_has_its_source() -> None:
    marks = ("](https://", "*assumed*", "*uncertain*", "*ours*", "msgraph-sdk")
    assert [row for row in rows() if len(row) != 3 or not any(mark in row[1] for mark in marks)] == []
