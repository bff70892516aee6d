"""Credentials with a mark of ours and without an owner: counted and told of, never touched."""

from collections.abc import Callable, Iterable

from entrafed.api.reasons import Reason
from entrafed.domain.credentials import Parent
from entrafed.domain.events import Event, EventType, RegardingKind
from entrafed.domain.summary import MOST_NAMED
from entrafed.engine.objects import Objects
from entrafed.engine.ports import Measure


class Orphans:
    """What was found of them at each parent. `tell` gets an event for each connection that sees one for the first time:
    what was told is not told again while this process lives and somebody asks at the parent."""

    def __init__(self, objects: Objects, measure: Measure, tell: Callable[[Event], None]) -> None:
        self._objects = objects
        self._measure = measure
        self._tell = tell
        self._told: dict[Parent, frozenset[str]] = {}

    def found(self, parent: Parent, names: tuple[str, ...], connections: Iterable[str]) -> None:
        """Take all orphans of a parent, as these connections see it."""
        self._measure.orphans(parent, len(names))
        news = not self._told.get(parent, frozenset()).issuperset(names)
        self._told[parent] = frozenset(names)
        if not names:
            del self._told[parent]
        for name in connections if news else ():
            connection = self._objects.connections.get(name)
            if connection is not None:
                kind, note = RegardingKind.CONNECTION, _note(parent, names)
                self._tell(Event(kind, connection.metadata, EventType.WARNING, Reason.ORPHAN_FOUND, "Resync", note))

    def unwatched(self, parent: Parent) -> None:
        """Nobody asks at a parent any more, so that nobody looks."""
        self.found(parent, (), ())


def _note(parent: Parent, names: tuple[str, ...]) -> str:
    more = ", ..." if len(names) > MOST_NAMED else ""
    return (
        f"{parent} carries credentials of this cluster that no ManagedIdentityFederation owns: "
        f"{', '.join(sorted(names)[:MOST_NAMED])}{more}; entrafed leaves them alone: remove those that nobody needs, "
        "or create the object again that they were made for"
    )
