"""Issuer and subject of an item in CEL, so that the API server refuses two items that are one credential to Entra.

The derivation that counts is `entrafed.domain.sources`. A test puts every source next to its pair as `oidc` and sees
the API server refuse it: that both say the same. Each function takes the path of a source, like `item.gitlab`.
"""

from collections.abc import Callable

from entrafed.api.schema import Must

GITHUB_ISSUER = "https://token.actions.githubusercontent.com"
GITLAB_ISSUER = "https://gitlab.com"
TERRAFORM_ISSUER = "https://app.terraform.io"
GOOGLE_ISSUER = "https://accounts.google.com"
DEV_OPS_ISSUER = "https://vstoken.dev.azure.com"

_NO_PAIR = "'item ' + item.name"
_ESCAPED = "replace(':', '%3A')"


def github_issuer(s: str) -> str:
    """The issuer of `githubActions`."""
    path = f"(has({s}.enterprise) ? '/' + {s}.enterprise : '')"
    server = f"'https://' + {s}.host + '/_services/token'"
    residency = f"'https://token.actions.' + {s}.host + {path}"
    elsewhere = f"{s}.host.endsWith('.ghe.com') ? {residency} : {server}"
    return f"has({s}.host) ? ({elsewhere}) : '{GITHUB_ISSUER}' + {path}"


def _github_repo(s: str) -> str:
    immutable = f"{s}.repository.replace('/', '@' + {s}.ownerId + '/') + '@' + {s}.repositoryId"
    ids = f"has({s}.ownerId) && has({s}.repositoryId)"
    return f"(has({s}.repository) ? 'repo:' + ({ids} ? {immutable} : {s}.repository) : '')"


def _github_context(s: str) -> str:
    return (
        f"(has({s}.environment) ? 'environment:' + {s}.environment.{_ESCAPED} : "
        f"has({s}.branch) ? 'ref:refs/heads/' + {s}.branch : "
        f"has({s}.tag) ? 'ref:refs/tags/' + {s}.tag : 'pull_request')"
    )


def github_subject(s: str) -> str:
    """The subject of `githubActions` without `subjectClaims`: CEL knows no bound for the cost of joining them."""
    return f"{_github_repo(s)} + ':' + {_github_context(s)}"


def github_subject_size(s: str) -> str:
    """Characters of the subject of `githubActions`."""
    value = f"(has(c.value) ? c.value.{_ESCAPED}.size() : 0)"
    claim = (
        f"c.claim == 'repo' ? {_github_repo(s)}.size() : c.claim == 'context' ? {_github_context(s)}.size()"
        f" : c.claim.size() + 1 + {value}"
    )
    return (
        f"has({s}.subjectClaims) ? {s}.subjectClaims.map(c, {claim}).sum() + {s}.subjectClaims.size() - 1"
        f" : ({github_subject(s)}).size()"
    )


def gitlab_issuer(s: str) -> str:
    """The issuer of `gitlab`."""
    return f"has({s}.url) ? {s}.url : '{GITLAB_ISSUER}'"


def gitlab_subject(s: str) -> str:
    """The subject of `gitlab`. What is missing is left out: other rules tell of it."""
    project = f"(has({s}.project) ? '_path:' + {s}.project : has({s}.projectId) ? '_id:' + {s}.projectId : '')"
    ref = f"(has({s}.branch) ? 'branch:ref:' + {s}.branch : has({s}.tag) ? 'tag:ref:' + {s}.tag : '')"
    return f"'project' + {project} + ':ref_type:' + {ref}"


def _github(s: str) -> str:
    """With `subjectClaims` nothing: those are compared whole, below."""
    return f"has({s}.subjectClaims) ? {_NO_PAIR} : {_pair(github_issuer(s), github_subject(s))}"


def _terraform_cloud(s: str) -> str:
    """The pair for plans: that for applies differs when it does."""
    issuer = f"has({s}.host) ? 'https://' + {s}.host : '{TERRAFORM_ISSUER}'"
    workspace = f"'organization:' + {s}.organization + ':project:' + {s}.project + ':workspace:' + {s}.workspace"
    return _pair(issuer, f"{workspace} + ':run_phase:plan'")


def _azure_devops(s: str) -> str:
    own = f"{s}.devOpsIssuer"
    issuer = f"'{DEV_OPS_ISSUER}/' + {own}.organizationId.lowerAscii()"
    subject = f"'sc://' + {own}.organization + '/' + {own}.project + '/' + {own}.serviceConnection"
    return f"has({s}.entraIssuer) ? {s}.entraIssuer.subject : has({own}) ? {_pair(issuer, subject)} : {_NO_PAIR}"


def _pair(issuer: str, subject: str) -> str:
    """Issuer, blank, subject: no issuer has a blank."""
    return f"({issuer}) + ' ' + ({subject})"


# What only the operator can find out, such as the issuer of the cluster, is left out: it is the same for all items.
_PAIRS: dict[str, Callable[[str], str]] = {
    "managedIdentity": lambda s: f"{s}.resourceId.lowerAscii()",
    "serviceAccount": lambda s: f"'serviceAccount ' + {s}.name",
    "githubActions": _github,
    "gitlab": lambda s: _pair(gitlab_issuer(s), gitlab_subject(s)),
    "terraformCloud": _terraform_cloud,
    "azureDevOps": _azure_devops,
    "google": lambda s: _pair(f"'{GOOGLE_ISSUER}'", f"{s}.serviceAccountUniqueId"),
    "aws": lambda s: _pair(f"{s}.issuer", f"{s}.roleArn"),
    "spiffe": lambda s: _pair(f"{s}.issuer", f"{s}.id"),
    "oidc": lambda s: _pair(f"{s}.issuer", f"{s}.subject"),
}


def _pair_of_item() -> str:
    """The pair of `item` as one string. An item without a pair has its name, which differs in each."""
    chosen = _NO_PAIR
    for source, pair in _PAIRS.items():
        path = f"item.{source}"
        chosen = f"has({path}) ? ({pair(path)}) : {chosen}"
    return chosen


_CUSTOMISED = "has({item}.githubActions) && has({item}.githubActions.subjectClaims)"
_FLEXIBLE = "has({item}.claims)"


def _compared_whole(which: str, field: str) -> str:
    """Sources from which CEL cannot make a pair: no two are the same, the order of lists keyed by a field aside."""
    one, other = which.format(item="item"), which.format(item="other")
    return f"self.all(item, !({one}) || self.exists_one(other, {other} && other.{field} == item.{field}))"


# The outer list of one is how CEL names a value: the pairs are derived once, and not once for each two items.
DIFFERENT_PAIRS = Must(
    f"[self.map(item, {_pair_of_item()})].all(pairs, pairs.all(one, pairs.exists_one(other, other == one)))"
    f" && {_compared_whole(_CUSTOMISED, 'githubActions')} && {_compared_whole(_FLEXIBLE, 'claims')}",
    "must have a different source in each item: Entra has one credential for each issuer and subject",
)
