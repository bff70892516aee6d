"""How a problem shows in the row of a status."""

from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState
from entrafed.domain.errors import Problem, ProblemKind

_STATES = {
    Reason.NOT_PERMITTED: ItemState.DENIED,
    Reason.REVOKED: ItemState.DENIED,
    Reason.DRIFTED: ItemState.DRIFTED,
}


def state_of(problem: Problem | None) -> ItemState:
    """The state of what has this problem, or none."""
    if problem is None:
        return ItemState.SYNCED
    if problem.kind is ProblemKind.CONFLICT:
        return _STATES.get(problem.reason, ItemState.CONFLICT)
    return _STATES.get(problem.reason, ItemState.FAILED if problem.stalled else ItemState.PENDING)
