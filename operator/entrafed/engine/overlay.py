"""What a parent's assignments are: the last list, with our own writes laid over it that the list may lack."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from entrafed.domain.assignments import Assignment, Mark, ObservedAssignment, ObservedParent
from entrafed.domain.credentials import ParentKind
from entrafed.engine.timing import Timing

AGREEING = {ParentKind.HOST: 1, ParentKind.SCOPE: 2, ParentKind.TENANT_APP: 2}
"""Looks that must show a write before it counts. A host has one place; directories and role assignments have replicas
that may disagree."""

OWN_MARK = {ParentKind.HOST: Mark.NONE, ParentKind.SCOPE: Mark.OURS, ParentKind.TENANT_APP: Mark.NONE}
"""What an assignment of ours will be seen to carry."""

NEVER = float("-inf")
JUST_BEYOND = 1.01  # times a limit: a look that is to be made after it, not at it


@dataclass(slots=True)
class _Recent:
    """An acknowledged write of ours: what it left (None: nothing), when, and how many looks agreed since."""

    value: str | None
    at: float
    agreed: int = 0
    confirmed: bool = False
    doubted: bool = False


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
    _seen: ObservedParent = field(default_factory=lambda: ObservedParent(()))
    _recent: dict[str, _Recent] = field(default_factory=dict)
    _looks: int = 0

    def note_look(self, seen: ObservedParent, at: float) -> None:
        """Take what was seen, and compare it with our own writes; those stay laid over it until no replica can lag."""
        if seen.instance != self._seen.instance:
            self._recent.clear()
        self._seen = seen
        self.looked_at = at
        self._looks += 1
        values = {one.key: one.value for one in seen.assignments}
        for key, recent in list(self._recent.items()):
            if at - recent.at > self.timing.lag_limit:
                del self._recent[key]
            elif values.get(key) == recent.value:
                recent.agreed += 1
                recent.doubted = False
                recent.confirmed |= recent.agreed >= (AGREEING[self.kind] if recent.value is not None else 1)
            else:
                recent.agreed = 0
                recent.doubted = recent.confirmed

    def note_assigned(self, assignments: Iterable[Assignment], at: float) -> None:
        """Take assignments that were acknowledged."""
        for one in assignments:
            self._remember(one.key, one.value, at)

    def note_unassigned(self, keys: Iterable[str], at: float) -> None:
        """Take what was acknowledged to be gone."""
        for key in keys:
            self._remember(key, None, at)

    def note_unanswered(self, keys: Iterable[str], at: float) -> None:
        """Take a change whose answer was not seen: only a look tells what came of it."""
        for key in keys:
            self._recent.pop(key, None)
        self.look_from = self.unanswered_at = at

    def _remember(self, key: str, value: str | None, at: float) -> None:
        self._recent[key] = _Recent(value, at)
        self._looks = 0
        self.look_from = at

    def view(self) -> ObservedParent:
        """What there is, as far as is known."""
        seen = {one.key: one for one in self._seen.assignments}
        for key, recent in self._recent.items():
            if recent.value is None:
                seen.pop(key, None)
            elif key not in seen or seen[key].value != recent.value:
                mark = seen[key].mark if key in seen else OWN_MARK[self.kind]
                seen[key] = ObservedAssignment(key, recent.value, mark)
        return ObservedParent(tuple(seen.values()), self._seen.instance, self._seen.is_changing)

    def is_confirmed(self, key: str) -> bool:
        """Whether enough looks agreed with our last write of this key."""
        return key not in self._recent or self._recent[key].confirmed

    def needs_look(self, now: float) -> bool:
        """Whether what is known is too old to plan on."""
        if self.looked_at < self.look_from <= now or now - self.looked_at > self.timing.fresh:
            return True
        return self.confirmation_due(now) == 0

    def confirmation_due(self, now: float) -> float | None:
        """Seconds until the next look that is to tell whether things are as they seem; None when all is clear."""
        dues = [r.at + self.timing.lag_limit * JUST_BEYOND for r in self._recent.values() if r.doubted]
        if any(not recent.confirmed for recent in self._recent.values()):
            pause = self.timing.agreement * 1.5 ** min(self._looks, 30)
            dues.append(max(self.looked_at, self.look_from) + min(pause, self.timing.longest_agreement))
        return max(0.0, min(dues) - now) if dues else None
