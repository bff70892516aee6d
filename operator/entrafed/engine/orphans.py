"""Credentials with a mark of ours and without an owner: counted and told of, never touched."""

from collections.abc import Callable, Iterable

from entrafed.api.reasons import Reason
from entrafed.domain.credentials import Parent
from entrafed.domain.events import Event, EventType, RegardingKind
from entrafed.domain.marks import owner_mark, read_mark
from entrafed.domain.summary import MOST_NAMED
from entrafed.engine.objects import Objects
from entrafed.engine.ports import Clock, Measure
from entrafed.engine.table import Table
from entrafed.engine.timing import Timing


class Orphans:
    """What was found of them at each parent. `tell` gets an event for each connection that sees one for the first time:
    what was told is not told again while somebody asks at the parent, unless it was away in between, for longer than a
    replica can lag."""

    def __init__(
        self,
        *,
        objects: Objects,
        table: Table,
        measure: Measure,
        clock: Clock,
        timing: Timing,
        tell: Callable[[Event], None],
    ) -> None:
        self._objects = objects
        self._table = table
        self._measure = measure
        self._clock = clock
        self._timing = timing
        self._tell = tell
        self._told: dict[Parent, dict[str, float | None]] = {}
        """The names, and since when each is missed."""

    def found(self, parent: Parent, unowned: tuple[str, ...], connections: Iterable[str]) -> None:
        """Take what nobody who asks at a parent owns, as these connections see it."""
        names = self._without_owner(unowned)
        self._measure.orphans(parent, len(names))
        now, told = self._clock.monotonic(), self._told.get(parent, {})
        missed = {name: now if since is None else since for name, since in told.items() if name not in names}
        recent = {name: since for name, since in missed.items() if now - since <= self._timing.lag_limit}
        self._told[parent] = {**dict.fromkeys(names), **recent}
        for name in () if told.keys() >= set(names) else connections:
            connection = self._objects.connections.get(name)
            if connection is not None:
                kind, note = RegardingKind.CONNECTION, _note(parent, names)
                self._tell(Event(kind, connection.metadata, EventType.WARNING, Reason.ORPHAN_FOUND, "Resync", note))

    def unwatched(self, parent: Parent) -> None:
        """Nobody asks at a parent any more, so that nobody looks; or it is gone, and all that it carried."""
        self._measure.orphans(parent, 0)
        self._told.pop(parent, None)

    def _without_owner(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Without what may be an object's that asks nowhere: where it will ask is not known before its target is."""
        objects = self._objects.federations.items() if names else ()
        owners = {
            owner_mark(one.metadata.namespace or "", one.metadata.name)
            for uid, one in objects
            if self._table.parent_of(uid) is None
        }
        return tuple(name for name in names if (mark := read_mark(name)) is None or mark.owner not in owners)


def _note(parent: Parent, names: tuple[str, ...]) -> str:
    more = ", ..." if len(names) > MOST_NAMED else ""
    return (
        f"{parent} carries credentials of this cluster that no ManagedIdentityFederation owns: "
        f"{', '.join(sorted(names)[:MOST_NAMED])}{more}; entrafed leaves them alone: remove those that nobody needs, "
        "or create the object again that they were made for"
    )
