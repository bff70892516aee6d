"""What the generated sequences came to, in a line after all tests."""

import os

import pytest

STEPS = "steps of sequences"
STEPS_WANTED = int(os.environ.get("ENTRAFED_SEQUENCE_STEPS", "2000"))
"""Steps that all parts together do at least."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many steps were played, in how many seconds of work, if any were."""
    reports = [one for found in terminalreporter.stats.values() for one in found if isinstance(one, pytest.TestReport)]
    parts = [one for one in reports if one.when == "call" and STEPS in dict(one.user_properties)]
    if parts:
        steps = sum(int(str(dict(part.user_properties)[STEPS])) for part in parts)
        failed = sum(part.failed for part in parts)
        seconds = sum(part.duration for part in parts)
        terminalreporter.write_line(
            f"sequences: {steps:,} steps in {seconds:.0f} s, {failed} of {len(parts)} parts failed"
        )
