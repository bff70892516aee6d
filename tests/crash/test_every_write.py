"""The operator may die before or after any write, or lose its answer: in the end everything is as if it had not."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from crash.chronicle import Crash, Mode, Point
from crash.judgement import differences
from crash.lives import NeverQuiet, Scenario, Stage, Story
from crash.scenarios import SCENARIOS
from crash.table import Row, recorded

pytestmark = pytest.mark.looptime

CASES = [(scenario, 0.0) for scenario in SCENARIOS]


def name_of(scenario: Scenario, replica_lag: float) -> str:
    return f"{scenario.name}, lagging replica" if replica_lag else scenario.name


@pytest.mark.parametrize(("scenario", "replica_lag"), CASES, ids=[name_of(*case) for case in CASES])
async def test_it_ends_as_if_nothing_had_gone_wrong(
    scenario: Scenario, replica_lag: float, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    stage = replace(stage, replica_lag=replica_lag)
    clean = await stage.play(scenario)
    assert [write for write in clean.writes if write.is_azure and not write.took_effect] == []
    problems, right = list[str](), dict.fromkeys((mode.value for mode in Mode), 0)
    for crash in crashes(clean):
        found = await wrong(stage, scenario, clean, crash)
        right[crash.mode.value] += not found
        problems += [f"{scenario.name} | {crash} | {difference}" for difference in found]
    record_property(*recorded(Row(name_of(scenario, replica_lag), len(clean.writes), right)))
    assert not problems, "\n" + "\n".join(problems)


def crashes(clean: Story) -> list[Crash]:
    """Everything that can go wrong: each write, in each way."""
    seen, found = Counter[str](), list[Crash]()
    for write in clean.writes:
        found += [Crash(Point(write.name, seen[write.name]), mode) for mode in Mode]
        seen[write.name] += 1
    return found


async def wrong(stage: Stage, scenario: Scenario, clean: Story, crash: Crash) -> list[str]:
    """What differs in the end when this goes wrong."""
    try:
        return differences(clean, await stage.play(scenario, crash), crash)
    except NeverQuiet:
        return ["it never became quiet"]
