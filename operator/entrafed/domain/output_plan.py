"""What to do about one output, given what is there. Pure.

A service account is somebody else's: only our two annotations are written, both or none, and never over another's. A
ConfigMap is wholly ours, or left alone.
"""

from dataclasses import dataclass, replace

from entrafed.api.choices import DriftPolicy
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, OutputKind
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.outputs import Content, Intent, ObservedOutput, Output, Wish


@dataclass(frozen=True, slots=True)
class Write:
    content: Content


@dataclass(frozen=True, slots=True)
class Remove:
    """Take away what is ours: our annotations, or the ConfigMap."""


@dataclass(frozen=True, slots=True)
class Move:
    """The one step to take, if any, and what is wrong even when it has been taken.

    `is_repair`: it brings back what somebody else changed or removed.
    """

    step: Write | Remove | None = None
    problem: Problem | None = None
    is_repair: bool = False


def plan_output(
    wish: Wish, observed: ObservedOutput | None, recorded: ItemState | None, *, federation: str, manager: str
) -> Move:
    """Plan one output, None where it does not exist.

    `recorded` is the state that the status gives it, None where it names it not: what was Synced once and is not as it
    was has been changed by somebody else. `federation` is the name of the object, `manager` its field manager.
    """
    is_ours = observed is not None and _is_ours(wish.output, observed, federation, manager)
    match wish.intent:
        case Intent.WRITE if wish.content is not None:
            move = _write(wish.output, wish.content, observed, manager, is_ours=is_ours)
            was_written = recorded in (ItemState.SYNCED, ItemState.DRIFTED)
            if not was_written or move.problem or not _is_changed(wish.content, observed, manager):
                return move
            if wish.drift is DriftPolicy.REPORT:
                return Move(problem=_drifted())
            return replace(move, is_repair=True)
        case Intent.WITHDRAW if is_ours:
            return Move(Remove())
        case Intent.RELEASE if observed is not None and is_ours and observed.follows:
            return Move(Write(Content(observed.values, follows=False)))
    return Move()


def _is_ours(output: Output, observed: ObservedOutput, federation: str, manager: str) -> bool:
    """Whether something there is ours to take away."""
    if output.kind is OutputKind.CONFIG_MAP:
        return observed.made_for == federation
    return any(manager in managers for managers in observed.managers.values())


def _write(output: Output, content: Content, observed: ObservedOutput | None, manager: str, *, is_ours: bool) -> Move:
    if output.kind is OutputKind.SERVICE_ACCOUNT:
        if observed is None:
            return Move(problem=_no_account())
        held = _held_by_others(content, observed, manager)
        if held is not None:
            return Move(Remove() if is_ours else None, _annotation_held(held, observed, manager))
        is_right = all(manager in observed.managers.get(key, ()) for key in content.values)
    else:
        if observed is None:
            return Move(Write(content))
        if not is_ours:
            return Move(problem=_made_by_others(observed))
        is_right = observed.follows is content.follows
    return Move(None if is_right and not _wrong(content, observed) else Write(content))


def _wrong(content: Content, observed: ObservedOutput) -> list[str]:
    """Keys that have not the value that they should have."""
    return [key for key, value in content.values.items() if observed.values.get(key) != value]


def _is_changed(content: Content, observed: ObservedOutput | None, manager: str) -> bool:
    """Whether what is not as it should be is so by somebody else: what we hold has an older value of our own."""
    if observed is None:
        return True
    return any(manager not in observed.managers.get(key, ()) for key in _wrong(content, observed))


def _held_by_others(content: Content, observed: ObservedOutput, manager: str) -> str | None:
    """An annotation that stands with another value, and not by us alone: to write over it would have to be forced."""
    for key, value in content.values.items():
        standing = observed.values.get(key)
        if standing not in (None, value) and observed.managers.get(key, frozenset()) != {manager}:
            return key
    return None


def _no_account() -> Problem:
    message = "does not exist in this namespace; it is annotated as soon as somebody makes it"
    return Problem(ProblemKind.WAITING, Reason.SERVICE_ACCOUNT_NOT_FOUND, message)


def _annotation_held(key: str, observed: ObservedOutput, manager: str) -> Problem:
    others = sorted(observed.managers.get(key, frozenset()) - {manager})
    by = f" (field manager {', '.join(others)})" if others else ""
    message = (
        f"somebody else has set the annotation {key} to another value{by}; remove it there, or set "
        "`annotationPolicy: None`"
    )
    return Problem(ProblemKind.CONFLICT, Reason.OUTPUT_CONFLICT, message)


def _made_by_others(observed: ObservedOutput) -> Problem:
    made_for = "" if observed.made_for is None else f", but for ManagedIdentityFederation {observed.made_for}"
    message = f"exists and was not made for this object{made_for}; remove it, or name another"
    return Problem(ProblemKind.CONFLICT, Reason.OUTPUT_CONFLICT, message)


def _drifted() -> Problem:
    message = (
        "somebody else changed or removed what was written, and `driftPolicy` is Report; bring it back, or set "
        "`driftPolicy: Repair`"
    )
    return Problem(ProblemKind.CONFLICT, Reason.DRIFTED, message)
