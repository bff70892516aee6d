"""What users, administrators, other people and bad luck do: values, so that a sequence can be read, cut and kept."""

import math
from dataclasses import dataclass, fields
from enum import StrEnum

from hypothesis import strategies as st

from sequences.cast import (
    BOOKS,
    CONNECTIONS,
    EXCHANGE,
    HOLDERS,
    JOBS,
    NAMESPACES,
    OTHER,
    PATTERNS,
    SLOTS,
    TARGETS,
    Slot,
)


class Value:
    """Shown as it would be written by hand: what a field is by default is left out."""

    __slots__ = ()

    def __repr__(self) -> str:
        shown, gap = [], False
        for field in fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            if value == field.default:
                gap = True
            else:
                shown.append(f"{field.name}={value!r}" if gap else repr(value))
        return f"{type(self).__name__}({', '.join(shown)})"


class Word(StrEnum):
    """Shown as it is written."""

    def __repr__(self) -> str:
        return f"{type(self).__name__}.{self.name}"


@dataclass(frozen=True, slots=True, repr=False)
class Item(Value):
    """One item of a spec. `source` is a key of `SOURCES`."""

    name: str
    source: str
    audience: str = EXCHANGE


@dataclass(frozen=True, slots=True, repr=False)
class Apply(Value):
    """Create an object, or replace all of it that may be changed."""

    slot: Slot
    items: tuple[Item, ...]
    target: str = "reader"
    connection: str = "default"
    delete: str = "Delete"
    drift: str = "Repair"
    suspend: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Put(Value):
    """Add an item, or replace the one of its name."""

    slot: Slot
    item: Item


@dataclass(frozen=True, slots=True, repr=False)
class Drop(Value):
    """Remove an item."""

    slot: Slot
    which: int


@dataclass(frozen=True, slots=True, repr=False)
class Rename(Value):
    """Give an item another name."""

    slot: Slot
    which: int
    name: str


@dataclass(frozen=True, slots=True, repr=False)
class Suspend(Value):
    """Suspend an object, or resume it."""

    slot: Slot
    suspend: bool


@dataclass(frozen=True, slots=True, repr=False)
class Policy(Value):
    """Say what deletion does, and what drift."""

    slot: Slot
    delete: str
    drift: str


@dataclass(frozen=True, slots=True, repr=False)
class BadEdit(Value):
    """Apply an object with a value that the schema refuses."""

    slot: Slot
    field: str
    value: object


@dataclass(frozen=True, slots=True, repr=False)
class Delete(Value):
    slot: Slot


@dataclass(frozen=True, slots=True, repr=False)
class LookAgain(Value):
    """Request a reconciliation."""

    slot: Slot


@dataclass(frozen=True, slots=True, repr=False)
class Rules(Value):
    """Change what a connection allows. `book` is a key of `BOOKS`."""

    connection: str
    book: str


@dataclass(frozen=True, slots=True, repr=False)
class Label(Value):
    """Label a namespace, or take the label away."""

    namespace: str
    labelled: bool


@dataclass(frozen=True, slots=True, repr=False)
class OthersCreate(Value):
    """Somebody else makes a credential."""

    holder: str
    source: str
    audience: str = EXCHANGE


@dataclass(frozen=True, slots=True, repr=False)
class OthersFill(Value):
    """Somebody else makes as many credentials as leave `room`."""

    holder: str
    room: int


@dataclass(frozen=True, slots=True, repr=False)
class OthersEmpty(Value):
    """They remove those again."""

    holder: str


@dataclass(frozen=True, slots=True, repr=False)
class OthersRemove(Value):
    """Somebody else removes a credential, ours or not."""

    holder: str
    which: int


@dataclass(frozen=True, slots=True, repr=False)
class OthersChange(Value):
    """Somebody else changes a credential, ours or not; of a flexible one a new subject stands for another pattern."""

    holder: str
    which: int
    subject: str | None
    audience: str | None


class Whose(Word):
    """The owner part of a mark."""

    NOBODY = "nobody"
    FIRST_SLOT = "first slot"
    OTHER_CLUSTER = "other cluster"


@dataclass(frozen=True, slots=True, repr=False)
class LeftBehind(Value):
    """A credential with a mark appears: of an object that nobody knows, of one of ours, or of another cluster."""

    holder: str
    whose: Whose
    source: str


@dataclass(frozen=True, slots=True, repr=False)
class IdentityMadeAgain(Value):
    """The managed identity that `api` is gets another principal id."""


class Failure(Word):
    """What goes wrong with requests."""

    UNAVAILABLE = "503"
    THROTTLED = "429"
    HANGS = "hangs"
    REFUSES = "refuses connections"
    LOSES_ANSWERS = "loses answers"


@dataclass(frozen=True, slots=True, repr=False)
class Outage(Value):
    """A service fails for a while."""

    service: str
    failure: Failure
    seconds: float


@dataclass(frozen=True, slots=True, repr=False)
class Restart(Value):
    """The operator is stopped, and started again."""


@dataclass(frozen=True, slots=True, repr=False)
class Kill(Value):
    """The operator dies, and is started again."""


@dataclass(frozen=True, slots=True, repr=False)
class KillAtWrite(Value):
    """The operator dies at its next write to Azure, before it or after."""

    after: bool


@dataclass(frozen=True, slots=True, repr=False)
class Wait(Value):
    """Time passes: a revocation comes into force in 600 seconds, everything is looked at again in 720 at most."""

    seconds: float


Act = (
    Apply | Put | Drop | Rename | Suspend | Policy | BadEdit | Delete | LookAgain | Rules | Label
    | OthersCreate | OthersFill | OthersEmpty | OthersRemove | OthersChange | LeftBehind | IdentityMadeAgain
    | Outage | Restart | Kill | KillAtWrite | Wait
)  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Step(Value):
    """An act, and how many seconds pass before the next."""

    act: Act
    pause: float = 0.0


Burst = list[Step]
"""Steps that come upon each other; everything comes to rest after the last."""

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
_acts = st.sampled_from([kind for kind, (weight, _) in _ACTS.items() for _ in range(weight)]).flatmap(
    lambda kind: _ACTS[kind][1]
)
_pauses = st.sampled_from((0.0, 0.0, 0.1, 0.5, 3.0, 20.0))
_steps = st.builds(Step, _acts, _pauses)


def sequences(
    bursts: int, most_steps: int, *, fewest_steps: int = 0, longest: float = math.inf
) -> st.SearchStrategy[list[Burst]]:
    """Sequences of some objects that are created, and then so many bursts of so many steps each, none of which lasts
    longer than `longest` seconds."""
    beginning = st.lists(st.builds(Step, _applies, _pauses), min_size=1, max_size=6)
    steps = _steps.filter(lambda step: not isinstance(step.act, Wait | Outage) or step.act.seconds <= longest)
    burst = st.lists(
        steps, min_size=fewest_steps, max_size=most_steps
    )  # an empty one is what a needless one shrinks to
    following = st.lists(burst, min_size=bursts, max_size=bursts)
    return st.tuples(beginning, following).map(lambda found: [found[0], *found[1]])
