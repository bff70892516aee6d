"""Sources of tokens at a real API server: every format is taken once and not twice, and what can never work is refused
with the reason."""

from collections.abc import Callable
from typing import Any

import pytest

from entrafed_lab.controlplane import Kubectl
from golden_sources import ALL, ENTRA_SUBJECT, FLEXIBLE, ORGANIZATION, PLAIN, WORKFLOW, Golden
from manifests import (
    ON_IDENTITY,
    TENANT,
    Manifest,
    connection,
    federation,
    from_github,
    from_identity,
    from_oidc,
    from_service_account,
    identity_id,
    rule,
)
from schema_world import apply, refused
from source_pages import PAGES, Page

BLANKS = "may not be empty, nor begin or end with a blank"
WILDCARD = "may not contain `*`: Entra compares exactly"
DIFFERENT = "must have a different source in each item: Entra has one credential for each issuer and subject"
REPOSITORY = "must be `owner/name`, like `contoso/web`"
GIT = "must be a name as git allows it: not empty, without blanks"
NARROWED = "must have exactly one of `environment`, `branch`, `tag`, `pullRequest`"
TOO_LONG = "must give a subject of at most 600 characters, each `:` within a value counted as three"
NUMBER = "must be a number in quotes"
HOST = "must be `<subdomain>.ghe.com` or the host of a GitHub Enterprise Server; omit it for github.com"
CLAIM_VALUE = "must have `value`, but not for `repo` and `context`"
ONLY_REPO = "may have `repository` and its ids only when `repo` is among `subjectClaims`"
ONLY_CONTEXT = "may have `environment`, `branch`, `tag`, `pullRequest` only when `context` is among `subjectClaims`"
INSTANCE = "must be the address of a GitLab instance, like `https://gitlab.contoso.com`, without a `/` at its end"
PROJECT = "must be the path of the project, like `group/subgroup/project`"
SERVICE_CONNECTION = "must be the subject identifier of a service connection"
UNIQUE_ID = "must be the numeric unique id of the service account, in quotes, and not its e-mail address"
ACCOUNT = "must be the issuer URL of the account"
ROLE = "must be the ARN of an IAM role, like `arn:aws:iam::123456789012:role/web`, and not that of a session"
SPIFFE_ID = "must be the SPIFFE ID of a workload"
ENTRA = "may not be an issuer of Entra"
BITBUCKET = "may not be Bitbucket: its subjects name the step and so change with every run"
NO_SLASH = "may not end with `/`: this issuer does not, and Entra compares exactly"
SLASH = "must end with `/`: the issuer of an AKS cluster does, and Entra compares exactly"
ENTRAS_AUDIENCE = "may not have an `audience` with `managedIdentity` or `azureDevOps.entraIssuer`"

ITEMS = "spec.federatedCredentials"
ITEM = f"{ITEMS}[0]"

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
AKS = f"https://westeurope.oic.prod-aks.azure.com/{TENANT}/{ORGANIZATION}"
GITHUB = {"repository": "contoso/web"}
REUSED = {"claim": "job_workflow_ref", "value": WORKFLOW}
GITLAB = {"project": "contoso/web", "branch": "main"}
AWS = {
    "issuer": "https://a103a2cc-b461-473d-84fe-6c4f6d45af88.tokens.sts.global.api.aws",
    "roleArn": "arn:aws:iam::123456789012:role/web",
}
SPIFFE = {"issuer": "https://oidc.contoso.com", "id": "spiffe://contoso.com/web"}
DEV_OPS = {
    "organization": "contoso",
    "organizationId": ORGANIZATION,
    "project": "payments",
    "serviceConnection": "azure-prod",
}
ENTRA_ISSUED = {"azureDevOps": {"entraIssuer": {"subject": ENTRA_SUBJECT}}}


EVERY = {**ALL, **FLEXIBLE}


def item(golden: Golden, name: str = "item") -> Manifest:
    return {"name": name, **golden.source}


def one(field: str, source: str, /, **fields: Any) -> tuple[Manifest, str]:
    """One item with this source, and where the API server is to complain: at the source itself, or a field of it."""
    return federation({"name": "item", source: fields}), f"{ITEM}.{source}.{field}".rstrip(".")


def github(field: str = "", **fields: Any) -> tuple[Manifest, str]:
    return one(field, "githubActions", **{**GITHUB, **fields})


def customised(field: str, *claims: Manifest, **fields: Any) -> tuple[Manifest, str]:
    return one(field, "githubActions", subjectClaims=list(claims), **fields)


def gitlab(field: str = "", **fields: Any) -> tuple[Manifest, str]:
    return one(field, "gitlab", **{**GITLAB, **fields})


def entra(subject: str) -> tuple[Manifest, str]:
    return one("entraIssuer.subject", "azureDevOps", entraIssuer={"subject": subject})


def dev_ops(**field: str) -> tuple[Manifest, str]:
    return one(f"devOpsIssuer.{next(iter(field))}", "azureDevOps", devOpsIssuer={**DEV_OPS, **field})


def google(unique_id: Any) -> tuple[Manifest, str]:
    return one("serviceAccountUniqueId", "google", serviceAccountUniqueId=unique_id)


def aws(**field: str) -> tuple[Manifest, str]:
    return one(next(iter(field)), "aws", **{**AWS, **field})


def spiffe(**field: str) -> tuple[Manifest, str]:
    return one(next(iter(field)), "spiffe", **{**SPIFFE, **field})


def oidc(issuer: str) -> tuple[Manifest, str]:
    return one("issuer", "oidc", issuer=issuer, subject="x")


CONTEXT, REPO = {"claim": "context"}, {"claim": "repo"}
AT_SERVER = {"host": "github.contoso.com"}

MISTAKES: dict[str, tuple[tuple[Manifest, str], str]] = {
    # GitHub Actions
    "a repository without an owner": (github("repository", repository="web", branch="main"), REPOSITORY),
    "a repository by its address": (
        github("repository", repository="https://github.com/contoso/web", branch="main"),
        REPOSITORY,
    ),
    "a repository with ids in its name": (
        github("repository", repository="contoso@1/web@2", branch="main"),
        REPOSITORY,
    ),
    "a repository with a colon": (github("repository", repository="contoso/web:x", branch="main"), REPOSITORY),
    "a repository in another script": (github("repository", repository="contoso/wéb", branch="main"), REPOSITORY),
    "no repository": (one("", "githubActions", branch="main"), "must have `repository`"),
    "a whole repository": (github(), NARROWED),
    "a branch and an environment": (github(branch="main", environment="prod"), NARROWED),
    "all branches": (github("branch", branch="*"), WILDCARD),
    "a branch as a ref": (
        github("branch", branch="refs/heads/main"),
        "must be the name of the branch alone, without `refs/heads/`",
    ),
    "the ref of a pull request as a branch": (
        github("branch", branch="refs/pull/1/merge"),
        "must be the name of the branch alone, without `refs/heads/`",
    ),
    "the ref of a tag as a branch of GitLab": (
        gitlab("branch", branch="refs/tags/v1"),
        "must be the name of the branch alone, without `refs/heads/`",
    ),
    "a branch with a blank behind it": (github("branch", branch="main "), GIT),
    "a branch with a colon": (github("branch", branch="main:environment:prod"), GIT),
    "a branch that is empty": (github("branch", branch=""), GIT),
    "a tag as a ref": (github("tag", tag="refs/tags/v1"), "must be the name of the tag alone, without `refs/tags/`"),
    "an environment that is empty": (github("environment", environment=""), BLANKS),
    "an environment with a blank ahead": (github("environment", environment=" prod"), BLANKS),
    "any environment": (github("environment", environment="prod-*"), WILDCARD),
    "an environment whose subject is too long": (github(environment=":" * 200), TOO_LONG),
    "an owner's id without the repository's": (
        github(ownerId="1", branch="main"),
        "must have `ownerId` and `repositoryId` both, or neither",
    ),
    "an owner's id with a zero ahead": (github("ownerId", ownerId="01", repositoryId="2", branch="main"), NUMBER),
    "an owner's id without quotes": (
        github("ownerId", ownerId=1, repositoryId="2", branch="main"),
        "must be of type string",
    ),
    "immutable subjects of a server": (
        github(ownerId="1", repositoryId="2", branch="main", **AT_SERVER),
        "may not have `ownerId` and `repositoryId` with a GitHub Enterprise Server: its subjects have no ids",
    ),
    "github.com as a host": (github("host", host="github.com", branch="main"), HOST),
    "an organisation at github.com as a host": (github("host", host="contoso.github.com", branch="main"), HOST),
    "ghe.com without a subdomain": (github("host", host="ghe.com", branch="main"), HOST),
    "the issuer of ghe.com as a host": (github("host", host="token.actions.octocorp.ghe.com", branch="main"), HOST),
    "a host that is an address": (github("host", host="https://github.contoso.com", branch="main"), "must be a DNS"),
    "an enterprise of a server": (
        github(enterprise="contoso", branch="main", **AT_SERVER),
        "may have `enterprise` with `host` only when the host is `<enterprise>.ghe.com`",
    ),
    "an enterprise by its display name": (
        github("enterprise", enterprise="Contoso Inc.", branch="main"),
        "must be the slug of an enterprise, like `contoso-inc`",
    ),
    "a subject of no claims": (customised("subjectClaims"), "at least 1 items"),
    "a claim twice": (customised("subjectClaims", REUSED, REUSED), "must have each claim only once"),
    "a claim without a value": (customised("subjectClaims[0]", {"claim": "job_workflow_ref"}), CLAIM_VALUE),
    "a value for the repository": (
        customised("subjectClaims[0]", {**REPO, "value": "contoso/web"}, **GITHUB),
        CLAIM_VALUE,
    ),
    "a claim that is no name": (
        customised("subjectClaims[0].claim", {"claim": "repo:x", "value": "y"}),
        "must be the name of a claim, like `job_workflow_ref`",
    ),
    "a claim of one run": (
        customised("subjectClaims[0].claim", {"claim": "run_id", "value": "1"}),
        "may not be a claim that changes with every run",
    ),
    "any workflow": (
        customised("subjectClaims[0].value", {"claim": "job_workflow_ref", "value": "contoso/*"}),
        WILDCARD,
    ),
    "a repository that the subject does not say": (customised("", REUSED, **GITHUB), ONLY_REPO),
    "an environment that the subject does not say": (customised("", REUSED, environment="prod"), ONLY_CONTEXT),
    "a subject with a repository that is missing": (customised("", REPO), "must have `repository`"),
    "a subject with a context that is missing": (customised("", REPO, CONTEXT, **GITHUB), NARROWED),
    "claims that are too long together": (
        customised("", {"claim": "workflow", "value": "x" * 300}, {"claim": "actor", "value": ":" * 100}),
        TOO_LONG,
    ),
    # GitLab
    "a project without a group": (gitlab("project", project="web"), PROJECT),
    "a project by its address": (gitlab("project", project="https://gitlab.com/contoso/web"), PROJECT),
    "a project and its id": (gitlab(projectId="1"), "must have exactly one of `project`, `projectId`"),
    "no branch and no tag": (one("", "gitlab", project="g/p"), "must have exactly one of `branch`, `tag`"),
    "all branches of GitLab": (gitlab("branch", branch="*"), WILDCARD),
    "an instance with a slash at its end": (gitlab("url", url="https://gitlab.contoso.com/"), INSTANCE),
    "an instance over http": (gitlab("url", url="http://gitlab.contoso.com"), INSTANCE),
    "Entra as a GitLab instance": (gitlab("url", url="https://login.microsoftonline.com/x"), ENTRA),
    "a project whose subject is too long": (gitlab(project="g/" + "p" * 350, branch="b" * 250), TOO_LONG),
    # Azure DevOps
    "both issuers of a service connection": (
        one("", "azureDevOps", devOpsIssuer=DEV_OPS, **ENTRA_ISSUED["azureDevOps"]),
        "must have exactly one of `entraIssuer`, `devOpsIssuer`",
    ),
    "no issuer of a service connection": (one("", "azureDevOps"), "must have exactly one of `entraIssuer`"),
    "the old subject with the new issuer": (entra("sc://contoso/payments/azure-prod"), SERVICE_CONNECTION),
    "the object id of a principal as a service connection": (entra(TENANT), SERVICE_CONNECTION),
    "the subject of something else than a service connection": (
        entra(ENTRA_SUBJECT.partition("/sc/")[0] + "/agents/1"),
        SERVICE_CONNECTION,
    ),
    "an organization by its address": (
        dev_ops(organization="https://dev.azure.com/contoso"),
        "must be the name of the organization, like `contoso`",
    ),
    "an organization's id that is its name": (dev_ops(organizationId="contoso"), "must be a GUID"),
    "a DevOps project with a slash": (dev_ops(project="payments/prod"), "may not contain `/`"),
    "a service connection with a blank behind it": (dev_ops(serviceConnection="azure-prod "), BLANKS),
    # the other clouds
    "a service account by its address": (google("web@contoso.iam.gserviceaccount.com"), UNIQUE_ID),
    "a unique id without quotes": (google(112233445566), "must be of type string"),
    "the issuer of another AWS service": (aws(issuer="https://sts.amazonaws.com"), ACCOUNT),
    "an AWS issuer with a slash at its end": (aws(issuer=AWS["issuer"] + "/"), ACCOUNT),
    "a session of a role": (aws(roleArn="arn:aws:sts::123456789012:assumed-role/web/i-0"), ROLE),
    "an AWS user": (aws(roleArn="arn:aws:iam::123456789012:user/web"), ROLE),
    "any role": (aws(roleArn="arn:aws:iam::123456789012:role/*"), ROLE),
    # SPIFFE
    "a SPIFFE ID without a path": (spiffe(id="spiffe://contoso.com"), SPIFFE_ID),
    "a SPIFFE ID with a trust domain in capitals": (spiffe(id="spiffe://Contoso.com/web"), SPIFFE_ID),
    "a SPIFFE ID with a slash at its end": (spiffe(id="spiffe://contoso.com/web/"), SPIFFE_ID),
    "any SPIFFE ID": (spiffe(id="spiffe://contoso.com/*"), SPIFFE_ID),
    "Entra as the issuer of a SPIFFE ID": (spiffe(issuer="https://sts.windows.net/x/"), ENTRA),
    # any other issuer
    "Bitbucket": (
        oidc("https://api.bitbucket.org/2.0/workspaces/contoso/pipelines-config/identity/oidc"),
        BITBUCKET,
    ),
    "Bitbucket in capitals": (oidc("https://API.Bitbucket.org"), BITBUCKET),
    "GitHub with a slash at its end": (oidc(f"{GITHUB_ISSUER}/"), NO_SLASH),
    "an enterprise of GitHub with a slash at its end": (oidc(f"{GITHUB_ISSUER}/contoso-inc/"), NO_SLASH),
    "a GitHub with data residency and a slash at its end": (oidc("https://token.actions.octocorp.ghe.com/"), NO_SLASH),
    "GitLab with a slash at its end": (oidc("https://GitLab.com/"), NO_SLASH),
    "HCP Terraform with a slash at its end": (oidc("https://app.eu.terraform.io/"), NO_SLASH),
    "Google with a slash at its end": (oidc("https://accounts.google.com/"), NO_SLASH),
    "an AKS cluster without the slash at its end": (oidc(AKS), SLASH),
    "an older AKS cluster without the slash at its end": (oidc(f"https://oidc.prod-aks.azure.com/{TENANT}"), SLASH),
    # audiences
    "an audience of a managed identity": (
        (federation({**from_identity(), "audience": "api://AzureADTokenExchange"}), ITEM),
        ENTRAS_AUDIENCE,
    ),
    "an audience of a service connection of Entra": (
        (federation({"name": "item", "audience": "api://own", **ENTRA_ISSUED}), ITEM),
        ENTRAS_AUDIENCE,
    ),
    # managed identities
    "a system-assigned identity": (
        (
            federation(from_identity(identity_id().replace("ManagedIdentity/userAssigned", "Compute/virtual"))),
            f"{ITEM}.managedIdentity.resourceId",
        ),
        "must be the resource id of a user-assigned managed identity",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_what_can_never_work_is_refused_where_it_is_and_with_the_reason(user: Kubectl, mistake: str) -> None:
    (manifest, where), what = MISTAKES[mistake]
    found = await refused(user, manifest)
    assert [place for place, _ in found if not place.startswith("<")] == [where], found
    assert what in found[0][1]


async def test_every_source_is_taken_twenty_at_a_time(user: Kubectl) -> None:
    items = [item(golden, f"item-{n}") for n, golden in enumerate(EVERY.values())]
    assert 40 < len(items) <= 60
    for some in (items[:20], items[20:40], items[40:]):
        await apply(user, federation(*some), "--dry-run=server")


@pytest.mark.parametrize("golden", EVERY.values(), ids=list(EVERY))
async def test_the_same_source_twice_is_refused(user: Kubectl, golden: Golden) -> None:
    found = await refused(user, federation(item(golden, "a"), from_service_account(), item(golden, "b")))
    assert [place for place, _ in found] == [ITEMS], found
    assert DIFFERENT in found[0][1]


@pytest.mark.parametrize("golden", PLAIN.values(), ids=list(PLAIN))
async def test_the_api_server_derives_the_pair_that_the_operator_derives(user: Kubectl, golden: Golden) -> None:
    twin = from_oidc(golden.issuer, golden.subject, name="twin")
    found = await refused(user, federation(item(golden), from_service_account(), twin))
    assert [place for place, _ in found] == [ITEMS], found
    assert DIFFERENT in found[0][1]
    other = from_oidc(golden.issuer, golden.subject + "x", name="other")
    await apply(user, federation(item(golden), other), "--dry-run=server")


def claims(*values: str) -> Manifest:
    named = [{"claim": claim, "value": value} for claim, value in zip("ab", values, strict=True)]
    return {"name": "item", "githubActions": {"subjectClaims": named}}


LONGEST: dict[str, Callable[[str], Manifest]] = {
    "environment": lambda more: from_github(environment=":" * 190 + "x" + more),
    "claims": lambda more: claims(":" * 98, ":" * 98 + "x" * 7 + more),
    "project": lambda more: {"name": "item", "gitlab": {"project": "g/" + "p" * 311, "branch": "b" * 253 + more}},
}


@pytest.mark.parametrize("longest", LONGEST.values(), ids=list(LONGEST))
async def test_a_subject_may_have_600_characters_and_not_one_more(
    user: Kubectl, longest: Callable[[str], Manifest]
) -> None:
    await apply(user, federation(longest("")), "--dry-run=server")
    ((_, what),) = await refused(user, federation(longest("x")))
    assert TOO_LONG in what


async def test_an_item_named_like_a_service_account_is_not_taken_for_it(user: Kubectl) -> None:
    reused = {"name": "web", "githubActions": {"subjectClaims": [REUSED]}}
    await apply(user, federation(reused, from_service_account("web")), "--dry-run=server")


async def test_an_identity_may_trust_service_connections_of_both_issuers(user: Kubectl) -> None:
    own = {"name": "own", "azureDevOps": {"devOpsIssuer": DEV_OPS}}
    await apply(user, federation({"name": "entra", **ENTRA_ISSUED}, own, target=ON_IDENTITY), "--dry-run=server")


async def test_a_rule_may_allow_the_service_connections_of_an_organization(user: Kubectl) -> None:
    subjects = [ENTRA_SUBJECT.rpartition("/")[0] + "/*", f"/eid1/**/sc/{ORGANIZATION}/*"]
    issuer = f"https://login.microsoftonline.com/{TENANT}/v2.0"
    await apply(user, connection(rule({"issuer": issuer, "subjects": subjects})), "--dry-run=server")


async def test_a_workspace_twice_and_its_plans_as_oidc_are_refused(user: Kubectl) -> None:
    workspace = {"organization": "contoso", "project": "Default Project", "workspace": "prod"}
    subject = "organization:contoso:project:Default Project:workspace:prod:run_phase:plan"
    first, second = ({"name": name, "terraformCloud": workspace} for name in "ab")
    for other in (second, from_oidc("https://app.terraform.io", subject)):
        found = await refused(user, federation(first, other))
        assert [place for place, _ in found] == [ITEMS], found
        assert DIFFERENT in found[0][1]


@pytest.mark.parametrize("page", PAGES.values(), ids=list(PAGES))
async def test_what_a_page_shows_is_taken(user: Kubectl, page: Page) -> None:
    await apply(user, federation(*page.items), "--dry-run=server")
    await apply(user, connection(rule(*page.allowed)), "--dry-run=server")
