"""Every documented error has a row, and every row says who must act, why, and what to do."""

from dataclasses import dataclass

import pytest

from entrafed.api.reasons import Reason
from entrafed.azure.aadsts import AADSTS
from entrafed.azure.answers import Answer
from entrafed.azure.budgets import Scope
from entrafed.azure.calls import WRITES, Call, FlexibleHidden, Operation, Service
from entrafed.azure.error_table import ROWS, UNAVAILABLE
from entrafed.azure.translation import held, no_answer, translate, unreadable
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, ProblemKind

GRAPH, ARM, LOGIN = Service.GRAPH, Service.ARM, Service.LOGIN
CREATE, UPDATE, DELETE = Operation.CREATE_CREDENTIAL, Operation.UPDATE_CREDENTIAL, Operation.DELETE_CREDENTIAL
LIST, TARGET, IDENTITY = Operation.LIST_CREDENTIALS, Operation.READ_TARGET, Operation.READ_IDENTITY
ITSELF, SIGN_IN = Operation.READ_SELF, Operation.SIGN_IN

TERMINAL, FORBIDDEN, CONFLICT = ProblemKind.TERMINAL, ProblemKind.FORBIDDEN, ProblemKind.CONFLICT
WAITING, THROTTLED, TRANSIENT = ProblemKind.WAITING, ProblemKind.THROTTLED, ProblemKind.TRANSIENT


@dataclass(frozen=True)
class Case:
    """An answer as documented, to an operation, and what it means."""

    service: Service
    operation: Operation
    status: int
    code: str | None
    text: str
    kind: ProblemKind
    reason: Reason
    raises: type[AzureProblem] = AzureProblem

    def __str__(self) -> str:
        return f"{self.service} {self.operation} {self.status} {self.code or self.text[:30]}"

    @property
    def call(self) -> Call:
        return Call(self.service, self.operation, f"{self.operation.replace('_', ' ')} web")

    @property
    def answer(self) -> Answer:
        return Answer(self.status, self.code, self.text)


AUTHORIZATION_FAILED = (
    "The client 'c' with object id 'o' does not have authorization to perform action 'Microsoft.ManagedIdentity/"
    "userAssignedIdentities/read' over scope '/subscriptions/s' or the scope is invalid. If access was recently "
    "granted, please refresh your credentials."
)
PAIR_ON_GRAPH = (
    "The combination of issuer and subject must be unique for the application. Issuer: i and Subject: s already exist."
    " paramName: FederatedIdentityCredential.Subject, paramValue: s"
)
PAIR_ON_ARM = "Issuer and subject combination already exists for this Managed Identity."
CONCURRENT = "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"
INVALID = "InvalidFederatedIdentityCredentialValue"
CLAIMS = "Expression configured for issuer 'x' either lacks all required claims or contains unallowed claims."
NO_NULL_SUBJECT = "The property 'subject[Nullable=False]' of type 'Edm.String' has a null value."
REGION = "The request format was unexpected: Support for federated identity credentials not enabled."

# fmt: off
CASES = (
    # Microsoft Graph
    Case(GRAPH, CREATE, 400, "Request_BadRequest", "Invalid property 'x'.", TERMINAL, Reason.VALUE_REFUSED),
    Case(GRAPH, UPDATE, 400, INVALID, "The value is too long.", TERMINAL, Reason.VALUE_REFUSED),
    Case(GRAPH, CREATE, 400, INVALID, CLAIMS, TERMINAL, Reason.VALUE_REFUSED),
    Case(GRAPH, CREATE, 400, INVALID, PAIR_ON_GRAPH, CONFLICT, Reason.CREDENTIAL_CONFLICT, AlreadyThere),
    Case(GRAPH, CREATE, 400, INVALID, "It is not allowed as per assigned policy.", FORBIDDEN, Reason.POLICY_DENIED),
    Case(GRAPH, CREATE, 409, "Request_MultipleObjectsWithSameKeyValue", "FederatedIdentityCredential with name X "
         "already exists.", CONFLICT, Reason.CREDENTIAL_CONFLICT, AlreadyThere),
    Case(GRAPH, CREATE, 403, "Authorization_RequestDenied", "Insufficient privileges.", FORBIDDEN,
         Reason.OWNER_REQUIRED),
    Case(GRAPH, LIST, 403, "Authorization_RequestDenied", "Insufficient privileges.", FORBIDDEN, Reason.ACCESS_DENIED),
    Case(GRAPH, LIST, 424, "FailedDependency", "Another failed.", TRANSIENT, Reason.AZURE_UNAVAILABLE),
    Case(GRAPH, LIST, 401, "InvalidAuthenticationToken", "Access token has expired.", TRANSIENT,
         Reason.SIGN_IN_FAILED),
    Case(GRAPH, TARGET, 404, "Request_ResourceNotFound", "Resource 'x' does not exist.", WAITING,
         Reason.TARGET_NOT_FOUND, NotFound),
    Case(GRAPH, CREATE, 404, "Request_ResourceNotFound", "Resource 'x' does not exist.", WAITING,
         Reason.TARGET_NOT_READY, NotFound),
    Case(GRAPH, LIST, 404, "Request_ResourceNotFound", "Resource 'x' does not exist.", WAITING,
         Reason.TARGET_NOT_FOUND, NotFound),
    Case(GRAPH, DELETE, 404, "Request_ResourceNotFound", "Resource 'x' does not exist.", WAITING,
         Reason.PROGRESSING, NotFound),
    Case(GRAPH, ITSELF, 404, "Request_ResourceNotFound", "Resource 'x' does not exist.", TRANSIENT,
         Reason.SIGN_IN_FAILED, NotFound),
    *(Case(GRAPH, CREATE, status, "Directory_QuotaExceeded", "The quota is exceeded.", CONFLICT, Reason.QUOTA_EXCEEDED)
      for status in (400, 403, 409)),
    Case(GRAPH, CREATE, 400, "Request_BadRequest", "Too many federatedIdentityCredentials.", CONFLICT,
         Reason.QUOTA_EXCEEDED),
    *(Case(GRAPH, operation, status, "Directory_ConcurrencyViolation", "", TRANSIENT, Reason.CONCURRENT_WRITE)
      for status in (409, 503) for operation in WRITES),
    Case(GRAPH, LIST, 500, "InternalServerError", NO_NULL_SUBJECT, TRANSIENT, Reason.AZURE_UNAVAILABLE, FlexibleHidden),
    Case(GRAPH, LIST, 429, "TooManyRequests", "Too many requests.", THROTTLED, Reason.THROTTLED),
    *(Case(GRAPH, CREATE, status, "ServiceUnavailable", "", TRANSIENT, Reason.AZURE_UNAVAILABLE)
      for status in UNAVAILABLE),
    # Azure Resource Manager
    *(Case(ARM, CREATE, 400, "BadRequest", text, TERMINAL, Reason.VALUE_REFUSED) for text in (
        "Federated identity credentials must have exactly one audience.",
        "Federated Identity Credential from HTTP body has empty properties",
        "Federated Identity Credential name 'x' is invalid.",
    )),
    Case(ARM, CREATE, 400, "InvalidRequest", "Federated identity credentials must have exactly one audience.",
         TERMINAL, Reason.VALUE_REFUSED),
    Case(ARM, CREATE, 400, "BadRequest", PAIR_ON_ARM, CONFLICT, Reason.CREDENTIAL_CONFLICT, AlreadyThere),
    Case(ARM, CREATE, 400, "BadRequest", "Too many Federated Identity Credentials.", CONFLICT, Reason.QUOTA_EXCEEDED),
    Case(ARM, CREATE, 403, "QuotaExceeded", "It has reached its limit.", CONFLICT, Reason.QUOTA_EXCEEDED),
    Case(ARM, TARGET, 403, "AuthorizationFailed", AUTHORIZATION_FAILED, FORBIDDEN, Reason.ACCESS_DENIED),
    Case(ARM, CREATE, 403, "LinkedAuthorizationFailed", "", FORBIDDEN, Reason.ACCESS_DENIED),
    Case(ARM, CREATE, 403, "RequestDisallowedByPolicy", "Resource 'x' was disallowed by policy.", FORBIDDEN,
         Reason.POLICY_DENIED),
    *(Case(ARM, LIST, 404, code, "", WAITING, Reason.TARGET_NOT_FOUND, NotFound)
      for code in ("ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound")),
    Case(ARM, IDENTITY, 404, "ResourceNotFound", "", WAITING, Reason.IDENTITY_NOT_FOUND, NotFound),
    Case(ARM, UPDATE, 404, "ResourceNotFound", "", WAITING, Reason.PROGRESSING, NotFound),
    Case(ARM, CREATE, 404, "ParentResourceNotFound", "The parent user-assigned identity doesn't exist.", WAITING,
         Reason.TARGET_NOT_READY),
    Case(ARM, CREATE, 404, "NotFound", "MS Graph resource not found during Federated Identity Credential creation.",
         WAITING, Reason.TARGET_NOT_READY),
    Case(ARM, CREATE, 405, "MethodNotAllowed", REGION, TERMINAL, Reason.REGION_UNSUPPORTED),
    *(Case(ARM, operation, 409, CONCURRENT, "Too many Federated Identity Credentials are written concurrently.",
           TRANSIENT, Reason.CONCURRENT_WRITE) for operation in WRITES),
    Case(ARM, LIST, 409, "MissingSubscriptionRegistration", "", FORBIDDEN, Reason.ACCESS_DENIED),
    Case(ARM, DELETE, 409, "ScopeLocked", "", FORBIDDEN, Reason.SCOPE_LOCKED),
    Case(ARM, CREATE, 401, "ExpiredAuthenticationToken", "", TRANSIENT, Reason.SIGN_IN_FAILED),
    Case(ARM, LIST, 429, "TooManyRequests", "", THROTTLED, Reason.THROTTLED),
    Case(ARM, LIST, 429, "SubscriptionRequestsThrottled", "", THROTTLED, Reason.THROTTLED),
    # The token endpoint, where it gives no number
    Case(LOGIN, SIGN_IN, 400, "invalid_request", "Something is wrong.", TRANSIENT, Reason.SIGN_IN_FAILED),
    Case(LOGIN, SIGN_IN, 503, None, "", TRANSIENT, Reason.AZURE_UNAVAILABLE),
    Case(LOGIN, SIGN_IN, 429, None, "", THROTTLED, Reason.THROTTLED),
    # What stands between
    *(Case(service, LIST, status, None, "", TRANSIENT, Reason.AZURE_UNAVAILABLE)
      for service in (GRAPH, ARM) for status in UNAVAILABLE),
    *(Case(service, LIST, 302, None, "", TRANSIENT, Reason.UNEXPECTED_ANSWER) for service in (GRAPH, ARM)),
    *(Case(service, LIST, status, None, "", TRANSIENT, Reason.UNEXPECTED_ANSWER)
      for service in (GRAPH, ARM) for status in (400, 403, 404, 405, 407, 409, 418, 451)),
)
# fmt: on


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_documented_answer_has_its_reason(case: Case) -> None:
    problem = translate(case.call, case.answer)
    assert (problem.problem.kind, problem.problem.reason) == (case.kind, case.reason)
    assert type(problem) is case.raises


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.reason} {row.statuses} {row.says}")
def test_no_row_stands_in_the_shadow_of_another(row: object) -> None:
    deciding = [next((row for row in ROWS if row.fits(case.call, case.answer)), None) for case in CASES]
    assert row in deciding


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_message_is_one_sentence_with_what_where_and_the_code(case: Case) -> None:
    message = translate(case.call, case.answer).problem.message
    assert message.startswith(f"Cannot {case.call.doing}: ")
    assert str(case.status) in message
    assert case.code is None or case.code in message
    assert "{" not in message
    assert "\n" not in message
    assert len(message) < 600


def test_an_unknown_error_is_transient_and_shows_its_code_and_text() -> None:
    problem = translate(Call(ARM, CREATE, "create web"), Answer(418, "Teapot", "Short and stout.")).problem
    assert (problem.kind, problem.reason) == (TRANSIENT, Reason.AZURE_ERROR)
    assert problem.message == "Cannot create web: Short and stout. (Azure Resource Manager: 418 Teapot)"


def test_braces_in_azures_text_are_text() -> None:
    answer = Answer(400, "Request_BadRequest", "Invalid {text} {action} {0}")
    assert "Invalid {text} {action} {0}" in translate(Call(GRAPH, CREATE, "create web"), answer).problem.message


def test_the_missing_right_is_named() -> None:
    answer = Answer(403, "AuthorizationFailed", AUTHORIZATION_FAILED)
    message = translate(Call(ARM, TARGET, "read web"), answer).problem.message
    assert "lacks Microsoft.ManagedIdentity/userAssignedIdentities/read there" in message


DOCUMENTED = {
    70021, 70025, 700211, 700212, 700213, 7002138, 7002131, 7002137, 7002121, 700222, 700226, 700227, 700236, 700223,
    700238, 700024, 700027, 5002727, 501661, 700016, 7000229, 7000215, 90002, 900382, 70052,
}  # fmt: skip
"""Codes of federation that Microsoft's pages name."""


def test_every_documented_code_of_the_token_endpoint_has_a_meaning() -> None:
    assert set(AADSTS) >= DOCUMENTED


@pytest.mark.parametrize(
    ("status", "error"), [(400, "invalid_request"), (401, "invalid_client"), (403, "access_denied")]
)
@pytest.mark.parametrize("number", AADSTS)
def test_a_refused_sign_in_says_the_number_and_its_meaning(number: int, status: int, error: str) -> None:
    """No document tells which status and which word go with a number."""
    answer = Answer(status, error, "Words of Entra.", aadsts=(number,))
    problem = translate(Call(LOGIN, SIGN_IN, "sign in to tenant t as c"), answer).problem
    assert problem.reason is Reason.SIGN_IN_FAILED
    assert problem.kind in (FORBIDDEN, TRANSIENT)
    meaning = AADSTS[number].meaning
    assert problem.message == f"Cannot sign in to tenant t as c: {meaning} (Entra: AADSTS{number})"


def test_an_unknown_number_of_entra_is_transient_and_shows_number_and_text() -> None:
    answer = Answer(400, "invalid_request", "AADSTS12345: Strange.", aadsts=(12345,))
    problem = translate(Call(LOGIN, SIGN_IN, "sign in"), answer).problem
    assert problem.kind is TRANSIENT
    assert problem.message == "Cannot sign in: AADSTS12345: Strange. (Entra: AADSTS12345)"


@pytest.mark.parametrize("number", [70021, 70025])
def test_a_trust_that_may_have_been_made_a_moment_ago_is_tried_again_by_itself(number: int) -> None:
    answer = Answer(400, "invalid_request", aadsts=(number,))
    assert translate(Call(LOGIN, SIGN_IN, "sign in"), answer).problem.kind is TRANSIENT


@pytest.mark.parametrize(("status", "answered"), [(400, True), (404, True), (409, True), (429, True)])
@pytest.mark.parametrize("code", ["Anything", None])
def test_a_refused_write_surely_did_not_happen(status: int, answered: bool, code: str | None) -> None:
    assert translate(Call(GRAPH, CREATE, "create web"), Answer(status, code)).answered is answered


@pytest.mark.parametrize("status", [*UNAVAILABLE, 507, 599])
def test_after_an_error_of_the_service_a_write_may_have_happened(status: int) -> None:
    assert not translate(Call(GRAPH, CREATE, "create web"), Answer(status)).answered


def test_a_write_refused_because_of_another_surely_did_not_happen() -> None:
    assert translate(Call(GRAPH, CREATE, "create web"), Answer(503, "Directory_ConcurrencyViolation")).answered


@pytest.mark.parametrize("problem", [no_answer, unreadable])
def test_a_write_without_a_readable_answer_may_have_happened(problem: object) -> None:
    assert callable(problem)
    raised = problem(Call(ARM, CREATE, "create web"), "the connection broke")
    assert isinstance(raised, AzureProblem)
    assert not raised.answered
    assert "Azure Resource Manager" in raised.problem.message


def test_what_azure_says_about_time_counts_more_than_our_own_guess() -> None:
    call = Call(ARM, CREATE, "create web")
    assert translate(call, Answer(404, "NotFound")).problem.after == 10.0
    assert translate(call, Answer(404, "NotFound", retry_after=3.0)).problem.after == 3.0
    assert translate(call, Answer(400, "BadRequest")).problem.after is None


@pytest.mark.parametrize(
    ("service", "answer", "scope"),
    [
        (GRAPH, Answer(429, "TooManyRequests", retry_after=5), Scope.TENANT),
        (GRAPH, Answer(503, "ServiceUnavailable", retry_after=5), Scope.TENANT),
        (LOGIN, Answer(429, retry_after=5), Scope.TENANT),
        (ARM, Answer(429, "TooManyRequests", retry_after=5), Scope.RESOURCE),
        (ARM, Answer(429, "SubscriptionRequestsThrottled", retry_after=5), Scope.SUBSCRIPTION),
        (ARM, Answer(429, "TenantRequestsThrottled", retry_after=5), Scope.TENANT),
        (ARM, Answer(503, "ServiceUnavailable", retry_after=5), Scope.RESOURCE),
        (GRAPH, Answer(503, "Directory_ConcurrencyViolation", retry_after=5), None),
        (GRAPH, Answer(404, "Request_ResourceNotFound", retry_after=5), None),
        (ARM, Answer(429, "TooManyRequests"), None),
    ],
)
def test_a_retry_after_holds_whoever_shares_the_budget_that_is_used_up(
    service: Service, answer: Answer, scope: Scope | None
) -> None:
    assert held(Call(service, CREATE, "create web"), answer) is scope
