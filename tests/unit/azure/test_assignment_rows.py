"""Every documented error of hosts, roles and tenants has a row that says who must act, why, and what to do."""

import pytest

from entrafed.api.reasons import Reason
from entrafed.azure.answers import Answer
from entrafed.azure.assignment_errors import ASSIGNMENT_ROWS, CHANGE, HOST, PRINCIPALS, ROLES
from entrafed.azure.calls import WRITES, Call, Operation, Service
from entrafed.azure.error_table import Row
from entrafed.azure.translation import TABLE, translate
from entrafed.domain.errors import AlreadyThere, NotFound, ProblemKind
from unit.azure.test_translation import Case

GRAPH, ARM, LOGIN = Service.GRAPH, Service.ARM, Service.LOGIN
READ, PATCH, FOLLOW = Operation.READ_HOST, Operation.CHANGE_HOST, Operation.FOLLOW_CHANGE
GIVE, TAKE, ROLE = Operation.CREATE_ROLE_ASSIGNMENT, Operation.DELETE_ROLE_ASSIGNMENT, Operation.READ_ROLE
PROVISION, PRINCIPAL = Operation.CREATE_SERVICE_PRINCIPAL, Operation.READ_SERVICE_PRINCIPAL
PROBE = Operation.SEE_WHETHER_PROVISIONED

TERMINAL, FORBIDDEN, CONFLICT = ProblemKind.TERMINAL, ProblemKind.FORBIDDEN, ProblemKind.CONFLICT
WAITING, THROTTLED, TRANSIENT = ProblemKind.WAITING, ProblemKind.THROTTLED, ProblemKind.TRANSIENT

LINKED = (
    "The client 'c' has permission to perform action 'Microsoft.Compute/virtualMachines/write' on scope '/s'; however, "
    "it does not have permission to perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action' on "
    "the linked scope(s) '/i' or the linked scope(s) are invalid."
)
NO_RIGHT = (
    "The client 'c' does not have authorization to perform action 'Microsoft.Authorization/roleAssignments/write' over "
    "scope '/s' or the scope is invalid."
)
FAILED = "Identity operation for resource '/vm' failed with error 'Resource was not found'"
HIDDEN = 'Identity operation failed. Status: \'429\'. Response: \'{"error":{"code":"TooManyRequests"}}\'.'
VALID = "The appId 'a' of the service principal does not reference a valid application object."

# fmt: off
CASES = (
    # Hosts: what the facts name
    *(Case(ARM, operation, 400, code, "No.", TERMINAL, Reason.VALUE_REFUSED) for operation in CHANGE for code in (
        "InvalidParameter", "MissingIdentityIds", "InvalidIdentityValues", "LinkedInvalidPropertyId", "BadRequest")),
    *(Case(ARM, operation, 400, "FailedIdentityOperation", FAILED, TERMINAL, Reason.IDENTITY_NOT_ASSIGNABLE)
      for operation in CHANGE),
    *(Case(ARM, operation, 400, "FailedIdentityOperation", HIDDEN, THROTTLED, Reason.THROTTLED)
      for operation in CHANGE),
    Case(ARM, PATCH, 403, "LinkedAuthorizationFailed", LINKED, FORBIDDEN, Reason.ACCESS_DENIED),
    Case(ARM, FOLLOW, 400, "LinkedAuthorizationFailed", LINKED, FORBIDDEN, Reason.ACCESS_DENIED),
    *(Case(ARM, operation, 403, "AuthorizationFailed", NO_RIGHT, FORBIDDEN, Reason.ACCESS_DENIED)
      for operation in (*HOST, *ROLES)),
    *(Case(ARM, operation, 404, code, "Gone.", WAITING, Reason.HOST_NOT_FOUND, NotFound)
      for operation in HOST for code in ("ResourceNotFound", "ResourceGroupNotFound", "NotFound")),
    *(Case(ARM, PATCH, 409, code, "Busy.", WAITING, Reason.HOST_BUSY)
      for code in ("Conflict", "OperationNotAllowed", "AnotherOperationInProgress")),
    Case(ARM, PATCH, 412, "PreconditionFailed", "The etag differs.", TRANSIENT, Reason.CONCURRENT_WRITE),
    *(Case(ARM, operation, 409, "ScopeLocked", "Locked.", FORBIDDEN, Reason.SCOPE_LOCKED)
      for operation in (PATCH, GIVE, TAKE)),
    Case(ARM, PATCH, 403, "RequestDisallowedByPolicy", "No.", FORBIDDEN, Reason.POLICY_DENIED),
    *(Case(ARM, operation, 429, "TooManyRequests", "Slow.", THROTTLED, Reason.THROTTLED)
      for operation in (*HOST, *ROLES)),

    # Role assignments
    Case(ARM, GIVE, 409, "RoleAssignmentExists", "It exists.", CONFLICT, Reason.ASSIGNMENT_CONFLICT, AlreadyThere),
    Case(ARM, GIVE, 400, "RoleAssignmentUpdateNotPermitted", "No.", CONFLICT, Reason.ASSIGNMENT_CONFLICT),
    Case(ARM, GIVE, 400, "PrincipalNotFound", "Principal x does not exist.", WAITING, Reason.PRINCIPAL_NOT_READY),
    *(Case(ARM, GIVE, status, "RoleAssignmentLimitExceeded", "Full.", FORBIDDEN, Reason.QUOTA_EXCEEDED)
      for status in (400, 403, 409)),
    *(Case(ARM, GIVE, status, "RoleDefinitionDoesNotExist", "None.", TERMINAL, Reason.ROLE_NOT_FOUND)
      for status in (400, 404)),
    Case(ARM, GIVE, 400, "UnmatchedPrincipalType", "It is a user.", TERMINAL, Reason.VALUE_REFUSED),
    Case(ARM, GIVE, 400, "BadRequest", "The condition is invalid.", TERMINAL, Reason.VALUE_REFUSED),
    *(Case(ARM, operation, 404, "ResourceNotFound", "Gone.", WAITING, Reason.SCOPE_NOT_FOUND, NotFound)
      for operation in ROLES),

    # Service principals
    Case(GRAPH, PROVISION, 409, "Request_MultipleObjectsWithSameKeyValue", "In use.", CONFLICT,
         Reason.ASSIGNMENT_CONFLICT, AlreadyThere),
    Case(GRAPH, PROVISION, 400, "Request_BadRequest", VALID, TERMINAL, Reason.NOT_MULTI_TENANT),
    Case(GRAPH, PROVISION, 404, "Request_ResourceNotFound", "No.", TERMINAL, Reason.NOT_MULTI_TENANT),
    Case(GRAPH, PROVISION, 400, "Request_BadRequest", "Something else.", TERMINAL, Reason.VALUE_REFUSED),
    Case(GRAPH, PROVISION, 400, "Request_BadRequest", "Not as per assigned policy.", FORBIDDEN, Reason.POLICY_DENIED),
    *(Case(GRAPH, operation, 403, "Authorization_RequestDenied", "No.", FORBIDDEN, Reason.ACCESS_DENIED)
      for operation in PRINCIPALS),
    *(Case(GRAPH, operation, 404, "Request_ResourceNotFound", "Gone.", WAITING, Reason.PROGRESSING, NotFound)
      for operation in (PRINCIPAL, Operation.DELETE_SERVICE_PRINCIPAL)),
    Case(LOGIN, PROBE, 401, "invalid_client", "AADSTS1: ?", TRANSIENT, Reason.AZURE_ERROR),

    # What no page names
    *(Case(ARM, operation, status, "NewOne", "Odd.", TRANSIENT, Reason.AZURE_ERROR)
      for operation in (*HOST, *ROLES) for status in (400, 404, 409, 418)),
    *(Case(ARM, operation, 404, None, "", TRANSIENT, Reason.UNEXPECTED_ANSWER) for operation in (*HOST, *ROLES)),
    *(Case(GRAPH, operation, 404, None, "", TRANSIENT, Reason.UNEXPECTED_ANSWER) for operation in PRINCIPALS),
)
# fmt: on


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_answer_has_its_reason_and_a_message_that_says_what_where_and_the_code(case: Case) -> None:
    raised = translate(case.call, case.answer)
    assert (raised.problem.kind, raised.problem.reason) == (case.kind, case.reason)
    assert type(raised) is case.raises
    message = raised.problem.message
    assert message.startswith(f"Cannot {case.call.doing}: ")
    assert str(case.status) in message
    assert case.code is None or case.code in message
    assert "{" not in message.replace(case.text, "")
    assert len(message) < 600


@pytest.mark.parametrize("row", ASSIGNMENT_ROWS, ids=lambda row: f"{row.reason} {row.statuses} {row.says}")
def test_no_row_stands_in_the_shadow_of_another(row: Row) -> None:
    assert row in [next((one for one in TABLE if one.fits(case.call, case.answer)), None) for case in CASES]


@pytest.mark.parametrize("row", ASSIGNMENT_ROWS, ids=lambda row: f"{row.reason} {row.statuses} {row.says}")
def test_nobody_is_kept_from_the_rows_of_credentials(row: Row) -> None:
    assert not {operation for operation in row.operations if operation.value.endswith("credential")}


@pytest.mark.parametrize("text", [HIDDEN, "Response code: 429", "Status 429 (Too Many Requests)"])
def test_a_429_that_hides_in_a_failed_change_is_waited_for(text: str) -> None:
    problem = translate(Call(ARM, FOLLOW, "change vm"), Answer(400, "FailedIdentityOperation", text)).problem
    assert (problem.kind, problem.after) == (THROTTLED, 60.0)


def test_the_right_that_is_missing_on_the_identity_is_named_not_the_one_that_is_there() -> None:
    message = translate(Call(ARM, PATCH, "change vm"), Answer(403, "LinkedAuthorizationFailed", LINKED)).problem.message
    assert "lacks Microsoft.ManagedIdentity/userAssignedIdentities/assign/action" in message
    assert "virtualMachines/write" not in message


@pytest.mark.parametrize(
    ("scopes", "named"),
    [("/ids/one", "on one,"), ("/ids/one,/ids/two", "on one, two,"), ("/", "on an identity of the host,")],
)
def test_the_identities_that_it_is_missing_on_are_named(scopes: str, named: str) -> None:
    answer = Answer(403, "LinkedAuthorizationFailed", LINKED.replace("'/i'", f"'{scopes}'"))
    assert named in translate(Call(ARM, PATCH, "change vm"), answer).problem.message


def test_a_missing_right_is_told_where_azure_names_no_identity() -> None:
    message = translate(Call(ARM, PATCH, "change vm"), Answer(403, "LinkedAuthorizationFailed", "No.")).problem.message
    assert "lacks a right on an identity of the host" in message


@pytest.mark.parametrize("operation", [one for one in WRITES if one in (*HOST, *ROLES)])
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_after_an_error_of_the_service_a_change_may_have_happened(operation: Operation, status: int) -> None:
    raised = translate(Call(ARM, operation, "change"), Answer(status, "InternalServerError"))
    assert (raised.problem.reason, raised.answered) == (Reason.AZURE_UNAVAILABLE, False)
