"""Where something may stand for an object whose status tells nothing: the process that wrote it may have died before it
could tell. Reads Azure, writes nothing."""

from dataclasses import replace

from entrafed.api.federation import Federation
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AzureProblem, NotFound, ProblemKind
from entrafed.engine.absence import Absences
from entrafed.engine.access import Unresolved
from entrafed.engine.ports import Clock
from entrafed.engine.reads import Reads
from entrafed.engine.timing import Timing


class Unrecorded:
    """Finds the parent of one object after the other."""

    def __init__(self, reads: Reads, absences: Absences, clock: Clock, timing: Timing) -> None:
        self._reads = reads
        self._absences = absences
        self._clock = clock
        self._timing = timing

    async def parent(self, federation: Federation, sign_in: SignIn) -> Parent | None:
        """The parent that the spec names; None when there is none beyond doubt. Raises `Unresolved`."""
        uid, now = federation.metadata.uid, self._clock.monotonic()
        kind = ParentKind.APPLICATION if federation.spec.target.application else ParentKind.MANAGED_IDENTITY
        looked = False
        try:
            if self._absences.is_suspected(uid):
                looked = (await self._reads.own_identity(sign_in, now)).vouches_for(kind)
            found = await self._reads.target(sign_in, federation.spec.target, now)
        except NotFound as missing:
            if self._absences.proved(uid, own_identity_was_read=looked):
                return None
            raise Unresolved(
                replace(missing.problem, kind=ProblemKind.WAITING, after=self._timing.gone_interval)
            ) from None
        except AzureProblem as failure:
            raise Unresolved(failure.problem) from None
        self._absences.seen(uid)
        return found.parent
