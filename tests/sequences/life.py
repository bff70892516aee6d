"""The lives of an operator on a ground, the trouble that it meets, and when it is at rest."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from entrafed_lab.azure import Fault, ServiceName
from entrafed_lab.azure.faults import WRITES, FaultHandle
from sequences import acts
from sequences.acts import Failure
from sequences.ground import Ground

DOWN = 5.0  # seconds without an operator: no process is back sooner, and Azure's limits outlive it
LONGEST_RETRY = 400.0  # seconds: the longest backoff with its jitter, and the try itself; less after a short outage
REST = 90.0  # seconds without a write: longer than any wait in between, and than any replica lags
POLL = 10.0  # seconds
PATIENCE = 5400.0  # seconds, after which what is not at rest never will be


class NeverAtRest(AssertionError):
    """The operator went on and on."""


class Life:
    """The operator of one ground. Seconds are the operator's: the ground may scale them."""

    def __init__(self, ground: Ground) -> None:
        self.ground = ground
        self.is_disturbed = False
        """Whether anything failed."""
        self._dead = False
        self._trouble_ends = 0.0
        self._armed: FaultHandle | None = None

    def keep(self) -> None:
        """Called when it is at rest: whoever keeps a book does so now."""

    def dies(self) -> None:
        """Called before it dies, or is told to end: of its writes under way nobody will tell."""

    async def begin(self) -> None:
        self._dead = False
        await self.ground.begin()

    async def end(self) -> None:
        await self.ground.end()

    async def restart(self) -> None:
        self.dies()
        await self.end()
        await self.wait(DOWN)
        await self.begin()

    async def kill(self) -> None:
        self._die()
        await self.restart()

    def _die(self) -> None:
        self._dead = True
        self.dies()
        self.ground.kill()

    # Rest

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds * self.ground.scale)

    async def calm(self) -> None:
        """Wait until all trouble is over, and the operator is at work."""
        await asyncio.sleep(max(0.0, self._trouble_ends - self.ground.clock.monotonic()))
        await self.ground.until_at_work()
        while self._dead:
            await self.restart()
            await self.ground.until_at_work()

    async def rest(self, holds: Callable[[], bool] = lambda: True) -> None:
        """Wait until all is calm, nothing has been written for a while, and something holds."""
        clock, scale = self.ground.clock, self.ground.scale
        await self.calm()
        deadline, written, since = clock.monotonic() + PATIENCE * scale, -1, clock.monotonic()
        while True:
            if self._dead:
                await self.calm()
                since = clock.monotonic()
            count = len(self.ground.kube_writes) + len(self.ground.azure.log.writes())
            if count != written:
                written, since = count, clock.monotonic()
            if not self._dead and clock.monotonic() - since >= REST * scale and holds():
                if self._armed is None:
                    break
                self._armed.remove()  # a write that it met already may kill yet: that is seen the next time
                self._armed = None
            if clock.monotonic() > deadline:
                raise NeverAtRest("it never came to rest")
            await self.wait(POLL)
        self.keep()

    # Trouble

    def outage(self, outage: acts.Outage) -> None:
        """A service fails from now on, for a while."""
        self.is_disturbed = True
        failures = {
            Failure.UNAVAILABLE: Fault(status=503),
            Failure.THROTTLED: Fault(status=429, retry_after=7.0 * self.ground.scale),
            Failure.HANGS: Fault(hang=True),
            Failure.REFUSES: Fault(refuse=True),
            Failure.LOSES_ANSWERS: Fault(lose_answer=True),
        }
        fault = replace(failures[outage.failure], services=(ServiceName(outage.service),))
        handle = self.ground.azure.faults.add(fault)
        asyncio.get_running_loop().call_later(outage.seconds * self.ground.scale, handle.remove)
        lasts = outage.seconds + min(LONGEST_RETRY, 3 * outage.seconds)
        ends = self.ground.clock.monotonic() + lasts * self.ground.scale
        self._trouble_ends = max(self._trouble_ends, ends)

    def kill_at_write(self, *, after: bool) -> bool:
        """It dies at its next write to Azure; whether it can."""
        if self._armed is not None or self._dead:
            return False
        self.is_disturbed = True
        services = (ServiceName.GRAPH, ServiceName.ARM)
        fault = Fault(services, WRITES, refuse=not after, lose_answer=after, times=1)
        self._armed = self.ground.azure.faults.add(fault, notify=lambda _: self._die())
        return True
