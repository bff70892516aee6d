"""`claims`: tokens whose claims fit patterns, in place of one exact subject. Microsoft calls it preview.

The docstrings are what `kubectl explain` shows. `entrafed.domain.claims` makes an expression of it. Source:
https://learn.microsoft.com/entra/workload-id/workload-identities-flexible-federated-identity-credentials and, for
GitLab's ids,
https://learn.microsoft.com/entra/workload-id/workload-identities-federated-credential-mutable-subjects
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field
from pydantic.dataclasses import dataclass

from entrafed.api.formats import MAX_VALUE, NO_BLANKS_AROUND
from entrafed.api.schema import SET, Form, Must, camel_case, exactly_one_of, like, list_keyed_by, quoted, unlike

MAX_CLAIM_VALUE = 400
"""Characters of one value: two such and two ids stay below `MAX_EXPRESSION`."""

GITHUB = (
    r"https://token\.actions\.githubusercontent\.com(/[a-zA-Z0-9_-]+)?"
    r"|https://token\.actions\.[a-z0-9-]+\.ghe\.com(/[a-zA-Z0-9_-]+)?|https://[a-z0-9.-]+(:[0-9]+)?/_services/token"
)
GITLAB = r"https://gitlab\.[a-z0-9.-]+(:[0-9]+)?"
TERRAFORM = r"https://app\.(eu\.)?terraform\.io"
"""Regular expressions: issuers whose claims Entra can match. Of GitHub, Microsoft's page names only the first."""


class ClaimName(StrEnum):
    """Claims that Entra can match."""

    SUB = "sub"
    JOB_WORKFLOW_REF = "job_workflow_ref"
    REPOSITORY_ID = "repository_id"
    REPOSITORY_OWNER_ID = "repository_owner_id"
    PROJECT_ID = "project_id"
    NAMESPACE_ID = "namespace_id"
    USER_ID = "user_id"


TEXTS = (ClaimName.SUB, ClaimName.JOB_WORKFLOW_REF)
"""Claims that may be matched by a pattern. The others are numbers."""
GITHUB_IDS = (ClaimName.REPOSITORY_ID, ClaimName.REPOSITORY_OWNER_ID)
GITLAB_IDS = (ClaimName.PROJECT_ID, ClaimName.NAMESPACE_ID, ClaimName.USER_ID)

QUOTABLE = Form(
    r"""!self.contains("'") && !self.contains('\\') && !self.matches(r'[\x00-\x1f\x7f]')""",
    lambda text: not any(c in "'\\\x7f" or c < " " for c in text),
    "may not contain `'`, `\\` or control characters: no document says how Entra reads them within an expression",
)

ClaimIssuer = Annotated[
    str,
    Field(max_length=253),
    like(
        f"{GITHUB}|{GITLAB}|{TERRAFORM}",
        "must be an issuer whose claims Entra can match: GitHub Actions, a GitLab whose host begins with `gitlab.`, or"
        " HCP Terraform, each without a `/` at its end; of any other issuer use `oidc`, with an exact subject",
    ),
]


def _list(claims: tuple[ClaimName, ...]) -> str:
    return f"[{', '.join(repr(claim.value) for claim in claims)}]"


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        exactly_one_of("eq", "matches"),
        Must(
            f"self.claim in {_list(TEXTS)} || (has(self.eq) && self.eq.matches(r'^[1-9][0-9]*$'))",
            "must have `eq` with a number in quotes, like `'123456'`, for a claim that is an id",
        ),
    ),
)
class ClaimMatch:
    """What one claim must be: exactly a value, or within a pattern."""

    claim: ClaimName
    """Name of the claim. Of GitHub `sub`, `job_workflow_ref`, `repository_id` and `repository_owner_id`; of GitLab
    `sub`, `project_id`, `namespace_id` and `user_id`; of HCP Terraform `sub`."""
    eq: (
        Annotated[
            str,
            Field(max_length=MAX_CLAIM_VALUE),
            NO_BLANKS_AROUND,
            unlike(r"(?s).*[*?].*", "may not contain `*` or `?`: Entra compares exactly with `eq`; use `matches`"),
            QUOTABLE,
        ]
        | None
    ) = None
    """The claim is exactly this. Ids are numbers in quotes, like `'456789'`."""
    matches: (
        Annotated[
            str,
            Field(max_length=MAX_CLAIM_VALUE),
            NO_BLANKS_AROUND,
            like(r"(?s).*[*?].*", "must contain `*` or `?`; use `eq` for an exact value"),
            QUOTABLE,
        ]
        | None
    ) = None
    """The claim is within this pattern, in which `*` stands for any text, `/` and `:` included, and `?` for any one
    character. Example: `repo:contoso/web:ref:refs/heads/*`."""

    def __post_init__(self) -> None:
        if (self.eq is None) is (self.matches is None):
            raise ValueError("must have exactly one of `eq`, `matches`")


def _only(issuers: str, claims: tuple[ClaimName, ...], whose: str) -> Must:
    return Must(
        f"!self.issuer.matches(r'^(?:{issuers})$') || self.match.all(one, one.claim in {_list(claims)})",
        f"must match no other claims of {whose} than {quoted(claims)}: Entra knows no others",
    )


def _one_of(issuers: str, claims: tuple[ClaimName, ...], whose: str) -> Must:
    return Must(
        f"!self.issuer.matches(r'^(?:{issuers})$') || self.match.exists(one, one.claim in {_list(claims)})",
        f"must match at least one of {quoted(claims)} of {whose}, by `eq`: a name can come to belong to somebody else,"
        " and Entra refuses to rely on it alone",
    )


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        Must(
            f"self.match.exists(one, one.claim == '{ClaimName.SUB}')",
            "must match `sub`: Entra refuses an expression without it",
        ),
        _only(GITHUB, (*TEXTS, *GITHUB_IDS), "GitHub"),
        _one_of(GITHUB, GITHUB_IDS, "GitHub"),
        _only(GITLAB, (ClaimName.SUB, *GITLAB_IDS), "GitLab"),
        _one_of(GITLAB, GITLAB_IDS, "GitLab"),
        _only(TERRAFORM, (ClaimName.SUB,), "HCP Terraform"),
    ),
)
class Claims:
    """Tokens of one issuer whose claims fit: one flexible credential. In preview at Microsoft."""

    issuer: ClaimIssuer
    """The `iss` claim of the tokens: `https://token.actions.githubusercontent.com`, `https://gitlab.com` or
    `https://gitlab.<your domain>`, `https://app.terraform.io` or `https://app.eu.terraform.io`."""
    match: Annotated[tuple[ClaimMatch, ...], list_keyed_by("claim"), Field(min_length=1, max_length=len(ClaimName))]
    """What the claims of a token must be, each claim once; all must fit. `sub` is always among them; of GitHub also
    `repository_id` or `repository_owner_id`; of GitLab also `project_id`, `namespace_id` or `user_id`."""


ClaimPattern = Annotated[
    str,
    Field(max_length=MAX_VALUE // 2),
    Form(
        "!self.contains('?') && !self.replace('{namespace}', '').contains('{')",
        lambda text: "?" not in text and "{" not in text.replace("{namespace}", ""),
        "may not contain `?`, nor another placeholder than `{namespace}`",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class ClaimRule:
    """Within what an item must match one claim."""

    claim: ClaimName
    """Name of the claim, like `repository_owner_id`."""
    values: Annotated[tuple[ClaimPattern, ...], SET, Field(min_length=1, max_length=8)]
    """What the item may demand of the claim: a value within one of these. `*` stands for any text without `/`, `:` and
    without a wildcard of the item; `**` for any text, wildcards included. `{namespace}` stands for the namespace of the
    object that asks. Upper and lower case matter. Examples: `repo:contoso/web:**`, `123456`."""
