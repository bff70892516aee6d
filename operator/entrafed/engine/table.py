"""Who asks for what at which parent, and what was found. In memory only: admitting every object rebuilds it."""

from dataclasses import replace

from entrafed.domain.asks import Ask
from entrafed.domain.credentials import Parent
from entrafed.domain.findings import Finding


class Table:
    """Asks by parent. An ask that changes loses its finding."""

    def __init__(self) -> None:
        self._asks: dict[Parent, dict[str, Ask]] = {}
        self._parents: dict[str, Parent] = {}
        self._findings: dict[str, Finding] = {}
        self._listed: frozenset[str] = frozenset()
        self._unheard: set[str] | None = None

    def listed(self, uids: frozenset[str]) -> None:
        """The objects that there were at the start: all must be heard before anything is removed."""
        self._listed = uids
        self._unheard = set(uids)

    def is_from_before(self, uid: str) -> bool:
        """Whether a process before this one may have written something for an object."""
        return uid in self._listed

    def nothing_stands_for(self, uid: str) -> None:
        """Whatever a process before this one may have written for an object is gone."""
        self._listed -= {uid}

    def heard(self, uid: str) -> None:
        """An object has its asks, or is gone."""
        if self._unheard:
            self._unheard.discard(uid)

    @property
    def is_complete(self) -> bool:
        """Whether every object of the start has been heard."""
        return self._unheard == set()

    def put(self, parent: Parent, ask: Ask) -> bool:
        """Set an object's ask; whether it asks for something else now than before."""
        before = self.ask_of(ask.uid)
        changed = self._parents.get(ask.uid) != parent or before is None or _demand(before) != _demand(ask)
        if changed:
            self.drop(ask.uid)
        self._parents[ask.uid] = parent
        self._asks.setdefault(parent, {})[ask.uid] = ask
        return changed

    def drop(self, uid: str) -> Parent | None:
        """Forget what an object asks for; the answer is the parent where it did."""
        self._findings.pop(uid, None)
        parent = self._parents.pop(uid, None)
        if parent is not None:
            asks = self._asks[parent]
            del asks[uid]
            if not asks:
                del self._asks[parent]
        return parent

    def ask_of(self, uid: str) -> Ask | None:
        parent = self._parents.get(uid)
        return None if parent is None else self._asks[parent][uid]

    def parent_of(self, uid: str) -> Parent | None:
        return self._parents.get(uid)

    def asks_of(self, parent: Parent) -> list[Ask]:
        return list(self._asks.get(parent, {}).values())

    def note(self, ask: Ask, finding: Finding) -> bool:
        """Keep what was found for an ask, if it still stands; whether that is news."""
        current = self.ask_of(ask.uid)
        if current is None or _demand(current) != _demand(ask) or self._findings.get(ask.uid) == finding:
            return False
        self._findings[ask.uid] = finding
        return True

    def forget_finding(self, uid: str) -> None:
        """What was found does not answer somebody who asks how things stand now."""
        self._findings.pop(uid, None)

    def finding_of(self, uid: str) -> Finding | None:
        return self._findings.get(uid)


def _demand(ask: Ask) -> Ask:
    """What is asked for, without the memory of what was written."""
    return replace(ask, records=())
