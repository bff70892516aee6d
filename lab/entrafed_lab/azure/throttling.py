"""Token buckets, as Azure counts them."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from entrafed_lab.azure.timing import Clock, Rates


@dataclass(frozen=True, slots=True)
class Limit:
    """`capacity` units at once, refilled by `rate` units per second."""

    capacity: float
    rate: float

    @classmethod
    def per(cls, seconds: float, units: float) -> "Limit":
        """`units` within any window of that many seconds, more or less."""
        return cls(units, units / seconds)

    @classmethod
    def per_second(cls, rate: float) -> "Limit":
        """`rate` per second, and at least one at once."""
        return cls(max(1.0, rate), rate)


@dataclass(frozen=True, slots=True)
class Charge:
    """What a request takes from one budget."""

    budget: str
    limit: Limit
    units: float = 1.0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`retry_after`: seconds until the tightest budget has room, None when there was room in all of them.

    `budget` is the tightest one, `used` the share of it that is taken afterwards, 0 to 1.
    """

    retry_after: float | None
    budget: str
    used: float
    remaining: float


class Throttle:
    """All budgets of one service. A request that one budget refuses takes nothing from the others."""

    def __init__(self, *, rates: Rates, clock: Clock) -> None:
        self._scale = rates.scale
        self._clock = clock
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, charges: Iterable[Charge]) -> Verdict | None:
        """Take all charges or none; None when throttling is off."""
        if self._scale is None:
            return None
        now = self._clock()
        levels = [(charge, self._level(charge, now)) for charge in charges]
        waits = [((charge.units - level) / self._rate(charge), charge) for charge, level in levels]
        wait, tightest = max(waits, key=lambda item: item[0])
        if wait > 0:
            return Verdict(wait, tightest.budget, 1.0, 0.0)
        for charge, level in levels:
            self._levels[charge.budget] = (level - charge.units, now)
        charge, level = min(levels, key=lambda item: (item[1] - item[0].units) / item[0].limit.capacity)
        left = level - charge.units
        return Verdict(None, charge.budget, 1 - left / charge.limit.capacity, left)

    def retry_after(self, seconds: float) -> str:
        """The header: whole seconds, as Azure sends it; fractions only in scaled time."""
        if self._scale is not None and self._scale > 1:
            return f"{math.ceil(seconds * 1000) / 1000:.3f}"
        return str(math.ceil(seconds))

    def _rate(self, charge: Charge) -> float:
        return charge.limit.rate * (self._scale or 1.0)

    def _level(self, charge: Charge, now: float) -> float:
        level, since = self._levels.get(charge.budget, (charge.limit.capacity, now))
        return min(charge.limit.capacity, level + (now - since) * self._rate(charge))
