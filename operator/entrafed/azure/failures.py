"""What the SDKs raise, and what it is to the engine.

They have some twenty exception types between them, some of no family, and their texts may quote requests and bodies. So
an exception is looked at here and then dropped, chain and all.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import aiohttp
import httpx
from azure.core.exceptions import ServiceRequestError, ServiceResponseError

from entrafed.azure.answers import NO_BILL, Bill
from entrafed.azure.budgets import Scope
from entrafed.azure.calls import Call, Refused, Unreadable
from entrafed.azure.translation import held, no_answer, translate, unreadable
from entrafed.domain.errors import AzureProblem

UNREACHABLE = (ServiceRequestError, ServiceResponseError, httpx.TransportError, aiohttp.ClientError, OSError)
"""How the SDKs and what is below them say that no answer came."""

CAUSES: tuple[tuple[type[BaseException], str], ...] = (
    (aiohttp.ClientSSLError, "its TLS certificate or protocol is not accepted"),
    (aiohttp.ClientConnectorDNSError, "its name cannot be resolved"),
    (aiohttp.ConnectionTimeoutError, "no connection within the time limit"),
    (aiohttp.ClientConnectorError, "no connection"),
    (TimeoutError, "not within the time limit"),
)
BROKEN = "the connection broke"


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that did not succeed. `code` is the metric's label; None where no request was sent for it."""

    problem: AzureProblem
    code: str | None
    held: Scope | None = None
    hold_seconds: float = 0.0
    bill: Bill = NO_BILL


def understand(call: Call, error: Exception) -> Failure:
    """What an exception out of an SDK means."""
    if isinstance(error, AzureProblem):  # the sign-in's
        return Failure(error, code=None)
    if isinstance(error, Refused):
        answer = error.answer
        hold = held(call, answer)
        return Failure(translate(call, answer), str(answer.status), hold, answer.retry_after or 0.0, answer.bill)
    if isinstance(error, UNREACHABLE):  # a TimeoutError is an OSError
        timeout = isinstance(error, TimeoutError)
        return Failure(no_answer(call, _cause(error)), code="timeout" if timeout else "unreachable")
    cause = str(error) if isinstance(error, Unreadable) else "its body cannot be read"
    return Failure(unreadable(call, cause), code="unreadable")


def _cause(error: BaseException) -> str:
    return next((words for link in _chain(error) for kind, words in CAUSES if isinstance(link, kind)), BROKEN)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
