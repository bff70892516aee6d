"""What every request passes on its way to a service: who calls, the log, the faults."""

import asyncio
from dataclasses import replace

from entrafed_lab.azure.exchange import Answer, Call, ConnectionDropped, Service
from entrafed_lab.azure.faults import Fault, FaultHandle, Faults
from entrafed_lab.azure.request_log import RequestLog
from entrafed_lab.azure.tokens import Tokens


class Reception:
    """Stands before one service."""

    def __init__(self, service: Service, *, faults: Faults, log: RequestLog, tokens: Tokens) -> None:
        self._service = service
        self._faults = faults
        self._log = log
        self._tokens = tokens

    async def receive(self, call: Call) -> Answer:
        """A request from outside. Raises `ConnectionDropped` when the client shall get no answer."""
        caller = self._tokens.caller(call.headers.get("authorization"))
        return await self.dispatch(replace(call, caller=caller))

    async def dispatch(self, call: Call) -> Answer:
        """A request whose caller is known: one from outside, or a member of a batch."""
        opened = self._log.open(call)
        status, answered = None, False
        try:
            struck = self._faults.strike(call)
            if struck is not None:
                await _precede(struck, call)
            decided = None if struck is None else self._instead(struck.fault)
            answer = await self._service.answer(call) if decided is None else decided
            status = answer.status
            if struck is not None and struck.fault.lose_answer:
                struck.notify(call)
                raise ConnectionDropped
            answered = True
            return answer
        finally:
            self._log.close(opened, status=status, answered=answered)

    def _instead(self, fault: Fault) -> Answer | None:
        """The answer that a fault gives in the service's place."""
        if fault.status is None:
            return None
        answer = self._service.error(fault.status, fault.code, fault.message)
        if fault.body is not None:
            answer = replace(answer, body=fault.body.encode(), content_type=fault.content_type)
        retry = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        return replace(answer, headers={**answer.headers, **retry, **fault.headers})


async def _precede(struck: FaultHandle, call: Call) -> None:
    """What a fault does before the request is handled."""
    fault = struck.fault
    if not fault.lose_answer:
        struck.notify(call)
    if fault.latency:
        await asyncio.sleep(fault.latency)
    if fault.hang or fault.hold:
        await struck.removed()
    if fault.hang or fault.refuse:
        raise ConnectionDropped
