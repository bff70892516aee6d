"""When a parent is looked at again: after a problem as that says, and from time to time though nothing has changed."""

from collections.abc import Iterable
from random import Random

from entrafed.domain.credentials import Parent
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import IN_PROGRESS, PROPAGATING
from entrafed.engine.ports import Clock
from entrafed.engine.queue import Backoff
from entrafed.engine.timing import Timing


class Pace:
    """Of all parents of a kind. Times are monotonic seconds."""

    def __init__(self, *, clock: Clock, timing: Timing, random: Random) -> None:
        self._clock = clock
        self._timing = timing
        self._random = random
        self._backoff: Backoff[Parent] = Backoff(timing, random)

    def next_resync(self) -> float:
        """When what nobody changed is compared with Azure next: not all at once."""
        return self._clock.monotonic() + self._timing.resync * self._random.uniform(0.8, 1.2)

    def some_time(self, within: float) -> float:
        """Any moment of the next seconds."""
        return self._clock.monotonic() + self._random.uniform(0, within)

    def next_try(self, parent: Parent, problems: Iterable[Problem]) -> float:
        """Seconds until the next try: as each problem says, or its kind."""
        waits = []
        for problem in problems:
            if problem.after is not None:
                waits.append(problem.after)
            elif problem.kind is ProblemKind.CONFLICT:
                waits.append(self._timing.conflict)
            elif problem.stalled:
                waits.append(self._timing.forbidden)
            elif problem not in (PROPAGATING, IN_PROGRESS):
                waits.append(self._backoff.failed(parent))
        return min(waits, default=self._timing.agreement)

    def succeeded(self, parent: Parent) -> None:
        """Nothing is wrong with it any more."""
        self._backoff.succeeded(parent)
