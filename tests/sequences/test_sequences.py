"""Whatever users, other people and bad luck do: when everything rests, status is true to Azure, a second pass writes
nothing, and nothing of others was touched.

A sequence that fails is printed as it can be played again: `stage.play([...])` in a test of its own, with the names of
`sequences.acts` and `sequences.cast`.
"""

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, Phase, given, seed, settings

from sequences.acts import Burst
from sequences.drawing import sequences
from sequences.figures import STEPS, STEPS_WANTED
from sequences.stage import Stage

PART = 160  # steps, fewer than a part has on average: together they have all that are wanted
FEWEST = 80  # steps, of a part of short sequences
PARTS = -(-STEPS_WANTED // PART)
BURSTS, MOST_STEPS = 8, 10
EXAMPLES = 8  # per part
SETTINGS = settings(
    max_examples=EXAMPLES,
    phases=[Phase.generate],  # to look for a shorter one that fails takes longer than a test may
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
    @given(sequences(BURSTS, MOST_STEPS, surroundings=True))
    def holds(sequence: list[Burst]) -> None:
        stage.play(sequence)

    try:
        holds()
    finally:
        record_property(STEPS, stage.steps)
    assert stage.steps >= FEWEST
