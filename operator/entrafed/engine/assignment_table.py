"""Who asks for what at which host, scope or tenant, and what was found. In memory only: as `Table`, but one object may
ask at many of them."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from entrafed.domain.assignments import AssignmentAsk
from entrafed.domain.credentials import Parent
from entrafed.domain.findings import AssignmentFinding


class AssignmentTable:
    """Asks by parent. An ask that changes loses its finding."""

    def __init__(self) -> None:
        self._asks: dict[Parent, dict[str, AssignmentAsk]] = {}
        self._parents: dict[str, frozenset[Parent]] = {}
        self._findings: dict[str, dict[Parent, AssignmentFinding]] = {}
        self._announced: dict[str, dict[str, None]] = {}

    @contextmanager
    def announcing(self, uid: str, places: Collection[str]) -> Iterator[None]:
        """While inside, an object is being admitted that names these places; what it may ask for there is not known."""
        for place in places:
            self._announced.setdefault(place, {})[uid] = None
        try:
            yield
        finally:
            for place in places:
                announced = self._announced[place]
                del announced[uid]
                if not announced:
                    del self._announced[place]

    def expects(self, parent: Parent) -> bool:
        """Whether somebody who asks for nothing at a parent may do so in a moment."""
        return not self._announced.get(parent.id, {}).keys() <= self._asks.get(parent, {}).keys()

    def put(self, uid: str, asks: Mapping[Parent, AssignmentAsk]) -> frozenset[Parent]:
        """Set all that an object asks for; the answer are the parents at which that is something else than before."""
        before = self.asks_by(uid)
        left = before.keys() - asks.keys()
        changed = {parent for parent, ask in asks.items() if _differs(before.get(parent), ask)}
        for parent in left:
            self._remove(uid, parent)
        for parent, ask in asks.items():
            self._asks.setdefault(parent, {})[uid] = ask
        for parent in left | changed:
            self._findings.get(uid, {}).pop(parent, None)
        self._parents[uid] = frozenset(asks)
        return frozenset(left | changed)

    def drop(self, uid: str) -> frozenset[Parent]:
        """Forget what an object asks for; the answer are the parents where it did."""
        parents = self._parents.pop(uid, frozenset())
        for parent in parents:
            self._remove(uid, parent)
        self._findings.pop(uid, None)
        return parents

    def asks_by(self, uid: str) -> dict[Parent, AssignmentAsk]:
        """What an object asks for."""
        return {parent: self._asks[parent][uid] for parent in self._parents.get(uid, frozenset())}

    def asks_of(self, parent: Parent) -> list[AssignmentAsk]:
        """What is asked for at a parent."""
        return list(self._asks.get(parent, {}).values())

    def note(self, parent: Parent, ask: AssignmentAsk, finding: AssignmentFinding) -> bool:
        """Keep what was found for an ask, if it still stands; whether that is news."""
        current = self._asks.get(parent, {}).get(ask.uid)
        found = self._findings.setdefault(ask.uid, {})
        if _differs(current, ask) or found.get(parent) == finding:
            return False
        found[parent] = finding
        return True

    def forget_findings(self, uid: str) -> None:
        """What was found does not answer somebody who asks how things stand now."""
        self._findings.pop(uid, None)

    def findings_of(self, uid: str) -> dict[Parent, AssignmentFinding]:
        return dict(self._findings.get(uid, {}))

    def _remove(self, uid: str, parent: Parent) -> None:
        asks = self._asks[parent]
        del asks[uid]
        if not asks:
            del self._asks[parent]


def _differs(one: AssignmentAsk | None, other: AssignmentAsk) -> bool:
    """Whether something else is asked for, whatever the memory of what was made."""
    return one is None or replace(one, records=()) != replace(other, records=())
