"""Rules of an `EntraConnection`: which namespace may ask for what. What is omitted is denied."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic.dataclasses import dataclass

from entrafed.api.claims import GITHUB, GITLAB, TERRAFORM, ClaimRule
from entrafed.api.formats import ENTRA_ISSUER, MAX_VALUE, NO_BLANKS_AROUND, DnsLabel, Guid
from entrafed.api.schema import (
    ATOMIC_LIST,
    SET,
    Form,
    Must,
    at_least_one_of,
    camel_case,
    exactly_one_of,
    like,
    list_keyed_by,
)

OWN_CLUSTER = "cluster"
"""The issuer that stands for the operator's own cluster, whatever its address."""


class SelectorOperator(StrEnum):
    """How a label's value relates to the values of an expression."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


def _pairs(labels: Any) -> Any:
    return tuple(sorted(labels.items())) if isinstance(labels, Mapping) else labels


LabelKey = Annotated[str, Field(min_length=1, max_length=317)]
LabelValue = Annotated[str, Field(max_length=63)]
Labels = Annotated[
    tuple[tuple[LabelKey, LabelValue], ...],
    Field(max_length=16),
    BeforeValidator(_pairs),
    WithJsonSchema(
        {"type": "object", "maxProperties": 16, "additionalProperties": {"type": "string", "maxLength": 63}}
    ),
]


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        Must(
            "self.operator in ['Exists', 'DoesNotExist'] ? !has(self.values) : has(self.values)",
            "must have `values` with `In` and `NotIn`, and may not have them with `Exists` and `DoesNotExist`",
        )
    ),
)
class MatchExpression:
    """One condition on a label."""

    key: LabelKey
    """The label, like `team`."""
    operator: SelectorOperator
    """How the label's value relates to `values`: In, NotIn, Exists or DoesNotExist. As everywhere in Kubernetes, NotIn
    and DoesNotExist also hold for a namespace without the label."""
    values: Annotated[tuple[LabelValue, ...], SET, Field(min_length=1, max_length=16)] | None = None
    """Values to compare with, for In and NotIn."""


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(at_least_one_of("matchLabels", "matchExpressions"), keywords={"x-kubernetes-map-type": "atomic"}),
)
class LabelSelector:
    """Labels that a namespace must have: all of `matchLabels` and all of `matchExpressions`."""

    match_labels: Labels = ()
    """Labels with these values, like `team: payments`."""
    match_expressions: Annotated[tuple[MatchExpression, ...], ATOMIC_LIST, Field(max_length=16)] = ()
    """Further conditions on labels."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case(at_least_one_of("names", "selector")))
class NamespaceMatch:
    """Which namespaces a rule serves. With both `names` and `selector`, a namespace must match both."""

    names: Annotated[tuple[DnsLabel, ...], SET, Field(max_length=64)] = ()
    """Names of namespaces, exactly."""
    selector: LabelSelector | None = None
    """Labels of namespaces. Whoever may label a namespace decides then whether the rule serves it."""


# The sizes below, and the short pattern, are what the API server's budget for rules leaves to lists within lists.
IdentityPattern = Annotated[
    str,
    Field(max_length=320),
    like(
        r"(?i)/subscriptions/\S+/(\*\*|userAssignedIdentities/[^/\s]+)",
        "must be the resource id of a user-assigned managed identity, in which `*` may stand for a part of a name",
    ),
]


@dataclass(
    frozen=True, slots=True, kw_only=True, config=camel_case(at_least_one_of("applications", "managedIdentities"))
)
class TargetMatch:
    """Which targets a rule allows."""

    applications: Annotated[tuple[Guid, ...], SET, Field(max_length=64)] = ()
    """Client ids or object ids of app registrations. An object that names its app by `uniqueName` is compared by what
    the name stands for."""
    managed_identities: Annotated[tuple[IdentityPattern, ...], SET, Field(max_length=16)] = ()
    """Resource ids of user-assigned managed identities. `*` stands for any part of a name and never crosses a `/`; `**`
    does. Upper and lower case are the same."""


IssuerMatch = Annotated[
    str,
    Field(max_length=MAX_VALUE),
    like(
        rf"{OWN_CLUSTER}|https://[^\s/?#@*]+(/[^\s?#*]*)?",
        "must be `cluster`, for service accounts of this cluster, or an address that begins with `https://`",
    ),
]

SubjectPattern = Annotated[
    str,
    Field(max_length=MAX_VALUE),
    NO_BLANKS_AROUND,
    Form(
        "!self.replace('{namespace}', '').contains('{')",
        lambda text: "{" not in text.replace("{namespace}", ""),
        "may have no other placeholder than `{namespace}`",
    ),
]


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        exactly_one_of("issuer", "managedIdentities"),
        Must(
            "has(self.issuer) ? has(self.subjects) != has(self.claims) : !has(self.subjects) && !has(self.claims)",
            "must have `subjects` or `claims` with `issuer`, and may have neither without",
        ),
        Must(
            f"!has(self.claims) || !has(self.issuer) || self.issuer.matches(r'^(?:{GITHUB}|{GITLAB}|{TERRAFORM})$')",
            "may have `claims` only with an `issuer` of GitHub Actions, GitLab or HCP Terraform: Entra can match claims"
            " of no other",
        ),
        Must(
            f"!has(self.issuer) || !self.issuer.matches(r'{ENTRA_ISSUER}')"
            " || (has(self.subjects) && self.subjects.all(subject, subject.startsWith('/eid1/')))",
            "may have an `issuer` of Entra only with `subjects` that begin with `/eid1/`, those of Azure DevOps: for"
            " managed identities use `managedIdentities`",
        ),
    ),
)
class CredentialMatch:
    """Which sources of tokens a rule allows: one issuer and subjects or claims of it, or managed identities."""

    issuer: IssuerMatch | None = None
    """The issuer, exactly as tokens name it; or `cluster` for service accounts of this cluster. GitHub Actions is
    `https://token.actions.githubusercontent.com`. Entra issues the tokens of Azure DevOps service connections as
    `https://login.microsoftonline.com/<tenant id>/v2.0`, with subjects that begin with `/eid1/`."""
    subjects: Annotated[tuple[SubjectPattern, ...], SET, Field(min_length=1, max_length=16)] = ()
    """Subjects of that issuer. `*` stands for any text without `/` and `:`; `**` for any text. `{namespace}` stands for
    the namespace of the object that asks. Upper and lower case matter. Examples: `system:serviceaccount:{namespace}:*`,
    `repo:contoso/web:**`."""
    claims: Annotated[tuple[ClaimRule, ...], list_keyed_by("claim"), Field(min_length=1, max_length=4)] = ()
    """What an item with `claims` must match at least: each of these claims, and within what is said here. What it
    matches besides only narrows it. `subjects` never allow such an item, nor `claims` another one."""
    managed_identities: Annotated[tuple[IdentityPattern, ...], SET, Field(min_length=1, max_length=8)] = ()
    """Resource ids of user-assigned managed identities whose tokens may be trusted. `*` stands for any part of a name
    and never crosses a `/`; `**` does."""


ResourcePattern = Annotated[
    str,
    Field(max_length=320),
    like(r"(?i)/(subscriptions|providers)/\S+", "must be a resource id, in which `*` may stand for a part of a name"),
]


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class IdentityAssignmentMatch:
    """Which managed identities a rule lets which Azure resources have."""

    managed_identities: Annotated[tuple[IdentityPattern, ...], SET, Field(min_length=1, max_length=4)]
    """Resource ids of user-assigned managed identities. `*` stands for any part of a name and never crosses a `/`; `**`
    does."""
    resources: Annotated[tuple[ResourcePattern, ...], SET, Field(min_length=1, max_length=4)]
    """Resource ids of what may be given them, with `*` and `**`."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class RoleAssignmentMatch:
    """Which roles a rule lets its targets be given, and where."""

    roles: Annotated[
        tuple[Annotated[str, Field(max_length=512), NO_BLANKS_AROUND], ...], SET, Field(min_length=1, max_length=8)
    ]
    """Names of roles, exactly, or GUIDs of role definitions. Whoever may create custom roles decides what is behind a
    name of theirs."""
    scopes: Annotated[tuple[ResourcePattern, ...], SET, Field(min_length=1, max_length=4)]
    """Resource ids of scopes, with `*` and `**`."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Rule:
    """One permission: these namespaces, on these targets, may let these sources in. What is omitted is denied."""

    namespaces: NamespaceMatch
    """The namespaces that the rule serves."""
    targets: TargetMatch
    """The targets that the rule allows."""
    federated_credentials: Annotated[tuple[CredentialMatch, ...], ATOMIC_LIST, Field(max_length=16)] = ()
    """The sources of tokens that the rule allows on these targets. Omitted: none."""
    identity_assignments: Annotated[tuple[IdentityAssignmentMatch, ...], ATOMIC_LIST, Field(max_length=4)] = ()
    """Which managed identities may be assigned to which Azure resources. Omitted: none."""
    role_assignments: Annotated[tuple[RoleAssignmentMatch, ...], ATOMIC_LIST, Field(max_length=4)] = ()
    """Which roles these targets may be given, and where. Omitted: none."""
    tenants: Annotated[tuple[Guid, ...], SET, Field(max_length=16)] = ()
    """Other tenants in which these targets, by client id, may get a service principal. The connection of each such
    tenant must allow it too, by a rule that names its own tenant. Omitted: none."""
