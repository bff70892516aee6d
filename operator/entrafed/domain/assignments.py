"""What to assign at one host, scope or tenant, and what to take back. Pure.

An assignment is an identity attached to a host, a role given at a scope, or an application's service principal in a
tenant. Unlike a credential it has no name of ours that says whose it is: a status records it as the operator's *before*
it is made. What stands without a record is somebody else's: it satisfies whoever asks for it, and is never changed or
taken back. A record whose maker died before the write is taken for true: what somebody else assigned in between counts
as ours.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import TypeVar

from entrafed.api.choices import DriftPolicy
from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.asks import Asker, Stance
from entrafed.domain.credentials import ParentKind

T = TypeVar("T")

MOST = {ParentKind.HOST: 150, ParentKind.SCOPE: 1, ParentKind.TENANT_APP: 1}
"""Assignments that one request makes or takes back. A host with more in one was refused
(https://github.com/Azure/aad-pod-identity/pull/847)."""


@dataclass(frozen=True, slots=True, order=True)
class Assignment:
    """`key` is unique under its parent: the identity's resource id at a host, role and principal at a scope, the client
    id in a tenant. `value` is what may differ under one key: the identity's principal id, the condition of a role."""

    key: str
    value: str = ""


class Progress(StrEnum):
    """How far a recorded assignment has come."""

    INTENDED = "intended"
    """It may have been made: its maker may have died between record and write."""
    MADE = "made"


@dataclass(frozen=True, slots=True)
class AssignmentRecord:
    """An assignment that an object's status says is the operator's, and the item that it is made for.

    `instance` tells a host from another one of the same resource id (the `vmId`); empty where Azure knows none.
    """

    item: str
    assignment: Assignment
    progress: Progress
    instance: str = ""


@dataclass(frozen=True, slots=True)
class AssignmentAsk(Asker):
    """One object's share of the assignments of a parent; the fields mean what they mean in `domain.asks.Ask`."""

    wanted: frozenset[Assignment] = frozenset()
    kept: frozenset[str] = frozenset()
    revoked: frozenset[str] = frozenset()
    records: tuple[AssignmentRecord, ...] = ()
    read_at: float = field(default=float("-inf"), compare=False)
    """What Azure told of the wanted identities is not older than this, in monotonic seconds."""

    @property
    def needs_look(self) -> bool:
        return self.needs_look_for(self.revoked)

    @property
    def wants_nothing(self) -> bool:
        """Whether all it asks of a parent is that nothing of its own stands there: one that is gone has nothing."""
        wants = self.stance is Stance.RECONCILE and self.wanted
        return not wants and not any(self.holds(record.assignment.key) for record in self.records)

    def has_recorded(self, key: str) -> bool:
        return any(record.assignment.key == key for record in self.records)

    def has_made(self, assignment: Assignment) -> bool:
        """Whether it stood once: if it does not, somebody took it back."""
        made = (r.assignment for r in self.records if r.progress is Progress.MADE)
        return self.stance is Stance.RECONCILE and assignment in self.wanted and assignment in made

    def holds(self, key: str) -> bool:
        """Whether the assignment of this key may not be taken back while this ask stands."""
        if key in self.revoked:
            return False
        if not self.is_leaving and any(wanted.key == key for wanted in self.wanted):
            return True
        return self.has_recorded(key) and (key in self.kept or self.stance is Stance.KEEP)


class Mark(Enum):
    """What the name of an assignment says of who made it."""

    NONE = "none"
    """Nothing: such assignments have no name. A record alone tells."""
    OURS = "ours"
    OTHERS = "others"


@dataclass(frozen=True, slots=True)
class ObservedAssignment:
    """An assignment as Azure shows it, by `id_` where it has one of its own.

    A `value` of None: what was assigned is gone, and only a dead entry is left of it.
    """

    key: str
    value: str | None
    mark: Mark = Mark.NONE
    id_: str | None = None


@dataclass(frozen=True, slots=True)
class ObservedParent:
    """All assignments of a parent that anybody here may care for. `instance` as in `AssignmentRecord`.

    `is_changing`: something is under way at the parent, and no change can begin before that has ended.
    """

    assignments: tuple[ObservedAssignment, ...]
    instance: str = ""
    is_changing: bool = False


@dataclass(frozen=True, slots=True)
class Running:
    """A change that Azure has accepted and not finished. `url` tells how it goes, after so many seconds; empty: only
    the parent itself tells."""

    url: str
    after: float


@dataclass(frozen=True, slots=True)
class Assign:
    """Make these; where they stand with another value, replace it."""

    assignments: tuple[Assignment, ...]


@dataclass(frozen=True, slots=True)
class Unassign:
    """Take these back, by key."""

    keys: tuple[str, ...]


AssignmentStep = Assign | Unassign


class Change(Enum):
    """How another value comes to stand under a key."""

    IN_PLACE = "in place"
    """By writing it over the other."""
    ANEW = "anew"
    """By taking back the other first."""


CHANGES = {ParentKind.HOST: Change.ANEW, ParentKind.SCOPE: Change.IN_PLACE, ParentKind.TENANT_APP: Change.ANEW}


@dataclass(frozen=True, slots=True)
class AssignmentVerdict:
    """How a wanted assignment stands.

    Synced: it stands. Progressing: it is recorded, or to be recorded, and made. Drifted: somebody took it back, and it
    is only to be told. AssignmentConflict: somebody else made it with another value, or asks for another value.
    """

    reason: Reason
    origin: Origin = Origin.OPERATOR


@dataclass(frozen=True, slots=True)
class AssignmentPlan:
    """Steps in the order in which they are to be taken, and a verdict for each wanted assignment."""

    steps: tuple[AssignmentStep, ...]
    verdicts: Mapping[Assignment, AssignmentVerdict]
    left: frozenset[str]
    """Keys of ours that stand, or may come to stand, though nothing asks for them."""


@dataclass(slots=True)
class _Draft:
    there: Mapping[str, ObservedAssignment]
    recorded: Mapping[str, list[AssignmentRecord]]
    make: list[Assignment] = field(default_factory=list)
    undo: list[str] = field(default_factory=list)
    verdicts: dict[Assignment, AssignmentVerdict] = field(default_factory=dict)

    def is_ours(self, observed: ObservedAssignment) -> bool:
        """By its mark, else by a record of the key; and of the value, unless that is dead, or may have become another
        one between record and write."""
        if observed.mark is not Mark.NONE:
            return observed.mark is Mark.OURS
        return any(
            record.progress is Progress.INTENDED or observed.value in (None, record.assignment.value)
            for record in self.recorded.get(observed.key, [])
        )


def plan_assignments(
    observed: ObservedParent,
    asks: Iterable[AssignmentAsk],
    *,
    change: Change,
    may_remove: bool,
    most: int,
    alone: Collection[str] = (),
) -> AssignmentPlan:
    """Plan one parent.

    `may_remove` is false until every object has been seen after a start. `most` bounds the assignments of one step.
    `alone` are keys that failed together with others: each is made in a step of its own, so that one that cannot be
    made keeps no other from it.
    """
    asking = sorted(asks, key=lambda ask: ask.order)
    draft = _Draft({one.key: one for one in observed.assignments}, _recorded(asking, observed.instance))
    for wanted in _holders(asking, draft, change):
        _place(wanted, asking, draft, change)
    held = {key for key in draft.recorded if any(ask.holds(key) for ask in asking)}
    left = {key for key in draft.recorded if key not in held and _stands(key, draft)}
    gone = sorted(key for key in left if _may_go(key, asking)) if may_remove else []
    undo = draft.undo if may_remove else []
    back = [Unassign(keys) for keys in _chunks(sorted({*undo, *gone}), most)]
    return AssignmentPlan((*_made(sorted(draft.make), most, alone), *back), draft.verdicts, frozenset(left))


def _recorded(asking: list[AssignmentAsk], instance: str) -> dict[str, list[AssignmentRecord]]:
    """Records of this very parent, by key: those of another that had its resource id before it say nothing."""
    by_key: dict[str, list[AssignmentRecord]] = {}
    for ask in asking:
        for record in ask.records:
            if record.instance in ("", instance):
                by_key.setdefault(record.assignment.key, []).append(record)
    return by_key


def _holders(asking: list[AssignmentAsk], draft: _Draft, change: Change) -> list[Assignment]:
    """One value per key: of two the one that stands, else the older ask's; the other is a conflict.

    Also one that is only kept holds its key, where another value would be written over it: who cannot be asked now is
    not overruled.
    """
    kept = _kept(asking) if change is Change.IN_PLACE else []
    by_key: dict[str, dict[Assignment, None]] = {}
    for ask in asking:
        if ask.stance is Stance.RECONCILE:
            for wanted in sorted(ask.wanted):
                if wanted.key not in ask.revoked:
                    by_key.setdefault(wanted.key, {}).setdefault(wanted)
    chosen = []
    for key, wanting in by_key.items():
        candidates = [*(one for one in kept if one.key == key), *wanting]
        standing = draft.there[key].value if key in draft.there else None
        holder = next((one for one in candidates if one.value == standing), candidates[0])
        if holder in wanting:
            chosen.append(holder)
        conflict = AssignmentVerdict(Reason.ASSIGNMENT_CONFLICT)
        draft.verdicts.update({one: conflict for one in wanting if one != holder})
    return chosen


def _kept(asking: list[AssignmentAsk]) -> list[Assignment]:
    """What was recorded, and is neither made nor taken back for now."""
    return [
        record.assignment
        for ask in asking
        for record in ask.records
        if (ask.stance is Stance.KEEP or record.assignment.key in ask.kept) and ask.holds(record.assignment.key)
    ]


def _place(wanted: Assignment, asking: list[AssignmentAsk], draft: _Draft, change: Change) -> None:
    """Decide how one assignment comes to stand."""
    standing = draft.there.get(wanted.key)
    if standing is not None and standing.value == wanted.value:
        origin = Origin.OPERATOR if draft.is_ours(standing) else Origin.PRE_EXISTING
        draft.verdicts[wanted] = AssignmentVerdict(Reason.SYNCED, origin)
        return
    if standing is not None and not draft.is_ours(standing):
        draft.verdicts[wanted] = AssignmentVerdict(Reason.ASSIGNMENT_CONFLICT, Origin.PRE_EXISTING)
        return
    records = [record for record in draft.recorded.get(wanted.key, []) if record.assignment == wanted]
    was_made = any(record.progress is Progress.MADE for record in records)
    if was_made and _is_only_reported(wanted, asking):
        draft.verdicts[wanted] = AssignmentVerdict(Reason.DRIFTED)
        return
    draft.verdicts[wanted] = AssignmentVerdict(Reason.PROGRESSING)
    if standing is not None and change is Change.ANEW:
        draft.undo.append(wanted.key)
    elif records:  # else it is recorded first
        draft.make.append(wanted)


def _is_only_reported(wanted: Assignment, asking: list[AssignmentAsk]) -> bool:
    """Whether nobody who wants it now wants it repaired."""
    wanting = [ask for ask in asking if ask.stance is Stance.RECONCILE and wanted in ask.wanted]
    return all(ask.drift is DriftPolicy.REPORT for ask in wanting)


def _stands(key: str, draft: _Draft) -> bool:
    return key in draft.there and draft.is_ours(draft.there[key])


def _may_go(key: str, asking: list[AssignmentAsk]) -> bool:
    """Whether those who recorded it let it go; of several that leave, the last decides."""
    had = [ask for ask in asking if ask.has_recorded(key)]
    if any(key in ask.revoked for ask in had):
        return True
    if any(ask.stance is Stance.KEEP for ask in had):
        return False
    leaving = [ask for ask in had if ask.is_leaving]
    return not leaving or len(leaving) < len(had) or leaving[-1].stance is Stance.LEAVE


def _made(make: list[Assignment], most: int, alone: Collection[str]) -> list[Assign]:
    """What is made together, and then one by one what would keep others from it."""
    together = [Assign(some) for some in _chunks([one for one in make if one.key not in alone], most)]
    return [*together, *(Assign((one,)) for one in make if one.key in alone)]


def _chunks(parts: Sequence[T], most: int) -> Iterator[tuple[T, ...]]:
    return (tuple(parts[at : at + most]) for at in range(0, len(parts), most))
