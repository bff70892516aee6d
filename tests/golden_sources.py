"""What each source comes to, written out: the formats that issuers document, and values that are odd but real.

Sources: those that `docs/how-to/sources` names, page by page.
"""

from dataclasses import dataclass

from manifests import Manifest

GITHUB = "https://token.actions.githubusercontent.com"
ORGANIZATION = "0ca3ddd9-f0b0-4635-a98c-5866526961b6"
ENTRA_SUBJECT = (
    "/eid1/c/pub/t/EREREREREREREREREREREQ/a/rISbSSETf0KqFyZ8ppdXmA/sc/0ca3ddd9-f0b0-4635-a98c-5866526961b6"
    "/64171687-7a59-4fce-b2c8-823278dcf176"
)
WORKFLOW = "contoso/workflows/.github/workflows/deploy.yml@refs/heads/main"


@dataclass(frozen=True)
class Golden:
    """A source as users write it, and the issuer and subject of its tokens."""

    source: Manifest
    issuer: str
    subject: str = ""
    expression: str = ""
    """Of a flexible credential, in place of the subject."""


def github(issuer: str, subject: str, **fields: object) -> Golden:
    return Golden({"githubActions": fields}, issuer, subject)


def customised(subject: str, *claims: Manifest, **fields: object) -> Golden:
    return github(GITHUB, subject, subjectClaims=list(claims), **fields)


def gitlab(subject: str, issuer: str = "https://gitlab.com", **fields: object) -> Golden:
    return Golden({"gitlab": fields}, issuer, subject)


def azure_devops(project: str, connection: str) -> Golden:
    own = {"organization": "contoso", "project": project, "serviceConnection": connection}
    return Golden(
        {"azureDevOps": {"devOpsIssuer": {**own, "organizationId": ORGANIZATION.upper()}}},
        f"https://vstoken.dev.azure.com/{ORGANIZATION}",
        f"sc://contoso/{project}/{connection}",
    )


WEB = {"repository": "contoso/web"}
REPO, CONTEXT = {"claim": "repo"}, {"claim": "context"}

PLAIN: dict[str, Golden] = {
    "GitHub environment": github(GITHUB, "repo:contoso/web:environment:prod", **WEB, environment="prod"),
    "GitHub environment with colons": github(
        GITHUB, "repo:contoso/web:environment:prod%3Awest%3A1", **WEB, environment="prod:west:1"
    ),
    "GitHub environment with a percent sign, a slash and a blank": github(
        GITHUB, "repo:contoso/web:environment:100% / a%3Ab", **WEB, environment="100% / a%3Ab"
    ),
    "GitHub environment in another script": github(
        GITHUB, "repo:contoso/web:environment:prød-環境", **WEB, environment="prød-環境"
    ),
    "GitHub branch": github(GITHUB, "repo:contoso/web:ref:refs/heads/release/1.x", **WEB, branch="release/1.x"),
    "GitHub branch with signs that git allows": github(
        GITHUB, "repo:contoso/web:ref:refs/heads/a@b#c%d+ü", **WEB, branch="a@b#c%d+ü"
    ),
    "GitHub tag": github(GITHUB, "repo:contoso/web:ref:refs/tags/v1.0.0", **WEB, tag="v1.0.0"),
    "GitHub pull request": github(GITHUB, "repo:contoso/web:pull_request", **WEB, pullRequest={}),
    "GitHub repository with dots": github(
        GITHUB, "repo:Con-toso_inc/.web.site:pull_request", repository="Con-toso_inc/.web.site", pullRequest={}
    ),
    "GitHub immutable": github(
        GITHUB,
        "repo:contoso@123456/web@456789:ref:refs/heads/main",
        **WEB,
        ownerId="123456",
        repositoryId="456789",
        branch="main",
    ),
    "GitHub enterprise with its own issuer": github(
        f"{GITHUB}/contoso-inc", "repo:contoso/web:pull_request", **WEB, enterprise="contoso-inc", pullRequest={}
    ),
    "GitHub data residency": github(
        "https://token.actions.octocorp.ghe.com",
        "repo:contoso@1/web@2:environment:prod",
        **WEB,
        host="octocorp.ghe.com",
        ownerId="1",
        repositoryId="2",
        environment="prod",
    ),
    "GitHub data residency with its own issuer": github(
        "https://token.actions.octocorp.ghe.com/octocorp",
        "repo:contoso/web:pull_request",
        **WEB,
        host="octocorp.ghe.com",
        enterprise="octocorp",
        pullRequest={},
    ),
    "GitHub Enterprise Server": github(
        "https://github.contoso.com/_services/token",
        "repo:contoso/web:ref:refs/tags/v1",
        **WEB,
        host="github.contoso.com",
        tag="v1",
    ),
    "GitLab branch": gitlab("project_path:g/sub/p:ref_type:branch:ref:main", project="g/sub/p", branch="main"),
    "GitLab project whose name begins with a dot": gitlab(
        "project_path:g/.profile:ref_type:branch:ref:main", project="g/.profile", branch="main"
    ),
    "GitLab tag": gitlab("project_path:g/p.x:ref_type:tag:ref:v1.0", project="g/p.x", tag="v1.0"),
    "GitLab by the project's id": gitlab(
        "project_id:4815162342:ref_type:branch:ref:main", projectId="4815162342", branch="main"
    ),
    "GitLab of one's own": gitlab(
        "project_path:g/p:ref_type:branch:ref:a/b",
        issuer="https://code.contoso.com:8443/gitlab",
        url="https://code.contoso.com:8443/gitlab",
        project="g/p",
        branch="a/b",
    ),
    "Azure DevOps issuer": azure_devops("payments", "azure-prod"),
    "Azure DevOps issuer, with blanks and signs": azure_devops("Pay ments (EU)", "Azure: prod/100% ü"),
    "Google": Golden(
        {"google": {"serviceAccountUniqueId": "112233445566778899001"}},
        "https://accounts.google.com",
        "112233445566778899001",
    ),
    "AWS": Golden(
        {
            "aws": {
                "issuer": "https://a103a2cc-b461-473d-84fe-6c4f6d45af88.tokens.sts.global.api.aws",
                "roleArn": "arn:aws:iam::123456789012:role/teams/pay+ments=a,b.c@d_e-f",
            }
        },
        "https://a103a2cc-b461-473d-84fe-6c4f6d45af88.tokens.sts.global.api.aws",
        "arn:aws:iam::123456789012:role/teams/pay+ments=a,b.c@d_e-f",
    ),
    "SPIFFE": Golden(
        {"spiffe": {"issuer": "https://oidc.contoso.com/", "id": "spiffe://contoso.com/ns/payments/sa/web"}},
        "https://oidc.contoso.com/",
        "spiffe://contoso.com/ns/payments/sa/web",
    ),
    "any issuer": Golden(
        {"oidc": {"issuer": "https://i.example/", "subject": "Job 17: a/b 100%"}},
        "https://i.example/",
        "Job 17: a/b 100%",
    ),
}
"""Sources that the API server compares with `oidc` pair by pair."""

OTHERS: dict[str, Golden] = {
    "GitHub subject as it is without customisation": customised(
        "repo:contoso/web:environment:prod", REPO, CONTEXT, **WEB, environment="prod"
    ),
    "GitHub reusable workflow": customised(
        f"job_workflow_ref:{WORKFLOW}", {"claim": "job_workflow_ref", "value": WORKFLOW}
    ),
    "GitHub reusable workflow for one environment": customised(
        f"repo:contoso/web:environment:prod:job_workflow_ref:{WORKFLOW}",
        REPO,
        CONTEXT,
        {"claim": "job_workflow_ref", "value": WORKFLOW},
        **WEB,
        environment="prod",
    ),
    "GitHub private repositories of an owner": customised(
        "repository_owner:contoso:repository_visibility:private",
        {"claim": "repository_owner", "value": "contoso"},
        {"claim": "repository_visibility", "value": "private"},
    ),
    "GitHub repositories with a property of their organization": customised(
        "repo_property_business-unit:Sales and more:ref:refs/heads/main",
        {"claim": "repo_property_business-unit", "value": "Sales and more"},
        {"claim": "ref", "value": "refs/heads/main"},
    ),
    "GitHub whole repository, immutable": customised(
        "repo:contoso@1/web@2", REPO, **WEB, ownerId="1", repositoryId="2"
    ),
    "GitHub claims with colons": customised(
        "environment:production%3Aeastus:repository_owner:octo-org",
        {"claim": "environment", "value": "production:eastus"},
        {"claim": "repository_owner", "value": "octo-org"},
    ),
    "GitHub context ahead of the repository": customised(
        "ref:refs/heads/main:repo:contoso/web", CONTEXT, REPO, **WEB, branch="main"
    ),
    "Azure DevOps, Entra issuer": Golden(
        {"azureDevOps": {"entraIssuer": {"subject": ENTRA_SUBJECT}}},
        "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0",
        ENTRA_SUBJECT,
    ),
}
"""Sources whose pair the API server cannot derive, or of which there is no `oidc`."""

ALL = {**PLAIN, **OTHERS}


def claims(expression: str, *match: Manifest, issuer: str = GITHUB) -> Golden:
    return Golden({"claims": {"issuer": issuer, "match": list(match)}}, issuer, expression=expression)


def sub(pattern: str) -> Manifest:
    return {"claim": "sub", "matches": pattern}


FLEXIBLE: dict[str, Golden] = {
    "claims of GitHub": claims(
        "claims['sub'] matches 'repo:contoso/web:ref:refs/heads/*' and claims['repository_id'] eq '456789'",
        {"claim": "repository_id", "eq": "456789"},
        sub("repo:contoso/web:ref:refs/heads/*"),
    ),
    "claims of a workflow of GitHub": claims(
        "claims['sub'] matches 'repo:contoso*' and claims['job_workflow_ref'] matches 'contoso/w?/*.yml@refs/*'"
        " and claims['repository_id'] eq '1' and claims['repository_owner_id'] eq '2'",
        {"claim": "repository_owner_id", "eq": "2"},
        {"claim": "repository_id", "eq": "1"},
        {"claim": "job_workflow_ref", "matches": "contoso/w?/*.yml@refs/*"},
        sub("repo:contoso*"),
    ),
    "claims of GitHub, exactly": claims(
        "claims['sub'] eq 'repo:contoso/web:environment:Pröd (EU) \"1\"' and claims['repository_owner_id'] eq '2'",
        {"claim": "sub", "eq": 'repo:contoso/web:environment:Pröd (EU) "1"'},
        {"claim": "repository_owner_id", "eq": "2"},
    ),
    "claims of a GitHub enterprise": claims(
        "claims['sub'] matches '*' and claims['repository_id'] eq '1'",
        sub("*"),
        {"claim": "repository_id", "eq": "1"},
        issuer=f"{GITHUB}/contoso-inc",
    ),
    "claims of a GitHub with data residency": claims(
        "claims['sub'] matches '*' and claims['repository_id'] eq '1'",
        sub("*"),
        {"claim": "repository_id", "eq": "1"},
        issuer="https://token.actions.octocorp.ghe.com",
    ),
    "claims of a GitHub server": claims(
        "claims['sub'] matches '*' and claims['repository_id'] eq '1'",
        sub("*"),
        {"claim": "repository_id", "eq": "1"},
        issuer="https://github.contoso.com/_services/token",
    ),
    "claims of GitLab": claims(
        "claims['sub'] matches 'project_path:g/p:ref_type:branch:ref:*' and claims['namespace_id'] eq '3'"
        " and claims['project_id'] eq '1' and claims['user_id'] eq '2'",
        sub("project_path:g/p:ref_type:branch:ref:*"),
        {"claim": "project_id", "eq": "1"},
        {"claim": "user_id", "eq": "2"},
        {"claim": "namespace_id", "eq": "3"},
        issuer="https://gitlab.com",
    ),
    "claims of a GitLab of one's own": claims(
        "claims['sub'] matches 'project_path:*' and claims['project_id'] eq '1'",
        sub("project_path:*"),
        {"claim": "project_id", "eq": "1"},
        issuer="https://gitlab.contoso.com",
    ),
    "claims of Terraform": claims(
        "claims['sub'] matches 'organization:contoso:project:p:workspace:w:run_phase:*'",
        sub("organization:contoso:project:p:workspace:w:run_phase:*"),
        issuer="https://app.terraform.io",
    ),
    "claims of Terraform in Europe": claims(
        "claims['sub'] matches 'organization:contoso:*'",
        sub("organization:contoso:*"),
        issuer="https://app.eu.terraform.io",
    ),
}
"""Flexible credentials, which only applications carry."""
