"""What identities carried a moment ago: the look before a write that replaces what it finds."""

from collections.abc import Iterable

from entrafed.azure.clock import Clock


class Looks:
    """Names of credentials by identity, each set for `lifetime` seconds after it was listed.

    It costs no request per write, and holds no more identities than were listed within a lifetime.
    """

    def __init__(self, clock: Clock, lifetime: float) -> None:
        self._clock = clock
        self._lifetime = lifetime
        self._seen: dict[str, tuple[float, set[str]]] = {}

    def keep(self, identity: str, names: Iterable[str]) -> set[str]:
        """Note a list; the answer changes with `added` and `removed`."""
        self._seen.pop(identity, None)
        while self._seen and self._is_old(oldest := next(iter(self._seen))):
            del self._seen[oldest]
        kept = set(names)
        self._seen[identity] = (self._clock.monotonic(), kept)
        return kept

    def fresh(self, identity: str) -> set[str] | None:
        """The names, or None when they have to be listed again."""
        return self._seen[identity][1] if identity in self._seen and not self._is_old(identity) else None

    def added(self, identity: str, name: str) -> None:
        if identity in self._seen:
            self._seen[identity][1].add(name)

    def removed(self, identity: str, name: str) -> None:
        if identity in self._seen:
            self._seen[identity][1].discard(name)

    def forget(self, identity: str) -> None:
        """A write failed: only a list tells what it did."""
        self._seen.pop(identity, None)

    def _is_old(self, identity: str) -> bool:
        return self._clock.monotonic() - self._seen[identity][0] > self._lifetime
