"""Sources of tokens other than pipelines: identities of Azure, Kubernetes, Google, AWS, SPIFFE, and any other issuer.

The docstrings are what `kubectl explain` shows. `entrafed.domain.sources` says which issuer and subject each comes to.
"""

from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from entrafed.api.formats import MAX_VALUE, DnsSubdomain, Issuer, ManagedIdentityId, Subject
from entrafed.api.outputs import AnnotationPolicy
from entrafed.api.schema import camel_case, like, unlike


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ManagedIdentityRef:
    """A user-assigned managed identity, by its resource id."""

    resource_id: ManagedIdentityId
    """Resource id of the user-assigned managed identity, as `az identity show --query id` prints it: it begins with
    `/subscriptions/` and ends with `/userAssignedIdentities/<name>`. Upper and lower case are the same."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ServiceAccountRef:
    """A service account of the object's own namespace."""

    name: DnsSubdomain
    """Name of the service account. It is always of the namespace of this object, and need not exist yet. The issuer is
    found from the cluster."""
    annotation_policy: AnnotationPolicy = AnnotationPolicy.NONE
    """Whether the operator writes the annotations `azure.workload.identity/client-id` and `/tenant-id` of the target on
    the service account, by which azure-workload-identity lets its pods sign in. `Write` waits for the service account,
    never makes it, and never changes an annotation that somebody else has set otherwise; `None` leaves it alone."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Google:
    """Workloads that run as one service account of Google Cloud."""

    service_account_unique_id: Annotated[
        str,
        Field(max_length=253),
        like(
            "[0-9]{10,30}",
            "must be the numeric unique id of the service account, in quotes, and not its e-mail address",
        ),
    ]
    """Unique id of the service account, as `gcloud iam service-accounts describe EMAIL --format='value(uniqueId)'`
    prints it, in quotes. An account that is made again under the same e-mail address has another."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Aws:
    """Workloads that run as one IAM role of an AWS account with outbound identity federation."""

    issuer: Annotated[
        str,
        Field(max_length=253),
        like(
            r"https://[a-z0-9-]+\.tokens\.sts\.global\.api\.aws",
            "must be the issuer URL of the account, like `https://<uuid>.tokens.sts.global.api.aws`",
        ),
    ]
    """Issuer URL of the account, as `aws iam get-outbound-web-identity-federation-info` prints it."""
    role_arn: Annotated[
        str,
        Field(max_length=MAX_VALUE),
        like(
            r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+",
            "must be the ARN of an IAM role, like `arn:aws:iam::123456789012:role/web`, and not that of a session",
        ),
    ]
    """ARN of the role, with its path, as `aws iam get-role --query Role.Arn` prints it."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Spiffe:
    """Workloads with one SPIFFE ID, whose trust domain publishes its keys by OpenID Connect discovery."""

    issuer: Issuer
    """Address of the trust domain's OIDC discovery provider, character by character as the `iss` of its tokens has it.
    Entra must be able to read it from the internet."""
    id: Annotated[
        str,
        Field(max_length=MAX_VALUE),
        like(
            r"spiffe://[a-z0-9._-]+(/[A-Za-z0-9._-]+)+",
            "must be the SPIFFE ID of a workload, like `spiffe://contoso.com/ns/payments/sa/web`",
        ),
    ]
    """The SPIFFE ID, like `spiffe://contoso.com/ns/payments/sa/web`."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class Oidc:
    """Any OpenID Connect issuer and one subject of it, both compared exactly."""

    issuer: Annotated[
        Issuer,
        unlike(
            r"(?is)\s*https://api\.bitbucket\.org\.?(:[0-9]+)?(/.*)?",
            "may not be Bitbucket: its subjects name the step and so change with every run, and Entra compares exactly",
        ),
    ]
    """The `iss` claim of the tokens, character by character: a slash at the end matters. Entra must be able to read
    `<issuer>/.well-known/openid-configuration` from the internet. Example: `https://issuer.example`."""
    subject: Subject
    """The `sub` claim of the tokens, character by character: upper and lower case matter, and there are no wildcards.
    Example: `job-17`."""
