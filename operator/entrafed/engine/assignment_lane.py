"""What is known of one host, scope or tenant between two runs."""

from dataclasses import dataclass, field

from entrafed.domain.assignments import AssignmentStep, Running
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import Problem
from entrafed.engine.assigned import keys_in
from entrafed.engine.empty_looks import EmptyLooks
from entrafed.engine.gathering import Gathering
from entrafed.engine.overlay import Overlay


@dataclass(slots=True)
class Pending:
    """A change that Azure has accepted and not finished, begun at `since`; it is asked after from `due` on."""

    running: Running
    sign_in: SignIn
    step: AssignmentStep
    since: float
    due: float


@dataclass(slots=True)
class AssignmentLane:
    """Times are monotonic seconds."""

    overlay: Overlay
    pending: Pending | None = None
    alone: set[str] = field(default_factory=set)
    """Keys that failed together: each is made by itself from now on."""
    refused: dict[str, tuple[Problem, float]] = field(default_factory=dict)
    """Keys that nothing but a person's act will let through, and from when on they are tried again all the same."""
    unseen: dict[SignIn | None, Problem] = field(default_factory=dict)
    """What went wrong at the last look, by connection."""
    barred: set[tuple[str, SignIn]] = field(default_factory=set)
    """Keys, and connections that lacked a right for them."""
    empty_looks: EmptyLooks = field(default_factory=EmptyLooks)
    gathering: Gathering = field(default_factory=Gathering)

    @property
    def under_way(self) -> frozenset[str]:
        """The keys of the change that is pending."""
        return frozenset(keys_in(self.pending.step)) if self.pending else frozenset()

    def look_again(self, now: float) -> None:
        """Have a new look, and what was refused tried again."""
        self.overlay.look_from = now
        self.refused.clear()
