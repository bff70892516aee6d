"""What users, administrators, other people and bad luck do: values, so that a sequence can be read, cut and kept."""

from dataclasses import dataclass, fields
from enum import StrEnum

from sequences.cast import EXCHANGE, Slot


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
    annotated: bool = False
    """Whether the service account is, that the object trusts."""
    mapped: bool = False
    """Whether a ConfigMap is written."""


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
class Outputs(Value):
    """Say what is written into the namespace."""

    slot: Slot
    annotated: bool
    mapped: bool


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


@dataclass(frozen=True, slots=True, repr=False)
class OthersAnnotate(Value):
    """Somebody else sets the client id of a service account, or removes it."""

    namespace: str
    value: str | None


@dataclass(frozen=True, slots=True, repr=False)
class OthersChangeMap(Value):
    """Somebody else writes into a ConfigMap, ours or not."""

    namespace: str


@dataclass(frozen=True, slots=True, repr=False)
class There(Value):
    """Somebody else makes a service account or a ConfigMap, or removes the one that is there."""

    namespace: str
    kind: str
    there: bool


@dataclass(frozen=True, slots=True, repr=False)
class Announce(Value):
    """From now on the API servers announce these issuers of their tokens, in turn."""

    issuers: tuple[str, ...]


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
    | Outputs | OthersAnnotate | OthersChangeMap | There | Announce | Outage | Restart | Kill | KillAtWrite | Wait
)  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class Step(Value):
    """An act, and how many seconds pass before the next."""

    act: Act
    pause: float = 0.0


Burst = list[Step]
"""Steps that come upon each other; everything comes to rest after the last."""
