"""Which objects are to be attended to, and which of them admitted anew although nothing of them has changed."""

from entrafed.engine.keys import FederationKey, Key
from entrafed.engine.queue import Queue, Urgency


class Agenda:
    """The objects' share of the queue."""

    def __init__(self, queue: Queue[Key]) -> None:
        self._queue = queue
        self._stale: set[str] = set()
        self._outdated: set[str] = set()

    def attend(self, uid: str) -> None:
        """Have an object attended to: something is known of it that was not."""
        self._queue.add(FederationKey(uid))

    def admit_again(self, uid: str) -> None:
        """Have an object admitted in the background, though nothing of it has changed."""
        self._stale.add(uid)
        self._queue.add(FederationKey(uid), Urgency.RESYNC)

    def admit_anew(self, uid: str) -> None:
        """Have an object admitted now, from nothing that was read of Azure before."""
        self._outdated.add(uid)
        self._stale.add(uid)
        self._queue.add(FederationKey(uid))

    def is_outdated(self, uid: str) -> bool:
        return uid in self._outdated

    def is_to_be_admitted(self, uid: str) -> bool:
        return uid in self._stale

    def admitted(self, uid: str) -> None:
        """An object is admitted, or gone."""
        self._stale.discard(uid)
        self._outdated.discard(uid)
