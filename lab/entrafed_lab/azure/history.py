"""Values that remember what they were, so that a reader who lags behind sees the past."""

from random import Random
from typing import Generic, TypeVar

from entrafed_lab.azure.timing import Clock, Delays

T = TypeVar("T")

ALWAYS = float("-inf")
"""When seeded things were written."""


class History(Generic[T]):
    """A value with its past of the last `keep` seconds."""

    def __init__(self, value: T, *, clock: Clock, keep: float, since: float = ALWAYS) -> None:
        self._versions: list[tuple[float, T]] = [(since, value)]
        self._clock = clock
        self._keep = keep

    @property
    def current(self) -> T:
        return self._versions[-1][1]

    def write(self, value: T) -> None:
        now = self._clock()
        self._versions.append((now, value))
        while len(self._versions) > 1 and self._versions[1][0] <= now - self._keep:
            del self._versions[0]

    def at(self, when: float) -> T:
        """What somebody sees who knows nothing after `when`; the oldest that is remembered at least."""
        for since, value in reversed(self._versions):
            if since <= when:
                return value
        return self._versions[0][1]


class Replicas:
    """Which moment a read sees: one of two Graph replicas, one of two token endpoint nodes, at random but seeded."""

    def __init__(self, *, delays: Delays, clock: Clock, random: Random) -> None:
        self._delays = delays
        self._clock = clock
        self._random = random

    def directory(self) -> float:
        """The moment that a Graph read sees."""
        if self._delays.replica_lag == 0:
            return self._clock()
        return self._clock() - self._random.choice((0.0, self._delays.replica_lag))

    def token_endpoint(self) -> float:
        """The moment that a token request sees."""
        if self._delays.propagation == 0:
            return self._clock()
        return self._clock() - self._random.choice((self._delays.propagation / 2, self._delays.propagation))
