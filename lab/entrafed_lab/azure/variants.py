"""What Microsoft's documents leave open, as choices: a client is right only when it works with each of them."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Refusal:
    """One way to say no: an HTTP status, an error code, a message."""

    status: int
    code: str
    message: str


class ConcurrentWrites(StrEnum):
    """What two overlapping writes to the credentials of one application lead to."""

    CONFLICT = "409 Directory_ConcurrencyViolation"
    UNAVAILABLE = "503 Directory_ConcurrencyViolation"
    LOST = "both succeed, one is lost"
    SERIALIZED = "both succeed, both last"


class NoMatch(StrEnum):
    """How the token endpoint says that no credential matches."""

    SPECIFIC = "70025, 700211, 700212, 700213"
    GENERIC = "70021"


class OwnedByReads(StrEnum):
    """Which applications a caller with Application.ReadWrite.OwnedBy can read."""

    OWNED = "those it owns"
    ALL = "all of the tenant"


class IdsInExpressions(StrEnum):
    """Whether a flexible credential for GitHub or GitLab has to pin something that nobody can take over by its name.

    Microsoft's pages say so of GitHub. Of GitLab they differ on which id, and on whether always.
    """

    NEEDED = "an id is required beside the subject"
    ANY = "the subject will do"


class FlexibleOnV1(StrEnum):
    """What v1.0 of Graph lists of an application with a flexible credential."""

    BROKEN_OFF = "with status 200, a body that ends at it in an error"
    WITHOUT_SUBJECT = "it like the others, without subject and expression"


class Acceptance(StrEnum):
    """Whether something is taken or refused when it is written."""

    ACCEPTED = "accepted"
    REFUSED = "refused"


class YoungIdentity(StrEnum):
    """How ARM refuses a credential for an identity that is not replicated yet."""

    GRAPH_NOT_FOUND = "NotFound"
    PARENT_NOT_FOUND = "ParentResourceNotFound"


class ExchangeAudience(StrEnum):
    """What `aud` of a managed identity's token for the exchange resource is."""

    GUID = "the application id of the exchange resource"
    URI = "api://AzureADTokenExchange"


class SingleCredential(StrEnum):
    """How Graph wraps one credential: the reference shows an object, one sample of it a `value` around it."""

    PLAIN = "plain"
    WRAPPED = "wrapped"


class UnknownParameter(StrEnum):
    """What IMDS does with a query parameter that it does not know, such as `resource_id`."""

    IGNORED = "ignored"
    REFUSED = "refused"


class IdentityMap(StrEnum):
    """What `userAssignedIdentities` of a PATCH is to apps and automation accounts; machines merge it, as documented."""

    MERGE = "merged into what is there"
    REPLACE = "in place of what is there"


class MissingIdentity(StrEnum):
    """How an identity that does not exist is refused when it is to be assigned to a host."""

    FAILED_OPERATION = "400 FailedIdentityOperation"
    LINKED_AUTHORIZATION = "403 LinkedAuthorizationFailed"


class TooManyIdentities(StrEnum):
    """What becomes of more than 150 identities in one request."""

    REFUSED = "400 FailedIdentityOperation"
    CUT = "the first 150 are taken, the others forgotten in silence"


class IdentityKeys(StrEnum):
    """How a host shows the resource ids of its identities."""

    LOWER_GROUPS = "resourcegroups in lower case"
    LOWER = "all in lower case"
    AS_GIVEN = "as they were given"


class RemovalKeys(StrEnum):
    """How an identity has to be spelled that is to be taken off a host."""

    ANY_CASE = "in any case"
    AS_SHOWN = "as the host shows it"


class DeadIdentity(StrEnum):
    """How a host shows an identity that has been deleted, or made again under its name."""

    NULL_CLIENT = "clientId is null"
    STALE = "both ids as they were"


class HostModel(StrEnum):
    """What a host shows of an update that is under way."""

    AT_ONCE = "what is wanted"
    AFTERWARDS = "what was"


class SiteUpdate(StrEnum):
    """How App Service answers an update that it has done."""

    OK = "200"
    ACCEPTED = "202"


class ExistingRole(StrEnum):
    """Whether the refusal of a second assignment of one role tells which the first one is."""

    UNNAMED = "The role assignment already exists."
    NAMED = "... The ID of the existing role assignment is ..."


class SameRole(StrEnum):
    """How an assignment is answered that is there already under its name."""

    OK = "200"
    CREATED = "201"
    CONFLICT = "409 RoleAssignmentExists"


class YoungPrincipal(StrEnum):
    """Whether a role can be given to a principal that has not reached Resource Manager yet."""

    ACCEPTED_WITH_TYPE = "when its type is given"
    REFUSED = "400 PrincipalNotFound"


class AbsentPrincipal(StrEnum):
    """Whether a role can be given to a principal that does not exist."""

    REFUSED = "400 PrincipalNotFound"
    ACCEPTED_WITH_TYPE = "when its type is given"


GRAPH_LIMITS = (
    Refusal(403, "Directory_QuotaExceeded", "The object quota has been exceeded for federatedIdentityCredentials."),
    Refusal(400, "Request_BadRequest", "Too many federatedIdentityCredentials: an application can have at most 20."),
    Refusal(400, "Directory_QuotaExceeded", "The maximum number of federatedIdentityCredentials, 20, is exceeded."),
    Refusal(409, "Directory_QuotaExceeded", "The maximum number of federatedIdentityCredentials, 20, is exceeded."),
)
"""Plausible answers to the 21st credential of an application; the true one stands in no document."""

ARM_LIMITS = (
    Refusal(400, "BadRequest", "Too many Federated Identity Credentials for the managed identity. Maximum: 20."),
    Refusal(409, "Conflict", "Too many Federated Identity Credentials for the managed identity. Maximum: 20."),
    Refusal(403, "QuotaExceeded", "The managed identity has reached its limit of 20 Federated Identity Credentials."),
)
"""Plausible answers to the 21st credential of a user-assigned identity."""


@dataclass(frozen=True, slots=True)
class Variants:
    """One reading of everything that is uncertain. The defaults are the likeliest."""

    graph_limit: Refusal = GRAPH_LIMITS[0]
    arm_limit: Refusal = ARM_LIMITS[0]
    concurrent_writes: ConcurrentWrites = ConcurrentWrites.CONFLICT
    no_match: NoMatch = NoMatch.SPECIFIC
    owned_by_reads: OwnedByReads = OwnedByReads.OWNED
    single_credential: SingleCredential = SingleCredential.PLAIN
    ids_in_expressions: IdsInExpressions = IdsInExpressions.NEEDED
    expressions_on_v1: Acceptance = Acceptance.REFUSED
    flexible_on_v1: FlexibleOnV1 = FlexibleOnV1.BROKEN_OFF
    expressions_on_identities: Acceptance = Acceptance.REFUSED
    entra_issuer_on_identities: Acceptance = Acceptance.ACCEPTED
    young_identity: YoungIdentity = YoungIdentity.GRAPH_NOT_FOUND
    exchange_audience: ExchangeAudience = ExchangeAudience.GUID
    imds_parameters: UnknownParameter = UnknownParameter.IGNORED
    identity_map: IdentityMap = IdentityMap.MERGE
    scale_set_changes: Acceptance = Acceptance.ACCEPTED
    """Whether identities may be added to and removed from a scale set in one request."""
    unassigned_removal: Acceptance = Acceptance.REFUSED
    """Of an identity that is not on the host."""
    missing_identity: MissingIdentity = MissingIdentity.FAILED_OPERATION
    too_many_identities: TooManyIdentities = TooManyIdentities.REFUSED
    identity_keys: IdentityKeys = IdentityKeys.LOWER_GROUPS
    removal_keys: RemovalKeys = RemovalKeys.ANY_CASE
    dead_identity: DeadIdentity = DeadIdentity.NULL_CLIENT
    host_model: HostModel = HostModel.AT_ONCE
    site_update: SiteUpdate = SiteUpdate.OK
    existing_role: ExistingRole = ExistingRole.UNNAMED
    same_role: SameRole = SameRole.OK
    young_principal: YoungPrincipal = YoungPrincipal.ACCEPTED_WITH_TYPE
    absent_principal: AbsentPrincipal = AbsentPrincipal.REFUSED
    role_assignments: int = 4000
    """At most, in one subscription."""
    page: int = 100
    """Objects on one page of a list when the client does not say how many."""
