"""Every documented error of Graph, ARM and the token endpoint, and what it means to us.

Read from the top; the first row that fits decides. The token endpoint's AADSTS numbers have a table of their own, in
`aadsts`. Sources: https://learn.microsoft.com/graph/errors,
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors and
https://learn.microsoft.com/entra/workload-id/workload-identity-federation-considerations; where they are silent,
messages that users of the same APIs have reported.
"""

from collections.abc import Collection
from dataclasses import dataclass

from entrafed.api.reasons import Reason
from entrafed.azure.answers import Answer
from entrafed.azure.calls import WRITES, Call, FlexibleHidden, Operation, Service
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, ProblemKind

GRAPH, ARM, LOGIN = (Service.GRAPH,), (Service.ARM,), (Service.LOGIN,)
DIRECTORY = GRAPH + ARM
EVERYWHERE = tuple(Service)
ANY = tuple(Operation)
READS = tuple(operation for operation in Operation if operation not in WRITES)
LIST = (Operation.LIST_CREDENTIALS,)
CREATE = (Operation.CREATE_CREDENTIAL,)
CHANGE = (Operation.UPDATE_CREDENTIAL, Operation.DELETE_CREDENTIAL)
TARGET = (Operation.READ_TARGET, Operation.LIST_CREDENTIALS, Operation.CREATE_CREDENTIAL)
IDENTITY = (Operation.READ_IDENTITY,)
ITSELF = (Operation.READ_SELF,)
SIGN_IN = (Operation.SIGN_IN,)

TERMINAL, FORBIDDEN, CONFLICT = ProblemKind.TERMINAL, ProblemKind.FORBIDDEN, ProblemKind.CONFLICT
WAITING, THROTTLED, TRANSIENT = ProblemKind.WAITING, ProblemKind.THROTTLED, ProblemKind.TRANSIENT

GONE = ("Request_ResourceNotFound", "ResourceNotFound", "ResourceGroupNotFound", "ParentResourceNotFound", "NotFound")
"""Codes that come with a 404 of Microsoft's own. A 404 without one is a proxy's, and proves nothing."""
UNAVAILABLE = (408, 500, 502, 503, 504)
"""Statuses that say nothing about whether a write happened: a gateway's, or an error after the fact."""
NO_NULL_SUBJECT = "'subject[Nullable=False]'"
"""In what v1.0 of Graph says when it meets a flexible credential in a list: mostly in the midst of it, with status 200.
Source: https://github.com/microsoftgraph/msgraph-sdk-python/issues/1359"""
REFUSALS = (400, 401, 403)
"""Statuses of the token endpoint that go with a number of its own; the number decides, no document tells the status."""


@dataclass(frozen=True, slots=True)
class Row:
    """An error as documented, and what it means to us. An empty `statuses` or `says` fits everything."""

    services: Collection[Service]
    operations: Collection[Operation]
    statuses: tuple[int, ...]
    says: tuple[str, ...]
    """One of these is Azure's code, or stands in its text, whatever the case."""
    kind: ProblemKind
    reason: Reason
    advice: str
    """What it means and what to do, for people; `{text}` is Azure's own text, `{action}` the right that is missing,
    `{linked}` the identities of a host that it is missing on."""
    raises: type[AzureProblem] = AzureProblem
    after: float | None = None
    """Seconds until the answer may differ, where Azure does not say."""

    def fits(self, call: Call, answer: Answer) -> bool:
        return (
            call.service in self.services
            and call.operation in self.operations
            and (not self.statuses or answer.status in self.statuses)
            and (not self.says or any(self._said(words, answer) for words in self.says))
        )

    def _said(self, words: str, answer: Answer) -> bool:
        return words == answer.code or words.lower() in answer.text.lower()


# fmt: off
ROWS = (
    # Nothing is wrong, only too early.
    Row(EVERYWHERE, ANY, (429,), (), THROTTLED, Reason.THROTTLED,
        "too many requests; it is tried again when Microsoft allows"),
    Row(GRAPH, ANY, (409, 503), ("Directory_ConcurrencyViolation",), TRANSIENT, Reason.CONCURRENT_WRITE,
        "somebody else writes to the same application at this moment; it is tried again"),
    Row(ARM, ANY, (409,), ("ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity",),
        TRANSIENT, Reason.CONCURRENT_WRITE,
        "somebody else writes to the same managed identity at this moment; it is tried again"),

    Row(GRAPH, READS, (424,), (), TRANSIENT, Reason.AZURE_UNAVAILABLE,
        "another read in the same request failed, and this one with it; it is tried again"),

    # It is there already, or there is no room for it.
    Row(GRAPH, WRITES, (409,), ("Request_MultipleObjectsWithSameKeyValue",), CONFLICT, Reason.CREDENTIAL_CONFLICT,
        "a credential of this name exists already", AlreadyThere),
    Row(GRAPH, WRITES, (400,), ("combination of issuer and subject must be unique",), CONFLICT,
        Reason.CREDENTIAL_CONFLICT, "another credential has this issuer and subject", AlreadyThere),
    Row(ARM, WRITES, (400, 409), ("issuer and subject combination already exists",), CONFLICT,
        Reason.CREDENTIAL_CONFLICT, "another credential has this issuer and subject", AlreadyThere),
    Row(GRAPH, CREATE, (400, 403, 409), ("Directory_QuotaExceeded", "too many federated"), CONFLICT,
        Reason.QUOTA_EXCEEDED,
        "there is no room: an application carries at most 20 credentials, a directory a number of objects"),
    Row(ARM, CREATE, (400, 403, 409), ("QuotaExceeded", "too many federated"), CONFLICT, Reason.QUOTA_EXCEEDED,
        "there is no room: a managed identity carries at most 20 credentials"),

    # Somebody must grant a right, lift a policy or a lock.
    Row(LOGIN, SIGN_IN, REFUSALS, (), TRANSIENT, Reason.SIGN_IN_FAILED, "the sign-in was refused: {text}"),
    Row(DIRECTORY, ANY, (401,), (), TRANSIENT, Reason.SIGN_IN_FAILED,
        "the operator's access token was not accepted; a new one is asked for"),
    Row(GRAPH, WRITES, (403,), ("Authorization_RequestDenied",), FORBIDDEN, Reason.OWNER_REQUIRED,
        "the operator's service principal must be an owner of the application and have the Graph permission "
        "Application.ReadWrite.OwnedBy"),
    Row(GRAPH, READS, (403,), ("Authorization_RequestDenied",), FORBIDDEN, Reason.ACCESS_DENIED,
        "the operator may not read it; it needs the Graph permission Application.ReadWrite.OwnedBy, and to be an "
        "owner of the application"),
    Row(GRAPH, WRITES, (400, 403), ("assigned policy",), FORBIDDEN, Reason.POLICY_DENIED,
        "a policy of the tenant forbids it: {text}"),
    Row(ARM, WRITES, (403,), ("RequestDisallowedByPolicy",), FORBIDDEN, Reason.POLICY_DENIED,
        "an Azure Policy forbids it: {text}"),
    Row(ARM, WRITES, (409,), ("ScopeLocked",), FORBIDDEN, Reason.SCOPE_LOCKED,
        "a management lock forbids it; remove the lock from the resource, its resource group or subscription"),
    Row(ARM, ANY, (403,), ("AuthorizationFailed", "LinkedAuthorizationFailed"), FORBIDDEN, Reason.ACCESS_DENIED,
        "the operator lacks {action} there, or it does not exist; grant a role such as Managed Identity Contributor"),
    Row(ARM, ANY, (409,), ("MissingSubscriptionRegistration",), FORBIDDEN, Reason.ACCESS_DENIED,
        "the subscription is not registered for Microsoft.ManagedIdentity; register that resource provider"),

    # It cannot be done.
    Row(ARM, WRITES, (405,), ("credentials not enabled",), TERMINAL, Reason.REGION_UNSUPPORTED,
        "managed identities of this region carry no federated identity credentials; use an identity of another region"),
    Row(GRAPH, WRITES, (400,), ("lacks all required claims",), TERMINAL,
        Reason.VALUE_REFUSED, "Entra wants other claims of this issuer to be matched; which ones, it says at "
        "https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials: "
        "{text}"),
    Row(GRAPH, WRITES, (400,), ("Request_BadRequest", "InvalidFederatedIdentityCredentialValue"), TERMINAL,
        Reason.VALUE_REFUSED, "the value was refused: {text}"),
    Row(ARM, WRITES, (400,), ("BadRequest", "exactly one audience", "empty properties", "is invalid"), TERMINAL,
        Reason.VALUE_REFUSED, "the value was refused: {text}"),

    # It is not there, or not yet.
    Row(ARM, CREATE, (404,), ("ParentResourceNotFound", "NotFound"), WAITING, Reason.TARGET_NOT_READY,
        "the managed identity is not known everywhere yet, as happens after it was made; it is tried again",
        after=10.0),
    Row(GRAPH, CREATE, (404,), GONE, WAITING, Reason.TARGET_NOT_READY,
        "the application is not known everywhere yet, as happens after it was made, or it was deleted; it is tried "
        "again", NotFound),
    Row(DIRECTORY, TARGET, (404,), GONE, WAITING, Reason.TARGET_NOT_FOUND,
        "it is not there; check spec.target and the connection's tenant", NotFound),
    Row(ARM, IDENTITY, (404,), GONE, WAITING, Reason.IDENTITY_NOT_FOUND,
        "there is no such managed identity; check its resource id", NotFound),
    Row(DIRECTORY, CHANGE, (404,), GONE, WAITING, Reason.PROGRESSING, "there is no such credential", NotFound),
    Row(GRAPH, ITSELF, (404,), GONE, TRANSIENT, Reason.SIGN_IN_FAILED,
        "the operator's service principal is not in the tenant, as far as this answer tells", NotFound),

    # Microsoft, or what stands between, is not well.
    Row(GRAPH, LIST, (500,), (NO_NULL_SUBJECT,), TRANSIENT, Reason.AZURE_UNAVAILABLE,
        "the application carries flexible credentials, which this version of Graph does not list", FlexibleHidden),
    Row(EVERYWHERE, ANY, UNAVAILABLE, (), TRANSIENT, Reason.AZURE_UNAVAILABLE,
        "the service is not available; it is tried again"),
    Row(EVERYWHERE, ANY, (300, 301, 302, 303, 304, 307, 308), (), TRANSIENT, Reason.UNEXPECTED_ANSWER,
        "the answer is a redirect, which is never followed; check what stands between the operator and the service"),
)
# fmt: on
