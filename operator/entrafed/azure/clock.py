"""The time that budgets and tokens live by."""

from typing import Protocol


class Clock(Protocol):
    """`now` is seconds since the epoch; `monotonic` seconds that never go back; `sleep` waits so many of them."""

    def now(self) -> float: ...

    def monotonic(self) -> float: ...

    async def sleep(self, seconds: float) -> None: ...
