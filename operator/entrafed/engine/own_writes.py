"""Our own writes that a look at Azure may lack: they stay laid over every look until no replica can lag any more.

Looks that agreed may have come from one replica, and the next from another.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from entrafed.engine.timing import Timing

T = TypeVar("T")

NEVER = float("-inf")
JUST_BEYOND = 1.01  # times a limit: a look that is to be made after it, not at it


@dataclass(slots=True)
class _Write(Generic[T]):
    """An acknowledged write: what it left (None: nothing), when, and how many looks agreed since."""

    left: T | None
    at: float
    agreed: int = 0
    confirmed: bool = False
    doubted: bool = False
    """A look disagreed after enough had agreed: it came from a replica that lags, or somebody else wrote."""


class OwnWrites(Generic[T]):
    """By name, of one parent. `agreeing` looks must show a write before it counts. Times are monotonic seconds."""

    def __init__(self, timing: Timing, agreeing: int) -> None:
        self._timing = timing
        self._agreeing = agreeing
        self._writes: dict[str, _Write[T]] = {}
        self._looks = 0

    def note(self, name: str, left: T | None, at: float) -> None:
        """Take an acknowledged write."""
        self._writes[name] = _Write(left, at)
        self._looks = 0

    def forget(self, name: str) -> None:
        """What we knew of this name is no longer so."""
        self._writes.pop(name, None)

    def forget_all(self) -> None:
        """What was written to is another thing by now."""
        self._writes.clear()

    def compare(self, seen: Mapping[str, T], at: float) -> None:
        """Take a look that was begun at a time."""
        self._looks += 1
        for name, write in list(self._writes.items()):
            if at - write.at > self._timing.lag_limit:
                del self._writes[name]
            elif seen.get(name) == write.left:
                write.agreed += 1
                write.doubted = False
                write.confirmed |= write.agreed >= (self._agreeing if write.left is not None else 1)
            else:
                write.agreed = 0
                write.doubted = write.confirmed
        if all(write.confirmed for write in self._writes.values()):
            self._looks = 0

    def laid_over(self, seen: Mapping[str, T]) -> dict[str, T]:
        """What was seen, with our own writes laid over it."""
        there = dict(seen)
        for name, write in self._writes.items():
            if write.left is None:
                there.pop(name, None)
            else:
                there[name] = write.left
        return there

    def items(self) -> Iterator[tuple[str, T | None]]:
        """What was left under which name."""
        return ((name, write.left) for name, write in self._writes.items())

    def left(self, name: str) -> T | None:
        """What our last write of this name left; None for nothing, or for no write."""
        return self._writes[name].left if name in self._writes else None

    def is_confirmed(self, name: str) -> bool:
        """Whether enough looks agreed with the last write of this name."""
        return name not in self._writes or self._writes[name].confirmed

    def confirmation_due(self, looked_at: float, now: float) -> float | None:
        """When the next look is to tell whether things are as they seem; None when all is clear."""
        dues = [w.at + self._timing.lag_limit * JUST_BEYOND for w in self._writes.values() if w.doubted]
        written_at = max((w.at for w in self._writes.values() if not w.confirmed), default=None)
        if written_at is not None:
            dues.append(now if looked_at < written_at else looked_at + self._pause())
        return min(dues, default=None)

    def needed_for(self, now: float) -> float:
        """Seconds for which a look could still contradict what we wrote."""
        return max((w.at + self._timing.lag_limit - now for w in self._writes.values()), default=0.0)

    def _pause(self) -> float:
        pause = self._timing.agreement * 1.5 ** max(self._looks - 1, 0)
        return min(pause, self._timing.longest_agreement)
