"""What one ManagedIdentityFederation wants at one parent."""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from entrafed.api.choices import DriftPolicy
from entrafed.api.status import CredentialStatus
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Pair, Trust
from entrafed.domain.marks import read_mark


class Stance(StrEnum):
    """What may be done at the parent for this object."""

    RECONCILE = "reconcile"
    """Write what is wanted, remove what is not wanted any more."""
    KEEP = "keep"
    """Touch nothing of it: it is suspended, or what it wants cannot be known for now."""
    LEAVE = "leave"
    """It is being deleted: remove what is its own."""
    RETAIN = "retain"
    """It is being deleted, and what it made stays."""


@dataclass(frozen=True, slots=True)
class Record:
    """A credential that the object's status says is written by us, and the item that it was written for."""

    item: str
    name: str
    trust: Trust
    retiring_since: float | None = None
    """In seconds since the epoch, for one that is retiring; a hand may have written any."""


def recorded_pair(credential: CredentialStatus) -> Pair:
    """The pair that a status shows."""
    return Pair(credential.issuer, credential.subject or "", credential.expression or "")


def recorded_trust(credential: CredentialStatus) -> Trust:
    """The trust that a status shows."""
    return Trust(recorded_pair(credential), credential.audience)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks at a parent, and what may be done there for it. `since` is the creation, or the deletion, in seconds
    since the epoch: the earlier ask holds what two want, the last that leaves decides how it goes."""

    uid: str
    namespace: str
    name: str
    sign_in: SignIn | None
    """None while the connection cannot be read: such an ask only keeps."""
    stance: Stance
    drift: DriftPolicy
    since: float

    @property
    def is_leaving(self) -> bool:
        return self.stance in (Stance.LEAVE, Stance.RETAIN)

    @property
    def order(self) -> tuple[float, str]:
        return (self.since, self.uid)

    def needs_look_for(self, revoked: Collection[object]) -> bool:
        """Whether Azure is to be looked at, when these things are to be removed whatever the stance."""
        return self.sign_in is not None and (self.stance in (Stance.RECONCILE, Stance.LEAVE) or bool(revoked))


@dataclass(frozen=True, slots=True)
class Ask(Asker):
    """One object's share of a parent's credentials.

    `owner` is the mark of its namespace and name. `wanted` are the permitted trusts of its items; `kept` pairs are
    neither written nor removed (permission withdrawn, delay not over; or unresolved for now); `revoked` pairs are
    removed whatever the stance.
    """

    owner: str
    wanted: frozenset[Trust] = frozenset()
    kept: frozenset[Pair] = frozenset()
    retiring: frozenset[Pair] = frozenset()
    """Of those kept: what makes way for its successor where there is no room for both."""
    revoked: frozenset[Pair] = frozenset()
    records: tuple[Record, ...] = ()
    items: tuple[tuple[str, Trust], ...] = ()
    """Which item wants which trust: an item whose pair changes is made before it is broken."""

    @property
    def needs_look(self) -> bool:
        return self.needs_look_for(self.revoked)

    def holds(self, name: str, pair: Pair | None) -> bool:
        """Whether the credential of this name may not be removed while this ask stands.

        What was denied before it was written holds only what carries the object's own mark: else a new object could
        keep alive what a rule withdraws from another one.
        """
        if pair is None or pair in self.revoked:
            return False
        if not self.is_leaving and any(trust.pair == pair for trust in self.wanted):
            return True
        is_recorded = any(record.trust.pair == pair for record in self.records)
        if pair in self.kept:
            mark = read_mark(name)
            return is_recorded or (mark is not None and mark.owner == self.owner)
        return is_recorded and self.stance is Stance.KEEP
