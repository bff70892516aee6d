"""Pipelines as sources of tokens: GitHub Actions, GitLab, HCP Terraform and Azure DevOps.

The docstrings are what `kubectl explain` shows. `entrafed.domain.sources` says which issuer and subject each comes to.
"""

from typing import Annotated, Any

from pydantic import Field
from pydantic.alias_generators import to_camel
from pydantic.dataclasses import dataclass

from entrafed.api import pairs
from entrafed.api.formats import GUID, MAX_VALUE, NO_BLANKS_AROUND, NO_WILDCARD, NOT_ENTRA, DnsSubdomain, Guid
from entrafed.api.schema import ATOMIC_LIST, Must, camel_case, exactly_one_of, like, quoted, unlike

NOT_TOO_LONG = f"must give a subject of at most {MAX_VALUE} characters, each `:` within a value counted as three"

GitRef = Annotated[
    str,
    Field(max_length=255),
    NO_WILDCARD,
    like(
        r"[^\s:~^?\[\\]+",
        r"must be a name as git allows it: not empty, without blanks and without `:`, `~`, `^`, `?`, `[` and `\`",
    ),
]
Branch = Annotated[GitRef, unlike(r"refs/.*", "must be the name of the branch alone, without `refs/heads/`")]
Tag = Annotated[GitRef, unlike(r"refs/.*", "must be the name of the tag alone, without `refs/tags/`")]
Id = Annotated[str, Field(max_length=20), like("[1-9][0-9]*", "must be a number in quotes, like `'123456'`")]


def require_one_of(source: Any, *fields: str) -> None:
    """The same as `exactly_one_of`, for what was stored under another schema. Raises ValueError."""
    if sum(getattr(source, field) is not None for field in fields) != 1:
        raise ValueError(f"must have exactly one of {quoted(tuple(to_camel(field) for field in fields))}")


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class PullRequest:
    """Jobs that a pull request started, whatever its branch. It has no fields: write `pullRequest: {}`."""


REPO, CONTEXT = "repo", "context"
"""The two claims of a GitHub subject that other fields of `githubActions` say."""


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        Must(
            f"(self.claim in ['{REPO}', '{CONTEXT}']) != has(self.value)",
            f"must have `value`, but not for `{REPO}` and `{CONTEXT}`, which the other fields of `githubActions` say",
        )
    ),
)
class SubjectClaim:
    """One claim of a customised subject."""

    claim: Annotated[
        str,
        Field(max_length=100),
        like("[a-zA-Z0-9_-]+", "must be the name of a claim, like `job_workflow_ref`"),
        unlike(
            "run_id|run_number|run_attempt|check_run_id",
            "may not be a claim that changes with every run: Entra compares exactly",
        ),
    ]
    """Name of the claim, like `job_workflow_ref`, as in GitHub's `include_claim_keys`. `repo` stands for `repository`,
    and `context` for `environment`, `branch`, `tag` or `pullRequest`."""
    value: Annotated[str, Field(max_length=400), NO_BLANKS_AROUND, NO_WILDCARD] | None = None
    """What the claim must be, like `contoso/workflows/.github/workflows/deploy.yml@refs/heads/main`; not for `repo` and
    `context`."""

    def __post_init__(self) -> None:
        if (self.claim in (REPO, CONTEXT)) is (self.value is not None):
            raise ValueError(f"must have `value`, but not for `{REPO}` and `{CONTEXT}`")


_NARROWED = ("environment", "branch", "tag", "pullRequest")
_HAS_NARROWED = ", ".join(f"has(self.{field})" for field in _NARROWED)
_SAYS_REPO, _SAYS_CONTEXT = (
    f"(!has(self.subjectClaims) || self.subjectClaims.exists(c, c.claim == '{claim}'))" for claim in (REPO, CONTEXT)
)


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        Must(f"!{_SAYS_REPO} || has(self.repository)", "must have `repository`"),
        Must(
            f"{_SAYS_REPO} || !(has(self.repository) || has(self.ownerId) || has(self.repositoryId))",
            "may have `repository` and its ids only when `repo` is among `subjectClaims`: otherwise the subject, which"
            " is all that Entra compares, does not say them",
        ),
        Must(
            f"!{_SAYS_CONTEXT} || [{_HAS_NARROWED}].exists_one(set, set)",
            f"must have exactly one of {quoted(_NARROWED)}",
        ),
        Must(
            f"{_SAYS_CONTEXT} || ![{_HAS_NARROWED}].exists(set, set)",
            f"may have {quoted(_NARROWED)} only when `context` is among `subjectClaims`: otherwise the subject, which"
            " is all that Entra compares, does not say it",
        ),
        Must("has(self.ownerId) == has(self.repositoryId)", "must have `ownerId` and `repositoryId` both, or neither"),
        Must(
            "!has(self.ownerId) || !has(self.host) || self.host.endsWith('.ghe.com')",
            "may not have `ownerId` and `repositoryId` with a GitHub Enterprise Server: its subjects have no ids",
        ),
        Must(
            "!has(self.enterprise) || !has(self.host) || self.host == self.enterprise + '.ghe.com'",
            "may have `enterprise` with `host` only when the host is `<enterprise>.ghe.com`",
        ),
        Must(f"({pairs.github_subject_size('self')}) <= {MAX_VALUE}", NOT_TOO_LONG),
    ),
)
class GitHubActions:
    """Jobs of one GitHub repository, narrowed in exactly one of four ways, or by a customised subject."""

    repository: (
        Annotated[
            str,
            Field(max_length=140),
            like(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+", "must be `owner/name`, like `contoso/web`"),
        ]
        | None
    ) = None
    """The repository as `owner/name`, like `contoso/web`, in exactly the upper and lower case that GitHub shows. It is
    left out only when `subjectClaims` does not have `repo`."""
    owner_id: Id | None = None
    """Numeric id of the owner of the repository, for repositories with immutable subjects: those made, renamed or
    transferred since 15 July 2026, and those that opted in. `gh api repos/OWNER/NAME --jq .owner.id` prints it."""
    repository_id: Id | None = None
    """Numeric id of the repository, together with `ownerId`. `gh api repos/OWNER/NAME --jq .id` prints it."""
    environment: Annotated[str, Field(max_length=255), NO_BLANKS_AROUND, NO_WILDCARD] | None = None
    """Jobs that name this deployment environment, like `prod`. GitHub names the environment in the token whenever a job
    has one, so such a job matches neither `branch`, `tag` nor `pullRequest`."""
    branch: Branch | None = None
    """Jobs that run for this branch, like `main`, without an environment."""
    tag: Tag | None = None
    """Jobs that run for this tag, like `v1.0.0`, without an environment."""
    pull_request: PullRequest | None = None
    """Jobs that a pull request started, without an environment: `pullRequest: {}`."""
    subject_claims: (
        Annotated[
            tuple[SubjectClaim, ...],
            Field(min_length=1, max_length=8),
            ATOMIC_LIST,
            Must("self.all(one, self.exists_one(other, other.claim == one.claim))", "must have each claim only once"),
        ]
        | None
    ) = None
    """What the subject consists of, where the repository or its organisation customised it: the claims of GitHub's
    `include_claim_keys`, in the same order. Omitted: `repo` and `context`, as GitHub does without customisation."""
    enterprise: (
        Annotated[
            str,
            Field(max_length=60),
            like("[a-zA-Z0-9]([a-zA-Z0-9_-]*[a-zA-Z0-9])?", "must be the slug of an enterprise, like `contoso-inc`"),
        ]
        | None
    ) = None
    """Slug of the GitHub enterprise, like `contoso-inc`, when the enterprise has its own issuer
    (`include_enterprise_slug`): then its tokens come from `https://token.actions.githubusercontent.com/<slug>`."""
    host: (
        Annotated[
            DnsSubdomain,
            unlike(
                r"(.*\.)?github\.com|.*githubusercontent\.com|ghe\.com|.*\..*\.ghe\.com|[^.]*",
                "must be `<subdomain>.ghe.com` or the host of a GitHub Enterprise Server; omit it for github.com",
            ),
        ]
        | None
    ) = None
    """Where the repository is, when it is not on github.com: `<subdomain>.ghe.com` (data residency), or the host of a
    GitHub Enterprise Server that Entra can read from the internet, like `github.contoso.com`."""

    def __post_init__(self) -> None:
        claims = {REPO, CONTEXT} if self.subject_claims is None else {claim.claim for claim in self.subject_claims}
        if REPO in claims and self.repository is None:
            raise ValueError("must have `repository`")
        if CONTEXT in claims:
            require_one_of(self, "environment", "branch", "tag", "pull_request")


@dataclass(
    frozen=True,
    slots=True,
    kw_only=True,
    config=camel_case(
        exactly_one_of("project", "projectId"),
        exactly_one_of("branch", "tag"),
        Must(f"({pairs.gitlab_subject('self')}).size() <= {MAX_VALUE}", NOT_TOO_LONG),
    ),
)
class GitLab:
    """CI/CD jobs of one GitLab project, for one branch or one tag."""

    url: (
        Annotated[
            str,
            Field(max_length=253),
            like(
                r"https://[^\s/?#@*]+(/[^\s/?#*]+)*",
                "must be the address of a GitLab instance, like `https://gitlab.contoso.com`, without a `/` at its end",
            ),
            NOT_ENTRA,
        ]
        | None
    ) = None
    """Address of the GitLab instance, as the CI/CD variable `CI_SERVER_URL` has it, when it is not
    `https://gitlab.com`. Entra must be able to read it from the internet."""
    project: (
        Annotated[
            str,
            Field(max_length=512),
            like(
                r"[A-Za-z0-9_.][A-Za-z0-9._-]*(/[A-Za-z0-9_.][A-Za-z0-9._-]*)+",
                "must be the path of the project, like `group/subgroup/project`",
            ),
        ]
        | None
    ) = None
    """Path of the project with all its groups, like `group/subgroup/project`, in exactly the upper and lower case that
    GitLab shows."""
    project_id: Id | None = None
    """Numeric id of the project, in place of `project`: only for a project whose subjects were configured to begin with
    it (`ci_id_token_sub_claim_components` is `project_id`, `ref_type`, `ref`)."""
    branch: Branch | None = None
    """Jobs that run for this branch, like `main`. A merge request's jobs run for its source branch."""
    tag: Tag | None = None
    """Jobs that run for this tag, like `v1.0.0`."""

    def __post_init__(self) -> None:
        require_one_of(self, "project", "project_id")
        require_one_of(self, "branch", "tag")


HcpName = Annotated[str, Field(max_length=90), like("[A-Za-z0-9_-]+", "must be letters, digits, `-` and `_`")]


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class TerraformCloud:
    """Runs of one workspace of HCP Terraform or Terraform Enterprise: a credential for plans and one for applies."""

    host: Annotated[DnsSubdomain, unlike(r"[^.]*", "must be the name of a host, like `tfe.contoso.com`")] | None = None
    """Where the workspace is, when it is not on `app.terraform.io`: `app.eu.terraform.io`, or the host of a Terraform
    Enterprise that Entra can read from the internet."""
    organization: HcpName
    """Name of the organization."""
    project: Annotated[
        str,
        Field(max_length=40),
        like("[A-Za-z0-9_-]([A-Za-z0-9_ -]*[A-Za-z0-9_-])?", "must be letters, digits, blanks within, `-` and `_`"),
    ]
    """Name of the project that the workspace is in, like `Default Project`."""
    workspace: HcpName
    """Name of the workspace."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class EntraIssuer:
    """Entra issues the tokens: newer service connections, and those that were converted."""

    subject: Annotated[
        str,
        Field(max_length=MAX_VALUE),
        like(
            rf"/eid1/c/[a-z]+/t/[A-Za-z0-9_-]{{22}}/a/[A-Za-z0-9_-]{{22}}/sc/{GUID}/{GUID}",
            "must be the subject identifier of a service connection, as Azure DevOps shows it: it begins with `/eid1/`",
        ),
    ]
    """The subject identifier that Azure DevOps shows for the service connection: it begins with `/eid1/`."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case())
class DevOpsIssuer:
    """Azure DevOps itself issues the tokens: service connections that were not converted, for multi-tenant apps, or for
    clouds other than the public one. For the others it ends on 1 July 2027."""

    organization: Annotated[
        str,
        Field(max_length=50),
        like("[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?", "must be the name of the organization, like `contoso`"),
    ]
    """Name of the organization: `contoso` of `https://dev.azure.com/contoso`."""
    organization_id: Guid
    """Id of the organization: the end of the issuer that Azure DevOps shows for the service connection."""
    project: Annotated[
        str, Field(max_length=64), NO_BLANKS_AROUND, NO_WILDCARD, unlike("(?s).*/.*", "may not contain `/`")
    ]
    """Name of the project."""
    service_connection: Annotated[str, Field(max_length=256), NO_BLANKS_AROUND, NO_WILDCARD]
    """Name of the service connection. When it, the project or the organization is renamed, the subject changes."""


@dataclass(frozen=True, slots=True, kw_only=True, config=camel_case(exactly_one_of("entraIssuer", "devOpsIssuer")))
class AzureDevOps:
    """Pipelines that use one service connection of Azure DevOps, by whoever issues its tokens."""

    entra_issuer: EntraIssuer | None = None
    """Entra issues the tokens: the issuer that Azure DevOps shows begins with `https://login.microsoftonline.com/`. Of
    applications, only those of a single tenant can trust them (AADSTS70052)."""
    dev_ops_issuer: DevOpsIssuer | None = None
    """Azure DevOps issues the tokens: the issuer that it shows begins with `https://vstoken.dev.azure.com/`."""

    def __post_init__(self) -> None:
        require_one_of(self, "entra_issuer", "dev_ops_issuer")

    @property
    def issuer(self) -> EntraIssuer | DevOpsIssuer:
        """The one that is set."""
        return next(issuer for issuer in (self.entra_issuer, self.dev_ops_issuer) if issuer is not None)
