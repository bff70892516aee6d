"""Events on their way to the API server: one after the other, beside the work."""

import asyncio

from entrafed.domain.events import Event
from entrafed.engine.ports import Kube

MOST = 1000  # that wait to be sent; an event that is lost is lost


class Teller:
    """Takes events at once and sends them when it can."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._waiting: asyncio.Queue[Event] = asyncio.Queue(MOST)

    def tell(self, event: Event) -> None:
        """Have an event sent, unless too many wait already."""
        if not self._waiting.full():
            self._waiting.put_nowait(event)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self._kube.event(await self._waiting.get())
