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

PART = 160  # steps that a part has at least: together they have all that are wanted
PARTS = -(-STEPS_WANTED // PART)
BURSTS, MOST_STEPS = 8, 10
EXAMPLES, MORE_EXAMPLES, MOST_ROUNDS = 8, 2, 10  # about 220 steps, 55 more a round
SEEDS_APART = 10_000  # more than there are parts
SETTINGS = settings(
    phases=[Phase.generate],  # to look for a shorter one that fails takes longer than a test may
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.parametrize("part", range(PARTS))
def test_everything_is_true_when_it_rests(
    part: int, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    def a_round(number: int) -> None:
        @seed(part + number * SEEDS_APART)
        @settings(SETTINGS, max_examples=MORE_EXAMPLES if number else EXAMPLES)
        @given(sequences(BURSTS, MOST_STEPS, surroundings=True))
        def holds(sequence: list[Burst]) -> None:
            stage.play(sequence)

        holds()

    try:
        for number in range(MOST_ROUNDS):
            if stage.steps < PART:
                a_round(number)
    finally:
        record_property(STEPS, stage.steps)
    assert stage.steps >= PART
