"""What a parent's assignments are: the last list, with our own writes laid over it that the list may lack."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from entrafed.domain.assignments import CHANGES, Assignment, Change, Mark, ObservedAssignment, ObservedParent
from entrafed.domain.credentials import ParentKind
from entrafed.engine.own_writes import NEVER, OwnWrites
from entrafed.engine.timing import Timing

AGREEING = {ParentKind.HOST: 1, ParentKind.SCOPE: 2, ParentKind.TENANT_APP: 2}
"""Looks that must show a write before it counts. A host has one place; directories and role assignments have replicas
that may disagree."""

OWN_MARK = {ParentKind.HOST: Mark.NONE, ParentKind.SCOPE: Mark.OURS, ParentKind.TENANT_APP: Mark.NONE}
"""What an assignment of ours will be seen to carry."""

_Value = tuple[str | None]
"""What stands under a key: of a dead entry None."""


@dataclass(slots=True)
class Overlay:
    """Times are monotonic seconds."""

    kind: ParentKind
    timing: Timing
    looked_at: float = NEVER
    look_from: float = NEVER
    """A look must be younger than this."""
    unanswered_at: float = NEVER
    """When a change was last sent whose answer was not seen."""
    change: Change = field(init=False)
    """How another value comes to stand under a key here, as far as Azure has shown."""
    _seen: ObservedParent = field(default_factory=lambda: ObservedParent(()))
    _shown_since: dict[str, float] = field(default_factory=dict)
    _first_look_at: float = NEVER
    _is_unsettled: bool = True
    """The parent was not seen at rest since a change of ours may have begun, in this life or one before."""
    _own: OwnWrites[_Value] = field(init=False)

    def __post_init__(self) -> None:
        self._own = OwnWrites(self.timing, AGREEING[self.kind])
        self.change = CHANGES[self.kind]

    @property
    def has_no_marks(self) -> bool:
        """Whether a record alone tells what is ours."""
        return OWN_MARK[self.kind] is Mark.NONE

    def note_look(self, seen: ObservedParent, at: float) -> None:
        """Take what was seen, and compare it with our own writes; of another host we have written nothing."""
        if seen.instance != self._seen.instance:
            self._own.forget_all()
        before, there = _values(self._seen), _values(seen)
        self._shown_since |= {key: at for key in before.keys() | there.keys() if before.get(key) != there.get(key)}
        self._first_look_at = at if self.looked_at == NEVER else self._first_look_at
        self._seen = seen
        self._is_unsettled &= seen.is_changing
        self.looked_at = at
        self._own.compare(there, at)

    def note_assigned(self, assignments: Iterable[Assignment], at: float) -> None:
        """Take assignments that were acknowledged."""
        for one in assignments:
            self._own.note(one.key, (one.value,), at)
        self.look_from = at

    def note_unassigned(self, keys: Iterable[str], at: float) -> None:
        """Take what was acknowledged to be gone."""
        for key in keys:
            self._own.note(key, None, at)
        self.look_from = at

    def note_unanswered(self, keys: Iterable[str], at: float) -> None:
        """Take a change whose answer was not seen: only a look tells what came of it."""
        for key in keys:
            self._own.forget(key)
        self.look_from = self.unanswered_at = at
        self._is_unsettled = True

    def stands_as_ours(self, key: str) -> bool:
        """Whether an assignment with our mark stands under a key."""
        return any(one.key == key and one.mark is Mark.OURS for one in self.view().assignments)

    @property
    def may_be_coming(self) -> bool:
        """Whether a change is under way that may be ours, the end of which nobody has told us: Azure shows what it is
        to lead to, and it may fail yet."""
        return self._is_unsettled and self._seen.is_changing

    def view(self) -> ObservedParent:
        """What there is, as far as is known."""
        seen = {one.key: one for one in self._seen.assignments}
        there = self._own.laid_over(_values(self._seen))
        assignments = tuple(
            seen[key] if key in seen and seen[key].value == value else self._written(key, value, seen.get(key))
            for key, (value,) in there.items()
        )
        return ObservedParent(assignments, self._seen.instance, self._seen.is_changing)

    def shown_since(self, key: str) -> float:
        """When a look first showed what the last one showed under a key, or nothing."""
        return self._shown_since.get(key, self._first_look_at)

    def is_confirmed(self, key: str) -> bool:
        """Whether enough looks agreed with our last write of this key."""
        return self._own.is_confirmed(key)

    def needs_look(self, now: float) -> bool:
        """Whether what is known is too old to plan on."""
        if self.looked_at < self.look_from <= now or now - self.looked_at > self.timing.fresh:
            return True
        return self.confirmation_due(now) == 0

    def confirmation_due(self, now: float) -> float | None:
        """Seconds until the next look that is to tell whether things are as they seem; None when all is clear."""
        due = self._own.confirmation_due(self.looked_at, now)
        return None if due is None else max(0.0, due - now)

    def _written(self, key: str, value: str | None, seen: ObservedAssignment | None) -> ObservedAssignment:
        """What we wrote, and have not seen yet."""
        return ObservedAssignment(key, value, seen.mark if seen else OWN_MARK[self.kind])


def _values(seen: ObservedParent) -> dict[str, _Value]:
    return {one.key: (one.value,) for one in seen.assignments}
