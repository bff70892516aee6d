"""What the SDKs and what is below them raise, told in words that people can act on."""

import ssl

import aiohttp
import httpx
import pytest
from aiohttp.client_reqrep import ConnectionKey
from azure.core.exceptions import DecodeError, ServiceRequestError, ServiceResponseError

from entrafed.api.reasons import Reason
from entrafed.azure.answers import Answer
from entrafed.azure.budgets import Scope
from entrafed.azure.calls import Call, Operation, Refused, Service, Unreadable
from entrafed.azure.failures import understand
from entrafed.domain.errors import AzureProblem, Problem, ProblemKind

CALL = Call(Service.GRAPH, Operation.CREATE_CREDENTIAL, "create web")
HOST = ConnectionKey("host", 443, is_ssl=True, ssl=True, proxy=None, proxy_auth=None, proxy_headers_hash=None)


def because_of(error: Exception, cause: BaseException) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "words", "code"),
    [
        (TimeoutError(), "not within the time limit", "timeout"),
        (because_of(ServiceRequestError("x"), aiohttp.ClientConnectorError(HOST, OSError())), "no connection", None),
        (because_of(httpx.ConnectError("x"), aiohttp.ClientConnectorError(HOST, OSError())), "no connection", None),
        (
            because_of(httpx.ConnectError("x"), aiohttp.ClientConnectorDNSError(HOST, OSError())),
            "its name cannot be resolved",
            None,
        ),
        (
            because_of(ServiceRequestError("x"), aiohttp.ClientConnectorCertificateError(HOST, ssl.SSLError())),
            "its TLS certificate or protocol is not accepted",
            None,
        ),
        (
            because_of(ServiceRequestError("x"), aiohttp.ConnectionTimeoutError()),
            "no connection within the time limit",
            None,
        ),
        (because_of(ServiceResponseError("x"), aiohttp.ServerDisconnectedError()), "the connection broke", None),
        (because_of(httpx.ReadError("x"), aiohttp.ClientPayloadError()), "the connection broke", None),
        (ConnectionResetError(), "the connection broke", None),
    ],
)
def test_a_request_without_an_answer_says_why_and_may_have_happened(
    error: Exception, words: str, code: str | None
) -> None:
    failure = understand(CALL, error)
    assert failure.problem.problem.reason is Reason.AZURE_UNAVAILABLE
    assert (
        failure.problem.problem.message
        == f"Cannot create web: Microsoft Graph did not answer ({words}); it is tried again"
    )
    assert not failure.problem.answered
    assert failure.code == (code or "unreachable")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (Unreadable("it is not JSON"), "it is not JSON"),
        (DecodeError("Bearer planted"), "its body cannot be read"),
        (ValueError("Bearer planted"), "its body cannot be read"),
        (KeyError("planted"), "its body cannot be read"),
    ],
)
def test_a_body_that_is_not_understood_is_not_quoted(error: Exception, cause: str) -> None:
    failure = understand(CALL, error)
    assert failure.problem.problem.reason is Reason.UNEXPECTED_ANSWER
    assert cause in failure.problem.problem.message
    assert "planted" not in failure.problem.problem.message
    assert not failure.problem.answered
    assert failure.code == "unreadable"


def test_a_refusal_carries_its_status_and_what_it_holds() -> None:
    failure = understand(CALL, Refused(Answer(429, "TooManyRequests", retry_after=5.0)))
    assert (failure.code, failure.held, failure.hold_seconds) == ("429", Scope.TENANT, 5.0)


def test_a_sign_in_that_failed_within_a_call_is_passed_on_uncounted() -> None:
    problem = AzureProblem(Problem(ProblemKind.TRANSIENT, Reason.SIGN_IN_FAILED, "Cannot sign in"))
    failure = understand(CALL, problem)
    assert failure.problem is problem
    assert failure.code is None
