"""The lanes of all parents of a kind, and when each is compared with Azure again though nothing has changed."""

from collections.abc import Callable, Iterable
from typing import Generic, Protocol, TypeVar

from entrafed.domain.credentials import Parent
from entrafed.engine.pace import Pace
from entrafed.engine.ports import Clock


class LooksAgain(Protocol):
    """What is known of one parent between two runs."""

    def look_again(self, now: float) -> None:
        """Have everything looked at anew, and what was refused tried again. `now` is in monotonic seconds."""
        ...


L = TypeVar("L", bound=LooksAgain)


class Lanes(Generic[L]):
    """`new` makes the lane of a parent; `resync` is told of an object that is to be admitted again."""

    def __init__(self, *, new: Callable[[Parent], L], clock: Clock, pace: Pace, resync: Callable[[str], None]) -> None:
        self._new = new
        self._clock = clock
        self._pace = pace
        self._resync = resync
        self._known: dict[Parent, L] = {}
        self._resync_at: dict[Parent, float] = {}

    def of(self, parent: Parent) -> L:
        """The lane of a parent, a new one if need be."""
        if parent not in self._known:
            self._known[parent] = self._new(parent)
            self._resync_at[parent] = self._pace.next_resync()
        return self._known[parent]

    def known(self, parent: Parent) -> L | None:
        """The lane of a parent, if it has one."""
        return self._known.get(parent)

    def forget(self, parent: Parent) -> None:
        """Nobody asks for anything at a parent any more."""
        self._known.pop(parent, None)
        self._resync_at.pop(parent, None)
        self._pace.succeeded(parent)

    def look_again(self, parent: Parent) -> None:
        """Somebody wants to know how things stand now."""
        self.of(parent).look_again(self._clock.monotonic())

    def expect(self, parent: Parent, within: float) -> float:
        """A parent of an object that was healthy at the start: the answer is when to look, in seconds."""
        self.of(parent)
        self._resync_at[parent] = min(self._resync_at[parent], self._pace.some_time(within))
        return self.until_resync(parent)

    def until_resync(self, parent: Parent) -> float:
        """Seconds until a parent that has a lane is compared with Azure again."""
        return max(0.0, self._resync_at[parent] - self._clock.monotonic())

    def start_resync(self, parent: Parent, askers: Iterable[str]) -> None:
        """When its time has come, have a parent looked at anew, and all who ask there, by uid, admitted again."""
        if self._clock.monotonic() < self._resync_at[parent]:
            return
        self._resync_at[parent] = self._pace.next_resync()
        self.look_again(parent)
        for uid in askers:
            self._resync(uid)
