"""What may be known of an object, in words as short as tests need, and what its status says of it."""

from hypothesis import settings

from entrafed.api.conditions import Condition, ConditionType
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed.api.status import CredentialItemStatus, CredentialStatus, FederationStatus
from entrafed.domain.credentials import Pair, Trust
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import Finding, Knowledge, Left, Outcome, Standing
from unit.domain.federations import CREATED_AT
from unit.domain.knowing import TARGET, observed

LATER = CREATED_AT + 3600
A = Trust(Pair("https://issuer.example", "job-a"), "api://x")
B = Trust(Pair("https://issuer.example", "job-b"), "api://x")
C = Trust(Pair("https://issuer.example", "job-c"), "api://x")

any_known = settings(max_examples=100, deadline=None, derandomize=True)


def problem(kind: ProblemKind, reason: Reason = Reason.AZURE_ERROR, message: str = "Azure says no") -> Problem:
    return Problem(kind, reason, message)


def synced(trust: Trust) -> Standing:
    return Standing(observed(trust), Origin.OPERATOR, None)


def looked(standings: dict[Trust, Standing] | None = None, *left: Left) -> Finding:
    return Finding(standings=standings or {}, left=left)


def knowing(finding: Finding | None, *outcomes: Outcome, whole: Problem | None = None) -> Knowledge:
    return Knowledge(outcomes, target=TARGET, problem=whole, finding=finding, may_show_target=True)


def row(name: str, *credentials: CredentialStatus, denied_since: str | None = None) -> CredentialItemStatus:
    """A row as an earlier status has it."""
    return CredentialItemStatus(
        name=name,
        state=ItemState.SYNCED,
        reason=Reason.SYNCED,
        message="",
        denied_since=denied_since,
        credentials=credentials,
    )


def recorded(*rows: CredentialItemStatus) -> FederationStatus:
    return FederationStatus(observed_generation=1, federated_credentials=rows)


def of(kind: ConditionType, status: FederationStatus) -> Condition | None:
    return next((c for c in status.conditions if c.type is kind), None)


def ready(status: FederationStatus) -> Condition:
    found = of(ConditionType.READY, status)
    assert found is not None
    return found


def rows(status: FederationStatus) -> dict[str, CredentialItemStatus]:
    return {item.name: item for item in status.federated_credentials}


def named(status: FederationStatus) -> set[str]:
    """Names of the credentials that a status records as made by us."""
    return {
        c.credential_name for i in status.federated_credentials for c in i.credentials if c.origin is Origin.OPERATOR
    }
