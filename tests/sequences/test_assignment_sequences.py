"""Whatever happens to hosts, roles and tenants: at rest nothing of others is gone, nothing of ours is left over, what
is asked for and allowed stands, and a second pass writes nothing."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import looptime
import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from assignment_world import assignment_world
from sequences.assigning import RESYNC, Performance
from sequences.assignment_acts import Act, sequences
from sequences.figures import STEPS, STEPS_WANTED
from sequences.stage import Stage

PARTS = max(6, STEPS_WANTED // 250)
"""The same six each time, and more where a whole night is played."""
SETTINGS = settings(
    max_examples=6,
    phases=[Phase.generate],
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("part", range(PARTS))
def test_everything_is_true_when_it_rests(
    part: int, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    @seed(part)
    @SETTINGS
    @given(sequences)
    def holds(sequence: list[list[Act]]) -> None:
        with asyncio.Runner(loop_factory=partial(looptime.new_event_loop, noop_cycles=2)) as runner:
            stage.steps += runner.run(played(stage, sequence))

    try:
        holds()
    finally:
        record_property(STEPS, stage.steps)
    assert stage.steps >= 60


async def played(stage: Stage, sequence: list[list[Act]]) -> int:
    """Play a sequence; how many steps it had. Raises AssertionError with all that is wrong, and what led to it."""
    async with assignment_world(stage.directory, ca=stage.ca, keys=stage.keys) as world:
        world.timing = replace(world.timing, resync=RESYNC)
        performance = Performance(world)
        await performance.life.begin()
        try:
            for number, burst in enumerate(sequence, 1):
                for act in burst:
                    await performance.perform(act)
                wrong = await performance.judge()
                assert not wrong, "\n".join([*wrong, f"after {sequence[:number]}"])
        finally:
            await performance.life.end()
    return performance.steps
