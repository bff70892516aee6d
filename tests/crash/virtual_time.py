"""Time that passes only while everything waits, and then at once: real durations without the waiting.

The sockets between the operator and the simulated Azure are real. Both are of one event loop, and what is sent over
loopback has arrived before the loop asks: time never passes while a request is on its way. For `pytest.mark.looptime`.
"""

import asyncio
import time


class VirtualClock:
    """The time of the running event loop, and a microsecond more for each look: a clock that stands still while nobody
    waits would never pass the rounding error that somebody has left to wait. The epoch is that of the machine."""

    def __init__(self) -> None:
        self._looks = 0.0
        self._began = time.time() - self.monotonic()

    def now(self) -> float:
        return self._began + self.monotonic()

    def monotonic(self) -> float:
        self._looks += 1e-6
        return asyncio.get_running_loop().time() + self._looks

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
