"""What is known of one parent's credentials between two runs: the last list, and our own writes that it may lack."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from entrafed.api.reasons import Reason
from entrafed.domain.credentials import LIMIT, NewCredential, ObservedCredential, ParentKind
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import IN_PROGRESS
from entrafed.domain.marks import is_marked_for
from entrafed.domain.plan import Create, Delete, Step, name_of
from entrafed.engine.empty_looks import EmptyLooks
from entrafed.engine.own_writes import JUST_BEYOND, NEVER, OwnWrites
from entrafed.engine.timing import Timing

AGREEING = {ParentKind.APPLICATION: 2, ParentKind.MANAGED_IDENTITY: 1}
"""Lists that must show a write before it counts. Graph answers from replicas that may disagree; an identity's
credentials have one place."""


@dataclass(slots=True)
class Lane:
    """Times are monotonic seconds."""

    kind: ParentKind
    timing: Timing
    listed_at: float = NEVER
    list_from: float = NEVER
    """A list must be younger than this, which may be yet to come: lists that are to agree are spaced."""
    second_look_at: float = NEVER
    """A list from before may come from a replica that lacks what a process before this one wrote, or shows what it, or
    somebody else, removed: it is looked at once more then."""
    unanswered_at: float = NEVER
    """When a creation or change was last sent whose answer was not seen."""
    deleted: set[str] = field(default_factory=set)
    """Names that Azure acknowledged to be gone, to this process."""
    removed: dict[str, float] = field(default_factory=dict)
    """Names that this process removed, and when: until they are written again, or stand where no list can be old."""
    misplaced: dict[str, ObservedCredential] = field(default_factory=dict)
    """Of these, what others had put under a name of ours, and what had to make way for it to be written again."""
    refused: dict[Step, tuple[Problem, float]] = field(default_factory=dict)
    """Steps that nothing but a person's act will let through, and from when on they are tried again all the same."""
    moot: dict[Step, float] = field(default_factory=dict)
    """Steps that Azure lately refused because it is so already, and when: a list that shows otherwise is an old one."""
    _relied_on: frozenset[tuple[str, str]] = frozenset()
    _listed: dict[str, ObservedCredential] = field(default_factory=dict)
    _empty_looks: EmptyLooks = field(default_factory=EmptyLooks)
    _own: OwnWrites[ObservedCredential] = field(init=False)

    def __post_init__(self) -> None:
        self._own = OwnWrites(self.timing, AGREEING[self.kind])

    def note_list(self, listed: tuple[ObservedCredential, ...], at: float) -> None:
        """Take a list, and compare it with our own writes."""
        self._listed = {credential.name: credential for credential in listed}
        self.listed_at = at
        self.moot = {step: since for step, since in self.moot.items() if at - since <= self.timing.lag_limit}
        if len(listed) >= LIMIT:  # what was refused for lack of room is the plan's affair now: it may make some
            self.refused = {s: r for s, r in self.refused.items() if r[0].reason is not Reason.QUOTA_EXCEEDED}
        self._own.compare(self._listed, at)
        limit = self.timing.lag_limit
        self.removed = {n: since for n, since in self.removed.items() if not self.standing(n) or at - since <= limit}

    def note_write(self, credential: NewCredential, at: float) -> None:
        """Take an acknowledged creation or update."""
        self._remember(credential.name, credential.written, at)
        self.deleted.discard(credential.name)
        self.removed.pop(credential.name, None)
        self.misplaced.pop(credential.name, None)

    def note_deletion(self, name: str, at: float) -> None:
        """Take an acknowledged deletion."""
        was = self.standing(name)
        if was is not None and (was.pair is None or not is_marked_for(name, was.pair)):
            self.misplaced[name] = was
        self._remember(name, None, at)
        self.deleted.add(name)
        self.removed[name] = at

    def note_unanswered(self, name: str, at: float, *, may_be_there: bool) -> None:
        """Take a write whose answer was not seen: what we knew of this name is no longer so, and only a list tells."""
        self._own.forget(name)
        self.list_from = at
        if may_be_there:
            self.deleted.discard(name)
            self.unanswered_at = at

    def note_moot(self, step: Step, at: float) -> None:
        """Take the answer that what a step is to bring about is so already. It does not outweigh a list, but there is
        no use in asking again before no replica can lag any more. What has one place only has no replica that lags."""
        self.list_from = at
        if AGREEING[self.kind] > 1:
            self.moot[step] = at

    def objection_to(self, step: Step, now: float) -> Problem | None:
        """Why a step is not to be tried now, though the plan wants it. A removal is not worth a word."""
        problem, until = self.refused.get(step, (None, now))
        if until > now or self._would_break_in_vain(step):
            return problem
        return IN_PROGRESS if step in self.moot and not isinstance(step, Delete) else None

    def rely_on(self, found: frozenset[tuple[str, str]], now: float) -> None:
        """Take who, by uid, counts on which credential of others. What is new among that is looked at once more: who
        has an object take the place of one made by hand removes that a moment before, and a replica may still show it.
        """
        if found - self._relied_on and AGREEING[self.kind] > 1:
            self.second_look_at = max(self.second_look_at, now + self.timing.lag_limit * JUST_BEYOND)
        self._relied_on = found

    def look_again(self, now: float) -> None:
        """Have a new list, and what was refused tried again, as far as that breaks nothing."""
        self.list_from = now
        self.refused = {s: (problem, NEVER) for s, (problem, _) in self.refused.items() if self._would_break_in_vain(s)}

    def _would_break_in_vain(self, step: Step) -> bool:
        """Whether something that stands would have to make way once more for what Azure will not have."""
        if step not in self.refused or not isinstance(step, Create):
            return False
        return self.refused[step][0].kind is ProblemKind.TERMINAL and len(self.view()) >= LIMIT

    def look_for(self, steps: Iterable[Step], now: float) -> float:
        """Seconds until the next list, when one of these steps is moot: the last came from a replica that lags."""
        since = min((self.moot[step] for step in steps if step in self.moot), default=None)
        if since is None:
            return float("inf")
        pause = max(self.timing.agreement, (self.listed_at - since) / 2)
        self.list_from = max(self.list_from, self.listed_at + pause)
        return max(0.0, self.list_from - now)

    def note_missing(self, name: str) -> bool:
        """Take the answer that there is nothing of this name to delete. False: what we wrote lately may only be unknown
        yet to the replica that answered. Unlike a deletion it does not outweigh a list that shows the name again."""
        if self._own.left(name) is not None and AGREEING[self.kind] > 1:
            return False
        self._listed.pop(name, None)
        self.deleted.add(name)
        return True

    def _remember(self, name: str, credential: ObservedCredential | None, at: float) -> None:
        self._own.note(name, credential, at)
        self.moot = {step: since for step, since in self.moot.items() if name_of(step) != name}
        self.list_from = at

    def view(self) -> tuple[ObservedCredential, ...]:
        """The list, with our own writes laid over it."""
        return tuple(self._own.laid_over(self._listed).values())

    def standing(self, name: str) -> ObservedCredential | None:
        """What stands under a name, as far as is known."""
        return next((credential for credential in self.view() if credential.name == name), None)

    def has_removed(self, name: str) -> bool:
        """Whether this process removed it, and not only to put it right."""
        return name in self.removed and name not in self.misplaced

    def own_writes(self) -> dict[str, ObservedCredential | None]:
        """What this process wrote or, None, removed lately, by name: a list may lack it yet."""
        return dict(self._own.items())

    def is_confirmed(self, name: str) -> bool:
        """Whether enough lists agreed with the last write of this name."""
        return self._own.is_confirmed(name)

    def needs_list(self, now: float) -> bool:
        """Whether what is known is too old to plan on."""
        if self.listed_at < self.list_from <= now or now - self.listed_at > self.timing.fresh:
            return True
        return self.confirmation_due(now) == 0

    def confirmation_due(self, now: float) -> float | None:
        """Seconds until the next list that is to tell whether things are as they seem; None when all is clear."""
        dues = [self.second_look_at] if self.listed_at < self.second_look_at else []
        if (due := self._own.confirmation_due(self.listed_at, now)) is not None:
            dues.append(due)
        return max(0.0, min(dues) - now) if dues else None

    def is_needed_for(self, now: float) -> float:
        """Seconds for which a list could still contradict what we wrote."""
        return self._own.needed_for(now)

    def quiet_reads(self, uid: str, quiet_at: float) -> int:
        """Count the lists since `quiet_at` that showed nothing of an object which leaves; each list counts once."""
        return self._empty_looks.count(uid, quiet_at, self.listed_at)

    def not_quiet(self, uid: str) -> None:
        """Something of the object showed again."""
        self._empty_looks.forget(uid)
