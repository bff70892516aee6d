"""Rules, evaluated: what no single rule allows from end to end is denied."""

import re
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from entrafed.api.connection import parse_connection
from entrafed.api.federation import (
    SOURCES,
    ApplicationTarget,
    FederatedCredential,
    Target,
    parse_federation,
)
from entrafed.api.rules import (
    CredentialMatch,
    LabelSelector,
    MatchExpression,
    NamespaceMatch,
    Rule,
    SelectorOperator,
    TargetMatch,
)
from entrafed.api.sources import ManagedIdentityRef, Oidc, ServiceAccountRef
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.credentials import Pair, Parent, ParentKind, resource_key
from entrafed.domain.roles import RoleDefinition
from entrafed.domain.rules import (
    Namespace,
    allows_credential,
    allows_identity_assignment,
    allows_role,
    allows_tenant,
    rules_allowing_target,
    rules_serving,
)
from entrafed.domain.sources import Known, trusts_of
from entrafed.domain.targets import ResolvedTarget

SUBSCRIPTION = "00000000-0000-4000-8000-000000000000"
CLIENT_ID = "aaaaaaaa-0000-4000-8000-000000000001"
OBJECT_ID = "aaaaaaaa-0000-4000-8000-000000000002"
OTHER_ID = "aaaaaaaa-0000-4000-8000-000000000003"
GITHUB = "https://token.actions.githubusercontent.com"
CLUSTER = "https://region.oic.example/tenant/cluster/"
PAYMENTS = Namespace("payments", {"team": "payments", "tier": "backend"})


def identity(name: str = "web", group: str = "payments-web") -> str:
    return (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{group}"
        f"/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{name}"
    )


def rule(
    *,
    namespaces: NamespaceMatch | None = None,
    targets: TargetMatch | None = None,
    credentials: tuple[CredentialMatch, ...] = (),
) -> Rule:
    return Rule(
        namespaces=namespaces or NamespaceMatch(names=("payments",)),
        targets=targets or TargetMatch(applications=(CLIENT_ID,)),
        federated_credentials=credentials,
    )


def serves(namespaces: NamespaceMatch, namespace: Namespace = PAYMENTS) -> bool:
    return bool(rules_serving([rule(namespaces=namespaces)], namespace))


def selecting(key: str, operator: SelectorOperator, *values: str) -> NamespaceMatch:
    expression = MatchExpression(key=key, operator=operator, values=values or None)
    return NamespaceMatch(selector=LabelSelector(match_expressions=(expression,)))


def allows_target(targets: TargetMatch, target: Target, resolved: ResolvedTarget | None = None) -> bool:
    return bool(rules_allowing_target([rule(targets=targets)], target, resolved))


def application(client_id: str | None = None, *, object_id: str | None = None, name: str | None = None) -> Target:
    return Target(application=ApplicationTarget(client_id=client_id, object_id=object_id, unique_name=name))


def managed_identity(resource_id: str) -> Target:
    return Target(managed_identity=ManagedIdentityRef(resource_id=resource_id))


def resolved_application(client_id: str = CLIENT_ID, object_id: str = OBJECT_ID) -> ResolvedTarget:
    parent = Parent(kind=ParentKind.APPLICATION, tenant_id=SUBSCRIPTION, id=object_id)
    return ResolvedTarget(parent, client_id, object_id, principal_id=None, tenant_id=SUBSCRIPTION)


def resolved_identity(resource_id: str, client_id: str = CLIENT_ID) -> ResolvedTarget:
    parent = Parent(kind=ParentKind.MANAGED_IDENTITY, tenant_id=SUBSCRIPTION, id=resource_key(resource_id))
    return ResolvedTarget(parent, client_id, object_id=None, principal_id=OBJECT_ID, tenant_id=SUBSCRIPTION)


def allows_subject(subject: str, *patterns: str, namespace: Namespace = PAYMENTS) -> bool:
    match = CredentialMatch(issuer=GITHUB, subjects=patterns)
    return allows(match, oidc(GITHUB, subject), namespace=namespace)


def oidc(issuer: str, subject: str) -> tuple[FederatedCredential, Pair]:
    """Also what the schema refuses as an issuer or subject: only the pair is compared."""
    return FederatedCredential(name="x", oidc=Oidc(issuer=GITHUB, subject="job")), Pair(issuer, subject)


def service_account(name: str, namespace: str = "payments") -> tuple[FederatedCredential, Pair]:
    item = FederatedCredential(name="x", service_account=ServiceAccountRef(name=name))
    return item, Pair(CLUSTER, f"system:serviceaccount:{namespace}:{name}")


def trusting_identity(resource_id: str) -> tuple[FederatedCredential, Pair]:
    item = FederatedCredential(name="x", managed_identity=ManagedIdentityRef(resource_id=resource_id))
    return item, Pair(f"https://login.microsoftonline.com/{SUBSCRIPTION}/v2.0", OBJECT_ID)


def allows(
    match: CredentialMatch,
    asked: tuple[FederatedCredential, Pair],
    namespace: Namespace = PAYMENTS,
    cluster_issuers: tuple[str, ...] = (CLUSTER,),
) -> bool:
    item, pair = asked
    return allows_credential([rule(credentials=(match,))], item, pair, namespace, cluster_issuers)


def test_without_rules_nothing_is_allowed() -> None:
    item, pair = service_account("web")
    assert rules_serving([], PAYMENTS) == ()
    assert rules_allowing_target([], application(CLIENT_ID), resolved_application()) == ()
    assert not allows_credential([], item, pair, PAYMENTS, (CLUSTER,))


def test_a_rule_without_federated_credentials_allows_none() -> None:
    item, pair = service_account("web")
    assert not allows_credential([rule()], item, pair, PAYMENTS, (CLUSTER,))


def test_two_rules_are_never_added_up() -> None:
    """One rule serves the namespace and allows the target, the other allows the item: nothing is allowed."""
    pods = CredentialMatch(issuer="cluster", subjects=("system:serviceaccount:{namespace}:*",))
    rules = [rule(), rule(targets=TargetMatch(applications=(OTHER_ID,)), credentials=(pods,))]
    serving = rules_serving(rules, PAYMENTS)
    allowing = rules_allowing_target(serving, application(CLIENT_ID), resolved_application())
    item, pair = service_account("web")
    assert len(serving) == 2
    assert not allows_credential(allowing, item, pair, PAYMENTS, (CLUSTER,))


@pytest.mark.parametrize(
    ("namespaces", "expected"),
    [
        (NamespaceMatch(names=("payments",)), True),
        (NamespaceMatch(names=("payment", "payments2")), False),
        (NamespaceMatch(selector=LabelSelector(match_labels=(("team", "payments"),))), True),
        (NamespaceMatch(selector=LabelSelector(match_labels=(("team", "payments"), ("tier", "web")))), False),
        (NamespaceMatch(selector=LabelSelector(match_labels=(("absent", ""),))), False),
        (NamespaceMatch(names=("payments",), selector=LabelSelector(match_labels=(("team", "other"),))), False),
        (NamespaceMatch(names=("other",), selector=LabelSelector(match_labels=(("team", "payments"),))), False),
        (selecting("team", SelectorOperator.IN, "billing", "payments"), True),
        (selecting("team", SelectorOperator.IN, "billing"), False),
        (selecting("absent", SelectorOperator.IN, "payments"), False),
        (selecting("team", SelectorOperator.NOT_IN, "billing"), True),
        (selecting("team", SelectorOperator.NOT_IN, "payments"), False),
        (selecting("absent", SelectorOperator.NOT_IN, "payments"), True),
        (selecting("team", SelectorOperator.EXISTS), True),
        (selecting("absent", SelectorOperator.EXISTS), False),
        (selecting("team", SelectorOperator.DOES_NOT_EXIST), False),
        (selecting("absent", SelectorOperator.DOES_NOT_EXIST), True),
    ],
)
def test_a_rule_serves_namespaces_by_name_and_labels(namespaces: NamespaceMatch, expected: bool) -> None:
    assert serves(namespaces) is expected


@pytest.mark.parametrize("nothing", [NamespaceMatch(), NamespaceMatch(selector=LabelSelector())])
def test_a_rule_that_names_no_namespace_serves_none(nothing: NamespaceMatch) -> None:
    assert not serves(nothing)


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        (application(CLIENT_ID), True),
        (application(CLIENT_ID.upper()), True),
        (application(object_id=CLIENT_ID), True),
        (application(OTHER_ID), False),
        (application(name=CLIENT_ID), False),
        (managed_identity(identity()), False),
    ],
)
def test_before_a_target_is_resolved_the_ids_in_the_spec_decide(target: Target, expected: bool) -> None:
    assert allows_target(TargetMatch(applications=(CLIENT_ID,)), target) is expected


def test_once_a_target_is_resolved_the_name_in_the_spec_means_nothing() -> None:
    allowed = TargetMatch(applications=(CLIENT_ID,))
    assert allows_target(allowed, application(name="web"), resolved_application())
    assert allows_target(allowed, application(object_id=OBJECT_ID), resolved_application())
    assert allows_target(TargetMatch(applications=(OBJECT_ID.upper(),)), application(CLIENT_ID), resolved_application())
    assert not allows_target(allowed, application(name="web"), resolved_application(client_id=OTHER_ID))
    assert not allows_target(allowed, application(CLIENT_ID), resolved_application(client_id=OTHER_ID))


def test_an_identity_is_not_allowed_as_an_application_by_its_client_id() -> None:
    by_client_id = TargetMatch(applications=(CLIENT_ID, OBJECT_ID))
    assert not allows_target(by_client_id, managed_identity(identity()), resolved_identity(identity(), CLIENT_ID))


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (identity(), True),
        (identity().upper(), True),
        (identity(name="*"), True),
        (identity(name="w*b"), True),
        (identity(group="payments-*"), True),
        (identity(group="payments"), False),
        (identity(group="*", name="batch"), False),
        (f"/subscriptions/{SUBSCRIPTION}/*/userAssignedIdentities/*", False),
        (f"/subscriptions/{SUBSCRIPTION}/**/userAssignedIdentities/*", True),
        (f"/subscriptions/{SUBSCRIPTION}/**", True),
        (f"/subscriptions/{OTHER_ID}/**", False),
        (identity()[:-1], False),
        (identity(group="{namespace}-web"), False),
    ],
)
def test_an_identity_is_allowed_by_its_resource_id(pattern: str, expected: bool) -> None:
    allowed = TargetMatch(managed_identities=(pattern,))
    assert allows_target(allowed, managed_identity(identity())) is expected
    assert allows_target(allowed, managed_identity(identity()), resolved_identity(identity())) is expected


def test_an_issuer_is_compared_exactly() -> None:
    match = CredentialMatch(issuer="https://issuer.example", subjects=("**",))
    assert allows(match, oidc("https://issuer.example", "job"))
    for other in ("https://issuer.example/", "https://Issuer.example", "https://issuer.example.evil"):
        assert not allows(match, oidc(other, "job"))


def test_cluster_stands_for_every_issuer_of_the_cluster_and_for_no_other() -> None:
    match = CredentialMatch(issuer="cluster", subjects=("system:serviceaccount:{namespace}:*",))
    assert allows(match, service_account("web"))
    assert allows(match, service_account("web"), cluster_issuers=("https://retiring.example", CLUSTER))
    assert not allows(match, service_account("web"), cluster_issuers=())
    assert not allows(match, service_account("web"), cluster_issuers=("https://elsewhere.example",))
    assert not allows(match, oidc("cluster", "system:serviceaccount:payments:web"))


def test_the_namespace_of_a_subject_is_the_objects_own() -> None:
    """A service account of another namespace cannot be let in by spelling it out as `oidc` either."""
    match = CredentialMatch(issuer="cluster", subjects=("system:serviceaccount:{namespace}:*",))
    assert not allows(match, oidc(CLUSTER, "system:serviceaccount:kube-system:web"))
    assert not allows(match, service_account("web"), namespace=Namespace("payments2", {}))


def test_a_namespace_is_never_read_as_a_pattern() -> None:
    assert not allows_subject("job:payments", "job:{namespace}", namespace=Namespace("**", {}))
    assert allows_subject("job:**", "job:{namespace}", namespace=Namespace("**", {}))


def test_a_managed_identity_is_allowed_by_its_resource_id_only() -> None:
    asked = trusting_identity(identity())
    assert allows(CredentialMatch(managed_identities=(identity(name="*").upper(),)), asked)
    assert not allows(CredentialMatch(managed_identities=(identity(name="batch"),)), asked)


def test_whatever_pair_a_managed_identity_stands_for_issuers_and_subjects_do_not_allow_it() -> None:
    item, _ = trusting_identity(identity())
    assert not allows(CredentialMatch(issuer=GITHUB, subjects=("**",)), (item, Pair(GITHUB, OBJECT_ID)))


def test_a_managed_identity_is_judged_before_its_principal_id_is_known() -> None:
    item, _ = trusting_identity(identity())
    allowed = rule(credentials=(CredentialMatch(managed_identities=(identity(),)),))
    assert allows_credential([allowed], item, None, PAYMENTS, (CLUSTER,))


def test_a_source_whose_pair_is_not_known_is_not_allowed() -> None:
    item, _ = service_account("web")
    allowed = rule(credentials=(CredentialMatch(issuer="cluster", subjects=("**",)),))
    assert not allows_credential([allowed], item, None, PAYMENTS, (CLUSTER,))


def test_a_pair_for_managed_identities_allows_no_other_source() -> None:
    match = CredentialMatch(managed_identities=(f"/subscriptions/{SUBSCRIPTION}/**",))
    assert not allows(match, service_account("web"))
    assert not allows(match, oidc("https://issuer.example", identity()))


@pytest.mark.parametrize(
    ("pattern", "subject", "expected"),
    [
        ("repo:contoso/web:*", "repo:contoso/web:pull_request", True),
        ("repo:contoso/web:*", "repo:contoso/web:environment:prod", False),
        ("repo:contoso/web:**", "repo:contoso/web:ref:refs/heads/main", True),
        ("repo:contoso/web:**", "repo:contoso/web2:pull_request", False),
        ("repo:contoso/web**", "repo:contoso/web2:pull_request", True),
        ("repo:*/web:pull_request", "repo:contoso/web:pull_request", True),
        ("repo:*:pull_request", "repo:contoso/web:pull_request", False),
        ("repo:contoso/web:ref:refs/heads/*", "repo:contoso/web:ref:refs/heads/release/1", False),
        ("repo:contoso/web:ref:refs/heads/release/*", "repo:contoso/web:ref:refs/heads/release/1", True),
        ("Job", "job", False),
        ("job.", "job1", False),
        ("*", "", True),
        ("**b*a", "ab/ab:aa", False),
        ("**b**a", "ab/ab:aa", True),
        ("a***c", "a/b/c", True),
        ("job", "job\n", False),
        ("job*", "job\n", True),
    ],
)
def test_subjects_are_patterns(pattern: str, subject: str, expected: bool) -> None:
    assert allows_subject(subject, pattern) is expected


def test_one_subject_of_several_is_enough() -> None:
    assert allows_subject("b", "a", "b", "c")


EXAMPLES = Path(__file__).parents[3] / "examples"
STORED = {"uid": "u", "generation": 1, "resourceVersion": "1", "creationTimestamp": "2026-01-31T12:00:00Z"}


def example(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = yaml.safe_load(path.read_text())
    return {**manifest, "metadata": {**manifest["metadata"], **STORED}}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_has_an_example(source: str) -> None:
    items = [item for path in EXAMPLES.glob("*-from-*.yaml") for item in example(path)["spec"]["federatedCredentials"]]
    assert any(source in item for item in items)


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*-from-*.yaml")), ids=lambda path: path.name)
def test_the_connection_of_the_examples_allows_the_examples(path: Path) -> None:
    federation = parse_federation(example(path))
    connection = parse_connection(example(EXAMPLES / "connection.yaml")).spec
    rules = rules_serving(connection.rules, PAYMENTS)
    by_unique_name = resolved_application("33333333-3333-3333-3333-333333333333")
    application = federation.spec.target.application
    resolved = by_unique_name if application and application.unique_name else None
    allowing = rules_allowing_target(rules, federation.spec.target, resolved)
    known = Known(CLOUDS[connection.cloud], connection.tenant_id, "payments", frozenset({CLUSTER}), OBJECT_ID)
    assert federation.spec.federated_credentials
    for item in federation.spec.federated_credentials:
        for trust in trusts_of(item, known):
            assert allows_credential(allowing, item, trust.pair, PAYMENTS, (CLUSTER,)), item.name


ASSIGNING = ["identity-on-hosts", "application-with-role", "application-in-other-tenants"]


@pytest.mark.parametrize("name", ASSIGNING)
def test_the_connections_of_the_examples_allow_what_the_examples_assign(name: str) -> None:
    spec = parse_federation(example(EXAMPLES / f"{name}.yaml")).spec
    home = parse_connection(example(EXAMPLES / "connection.yaml")).spec
    partner = parse_connection(example(EXAMPLES / "connection-partner.yaml")).spec
    rules, partners = (
        rules_allowing_target(rules_serving(one.rules, PAYMENTS), spec.target, None) for one in (home, partner)
    )
    own = spec.target.managed_identity
    for item in spec.identity_assignments:
        identity = item.managed_identity or own
        assert identity
        assert all(allows_identity_assignment(rules, identity.resource_id, host) for host in item.resources)
    for role in spec.role_assignments:
        assert allows_role(rules, RoleDefinition("", role.role), role.scope)
    for tenant in spec.tenants:
        assert allows_tenant(rules, tenant.tenant_id)
        if tenant.connection_ref:
            assert (tenant.connection_ref.name, tenant.tenant_id) == ("fabrikam", partner.tenant_id)
            assert allows_tenant(partners, tenant.tenant_id)
    assert (spec.identity_assignments, spec.role_assignments, spec.tenants) != ((), (), ())


texts = st.text(alphabet="ab/:.", min_size=1, max_size=12)
patterns = st.lists(st.sampled_from(["a", "b", "/", ":", ".", "*", "**"]), min_size=1, max_size=8).map("".join)


@given(pattern=texts, subject=texts)
def test_a_pattern_without_a_wildcard_stands_for_itself_alone(pattern: str, subject: str) -> None:
    assert allows_subject(subject, pattern) is (subject == pattern)


@given(pattern=patterns.map(lambda pattern: re.sub(r"\*+", "*", pattern)), subject=texts)
def test_one_star_never_crosses_a_slash_or_a_colon(pattern: str, subject: str) -> None:
    if allows_subject(subject, pattern):
        assert [c for c in subject if c in "/:"] == [c for c in pattern if c in "/:"]


@given(before=texts, crossed=texts, after=texts)
def test_two_stars_cross_everything(before: str, crossed: str, after: str) -> None:
    assert allows_subject(f"{before}{crossed}{after}", f"{before}**{after}")


@given(pattern=patterns, subject=texts)
def test_a_wider_wildcard_allows_no_less(pattern: str, subject: str) -> None:
    if allows_subject(subject, pattern):
        assert allows_subject(subject, pattern.replace("*", "**"))


@given(pattern=patterns, subject=texts)
def test_patterns_say_what_the_regular_expression_would(pattern: str, subject: str) -> None:
    parts = re.split(r"(\*\*|\*)", pattern)
    regex = "".join({"*": "[^/:]*", "**": ".*"}.get(part, re.escape(part)) for part in parts)
    assert allows_subject(subject, pattern) is (re.fullmatch(regex, subject) is not None)


def test_many_wildcards_take_no_longer_than_their_number() -> None:
    """The longest subject and pattern that the schema admits: backtracking would need years."""
    started = time.process_time()
    assert not allows_subject("a" * 600, "**a" * 199 + "b")
    assert time.process_time() - started < 2
