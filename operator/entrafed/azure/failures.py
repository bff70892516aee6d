"""What the SDKs raise, and what it is to the engine.

They have some twenty exception types between them, some of no family, and their texts may quote requests and bodies. So
an exception is looked at here and then dropped, chain and all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, cast

import aiohttp
import httpx
from azure.core.exceptions import HttpResponseError, ServiceRequestError, ServiceResponseError

from entrafed.azure.answers import Answer, read_answer
from entrafed.azure.budgets import Scope
from entrafed.azure.calls import Call, Refused, Unreadable
from entrafed.azure.translation import no_answer, translate, unreadable
from entrafed.domain.errors import AzureProblem

UNREACHABLE = (ServiceRequestError, ServiceResponseError, httpx.TransportError, aiohttp.ClientError, OSError)
"""How the SDKs and what is below them say that no answer came."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that did not succeed. `code` is the metric's label; None where no request was sent for it."""

    problem: AzureProblem
    code: str | None
    status: int | None = None
    holds: Scope | None = None
    hold_seconds: float = 0.0


def understand(call: Call, error: Exception, now: float) -> Failure:
    """What an exception out of an SDK means. `now` is seconds since the epoch."""
    if isinstance(error, AzureProblem):  # of a call within the call: the token's
        return Failure(error, code=None)
    if isinstance(error, Refused):
        return _refused(call, error.answer)
    if isinstance(error, HttpResponseError) and error.response is not None:  # azure-identity reads answers itself
        return _refused(call, _answer(cast("_Response", error.response), now))
    if isinstance(error, TimeoutError):
        return Failure(no_answer(call, "too slow"), code="timeout")
    if isinstance(error, UNREACHABLE):
        return Failure(no_answer(call, type(error).__name__), code="unreachable")
    cause = str(error) if isinstance(error, Unreadable) else type(error).__name__
    return Failure(unreadable(call, cause), code="unreadable")


def _refused(call: Call, answer: Answer) -> Failure:
    if 200 <= answer.status < 300:
        return Failure(unreadable(call, "its body cannot be read"), code="unreadable", status=answer.status)
    problem, scope = translate(call, answer)
    return Failure(
        problem,
        code=str(answer.status),
        status=answer.status,
        holds=scope if answer.retry_after is not None else None,
        hold_seconds=answer.retry_after or 0.0,
    )


class _Response(Protocol):
    status_code: int
    headers: Mapping[str, str]
    content: object


def _answer(response: _Response, now: float) -> Answer:
    headers = {name.lower(): value for name, value in response.headers.items()}
    body = response.content if isinstance(response.content, bytes) else b""
    return read_answer(response.status_code, headers, body, now)
