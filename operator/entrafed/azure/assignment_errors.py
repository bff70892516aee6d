"""Documented errors of hosts, role assignments and service principals, and what they mean to us.

They are looked up before those of `error_table`, which hold for these requests too. Sources:
https://learn.microsoft.com/azure/role-based-access-control/troubleshooting,
https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors and, for identities at
hosts, what users of the same requests have reported (https://github.com/Azure/aad-pod-identity).
"""

from entrafed.api.reasons import Reason
from entrafed.azure.calls import Operation
from entrafed.azure.error_table import (
    ARM,
    CONFLICT,
    FORBIDDEN,
    GONE,
    GRAPH,
    LOGIN,
    REFUSALS,
    TERMINAL,
    THROTTLED,
    TRANSIENT,
    WAITING,
    Row,
)
from entrafed.domain.errors import AlreadyThere, NotFound

CHANGE = (Operation.CHANGE_HOST, Operation.FOLLOW_CHANGE)
HOST = (Operation.READ_HOST, *CHANGE)
GIVE = (Operation.CREATE_ROLE_ASSIGNMENT,)
ROLES = (Operation.READ_ROLE, Operation.LIST_ROLE_ASSIGNMENTS, *GIVE, Operation.DELETE_ROLE_ASSIGNMENT)
PROVISION = (Operation.CREATE_SERVICE_PRINCIPAL,)
PRINCIPALS = (Operation.READ_SERVICE_PRINCIPAL, *PROVISION, Operation.DELETE_SERVICE_PRINCIPAL)

# fmt: off
ASSIGNMENT_ROWS = (
    # Hosts
    Row(ARM, HOST, (404,), GONE, WAITING, Reason.HOST_NOT_FOUND,
        "there is no such resource; check its resource id", NotFound),
    Row(ARM, CHANGE, (), ("TooManyRequests", "code: 429", "429 (Too Many Requests)"), THROTTLED, Reason.THROTTLED,
        "too many requests between Azure's own services; it is tried again", after=60.0),
    Row(ARM, CHANGE, (409,), ("Conflict", "OperationNotAllowed", "AnotherOperationInProgress"), WAITING,
        Reason.HOST_BUSY, "another operation on the host is under way; it is tried again when that has ended",
        after=15.0),
    Row(ARM, CHANGE, (412,), (), TRANSIENT, Reason.CONCURRENT_WRITE,
        "somebody else changed the host at this moment; it is read and tried again"),
    Row(ARM, CHANGE, (), ("LinkedAuthorizationFailed",), FORBIDDEN, Reason.ACCESS_DENIED,
        "the operator lacks {action} on {linked}, or that identity is gone; grant the role Managed Identity Operator "
        "on it, or take off the host what is gone"),
    Row(ARM, HOST, (403,), ("AuthorizationFailed",), FORBIDDEN, Reason.ACCESS_DENIED,
        "the operator lacks {action} there, or the host does not exist; grant a role that may change it, such as "
        "Virtual Machine Contributor or Website Contributor"),
    Row(ARM, CHANGE, (), ("FailedIdentityOperation",), TERMINAL, Reason.IDENTITY_NOT_ASSIGNABLE,
        "Azure cannot do that: {text}"),
    Row(ARM, CHANGE, (400,), ("BadRequest", "InvalidParameter", "MissingIdentityIds", "InvalidIdentityValues",
        "LinkedInvalidPropertyId"), TERMINAL, Reason.VALUE_REFUSED, "the change was refused: {text}"),

    # Role assignments
    Row(ARM, GIVE, (409,), ("RoleAssignmentExists",), CONFLICT, Reason.ASSIGNMENT_CONFLICT,
        "the role is given already, under another name", AlreadyThere),
    Row(ARM, GIVE, (400,), ("RoleAssignmentUpdateNotPermitted",), CONFLICT, Reason.ASSIGNMENT_CONFLICT,
        "an assignment of this name gives another role, or to another principal; delete that"),
    Row(ARM, GIVE, (400,), ("PrincipalNotFound",), WAITING, Reason.PRINCIPAL_NOT_READY,
        "the principal is not known everywhere yet, as happens after it was made; it is tried again", after=10.0),
    Row(ARM, GIVE, (), ("RoleAssignmentLimitExceeded",), FORBIDDEN, Reason.QUOTA_EXCEEDED,
        "the subscription holds as many role assignments as Azure allows; delete some that nobody uses"),
    Row(ARM, ROLES, (403,), ("AuthorizationFailed",), FORBIDDEN, Reason.ACCESS_DENIED,
        "the operator lacks {action} at this scope, or a condition keeps it from giving this role; grant the role Role "
        "Based Access Control Administrator, with a condition that allows the roles you want"),
    Row(ARM, GIVE, (400, 404), ("RoleDefinitionDoesNotExist",), TERMINAL, Reason.ROLE_NOT_FOUND,
        "there is no such role; check the GUID of its definition"),
    Row(ARM, GIVE, (400,), ("UnmatchedPrincipalType",), TERMINAL, Reason.VALUE_REFUSED,
        "only service principals are given roles: {text}"),
    Row(ARM, ROLES, (404,), GONE, WAITING, Reason.SCOPE_NOT_FOUND,
        "there is no such scope; check its resource id", NotFound),

    # Service principals
    Row(LOGIN, (Operation.SEE_WHETHER_PROVISIONED,), REFUSALS, (), TRANSIENT, Reason.AZURE_ERROR,
        "the answer tells nothing of that: {text}"),
    Row(GRAPH, PROVISION, (409,), ("Request_MultipleObjectsWithSameKeyValue",), CONFLICT, Reason.ASSIGNMENT_CONFLICT,
        "the application has a service principal there already", AlreadyThere),
    Row(GRAPH, PRINCIPALS, (403,), ("Authorization_RequestDenied",), FORBIDDEN, Reason.ACCESS_DENIED,
        "the operator lacks the Graph permission Application.ReadWrite.OwnedBy in that tenant"),
    Row(GRAPH, PROVISION, (400, 404), ("valid application object", "not available in this tenant", *GONE), TERMINAL,
        Reason.NOT_MULTI_TENANT,
        "that tenant does not know the application; set its signInAudience to AzureADMultipleOrgs"),
    Row(GRAPH, PRINCIPALS, (404,), GONE, WAITING, Reason.PROGRESSING, "it is not there", NotFound),
)
# fmt: on
