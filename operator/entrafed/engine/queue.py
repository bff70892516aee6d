"""Which key is worked on next. A key never runs twice at a time: the queue is the lane of a parent.

New work goes before resync. What is added while its key runs makes it run once more.
"""

import asyncio
import heapq
import itertools
from collections import Counter, deque
from collections.abc import Callable, Hashable
from enum import IntEnum
from random import Random
from typing import Generic, TypeVar

from entrafed.engine.timing import Timing

K = TypeVar("K", bound=Hashable)

JITTER = 0.25  # of a backoff: two clusters that write to one target must not meet again and again


class Urgency(IntEnum):
    """What goes first."""

    NEW = 0
    RESYNC = 1


class Backoff(Generic[K]):
    """How long to wait before the next try of a key: doubled each time, with jitter."""

    def __init__(self, timing: Timing, random: Random) -> None:
        self._timing = timing
        self._random = random
        self._failures: dict[K, int] = {}

    def failed(self, key: K) -> float:
        """Count a failure; the answer is in seconds."""
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        pause = min(self._timing.first_backoff * 2.0 ** min(failures - 1, 30), self._timing.longest_backoff)
        return pause * self._random.uniform(1 - JITTER, 1 + JITTER)

    def succeeded(self, key: K) -> None:
        self._failures.pop(key, None)


class Queue(Generic[K]):
    """Keys that are ready, keys that are due later, keys that run. Not thread-safe: one event loop.

    Of those that are of one group, `most` run at once. They may all wait for one and the same thing: whoever waits for
    another must not be kept from running by them. Groups take turns.
    """

    def __init__(self, monotonic: Callable[[], float], *, group_of: Callable[[K], Hashable], most: int) -> None:
        self._monotonic = monotonic
        self._group_of = group_of
        self._most = most
        self._ready: dict[Urgency, dict[Hashable, deque[K]]] = {urgency: {} for urgency in Urgency}
        self._urgency: dict[K, Urgency] = {}  # of keys that are ready
        self._since: dict[K, float] = {}
        self._later: list[tuple[float, int, K]] = []
        self._due: dict[K, tuple[float, Urgency]] = {}
        self._running: dict[K, Urgency | None] = {}  # the value: how urgently to run once more
        self._running_in: dict[K, Hashable] = {}
        self._runs: Counter[Hashable] = Counter()
        self._order = itertools.count()
        self._changed = asyncio.Event()

    def add(self, key: K, urgency: Urgency = Urgency.NEW) -> None:
        """Have a key run soon. Asking twice before it starts is asking once."""
        if key in self._running:
            again = self._running[key]
            self._running[key] = urgency if again is None else min(again, urgency)
            return
        queued = self._urgency.get(key)
        if queued is not None and queued <= urgency:
            return
        self._due.pop(key, None)
        self._urgency[key] = urgency
        self._since.setdefault(key, self._monotonic())
        self._ready[urgency].setdefault(self._group_of(key), deque()).append(key)
        self._changed.set()

    def add_after(self, key: K, seconds: float, urgency: Urgency = Urgency.NEW) -> None:
        """Have a key run when it is due, if not earlier; of two times the earlier stands."""
        due = self._monotonic() + seconds
        planned = self._due.get(key)
        if key in self._urgency or (planned is not None and planned[0] <= due):
            return
        self._due[key] = (due, urgency)
        heapq.heappush(self._later, (due, next(self._order), key))
        self._changed.set()

    async def take(self) -> K:
        """Wait for a key; it runs until `done` is called."""
        while True:
            pause = self._promote()
            if (key := self._next()) is not None:
                return key
            self._changed.clear()
            try:
                async with asyncio.timeout(pause):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _next(self) -> K | None:
        """Begin to run the key whose turn it is."""
        for urgency, groups in self._ready.items():
            for group in [group for group in groups if self._runs[group] < self._most]:
                keys = groups.pop(group)
                key = self._first(keys, urgency)
                if keys:
                    groups[group] = keys  # behind the others
                if key is not None:
                    del self._urgency[key]
                    self._since.pop(key, None)
                    self._running[key], self._running_in[key] = None, group
                    self._runs[group] += 1
                    return key
        return None

    def _first(self, keys: deque[K], urgency: Urgency) -> K | None:
        """Take out the first key that was not asked for again, more urgently."""
        while keys:
            key = keys.popleft()
            if self._urgency.get(key) is urgency:
                return key
        return None

    def done(self, key: K) -> None:
        """A run has ended."""
        again, group = self._running.pop(key), self._running_in.pop(key)
        self._runs[group] -= 1
        if not self._runs[group]:
            del self._runs[group]
        self._changed.set()  # somebody of its group may have waited for that
        if again is not None:
            self.add(key, again)

    @property
    def depth(self) -> int:
        """Keys that are ready and wait."""
        return len(self._urgency)

    @property
    def oldest(self) -> float:
        """Seconds that the key which waits longest has waited."""
        oldest = next(iter(self._since.values()), None)  # kept in the order of asking
        return 0.0 if oldest is None else self._monotonic() - oldest

    def is_idle(self, within: float) -> bool:
        """Whether nothing runs, waits, or comes due in so many seconds."""
        horizon = self._monotonic() + within
        return not self._running and not self._urgency and all(due > horizon for due, _ in self._due.values())

    def _promote(self) -> float | None:
        """Make ready what is due; the answer is how long until the next is, in seconds."""
        while self._later:
            due, _, key = self._later[0]
            planned = self._due.get(key)
            if planned is None or planned[0] != due:
                heapq.heappop(self._later)
                continue
            pause = due - self._monotonic()
            if pause > 0:
                return pause
            heapq.heappop(self._later)
            del self._due[key]
            self.add(key, planned[1])
        return None
