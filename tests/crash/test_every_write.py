"""The operator may die before or after any write, or lose its answer: in the end everything is as if it had not."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from crash.chronicle import Crash, Mode
from crash.lives import Scenario, Stage
from crash.scenarios import SCENARIOS
from crash.table import Row, recorded
from crash.trial import crashes, untried, wrong

pytestmark = pytest.mark.looptime

LAG = 5.0  # seconds by which one of two replicas of Graph is behind
CASES = [(scenario, lag) for scenario in SCENARIOS for lag in ((0.0, LAG) if scenario.asks_graph else (0.0,))]


def name_of(scenario: Scenario, replica_lag: float) -> str:
    return f"{scenario.name}, lagging replica" if replica_lag else scenario.name


@pytest.mark.parametrize(("scenario", "replica_lag"), CASES, ids=[name_of(*case) for case in CASES])
async def test_it_ends_as_if_nothing_had_gone_wrong(
    scenario: Scenario,
    replica_lag: float,
    stage: Stage,
    unexpected: list[str],
    record_property: Callable[[str, object], None],
) -> None:
    stage = replace(stage, replica_lag=replica_lag)
    clean = await stage.play(scenario)
    assert [write for write in clean.writes if write.is_azure and not write.took_effect] == []
    problems, right, tried = list[str](), dict.fromkeys((mode.value for mode in Mode), 0), list[Crash]()
    for crash in crashes(clean):
        tried.append(crash)
        found = await wrong(stage, scenario, clean, crash)
        right[crash.mode.value] += not found
        problems += [f"{scenario.name} | {crash} | {difference}" for difference in found]
    record_property(*recorded(Row(name_of(scenario, replica_lag), len(clean.writes), right)))
    assert not problems, "\n" + "\n".join(problems)
    assert untried(clean, tried) == []
    assert unexpected == []
