"""Whatever users, other people and bad luck do: when everything rests, status is true to Azure, a second pass writes
nothing, and nothing of others was touched.

A sequence that fails is printed as it can be played again: `stage.play([...])` in a test of its own, with the names of
`sequences.acts` and `sequences.cast`.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme
from hypothesis import HealthCheck, given, seed, settings

from entrafed_lab.azure import KeyRing
from sequences.acts import Burst, sequences
from sequences.figures import STEPS
from sequences.stage import Stage

WANTED = int(os.environ.get("ENTRAFED_SEQUENCE_STEPS", "2000"))
"""Steps that all parts together do at least."""
PART = 160  # steps, of a part at least
PARTS = -(-WANTED // PART)
BURSTS, MOST_STEPS = 8, 10
EXAMPLES = 8  # per part; the least of them do more than `PART` steps together


@pytest.fixture
def stage(azure_ca: trustme.CA, azure_keys: KeyRing, tmp_path: Path) -> Stage:
    return Stage(azure_ca, azure_keys, tmp_path)


@pytest.mark.parametrize("part", range(PARTS))
def test_everything_is_true_when_it_rests(
    part: int, stage: Stage, record_property: Callable[[str, object], None]
) -> None:
    @seed(part)
    @settings(max_examples=EXAMPLES, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(sequences(BURSTS, MOST_STEPS))
    def holds(sequence: list[Burst]) -> None:
        stage.play(sequence)

    try:
        holds()
    finally:
        record_property(STEPS, stage.steps)
    assert stage.steps >= PART
