"""The machine's time."""

import asyncio
import time


class SystemClock:
    """Seconds since the epoch, seconds that never go back, and waiting."""

    def now(self) -> float:
        """Seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait so many seconds."""
        await asyncio.sleep(seconds)
