"""Time that passes only while everything waits, under `@pytest.mark.looptime`."""

import asyncio


class LoopClock:
    """The time of the running event loop; the epoch is when the loop began."""

    def now(self) -> float:
        return asyncio.get_running_loop().time()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
