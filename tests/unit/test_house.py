"""The house keeps its doors: a folder named like a module of the standard library must never become a package."""

import operator
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_folder_operator_is_no_package() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    assert operator.add(1, 1) == 2


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    modules = [*(ROOT / "operator").rglob("*.py"), *(ROOT / "lab").rglob("*.py")]
    assert len(modules) > 100
    assert [str(path) for path in modules if len(path.read_text().splitlines()) > 400] == []
