"""Flexible credentials at a real API server: what can never work is refused with the reason, in items and in rules."""

from typing import Any

import pytest

from entrafed_lab.controlplane import Kubectl
from manifests import ON_IDENTITY, TENANT, Manifest, connection, federation, from_oidc, rule
from schema_world import apply, refused

GITHUB = "https://token.actions.githubusercontent.com"
ITEMS = "spec.federatedCredentials"
CLAIMS = f"{ITEMS}[0].claims"
RULE = "spec.rules[0].federatedCredentials[0]"

SUB = {"claim": "sub", "matches": "repo:contoso/web:*"}
ID = {"claim": "repository_id", "eq": "456789"}

ISSUER = "must be an issuer whose claims Entra can match: GitHub Actions, a GitLab whose host begins with `gitlab.`"
NO_SUB = "must match `sub`: Entra refuses an expression without it"
NO_GITHUB_ID = (
    "must match at least one of `repository_id`, `repository_owner_id` of GitHub, by `eq`: a name can come to"
)
NO_GITLAB_ID = "must match at least one of `project_id`, `namespace_id`, `user_id` of GitLab, by `eq`"
GITHUB_ONLY = "must match no other claims of GitHub than `sub`, `job_workflow_ref`, `repository_id`, `repository_owner"
GITLAB_ONLY = "must match no other claims of GitLab than `sub`, `project_id`, `namespace_id`, `user_id`"
TERRAFORM_ONLY = "must match no other claims of HCP Terraform than `sub`"
ONE = "must have exactly one of `eq`, `matches`"
NUMBER = "must have `eq` with a number in quotes, like `'123456'`, for a claim that is an id"
EXACT = "may not contain `*` or `?`: Entra compares exactly with `eq`; use `matches`"
PATTERN = "must contain `*` or `?`; use `eq` for an exact value"
QUOTES = "may not contain `'`, `\\` or control characters"
BLANKS = "may not be empty, nor begin or end with a blank"
DIFFERENT = "must have a different source in each item"
APPLICATIONS = "may not have `claims` in `federatedCredentials` when `target` is a managed identity"
WITH_ISSUER = "must have `subjects` or `claims` with `issuer`, and may have neither without"
RULE_ISSUER = "may have `claims` only with an `issuer` of GitHub Actions, GitLab or HCP Terraform"
RULE_VALUE = "may not contain `?`, nor another placeholder than `{namespace}`"


def item(*match: Any, issuer: str = GITHUB, name: str = "item") -> Manifest:
    return {"name": name, "claims": {"issuer": issuer, "match": list(match)}}


def of(issuer: str) -> Manifest:
    return federation(item(SUB, ID, issuer=issuer))


def sub(**value: Any) -> Manifest:
    return federation(item({"claim": "sub", **value}, ID))


def allowing(**entry: Any) -> Manifest:
    return connection(rule(entry))


def value(text: Any) -> Manifest:
    return allowing(issuer=GITHUB, claims=[{"claim": "sub", "values": [text]}])


ANY = [{"claim": "sub", "values": ["**"]}]

MISTAKES: dict[str, tuple[Manifest, str, str]] = {
    # issuers
    "Entra as the issuer": (of(f"https://login.microsoftonline.com/{TENANT}/v2.0"), f"{CLAIMS}.issuer", ISSUER),
    "a cluster as the issuer": (of("https://westeurope.oic.prod-aks.azure.com/x/y/"), f"{CLAIMS}.issuer", ISSUER),
    "any other issuer": (of("https://issuer.example"), f"{CLAIMS}.issuer", ISSUER),
    "an issuer with a slash at its end": (of(f"{GITHUB}/"), f"{CLAIMS}.issuer", ISSUER),
    "an issuer that only begins like GitHub": (of(f"{GITHUB}.example"), f"{CLAIMS}.issuer", ISSUER),
    "an issuer that only ends like Terraform": (of("https://x.app.terraform.io"), f"{CLAIMS}.issuer", ISSUER),
    "an issuer over http": (of("http://gitlab.com"), f"{CLAIMS}.issuer", ISSUER),
    "an issuer with a user": (of("https://me@gitlab.com"), f"{CLAIMS}.issuer", ISSUER),
    "an issuer with a wildcard": (of("https://gitlab.*"), f"{CLAIMS}.issuer", ISSUER),
    "no issuer": (federation({"name": "item", "claims": {"match": [SUB, ID]}}), f"{CLAIMS}.issuer", "Required value"),
    # which claims
    "claims left out": (
        federation({"name": "item", "claims": {"issuer": GITHUB}}),
        f"{CLAIMS}.match",
        "Required value",
    ),
    "a claim twice": (federation(item(SUB, ID, ID)), f"{CLAIMS}.match[2]", "Duplicate value"),
    "a claim that Entra does not know": (
        federation(item(SUB, ID, {"claim": "actor", "eq": "x"})),
        f"{CLAIMS}.match[2].claim",
        "Unsupported value",
    ),
    "no subject": (federation(item(ID)), CLAIMS, NO_SUB),
    "GitHub without an id": (federation(item(SUB)), CLAIMS, NO_GITHUB_ID),
    "GitHub with a workflow in place of an id": (
        federation(item(SUB, {"claim": "job_workflow_ref", "eq": "x"})),
        CLAIMS,
        NO_GITHUB_ID,
    ),
    "a GitHub enterprise without an id": (federation(item(SUB, issuer=f"{GITHUB}/contoso")), CLAIMS, NO_GITHUB_ID),
    "GitHub with an id of GitLab": (
        federation(item(SUB, ID, {"claim": "project_id", "eq": "1"})),
        CLAIMS,
        GITHUB_ONLY,
    ),
    "GitLab without an id": (federation(item(SUB, issuer="https://gitlab.com")), CLAIMS, NO_GITLAB_ID),
    "GitLab with an id of GitHub": (
        federation(item(SUB, ID, {"claim": "user_id", "eq": "1"}, issuer="https://gitlab.contoso.com")),
        CLAIMS,
        GITLAB_ONLY,
    ),
    "Terraform with an id": (federation(item(SUB, ID, issuer="https://app.terraform.io")), CLAIMS, TERRAFORM_ONLY),
    # their values
    "a claim without a value": (sub(), f"{CLAIMS}.match[0]", ONE),
    "a claim with two values": (sub(eq="x", matches="x*"), f"{CLAIMS}.match[0]", ONE),
    "an id by a pattern": (
        federation(item(SUB, {"claim": "repository_owner_id", "matches": "1*"})),
        f"{CLAIMS}.match[1]",
        NUMBER,
    ),
    "an id that is a name": (
        federation(item(SUB, {"claim": "repository_id", "eq": "contoso/web"})),
        f"{CLAIMS}.match[1]",
        NUMBER,
    ),
    "an id without quotes": (
        federation(item(SUB, {"claim": "repository_id", "eq": 456789})),
        f"{CLAIMS}.match[1].eq",
        "must be of type string",
    ),
    "a wildcard in an exact value": (sub(eq="repo:contoso/*"), f"{CLAIMS}.match[0].eq", EXACT),
    "a question mark in an exact value": (sub(eq="repo:contoso/web?"), f"{CLAIMS}.match[0].eq", EXACT),
    "a pattern without a wildcard": (sub(matches="repo:contoso/web:x"), f"{CLAIMS}.match[0].matches", PATTERN),
    "a quote in an exact value": (sub(eq="x' and claims['sub'] eq 'y"), f"{CLAIMS}.match[0].eq", QUOTES),
    "a quote in a pattern": (sub(matches="*' or '"), f"{CLAIMS}.match[0].matches", QUOTES),
    "a doubled quote": (sub(matches="it''s*"), f"{CLAIMS}.match[0].matches", QUOTES),
    "a backslash": (sub(matches="x\\*"), f"{CLAIMS}.match[0].matches", QUOTES),
    "a line end within a pattern": (sub(matches="x\n*"), f"{CLAIMS}.match[0].matches", QUOTES),
    "a blank after a value": (sub(eq="x "), f"{CLAIMS}.match[0].eq", BLANKS),
    "a value that is too long": (sub(matches="*" * 401), f"{CLAIMS}.match[0].matches", "Too long"),
    # the object as a whole
    "claims twice, in another order": (
        federation(item(SUB, ID, name="a"), from_oidc(), item(ID, SUB, name="b")),
        ITEMS,
        DIFFERENT,
    ),
    "claims on a managed identity": (federation(item(SUB, ID), target=ON_IDENTITY), "spec", APPLICATIONS),
    # rules
    "a rule with claims and subjects": (allowing(issuer=GITHUB, claims=ANY, subjects=["x"]), RULE, WITH_ISSUER),
    "a rule with claims of identities": (
        allowing(managedIdentities=[f"/subscriptions/{TENANT}/**"], claims=ANY),
        RULE,
        WITH_ISSUER,
    ),
    "a rule with claims of the cluster": (allowing(issuer="cluster", claims=ANY), RULE, RULE_ISSUER),
    "a rule with claims of any issuer": (allowing(issuer="https://issuer.example", claims=ANY), RULE, RULE_ISSUER),
    "a rule for no claims": (allowing(issuer=GITHUB, claims=[]), f"{RULE}.claims", "at least 1 items"),
    "a rule for a claim without values": (
        allowing(issuer=GITHUB, claims=[{"claim": "sub", "values": []}]),
        f"{RULE}.claims[0].values",
        "at least 1 items",
    ),
    "a rule for a claim that Entra does not know": (
        allowing(issuer=GITHUB, claims=[{"claim": "actor", "values": ["x"]}]),
        f"{RULE}.claims[0].claim",
        "Unsupported value",
    ),
    "a rule for a claim twice": (allowing(issuer=GITHUB, claims=[*ANY, *ANY]), f"{RULE}.claims[1]", "Duplicate value"),
    "a question mark in a rule": (value("repo:contoso/web?"), f"{RULE}.claims[0].values[0]", RULE_VALUE),
    "an unknown placeholder in a rule": (value("repo:{team}/**"), f"{RULE}.claims[0].values[0]", RULE_VALUE),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_what_can_never_work_is_refused_where_it_is_and_with_the_reason(user: Kubectl, mistake: str) -> None:
    manifest, where, what = MISTAKES[mistake]
    found = await refused(user, manifest)
    assert [place for place, _ in found if not place.startswith("<")] == [where], found
    assert what in found[0][1]


ODD_BUT_RIGHT: dict[str, Manifest] = {
    "an expression of the longest values": federation(
        item(
            {"claim": "sub", "matches": "*" * 400},
            {"claim": "job_workflow_ref", "eq": "x" * 400},
            {"claim": "repository_id", "eq": "1" * 20},
            {"claim": "repository_owner_id", "eq": "1" * 20},
        )
    ),
    "20 items": federation(
        *(item({"claim": "sub", "matches": f"x-{n}*"}, ID, name=f"item-{n}") for n in range(20)),
    ),
    "two that differ in the operator": federation(
        item({"claim": "sub", "eq": "x"}, ID, name="a"), item({"claim": "sub", "matches": "x*"}, ID, name="b")
    ),
    "two that differ in the issuer": federation(item(SUB, ID, name="a"), item(SUB, ID, issuer=f"{GITHUB}/x", name="b")),
    "claims and the subject that reads like them": federation(
        item(SUB, ID),
        from_oidc(GITHUB, "claims['sub'] matches 'repo:contoso/web:?' and claims['repository_id'] eq '1'"),
    ),
    "an audience of one's own": federation({**item(SUB, ID), "audience": "api://own"}),
    "blanks and signs within a value": federation(
        item({"claim": "sub", "matches": 'repo:a/b:environment:ü "1" %*'}, ID)
    ),
    "a GitLab at a port": federation(
        item(SUB, {"claim": "project_id", "eq": "1"}, issuer="https://gitlab.contoso.com:8443")
    ),
    "as many rules for claims as there may be": connection(
        *(
            rule(
                *(
                    {"issuer": GITHUB, "claims": [{"claim": "sub", "values": [f"{n}-{m}**" for m in range(8)]}]}
                    for n in range(16)
                )
            )
            for _ in range(32)
        )
    ),
    "a rule with the namespace": value("repo:contoso/{namespace}:**"),
}


@pytest.mark.parametrize("manifest", ODD_BUT_RIGHT.values(), ids=list(ODD_BUT_RIGHT))
async def test_what_is_odd_but_right_is_taken(user: Kubectl, manifest: Manifest) -> None:
    await apply(user, manifest, "--dry-run=server")
