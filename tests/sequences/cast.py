"""Who and what takes part in a sequence: objects, targets, sources, rules; and what each of them comes to.

What is said here about sources and rules is said a second time, apart from the product: it is what the product is
judged by.
"""

from dataclasses import dataclass
from dataclasses import replace as with_other

from engine_world import GROUP, Manifest, flexible
from entrafed_lab.azure import Seed, default_seed
from entrafed_lab.azure.seed import (
    API_IDENTITY,
    BILLING_APP,
    BILLING_OBJECT,
    HOME_TENANT,
    READER_APP,
    READER_OBJECT,
    WEB_IDENTITY,
)
from entrafed_lab.azure.world import World
from memory_cluster import ISSUER

EXCHANGE = "api://AzureADTokenExchange"
OTHER = "api://other"
EXAMPLE = "https://issuer.example"
GITHUB = "https://token.actions.githubusercontent.com"
ENTRA = f"https://login.microsoftonline.com/{HOME_TENANT}/v2.0"
TEAM = "team"
BLUE, GREEN = ISSUER, "https://oidc.example/green/"
"""Who may issue the tokens of service accounts in a cluster in memory."""

NAMESPACES = ("payments", "billing")
CONNECTIONS = ("default", "second")


@dataclass(frozen=True, slots=True)
class Slot:
    """A name under which a ManagedIdentityFederation comes and goes."""

    namespace: str
    name: str

    def __repr__(self) -> str:
        return f"SLOTS[{SLOTS.index(self)}]"


SLOTS = tuple(Slot(namespace, name) for namespace in NAMESPACES for name in ("one", "two"))

READER, BILLING, WEB = "reader", "billing", "web"
HOLDERS = {READER: READER_OBJECT, BILLING: BILLING_OBJECT, WEB: WEB_IDENTITY}
"""What carries credentials, by the key that the simulated Azure knows it by."""
TARGETS: dict[str, tuple[str, Manifest]] = {
    "reader": (READER, {"application": {"clientId": READER_APP}}),
    "reader by name": (READER, {"application": {"uniqueName": "storage-reader"}}),
    "billing": (BILLING, {"application": {"objectId": BILLING_OBJECT}}),
    "web": (WEB, {"managedIdentity": {"resourceId": WEB_IDENTITY}}),
}
"""How a target is spelled, and what it is."""


def seed() -> Seed:
    """The default world, with both applications owned by the operator."""
    plain = default_seed()
    owned = tuple(
        with_other(app, owners=("entrafed-operator",)) if app.app_id == BILLING_APP else app
        for app in plain.applications
    )
    return with_other(plain, applications=owned)


Pair = tuple[str, str]

LIMIT = 20
"""Credentials that one application or identity carries."""

REFUSED_JOB = "job-that-azure-refuses"
JOBS = ("job-1", "job-2", "job-3")
PATTERNS = {"branches": "repo:contoso/web:ref:refs/heads/*", "tags": "repo:contoso/web:ref:refs/tags/*"}
"""Of flexible credentials for GitHub."""
SOURCES: dict[str, Manifest] = {
    **{job: {"oidc": {"issuer": EXAMPLE, "subject": job}} for job in JOBS},
    "pods": {"serviceAccount": {"name": "web"}},
    "ci": {"githubActions": {"repository": "contoso/web", "environment": "prod"}},
    "api": {"managedIdentity": {"resourceId": API_IDENTITY}},
    "denied": {"oidc": {"issuer": "https://denied.example", "subject": "job"}},
    "refused": {"oidc": {"issuer": EXAMPLE, "subject": REFUSED_JOB}},
    "ghost": {"managedIdentity": {"resourceId": f"{GROUP}/ghost"}},
    **{name: {"claims": flexible(pattern=pattern)["claims"]} for name, pattern in PATTERNS.items()},
}
IDENTITIES = ("api", "ghost")
FOR_APPLICATIONS = (*IDENTITIES, *PATTERNS)
"""Sources that only an application may trust."""


def pair_of(source: str, namespace: str, azure: World, cluster_issuer: str) -> Pair | None:
    """Issuer and subject, or expression, of a source; None where nobody can know."""
    if source == "api":
        return ENTRA, azure.identity(API_IDENTITY).principal_id
    return {
        **{job: (EXAMPLE, job) for job in JOBS},
        "pods": (cluster_issuer, pod_subject(namespace)),
        "ci": (GITHUB, "repo:contoso/web:environment:prod"),
        "refused": (EXAMPLE, REFUSED_JOB),
        "denied": ("https://denied.example", "job"),
        "ghost": None,
        **{name: (GITHUB, expression(pattern)) for name, pattern in PATTERNS.items()},
    }[source]


def pod_subject(namespace: str) -> str:
    return f"system:serviceaccount:{namespace}:web"


def expression(pattern: str) -> str:
    return f"claims['sub'] matches '{pattern}' and claims['repository_owner_id'] eq '123'"


def is_expression(subject: str | None) -> bool:
    return subject is not None and subject.startswith("claims[")


def spelled(expression: str | None) -> str | None:
    """An expression in the one spelling in which expressions are compared here: of its terms, the subject first."""
    terms = expression.split(" and ") if expression else []
    return " and ".join(sorted(terms, key=lambda term: (not term.startswith("claims['sub']"), term))) or None


@dataclass(frozen=True, slots=True)
class Book:
    """One rule of a connection. Without `namespaces` it serves those that are labelled."""

    namespaces: tuple[str, ...] = NAMESPACES
    holders: tuple[str, ...] = (READER, BILLING, WEB)
    sources: tuple[str, ...] = (*JOBS, "pods", "ci", "api", "ghost", "refused", *PATTERNS)

    def serves(self, namespace: str, labelled: bool) -> bool:
        return namespace in self.namespaces if self.namespaces else labelled

    def manifest(self) -> Manifest:
        by_name = {"names": list(self.namespaces)}
        applications = {READER: READER_APP, BILLING: BILLING_OBJECT}
        return {
            "namespaces": by_name if self.namespaces else {"selector": {"matchLabels": {TEAM: "yes"}}},
            "targets": {
                "applications": [id_ for holder, id_ in applications.items() if holder in self.holders],
                "managedIdentities": [WEB_IDENTITY] if WEB in self.holders else [],
            },
            "federatedCredentials": [_match(source) for source in self.sources],
        }


def _match(source: str) -> Manifest:
    if source in IDENTITIES:
        return {"managedIdentities": [SOURCES[source]["managedIdentity"]["resourceId"]]}
    if source == "pods":
        return {"issuer": "cluster", "subjects": ["system:serviceaccount:{namespace}:*"]}
    if source == "ci":
        return {"issuer": GITHUB, "subjects": ["repo:contoso/**"]}
    if source in PATTERNS:
        wanted = {"sub": PATTERNS[source].replace("*", "**"), "repository_owner_id": "123"}
        return {"issuer": GITHUB, "claims": [{"claim": claim, "values": [value]} for claim, value in wanted.items()]}
    return {"issuer": EXAMPLE, "subjects": [SOURCES[source]["oidc"]["subject"]]}


BOOKS: dict[str, tuple[Book, ...]] = {
    "everything": (Book(),),
    "no job-1, no api, no branches": (Book(sources=("job-2", "job-3", "pods", "ci", "ghost", "tags")),),
    "only payments": (Book(namespaces=("payments",)),),
    "the labelled": (Book(namespaces=()),),
    "no reader": (Book(holders=(BILLING, WEB)),),
    "jobs here, pods there": (
        Book(holders=(READER, WEB), sources=JOBS),
        Book(holders=(BILLING, WEB), sources=("pods",)),
    ),
    "nothing": (),
}
"""The rules that a connection may have."""


def permits_target(book: str, namespace: str, labelled: bool, holder: str) -> bool:
    return any(rule.serves(namespace, labelled) and holder in rule.holders for rule in BOOKS[book])


def permits(book: str, namespace: str, labelled: bool, holder: str, source: str) -> bool:
    return any(
        rule.serves(namespace, labelled) and holder in rule.holders and source in rule.sources for rule in BOOKS[book]
    )
