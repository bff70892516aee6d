"""Fixtures that every test may ask for; what nobody asks for is not started."""

from collections import Counter, defaultdict

import pytest

pytest_plugins = ["lab_fixtures", "schema_world", "crash.table", "sequences.figures"]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say what each part of the tests took: seconds of work, set-up included, whatever ran side by side."""
    seconds: defaultdict[str, float] = defaultdict(float)
    tests: Counter[str] = Counter()
    for report in (one for found in terminalreporter.stats.values() for one in found):
        if isinstance(report, pytest.TestReport):
            part = report.nodeid.split("/")[1]
            seconds[part] += report.duration
            tests[part] += report.when == "call"
    for part, taken in sorted(seconds.items(), key=lambda entry: -entry[1]):
        terminalreporter.write_line(f"{part:>10} {tests[part]:5} tests {taken:7.1f} s")
