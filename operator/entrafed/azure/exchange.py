"""What every request has in common: a budget, a bound on time, a count, and one kind of failure."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import structlog

from entrafed.azure.budgets import Budget
from entrafed.azure.calls import Call, Reply, Seen
from entrafed.azure.clock import Clock
from entrafed.azure.failures import understand
from entrafed.domain.errors import AzureProblem, WritesStopped

T = TypeVar("T")

log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CallTiming:
    """Seconds."""

    request_timeout: float = 30.0
    """Bounds one request, its answer included."""
    token_skew: float = 300.0
    """How long before its end a token is renewed."""
    look: float = 10.0
    """How long a list of an identity's credentials, or a read of a host, counts as the look before a write."""
    poll: float = 10.0
    """Between looks at a change that Azure has accepted, where it does not say."""

    def scaled(self, factor: float) -> "CallTiming":
        """All durations multiplied but that of tokens, which live as long in a laboratory."""
        return replace(
            self,
            request_timeout=self.request_timeout * factor,
            look=self.look * factor,
            poll=self.poll * factor,
        )


class Exchange:
    """Sends requests, one at a time or many: it keeps nothing between them. `seen` is told of each."""

    def __init__(self, *, clock: Clock, timeout: float, seen: Seen) -> None:
        self._clock = clock
        self._timeout = timeout
        self._seen = seen

    async def ask(self, call: Call, budget: Budget, send: Callable[[], Awaitable[Reply[T]]]) -> T:
        """Send one request. Raises `AzureProblem`, `WritesStopped`, `CancelledError`, and nothing else."""
        async with budget.spend():
            outcome = await self.attempt(call, budget, send)
        if isinstance(outcome, AzureProblem):
            raise outcome  # outside of any `except`: an SDK's exception in the chain would carry requests and tokens
        return outcome.value

    async def attempt(
        self, call: Call, budget: Budget, send: Callable[[], Awaitable[Reply[T]]]
    ) -> Reply[T] | AzureProblem:
        """What comes of a request that need not wait for its budget any more. Raises `WritesStopped` and
        `CancelledError`."""
        started = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._timeout):
                reply = await send()
        except WritesStopped:
            raise
        except Exception as error:
            failure = understand(call, error)
            budget.billed(failure.bill)
        else:
            budget.billed(reply.bill)
            self._count(call, str(reply.status), started)
            tell = log.info if call.operation.is_write else log.debug
            tell("azure request", service=call.service, doing=call.doing, code=reply.status)
            return reply
        if failure.code is not None:
            self._count(call, failure.code, started)
            _tell(failure.problem)
        if failure.held is not None:
            budget.hold(failure.held, failure.hold_seconds)
        return failure.problem

    def _count(self, call: Call, code: str, started: float) -> None:
        self._seen(call.service.value, call.operation.value, code, self._clock.monotonic() - started)


def _tell(failure: AzureProblem) -> None:
    problem = failure.problem
    tell = log.warning if problem.warning else log.info
    tell("azure request failed", problem=problem.message, reason=problem.reason, request_id=failure.request_id)
