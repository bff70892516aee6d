"""Which issuers the API servers announce: looked at again and again, once for all objects."""

import asyncio
from collections.abc import Callable

import structlog

from entrafed.domain.errors import KubeProblem
from entrafed.domain.issuers import Announced
from entrafed.engine.ports import Clock, Kube
from entrafed.engine.timing import Timing

NEVER = float("-inf")

log = structlog.get_logger(__name__)


class ClusterIssuers:
    """API servers behind one address may disagree while they are rolled out: whatever one of them announced lately
    counts. `changed` is called when something else is announced than before."""

    def __init__(self, kube: Kube, clock: Clock, timing: Timing, changed: Callable[[], None]) -> None:
        self._kube = kube
        self._clock = clock
        self._timing = timing
        self._changed = changed
        self._seen: dict[str, float] = {}
        self._read_at = NEVER
        self._certain_at = NEVER
        self._failure: tuple[KubeProblem, float] | None = None
        self._reading = asyncio.Lock()

    async def announced(self) -> Announced:
        """What is announced now. Raises `KubeProblem` while that was not read for longer than an issuer counts."""
        if not self._is_known():
            async with self._reading:  # many ask at the start, and one reads
                if not self._is_known():
                    await self._read()
        return Announced(frozenset(self._seen), max(0.0, self._certain_at - self._clock.monotonic()))

    async def watch(self) -> None:
        """Look again and again, until cancelled."""
        while True:
            await self._clock.sleep(self._timing.issuer_check)
            try:
                async with self._reading:
                    await self._read()
            except KubeProblem as problem:
                log.warning("cannot read the cluster's issuer", problem=str(problem))

    def _is_known(self) -> bool:
        """Whether there is an answer that is good still. A failure is an answer too, for a moment."""
        now = self._clock.monotonic()
        if now - self._read_at <= self._timing.issuer_window:
            return True
        if self._failure is not None and now < self._failure[1] + self._timing.first_backoff:
            raise KubeProblem(str(self._failure[0]))
        return False

    async def _read(self) -> None:
        now = self._clock.monotonic()
        try:
            issuer = await self._kube.cluster_issuer()
        except KubeProblem as problem:
            self._failure = (problem, now)
            raise
        is_first = self._read_at == NEVER and self._failure is None
        if now - self._read_at > self._timing.issuer_window:  # much may have been announced while nobody looked
            self._certain_at = now + self._timing.issuer_window
        before, self._failure, self._read_at = frozenset(self._seen), None, now
        self._seen[issuer] = now
        self._seen = {one: at for one, at in self._seen.items() if now - at <= self._timing.issuer_window}
        if before != frozenset(self._seen) and not is_first:
            log.info("the cluster's issuers changed", before=sorted(before), now=sorted(self._seen))
            self._changed()
