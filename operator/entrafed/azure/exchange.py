"""What every request has in common: a token, a budget, a bound on time, a count, and one kind of failure."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from entrafed.azure.budgets import Budget
from entrafed.azure.calls import Call, Reply, Seen
from entrafed.azure.clock import Clock
from entrafed.azure.credential import SingleFlight
from entrafed.azure.failures import understand
from entrafed.domain.errors import AzureProblem, WritesStopped

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CallTiming:
    """Seconds. `request_timeout` bounds one request, its answer included; `token_skew` is how long before its end a
    token is renewed."""

    request_timeout: float = 30.0
    token_skew: float = 300.0


class Exchange:
    """One connection's way to one service."""

    def __init__(self, *, credential: SingleFlight, scope: str, clock: Clock, timing: CallTiming, seen: Seen) -> None:
        self._credential = credential
        self._scope = scope
        self._clock = clock
        self._timing = timing
        self._seen = seen

    async def ask(self, call: Call, budget: Budget, send: Callable[[], Awaitable[Reply[T]]]) -> T:
        """Send one request. Raises `AzureProblem`, `WritesStopped`, `CancelledError`, and nothing else."""
        # CAE as both SDKs ask for it, so that they find this token. Signing in first keeps the failures apart: what
        # fails here has not been sent.
        await self._credential.get_token(self._scope, enable_cae=True)
        async with budget.spend():
            outcome = await self._send(call, budget, send)
        if isinstance(outcome, AzureProblem):
            raise outcome  # outside of any `except`: an SDK's exception in the chain would carry requests and tokens
        return outcome.value

    async def _send(
        self, call: Call, budget: Budget, send: Callable[[], Awaitable[Reply[T]]]
    ) -> Reply[T] | AzureProblem:
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timing.request_timeout):
                reply = await send()
        except WritesStopped:
            raise
        except Exception as error:
            failure = understand(call, error, self._clock.now())
        else:
            self._count(call, str(reply.status), started)
            return reply
        if failure.code is not None:
            self._count(call, failure.code, started)
        if failure.status == 401:
            self._credential.forget()
        if failure.holds is not None:
            budget.hold(failure.holds, failure.hold_seconds)
        return failure.problem

    def _count(self, call: Call, code: str, started: float) -> None:
        self._seen(call.service.value, call.operation.value, code, self._clock.monotonic() - started)
