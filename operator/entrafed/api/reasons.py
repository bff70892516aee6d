"""Every reason that a condition, an item of a status or an event of ours can carry.

A reason is API: it is never renamed.
"""

from enum import StrEnum


class Reason(StrEnum):
    """Why something is as it is; one page each in `docs/reference/reasons.md`."""

    SYNCED = "Synced"
    PROGRESSING = "Progressing"
    PROPAGATING = "Propagating"
    SUSPENDED = "Suspended"
    DELETING = "Deleting"
    DELETION_BLOCKED = "DeletionBlocked"

    INVALID_SPEC = "InvalidSpec"
    CONNECTION_NOT_FOUND = "ConnectionNotFound"
    CONNECTION_INVALID = "ConnectionInvalid"
    NAMESPACE_NOT_FOUND = "NamespaceNotFound"
    ISSUER_UNKNOWN = "IssuerUnknown"
    ISSUER_UNREACHABLE = "IssuerUnreachable"
    ISSUER_RETIRING = "IssuerRetiring"
    ISSUER_RETIRED = "IssuerRetired"

    PERMITTED = "Permitted"
    NOT_PERMITTED = "NotPermitted"
    REVOKED = "Revoked"

    TARGET_NOT_READY = "TargetNotReady"
    TARGET_NOT_FOUND = "TargetNotFound"
    TARGET_REPLACED = "TargetReplaced"
    IDENTITY_NOT_FOUND = "IdentityNotFound"
    IDENTITY_IN_OTHER_TENANT = "IdentityInOtherTenant"

    HOST_NOT_FOUND = "HostNotFound"
    HOST_BUSY = "HostBusy"
    HOST_BLOCKED = "HostBlocked"
    IDENTITY_NOT_ASSIGNABLE = "IdentityNotAssignable"
    ROLE_NOT_FOUND = "RoleNotFound"
    SCOPE_NOT_FOUND = "ScopeNotFound"
    PRINCIPAL_NOT_READY = "PrincipalNotReady"
    NOT_MULTI_TENANT = "NotMultiTenant"
    CONSENT_REQUIRED = "ConsentRequired"

    CREDENTIAL_CONFLICT = "CredentialConflict"
    AUDIENCE_CONFLICT = "AudienceConflict"
    ASSIGNMENT_CONFLICT = "AssignmentConflict"
    QUOTA_EXCEEDED = "QuotaExceeded"
    DRIFTED = "Drifted"
    DRIFT_REPAIRED = "DriftRepaired"
    ORPHAN_FOUND = "OrphanFound"

    SERVICE_ACCOUNT_NOT_FOUND = "ServiceAccountNotFound"
    OUTPUT_CONFLICT = "OutputConflict"
    OUTPUT_FORBIDDEN = "OutputForbidden"
    OUTPUT_FAILED = "OutputFailed"

    SIGNED_IN = "SignedIn"
    SIGN_IN_FAILED = "SignInFailed"
    ACCESS_DENIED = "AccessDenied"
    OWNER_REQUIRED = "OwnerRequired"
    POLICY_DENIED = "PolicyDenied"
    SCOPE_LOCKED = "ScopeLocked"
    REGION_UNSUPPORTED = "RegionUnsupported"
    VALUE_REFUSED = "ValueRefused"

    CONCURRENT_WRITE = "ConcurrentWrite"
    THROTTLED = "Throttled"
    AZURE_UNAVAILABLE = "AzureUnavailable"
    UNEXPECTED_ANSWER = "UnexpectedAnswer"
    AZURE_ERROR = "AzureError"
