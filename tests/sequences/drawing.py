"""How sequences are drawn: what comes how often, and what it is like."""

import math

from hypothesis import strategies as st

from sequences.acts import (
    Act,
    Announce,
    Apply,
    BadEdit,
    Burst,
    Delete,
    Drop,
    Failure,
    IdentityMadeAgain,
    Item,
    Kill,
    KillAtWrite,
    Label,
    LeftBehind,
    LookAgain,
    OthersAnnotate,
    OthersChange,
    OthersChangeMap,
    OthersCreate,
    OthersEmpty,
    OthersFill,
    OthersRemove,
    Outage,
    Outputs,
    Policy,
    Put,
    Rename,
    Restart,
    Rules,
    Step,
    Suspend,
    There,
    Wait,
    Whose,
)
from sequences.cast import (
    BLUE,
    BOOKS,
    CONNECTIONS,
    EXCHANGE,
    GREEN,
    HOLDERS,
    JOBS,
    NAMESPACES,
    OTHER,
    PATTERNS,
    SLOTS,
    TARGETS,
)

BAD_VALUES: tuple[tuple[str, object], ...] = (
    ("target", {}),
    ("driftPolicy", "Ignore"),
    ("federatedCredentials", [{"name": "a"}]),
    ("federatedCredentials", [{"name": "Not A Label", "oidc": {"issuer": "https://issuer.example", "subject": "x"}}]),
)
_slots = st.sampled_from(SLOTS)
_holders = st.sampled_from(tuple(HOLDERS))
_audiences = st.sampled_from((EXCHANGE, EXCHANGE, EXCHANGE, OTHER))
_sources = st.sampled_from((*JOBS, *JOBS, *JOBS, "pods", "ci", "api", "denied", "ghost", "refused", *PATTERNS))
_some_sources = st.sampled_from((*JOBS, "ci", *PATTERNS))
_names = st.sampled_from(("a", "b", "c", "d"))
_which = st.integers(0, 4)
_delete = st.sampled_from(("Delete", "Delete", "Retain"))
_drift = st.sampled_from(("Repair", "Repair", "Report"))
_items = st.builds(Item, _names, _sources, _audiences)

_applies = st.builds(
    Apply,
    _slots,
    st.lists(_items, min_size=1, max_size=4, unique_by=lambda item: item.name).map(tuple),
    st.sampled_from(tuple(TARGETS)),
    st.sampled_from(CONNECTIONS),
    _delete,
    _drift,
    st.sampled_from((False, False, False, False, True)),
)
_ACTS: dict[type, tuple[int, st.SearchStrategy[Act]]] = {
    Apply: (9, _applies),
    Put: (5, st.builds(Put, _slots, _items)),
    Drop: (3, st.builds(Drop, _slots, _which)),
    Rename: (2, st.builds(Rename, _slots, _which, _names)),
    Suspend: (4, st.builds(Suspend, _slots, st.sampled_from((False, False, True)))),
    Policy: (2, st.builds(Policy, _slots, _delete, _drift)),
    BadEdit: (1, st.builds(lambda slot, bad: BadEdit(slot, *bad), _slots, st.sampled_from(BAD_VALUES))),
    Delete: (5, st.builds(Delete, _slots)),
    LookAgain: (2, st.builds(LookAgain, _slots)),
    Rules: (3, st.builds(Rules, st.sampled_from(CONNECTIONS), st.sampled_from(("everything", "everything", *BOOKS)))),
    Label: (1, st.builds(Label, st.sampled_from(NAMESPACES), st.booleans())),
    OthersCreate: (3, st.builds(OthersCreate, _holders, _some_sources, _audiences)),
    OthersFill: (2, st.builds(OthersFill, _holders, st.integers(0, 2))),
    OthersEmpty: (1, st.builds(OthersEmpty, _holders)),
    OthersRemove: (3, st.builds(OthersRemove, _holders, _which)),
    OthersChange: (
        3,
        st.builds(OthersChange, _holders, _which, st.sampled_from((None, *JOBS, "job-9")), st.none() | _audiences),
    ),
    LeftBehind: (1, st.builds(LeftBehind, _holders, st.sampled_from(Whose), _some_sources)),
    IdentityMadeAgain: (1, st.just(IdentityMadeAgain())),
    Outage: (
        2,
        st.builds(
            Outage,
            st.sampled_from(("graph", "arm", "login")),
            st.sampled_from(Failure),
            st.sampled_from((2.0, 20.0, 200.0)),
        ),
    ),
    Restart: (1, st.just(Restart())),
    Kill: (2, st.just(Kill())),
    KillAtWrite: (2, st.builds(KillAtWrite, st.booleans())),
    Wait: (3, st.builds(Wait, st.sampled_from((5.0, 60.0, 620.0, 800.0)))),
}
"""How often each kind comes, as a weight, and what it is like."""
_namespaces = st.sampled_from(NAMESPACES)
_SURROUNDING: dict[type, tuple[int, st.SearchStrategy[Act]]] = {
    Outputs: (4, st.builds(Outputs, _slots, st.sampled_from((True, True, False)), st.booleans())),
    OthersAnnotate: (2, st.builds(OthersAnnotate, _namespaces, st.sampled_from((None, None, "theirs")))),
    OthersChangeMap: (1, st.builds(OthersChangeMap, _namespaces)),
    There: (
        2,
        st.builds(There, _namespaces, st.sampled_from(("ServiceAccount", "ConfigMap")), st.booleans()),
    ),
    Announce: (2, st.builds(Announce, st.sampled_from(((BLUE,), (GREEN,), (BLUE, GREEN))))),
}
"""What only a cluster in memory can be made to do, and what comes of it there."""
_pauses = st.sampled_from((0.0, 0.0, 0.1, 0.5, 3.0, 20.0))


def sequences(
    bursts: int, most_steps: int, *, fewest_steps: int = 0, longest: float = math.inf, surroundings: bool = False
) -> st.SearchStrategy[list[Burst]]:
    """Sequences of some objects that are created, and then so many bursts of so many steps each, none of which lasts
    longer than `longest` seconds. With `surroundings`, also of what is around the objects."""
    kinds = {**_ACTS, **_SURROUNDING} if surroundings else _ACTS
    weighted = st.sampled_from([kind for kind, (weight, _) in kinds.items() for _ in range(weight)])
    drawn = st.builds(Step, weighted.flatmap(lambda kind: kinds[kind][1]), _pauses)
    beginning = st.lists(st.builds(Step, _applies, _pauses), min_size=1, max_size=6)
    steps = drawn.filter(lambda step: not isinstance(step.act, Wait | Outage) or step.act.seconds <= longest)
    burst = st.lists(
        steps, min_size=fewest_steps, max_size=most_steps
    )  # an empty one is what a needless one shrinks to
    following = st.lists(burst, min_size=bursts, max_size=bursts)
    return st.tuples(beginning, following).map(lambda found: [found[0], *found[1]])
