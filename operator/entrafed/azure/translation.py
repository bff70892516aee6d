"""What an answer of Microsoft means: one table, read from the top; the first row that fits decides.

Sources: https://learn.microsoft.com/graph/errors,
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors and
https://learn.microsoft.com/entra/identity-platform/reference-error-codes; where they are silent, messages that users of
the same APIs have reported.
"""

import re
from dataclasses import dataclass

from entrafed.api.reasons import Reason
from entrafed.azure.aadsts import AADSTS
from entrafed.azure.answers import Answer
from entrafed.azure.budgets import Scope
from entrafed.azure.calls import SPOKEN, WRITES, Call, Operation, Service
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, Problem, ProblemKind

GRAPH, ARM, LOGIN = frozenset({Service.GRAPH}), frozenset({Service.ARM}), frozenset({Service.LOGIN})
ANYWHERE = frozenset(Service)
ANYTHING = frozenset(Operation)
CREDENTIAL = frozenset({Operation.READ_CREDENTIAL, Operation.UPDATE_CREDENTIAL, Operation.DELETE_CREDENTIAL})
TARGET = frozenset({Operation.READ_TARGET, Operation.LIST_CREDENTIALS, Operation.CREATE_CREDENTIAL})
IDENTITY = frozenset({Operation.READ_IDENTITY})
ITSELF = frozenset({Operation.READ_SELF})
CREATE = frozenset({Operation.CREATE_CREDENTIAL})

GONE = ("Request_ResourceNotFound", "ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "NotFound")
"""Codes that come with a 404 of Microsoft's own. A 404 without one is a proxy's, and proves nothing."""

REFUSALS = (400, 401, 403)
"""Statuses of the token endpoint that go with an AADSTS code; the code decides, the statuses are not documented."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An error as documented, and what it means to us. Empty `statuses`, `codes` and `says` fit everything."""

    services: frozenset[Service] = ANYWHERE
    operations: frozenset[Operation] = ANYTHING
    statuses: tuple[int, ...] = ()
    codes: tuple[str, ...] = ()
    says: tuple[str, ...] = ()
    """One of these stands in Azure's text, in lower case."""
    kind: ProblemKind
    reason: Reason
    raises: type[AzureProblem] = AzureProblem
    advice: str
    """What it means and what to do, for people; `{text}` is Azure's own text, `{action}` the right that is missing."""
    holds: Scope = Scope.RESOURCE
    """Which budget a Retry-After belongs to."""

    def fits(self, call: Call, answer: Answer) -> bool:
        return (
            call.service in self.services
            and call.operation in self.operations
            and (not self.statuses or answer.status in self.statuses)
            and (not self.codes or answer.code in self.codes)
            and (not self.says or any(words in answer.text.lower() for words in self.says))
        )


ROWS = (
    # --- throttling and concurrency: nothing is wrong, only too early
    Row(
        services=ARM,
        statuses=(429,),
        codes=("SubscriptionRequestsThrottled",),
        kind=ProblemKind.THROTTLED,
        reason=Reason.THROTTLED,
        holds=Scope.SUBSCRIPTION,
        advice="the subscription has too many requests; it is tried again when Azure allows",
    ),
    Row(
        services=ARM,
        statuses=(429,),
        codes=("TenantRequestsThrottled",),
        kind=ProblemKind.THROTTLED,
        reason=Reason.THROTTLED,
        holds=Scope.TENANT,
        advice="the tenant has too many requests; it is tried again when Azure allows",
    ),
    Row(
        services=ARM,
        statuses=(429,),
        kind=ProblemKind.THROTTLED,
        reason=Reason.THROTTLED,
        advice="too many requests for this identity; it is tried again when Azure allows",
    ),
    Row(
        statuses=(429,),
        kind=ProblemKind.THROTTLED,
        reason=Reason.THROTTLED,
        holds=Scope.TENANT,
        advice="too many requests; it is tried again when Microsoft allows",
    ),
    Row(
        services=GRAPH,
        statuses=(409, 503),
        codes=("Directory_ConcurrencyViolation",),
        kind=ProblemKind.TRANSIENT,
        reason=Reason.CONCURRENT_WRITE,
        advice="somebody else writes to the same application at this moment; it is tried again",
    ),
    Row(
        services=ARM,
        statuses=(409,),
        codes=("ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",),
        kind=ProblemKind.TRANSIENT,
        reason=Reason.CONCURRENT_WRITE,
        advice="somebody else writes to the same managed identity at this moment; it is tried again",
    ),
    # --- it is there already
    Row(
        services=GRAPH,
        operations=WRITES,
        statuses=(409,),
        codes=("Request_MultipleObjectsWithSameKeyValue",),
        kind=ProblemKind.CONFLICT,
        reason=Reason.CREDENTIAL_CONFLICT,
        raises=AlreadyThere,
        advice="a credential of this name exists already",
    ),
    Row(
        services=GRAPH,
        operations=WRITES,
        statuses=(400,),
        says=("combination of issuer and subject must be unique",),
        kind=ProblemKind.CONFLICT,
        reason=Reason.CREDENTIAL_CONFLICT,
        raises=AlreadyThere,
        advice="another credential has this issuer and subject",
    ),
    Row(
        services=ARM,
        operations=WRITES,
        statuses=(400, 409),
        says=("issuer and subject combination already exists",),
        kind=ProblemKind.CONFLICT,
        reason=Reason.CREDENTIAL_CONFLICT,
        raises=AlreadyThere,
        advice="another credential has this issuer and subject",
    ),
    # --- no room
    Row(
        services=GRAPH,
        operations=CREATE,
        codes=("Directory_QuotaExceeded",),
        kind=ProblemKind.CONFLICT,
        reason=Reason.QUOTA_EXCEEDED,
        advice="there is no room: an application carries at most 20 credentials, a directory a number of objects",
    ),
    Row(
        services=ARM,
        operations=CREATE,
        statuses=(400, 403, 409),
        says=("too many federated identity credentials",),
        kind=ProblemKind.CONFLICT,
        reason=Reason.QUOTA_EXCEEDED,
        advice="there is no room: a managed identity carries at most 20 credentials",
    ),
    # --- somebody must grant a right, lift a policy or a lock
    Row(
        services=LOGIN,
        statuses=REFUSALS,
        codes=("invalid_client", "invalid_request", "invalid_grant", "invalid_scope", "unauthorized_client"),
        kind=ProblemKind.TRANSIENT,
        reason=Reason.SIGN_IN_FAILED,
        advice="the sign-in was refused: {text}",
    ),
    Row(
        statuses=(401,),
        kind=ProblemKind.TRANSIENT,
        reason=Reason.SIGN_IN_FAILED,
        advice="the operator's access token was not accepted; a new one is asked for",
    ),
    Row(
        services=GRAPH,
        operations=WRITES,
        statuses=(403,),
        codes=("Authorization_RequestDenied",),
        kind=ProblemKind.FORBIDDEN,
        reason=Reason.OWNER_REQUIRED,
        advice="the operator's service principal must be an owner of the application and have the Graph permission "
        "Application.ReadWrite.OwnedBy",
    ),
    Row(
        services=GRAPH,
        statuses=(403,),
        codes=("Authorization_RequestDenied",),
        kind=ProblemKind.FORBIDDEN,
        reason=Reason.ACCESS_DENIED,
        advice="the operator may not read it; it needs the Graph permission Application.ReadWrite.OwnedBy, and to be "
        "an owner of the application",
    ),
    Row(
        services=GRAPH,
        operations=WRITES,
        statuses=(400, 403),
        says=("per assigned policy", "assigned policy"),
        kind=ProblemKind.FORBIDDEN,
        reason=Reason.POLICY_DENIED,
        advice="a policy of the tenant forbids it: {text}",
    ),
    Row(
        services=ARM,
        statuses=(403,),
        codes=("RequestDisallowedByPolicy",),
        kind=ProblemKind.FORBIDDEN,
        reason=Reason.POLICY_DENIED,
        advice="an Azure Policy forbids it: {text}",
    ),
    Row(
        services=ARM,
        statuses=(409,),
        codes=("ScopeLocked",),
        kind=ProblemKind.FORBIDDEN,
        reason=Reason.SCOPE_LOCKED,
        advice="a management lock forbids it; remove the lock from the managed identity, its resource group or "
        "subscription",
    ),
    Row(
        services=ARM,
        statuses=(403,),
        codes=("AuthorizationFailed", "LinkedAuthorizationFailed"),
        kind=ProblemKind.FORBIDDEN,
        reason=Reason.ACCESS_DENIED,
        advice="the operator lacks {action} there, or it does not exist; grant a role such as Managed Identity "
        "Contributor",
    ),
    Row(
        services=ARM,
        statuses=(409,),
        codes=("MissingSubscriptionRegistration",),
        kind=ProblemKind.FORBIDDEN,
        reason=Reason.ACCESS_DENIED,
        advice="the subscription is not registered for Microsoft.ManagedIdentity; register that resource provider",
    ),
    # --- it cannot be done
    Row(
        services=ARM,
        operations=WRITES,
        statuses=(405,),
        kind=ProblemKind.TERMINAL,
        reason=Reason.REGION_UNSUPPORTED,
        advice="managed identities of this region carry no federated identity credentials; use an identity of another "
        "region",
    ),
    Row(
        services=GRAPH | ARM,
        operations=WRITES,
        statuses=(400,),
        codes=("Request_BadRequest", "InvalidFederatedIdentityCredentialValue", "BadRequest"),
        kind=ProblemKind.TERMINAL,
        reason=Reason.VALUE_REFUSED,
        advice="the value was refused: {text}",
    ),
    # --- not there, or not yet
    Row(
        services=ARM,
        operations=CREATE,
        statuses=(404,),
        codes=("ParentResourceNotFound", "NotFound"),
        kind=ProblemKind.WAITING,
        reason=Reason.TARGET_NOT_READY,
        advice="the managed identity is not known everywhere yet, as happens after it was made; it is tried again",
    ),
    Row(
        services=GRAPH | ARM,
        operations=TARGET,
        statuses=(404,),
        codes=GONE,
        kind=ProblemKind.WAITING,
        reason=Reason.TARGET_NOT_FOUND,
        raises=NotFound,
        advice="it is not there; check spec.target and the connection's tenant",
    ),
    Row(
        services=ARM,
        operations=IDENTITY,
        statuses=(404,),
        codes=GONE,
        kind=ProblemKind.WAITING,
        reason=Reason.IDENTITY_NOT_FOUND,
        raises=NotFound,
        advice="there is no such managed identity; check its resource id",
    ),
    Row(
        services=GRAPH | ARM,
        operations=CREDENTIAL,
        statuses=(404,),
        codes=GONE,
        kind=ProblemKind.WAITING,
        reason=Reason.PROGRESSING,
        raises=NotFound,
        advice="there is no such credential",
    ),
    Row(
        services=GRAPH,
        operations=ITSELF,
        statuses=(404,),
        codes=GONE,
        kind=ProblemKind.TRANSIENT,
        reason=Reason.SIGN_IN_FAILED,
        raises=NotFound,
        advice="the operator's service principal is not in the tenant, as far as this answer tells",
    ),
    # --- Microsoft, or what stands between, is not well
    Row(
        statuses=(408, 500, 502, 503, 504),
        kind=ProblemKind.TRANSIENT,
        reason=Reason.AZURE_UNAVAILABLE,
        advice="the service is not available; it is tried again",
    ),
    Row(
        statuses=(300, 301, 302, 303, 304, 307, 308),
        kind=ProblemKind.TRANSIENT,
        reason=Reason.UNEXPECTED_ANSWER,
        advice="the answer is a redirect, which is never followed; check what stands between the operator and it",
    ),
)

MAYBE_DONE = frozenset({408, 500, 502, 503, 504})
"""Answers that say nothing about whether a write happened: a gateway's, or an error after the fact."""

_ACTION = re.compile(r"perform action '([^']{1,200})'(?! on scope)")


def translate(call: Call, answer: Answer) -> tuple[AzureProblem, Scope]:
    """The exception that an answer without success is for the engine, and the budget that its Retry-After holds."""
    if call.service is Service.LOGIN and answer.aadsts and answer.status in REFUSALS:
        return _sign_in(call, answer), Scope.TENANT
    row = next((row for row in ROWS if row.fits(call, answer)), None)
    if row is None:
        return _problem(call, answer, _unknown(answer)), Scope.RESOURCE
    advice = row.advice.format(text=answer.text or "no reason was given", action=_missing_action(answer.text))
    problem = Problem(row.kind, row.reason, _sentence(call, advice, answer), after=answer.retry_after)
    answered = answer.status not in MAYBE_DONE or row.reason is Reason.CONCURRENT_WRITE
    return row.raises(problem, request_id=answer.request_id, answered=answered), row.holds


def no_answer(call: Call, cause: str) -> AzureProblem:
    """A request that was not answered: refused, cut off, or too slow."""
    message = f"Cannot {call.doing}: {SPOKEN[call.service]} did not answer ({cause}); it is tried again"
    return AzureProblem(Problem(ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, message), answered=False)


def unreadable(call: Call, cause: str) -> AzureProblem:
    """A success whose body is not what was asked for. A write may have happened."""
    message = f"Cannot {call.doing}: {SPOKEN[call.service]} gave an answer that is not understood ({cause})"
    return AzureProblem(Problem(ProblemKind.TRANSIENT, Reason.UNEXPECTED_ANSWER, message), answered=False)


def _sentence(call: Call, advice: str, answer: Answer) -> str:
    code = f" {answer.code}" if answer.code else ""
    return f"Cannot {call.doing}: {advice} ({SPOKEN[call.service]}: {answer.status}{code})"


def _problem(call: Call, answer: Answer, problem: tuple[Reason, str]) -> AzureProblem:
    reason, advice = problem
    return AzureProblem(
        Problem(ProblemKind.TRANSIENT, reason, _sentence(call, advice, answer), after=answer.retry_after),
        request_id=answer.request_id,
        answered=answer.status < 500,
    )


def _unknown(answer: Answer) -> tuple[Reason, str]:
    if answer.code is None:
        return Reason.UNEXPECTED_ANSWER, "the answer is not one of Microsoft's; check what stands between"
    return Reason.AZURE_ERROR, answer.text or "no reason was given"


def _sign_in(call: Call, answer: Answer) -> AzureProblem:
    known = next((code for code in answer.aadsts if code in AADSTS), None)
    code = known if known is not None else answer.aadsts[0]
    kind = AADSTS[known].kind if known is not None else ProblemKind.TRANSIENT
    meaning = AADSTS[known].meaning if known is not None else answer.text or "no reason was given"
    message = f"Cannot {call.doing}: {meaning} (Entra: AADSTS{code})"
    return AzureProblem(Problem(kind, Reason.SIGN_IN_FAILED, message, answer.retry_after), request_id=answer.request_id)


def _missing_action(text: str) -> str:
    found = _ACTION.search(text)
    return found.group(1) if found else "a right"
