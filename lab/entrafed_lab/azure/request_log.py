"""Every request that reached a simulated service, with what became of it."""

from collections.abc import Iterator
from dataclasses import dataclass

from entrafed_lab.azure.exchange import Call, ServiceName
from entrafed_lab.azure.operations import Operation, operation_of
from entrafed_lab.azure.timing import Clock


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """One finished request. `started` and `finished` are seconds since the epoch, `body_size` is in bytes.

    `status` is what the service decided, None when it never came to that; `answered` tells whether the client was
    told. `overlapping`: another write to the same `parent` was under way at the same time.
    """

    number: int
    service: ServiceName
    method: str
    path: str
    operation: str
    parent: str | None
    write: bool
    status: int | None
    answered: bool
    started: float
    finished: float
    overlapping: bool
    principal: str | None
    body_size: int
    client_request_id: str | None
    in_batch: bool
    """It came inside of another request, which is noted too."""


class OpenRequest:
    """A request that is being handled."""

    __slots__ = ("call", "number", "operation", "overlapping", "started")

    def __init__(self, number: int, call: Call, operation: Operation, started: float) -> None:
        self.number = number
        self.call = call
        self.operation = operation
        self.started = started
        self.overlapping = False


class RequestLog:
    """Finished requests in the order in which they arrived."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._records: list[RequestRecord] = []
        self._writing: dict[str, list[OpenRequest]] = {}
        self._opened = 0

    def __iter__(self) -> Iterator[RequestRecord]:
        return iter(sorted(self._records, key=lambda record: record.number))

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> RequestRecord:
        return list(self)[index]

    def clear(self) -> None:
        self._records.clear()

    def writes(self) -> list[RequestRecord]:
        """Requests to Graph and ARM that change something, or try to."""
        return [record for record in self if record.write]

    def named(self, operation: str) -> list[RequestRecord]:
        """Requests of one operation, such as "credentials.create"."""
        return [record for record in self if record.operation == operation]

    def open(self, call: Call) -> OpenRequest:
        self._opened += 1
        request = OpenRequest(self._opened, call, operation_of(call), self._clock())
        parent = request.operation.parent
        if request.operation.write and parent is not None:
            others = self._writing.setdefault(parent, [])
            for other in others:
                other.overlapping = request.overlapping = True
            others.append(request)
        return request

    def close(self, request: OpenRequest, *, status: int | None, answered: bool) -> None:
        """Note the end; `status` None when the service never decided."""
        self._leave(request)
        call = request.call
        self._records.append(
            RequestRecord(
                number=request.number,
                service=call.service,
                method=call.method,
                path=call.path,
                operation=request.operation.name,
                parent=request.operation.parent,
                write=request.operation.write,
                status=status,
                answered=answered,
                started=request.started,
                finished=self._clock(),
                overlapping=request.overlapping,
                principal=call.object_id,
                body_size=len(call.body),
                client_request_id=call.headers.get("x-ms-client-request-id") or call.headers.get("client-request-id"),
                in_batch=call.in_batch,
            )
        )

    def _leave(self, request: OpenRequest) -> None:
        parent = request.operation.parent
        if request.operation.write and parent is not None and request in self._writing.get(parent, ()):
            self._writing[parent].remove(request)
            if not self._writing[parent]:
                del self._writing[parent]
