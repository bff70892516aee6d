"""All durations scale together, so that a laboratory may be faster than life."""

from dataclasses import fields

from entrafed.engine.timing import Timing


def test_every_duration_scales() -> None:
    slow, fast = Timing(), Timing().scaled(0.5)
    for field in fields(Timing):
        assert getattr(fast, field.name) == getattr(slow, field.name) / 2, field.name


def test_quiet_outlasts_a_lagging_list_s_pauses_and_waits_grow_from_first_to_longest() -> None:
    timing = Timing()
    assert timing.agreement < timing.longest_agreement < timing.quiet
    assert timing.first_backoff < timing.longest_backoff < timing.forbidden < timing.resync
