"""Things that go wrong on demand: for matching requests, a number of times."""

import asyncio
import itertools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from entrafed_lab.azure.exchange import Call, ServiceName

Notify = Callable[[Call], None]
Choose = Callable[[Call], bool]
WRITES = ("POST", "PUT", "PATCH", "DELETE")


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to requests that match all of `services`, `methods` and `path_regex` (searched in path?query).

    The first `skip` matching requests pass; the next `times` (None: all) are hit. A fault can combine `latency`
    (seconds) with one of: `status` (the request is not handled; `body`, of `content_type`, replaces the error document,
    and `headers` are added), `refuse` (not handled, connection closed), `hang` (no answer until the fault is removed,
    not handled then either), `hold` (handled only when the fault is removed, whether or not the client still waits) and
    `lose_answer` (handled to the end, connection closed).
    """

    services: tuple[ServiceName, ...] = ()
    methods: tuple[str, ...] = ()
    path_regex: str = ""
    status: int | None = None
    code: str = "ServiceUnavailable"
    message: str = "The service is temporarily unavailable."
    retry_after: float | None = None
    body: str | None = None
    content_type: str = "text/html; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    latency: float = 0.0
    lose_answer: bool = False
    refuse: bool = False
    hang: bool = False
    hold: bool = False
    times: int | None = None
    skip: int = 0


class FaultHandle:
    """A fault in force. `hits` counts the requests that met it."""

    def __init__(
        self, number: int, fault: Fault, *, notify: Notify, only: Choose, remove: "Callable[[FaultHandle], None]"
    ) -> None:
        self.id = number
        self.fault = fault
        self.notify = notify
        self._only = only
        self.hits = 0
        self._seen = 0
        self._remove = remove
        self._removed = asyncio.Event()
        self._path = re.compile(fault.path_regex)

    def strikes(self, call: Call) -> bool:
        """Whether this request is hit; counts it."""
        if not self._matches(call):
            return False
        self._seen += 1
        if self._seen <= self.fault.skip or (self.fault.times is not None and self.hits >= self.fault.times):
            return False
        self.hits += 1
        return True

    def remove(self) -> None:
        """Take the fault away: requests that hang because of it are dropped, those that it holds go on."""
        self._removed.set()
        self._remove(self)

    async def removed(self) -> None:
        await self._removed.wait()

    def _matches(self, call: Call) -> bool:
        if self.fault.services and call.service not in self.fault.services:
            return False
        if self.fault.methods and call.method not in self.fault.methods:
            return False
        return self._path.search(call.target) is not None and self._only(call)


class Faults:
    """All faults in force. The first one that strikes wins."""

    def __init__(self) -> None:
        self._handles: list[FaultHandle] = []
        self._numbers = itertools.count(1)

    def add(self, fault: Fault, *, notify: Notify = lambda _: None, only: Choose = lambda _: True) -> FaultHandle:
        """`notify` is called when it strikes: before the request is handled, or, with `lose_answer`, after. `only` is
        asked about every request that matches otherwise, as it arrives."""
        handle = FaultHandle(next(self._numbers), fault, notify=notify, only=only, remove=self._forget)
        self._handles.append(handle)
        return handle

    def clear(self) -> None:
        for handle in list(self._handles):
            handle.remove()

    def __iter__(self) -> Iterator[FaultHandle]:
        return iter(tuple(self._handles))

    def strike(self, call: Call) -> FaultHandle | None:
        """The fault that hits this request, if any."""
        return next((handle for handle in self._handles if handle.strikes(call)), None)

    def _forget(self, handle: FaultHandle) -> None:
        if handle in self._handles:
            self._handles.remove(handle)
