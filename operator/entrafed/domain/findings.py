"""What was found out about one ManagedIdentityFederation: by looking at its objects, and at its parent."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from entrafed.api.reasons import Reason
from entrafed.api.states import Origin
from entrafed.domain.assignments import Assignment, Progress
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import ObservedCredential, Pair, Parent, Trust
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.outputs import Output
from entrafed.domain.targets import ResolvedTarget

IN_PROGRESS = Problem(ProblemKind.WAITING, Reason.PROGRESSING, "being brought to Azure")
PROPAGATING = Problem(
    ProblemKind.WAITING, Reason.PROPAGATING, "written; waiting until Azure shows it wherever it is asked"
)
BEING_REMOVED = Problem(ProblemKind.WAITING, Reason.PROGRESSING, "what was made before is being removed")


@dataclass(frozen=True, slots=True)
class Standing:
    """How a wanted trust stands: by which credential, if any, and what is wrong with that, if anything."""

    credential: ObservedCredential | None
    origin: Origin
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Left:
    """A credential of ours that still stands although nothing asks for it, and why its removal failed, if it did."""

    credential: ObservedCredential
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class Finding:
    """How one ask stands at its parent. With a `problem` the parent could not be looked at; the rest says nothing.

    For an ask that only keeps the parent is not looked at: it has `amended` alone, in which what is recorded is out of
    date, by the credential's name. None: there is no such credential any more.
    """

    problem: Problem | None = None
    standings: Mapping[Trust, Standing] = field(default_factory=dict)
    left: tuple[Left, ...] = ()
    clean: bool = False
    """For an ask that leaves: nothing of its own stands any more, beyond doubt."""
    amended: Mapping[str, ObservedCredential | None] | None = None


@dataclass(frozen=True, slots=True)
class Retirement:
    """Of what is kept though its issuer is announced no more: since when, in seconds since the epoch; None while its
    successors were not seen to stand. Not `certain`: the issuer may be announced after all."""

    since: float | None
    certain: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an item of the spec came to before anything was written. Without trusts, or with a problem, nothing is asked
    for.

    `denied` are the pairs that no rule allows: those that the item stands for, when it is refused itself, and those
    that were written for it before. `denied_since`, when there are any or it is refused, is in seconds since the epoch.
    `due`, in seconds from now, is when the item comes to something else though nothing has changed.
    """

    name: str
    trusts: tuple[Trust, ...]
    problem: Problem | None = None
    denied: frozenset[Pair] = frozenset()
    denied_since: float | None = None
    retiring: Mapping[Pair, Retirement] = field(default_factory=dict)
    due: float | None = None

    @property
    def is_denied_whole(self) -> bool:
        """Whether no rule allows any of what the item stands for."""
        return self.denied >= {trust.pair for trust in self.trusts}


@dataclass(frozen=True, slots=True)
class OutputFinding:
    """How an output stands; without a problem it is as asked for. `denied_since` is as that of an `Outcome`.

    `manager` is the field manager that wrote, or is about to write, what may stand there; None: nothing of ours does.
    """

    output: Output
    problem: Problem | None
    denied_since: float | None = None
    manager: str | None = None


@dataclass(frozen=True, slots=True)
class AssignmentStanding:
    """How a wanted assignment stands: `as_` is what stands or is recorded under its key, which another one may have to
    make way for. With `origin` Operator that is recorded, as made or as about to be made. `id_` is Azure's own id of
    it, where it has one.
    """

    as_: Assignment
    origin: Origin
    progress: Progress
    problem: Problem | None = None
    id_: str | None = None


@dataclass(frozen=True, slots=True)
class AssignmentLeft:
    """An assignment of ours that still stands although nothing asks for it, and why it could not be taken back."""

    key: str
    problem: Problem | None


@dataclass(frozen=True, slots=True)
class AssignmentFinding:
    """How one ask stands at one host, scope or tenant; the fields mean what they mean in `Finding`.

    `instance` is the host's own, to be recorded with what is assigned there.
    """

    problem: Problem | None = None
    standings: Mapping[Assignment, AssignmentStanding] = field(default_factory=dict)
    left: tuple[AssignmentLeft, ...] = ()
    instance: str = ""
    clean: bool = False


class Section(StrEnum):
    """The parts of a spec that ask for assignments."""

    IDENTITIES = "identityAssignments"
    ROLES = "roleAssignments"
    TENANTS = "tenants"


@dataclass(frozen=True, slots=True)
class Place:
    """One assignment that an item asks for, at one parent. With a `problem` it is not asked for now: denied, when that
    is NotPermitted or Revoked, else unknown. `role` is the name of a role that was asked for by its name."""

    parent: Parent
    assignment: Assignment
    sign_in: SignIn
    problem: Problem | None = None
    role: str = ""

    @property
    def is_denied(self) -> bool:
        return self.problem is not None and self.problem.reason in (Reason.NOT_PERMITTED, Reason.REVOKED)


@dataclass(frozen=True, slots=True)
class AssignmentOutcome:
    """What an item came to before anything was made. With a `problem` its places cannot be told for now.

    `denied_since` is in seconds since the epoch, None for an item of which nothing is denied. At the places of `found`
    it stands, as somebody else saw to, where nothing can be looked at or written: nothing is asked for there.
    `consent_url` is where an administrator may still have to consent.
    """

    section: Section
    name: str
    places: tuple[Place, ...] = ()
    problem: Problem | None = None
    denied_since: float | None = None
    found: tuple[Place, ...] = ()
    consent_url: str | None = None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """All that is known of an object. `problem` concerns it as a whole; without a `finding` the parent was not looked
    at yet. `may_show_target` is false until a rule allows it: nothing about it may be told before."""

    outcomes: tuple[Outcome, ...] = ()
    target: ResolvedTarget | None = None
    problem: Problem | None = None
    finding: Finding | None = None
    may_show_target: bool = False
    written: Mapping[str, tuple[Trust, ...]] = field(default_factory=dict)
    """By item, what was written for it, or is being written: no status may tell of it yet."""
    handled_request: str | None = None
    outputs: tuple[OutputFinding, ...] = ()
    """Those asked for, and those that still stand without being asked for."""
    assignments: tuple[AssignmentOutcome, ...] = ()
    assigned: Mapping[Parent, AssignmentFinding] = field(default_factory=dict)
    """What was found at hosts, scopes and tenants, as far as they were looked at."""
    places: frozenset[Parent] = frozenset()
    """Hosts, scopes and tenants where it asks for something, or has something to be taken back."""
