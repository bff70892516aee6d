"""The house keeps its doors: a folder named like a module of the standard library must never become a package."""

import ast
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


def test_no_function_is_longer_than_sixty_lines() -> None:
    modules = [*(ROOT / "operator").rglob("*.py"), *(ROOT / "lab").rglob("*.py")]
    found = [
        (node.name, (node.end_lineno or 0) - node.lineno + 1)
        for path in modules
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert len(found) > 1000
    assert [(name, length) for name, length in found if length > 60] == []
