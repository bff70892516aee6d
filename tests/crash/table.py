"""What the crash tests tried, as a table after all tests: scenario x write x what went wrong."""

from dataclasses import asdict, dataclass

import pytest

PROPERTY = "crash points"


@dataclass(frozen=True, slots=True)
class Row:
    """One scenario: its writes, and at how many of them it made no difference in the end that something went wrong.

    `right` is by what went wrong.
    """

    scenario: str
    writes: int
    right: dict[str, int]


def recorded(row: Row) -> tuple[str, dict[str, object]]:
    """A row as a property of a test, which finds its way from the process that ran it."""
    return PROPERTY, asdict(row)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the table, if anything was tried."""
    reports = [one for found in terminalreporter.stats.values() for one in found if isinstance(one, pytest.TestReport)]
    called = [dict(one.user_properties) for one in reports if one.when == "call"]
    rows = [Row(**properties[PROPERTY]) for properties in called if PROPERTY in properties]  # type: ignore[arg-type]
    if not rows:
        return
    modes = list(rows[0].right)
    total = Row("crash points", sum(row.writes for row in rows), {m: sum(row.right[m] for row in rows) for m in modes})
    width = max(len(row.scenario) for row in rows)
    terminalreporter.write_line(f"{'':{width}}  writes  {'  '.join(f'{mode:>9}' for mode in modes)}")
    for row in [*sorted(rows, key=lambda one: one.scenario), total]:
        cells = "  ".join(f"{row.right[mode]:>4}/{row.writes:<4}" for mode in modes)
        terminalreporter.write_line(f"{row.scenario:{width}}  {row.writes:6}  {cells}")
