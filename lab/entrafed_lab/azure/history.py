"""Values that remember what they were, so that a reader who lags behind sees the past."""

from collections.abc import Callable
from random import Random
from typing import Final, Generic, TypeVar

from entrafed_lab.azure.timing import Clock, Delays

T = TypeVar("T")

ALWAYS = float("-inf")
"""When seeded things were written."""

KEPT: Final = 900.0
"""Seconds of the past that are remembered: no delay can be longer than this."""


class History(Generic[T]):
    """A value with its past of the last `KEPT` seconds."""

    def __init__(self, value: T, *, clock: Clock, since: float = ALWAYS) -> None:
        self._versions: list[tuple[float, T]] = [(since, value)]
        self._clock = clock

    @property
    def current(self) -> T:
        return self._versions[-1][1]

    def write(self, value: T) -> None:
        now = self._clock()
        self._versions.append((now, value))
        while len(self._versions) > 1 and self._versions[1][0] <= now - KEPT:
            del self._versions[0]

    def at(self, when: float) -> T:
        """What somebody sees who knows nothing after `when`; the oldest that is remembered at least."""
        for since, value in reversed(self._versions):
            if since <= when:
                return value
        return self._versions[0][1]


class Replicas:
    """Which moment a read sees: one of two Graph replicas, one of two token endpoint nodes, at random but seeded."""

    def __init__(self, *, delays: Callable[[], Delays], clock: Clock, random: Random) -> None:
        self._delays = delays
        self._clock = clock
        self._random = random

    def directory(self) -> float:
        """The moment that a Graph read sees."""
        return self._clock() - self._random.choice((0.0, self._delays().replica_lag))

    def token_endpoint(self) -> float:
        """The moment that a token request sees."""
        propagation = self._delays().propagation
        return self._clock() - self._random.choice((propagation / 2, propagation))
