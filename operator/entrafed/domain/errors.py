"""What can go wrong with Azure, told by who must act.

AzureProblem
├── Terminal        somebody must edit the spec or the object  -> Stalled
├── Forbidden       somebody must grant a right                -> Stalled, looked at again every `Timing.forbidden`
├── Conflict        somebody else holds it                     -> not Ready, woken when the holder changes
├── Waiting         not there yet                              -> Reconciling, again after `after`
├── Throttled       Azure said when                            -> Reconciling, the whole budget waits
└── Transient       anything else                              -> Reconciling, backoff with jitter
"""

from dataclasses import dataclass
from enum import StrEnum

from entrafed.api.reasons import Reason


class ProblemKind(StrEnum):
    """Who must act."""

    TERMINAL = "Terminal"
    FORBIDDEN = "Forbidden"
    CONFLICT = "Conflict"
    WAITING = "Waiting"
    THROTTLED = "Throttled"
    TRANSIENT = "Transient"


@dataclass(frozen=True, slots=True)
class Handling:
    """What a kind of problem means for the object that meets it."""

    stalled: bool
    """Nothing will happen before a person acts; otherwise the object is Reconciling."""
    warning: bool
    """The event is of type Warning, the log line of level warning."""


HANDLING = {
    ProblemKind.TERMINAL: Handling(stalled=True, warning=True),
    ProblemKind.FORBIDDEN: Handling(stalled=True, warning=True),
    ProblemKind.CONFLICT: Handling(stalled=True, warning=True),
    ProblemKind.WAITING: Handling(stalled=False, warning=False),
    ProblemKind.THROTTLED: Handling(stalled=False, warning=False),
    ProblemKind.TRANSIENT: Handling(stalled=False, warning=True),
}


@dataclass(frozen=True, slots=True)
class Problem:
    """One failure as users see it.

    `message` is stable (no time, no request id, no moving counter) and says what, where and what to do.
    `after` is in seconds: when Azure, or we, expect the answer to differ; None lets the backoff decide.
    """

    kind: ProblemKind
    reason: Reason
    message: str
    after: float | None = None

    @property
    def stalled(self) -> bool:
        return HANDLING[self.kind].stalled

    @property
    def warning(self) -> bool:
        return HANDLING[self.kind].warning


class AzureProblem(Exception):
    """A call to Azure, or an answer of it, that did not give what was asked.

    `request_id` is Azure's own id of the request, for the log only. `answered` tells whether Azure's answer was seen:
    a write without an answer may or may not have happened.
    """

    def __init__(self, problem: Problem, *, request_id: str | None = None, answered: bool = True) -> None:
        super().__init__(problem.message)
        self.problem = problem
        self.request_id = request_id
        self.answered = answered


class NotFound(AzureProblem):
    """The object asked for is not there, as far as this one answer tells."""


class AlreadyThere(AzureProblem):
    """A create met an object of the same name or the same pair: the view it was planned on is out of date."""


class WritesStopped(Exception):
    """No write may start any more: the process is ending, or its lease is lost."""


class KubeProblem(Exception):
    """The API server did not do what was asked; the object's work is tried again with backoff."""


class KubeConflict(KubeProblem):
    """The object is newer than the one that was read: its next event brings the work back."""


class KubeForbidden(KubeProblem):
    """The operator has not the right to do it."""


class KubeGone(KubeProblem):
    """The object is not there any more."""
