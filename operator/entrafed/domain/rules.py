"""Who may ask for what: the rules of an `EntraConnection`, evaluated. What no rule allows is denied.

An item is permitted when one and the same rule serves the namespace, allows the target and allows the item.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from entrafed.api.claims import ClaimRule
from entrafed.api.federation import FederatedCredential, Target
from entrafed.api.rules import (
    OWN_CLUSTER,
    CredentialMatch,
    LabelSelector,
    MatchExpression,
    NamespaceMatch,
    Rule,
    SelectorOperator,
)
from entrafed.domain.claims import Operator, Term, terms_of
from entrafed.domain.credentials import Pair, ParentKind, resource_key
from entrafed.domain.roles import RoleDefinition
from entrafed.domain.targets import ResolvedTarget

_NAMESPACE = "{namespace}"


@dataclass(frozen=True, slots=True)
class Namespace:
    """The namespace that asks. One that `is_ending` is being deleted, with all that is in it."""

    name: str
    labels: Mapping[str, str]
    is_ending: bool = False


def rules_serving(rules: Iterable[Rule], namespace: Namespace) -> tuple[Rule, ...]:
    """The rules that serve a namespace."""
    return tuple(rule for rule in rules if _serves(rule.namespaces, namespace))


def rules_allowing_target(rules: Iterable[Rule], target: Target, resolved: ResolvedTarget | None) -> tuple[Rule, ...]:
    """The rules that allow a target.

    Once it is resolved, what Azure says decides. Before, the ids that the spec itself names do; a `uniqueName` is none.
    """
    applications, identity = _ids_in(target) if resolved is None else _ids_of(resolved)
    return tuple(
        rule
        for rule in rules
        if any(allowed.lower() in applications for allowed in rule.targets.applications)
        or _is_among(rule.targets.managed_identities, identity)
    )


def allows_credential(
    rules: Iterable[Rule],
    item: FederatedCredential,
    pair: Pair | None,
    namespace: Namespace,
    cluster_issuers: Collection[str],
) -> bool:
    """Whether one of the rules allows to let a source in; `pair` is what the item stands for, None when not known.

    A managed identity is allowed by its resource id only: its principal id says nothing to whoever writes a rule.
    """
    if item.managed_identity:
        identity = item.managed_identity.resource_id
        matches = (match for rule in rules for match in rule.federated_credentials)
        return any(_is_among(match.managed_identities, identity) for match in matches)
    return pair is not None and allows_pair(rules, pair, namespace, cluster_issuers)


def allows_pair(rules: Iterable[Rule], pair: Pair, namespace: Namespace, cluster_issuers: Collection[str]) -> bool:
    """Whether one of the rules allows an issuer and subject, wherever they come from."""
    matches = (match for rule in rules for match in rule.federated_credentials)
    return any(_allows_pair(match, pair, namespace, cluster_issuers) for match in matches)


def allows_identity_assignment(rules: Iterable[Rule], identity: str, host: str) -> bool:
    """Whether one of the rules allows to assign an identity to a host; both are resource ids."""
    matches = (match for rule in rules for match in rule.identity_assignments)
    return any(_is_among(match.managed_identities, identity) and _is_among(match.resources, host) for match in matches)


def allows_role(rules: Iterable[Rule], role: RoleDefinition, scope: str) -> bool:
    """Whether one of the rules allows to give a role at a scope."""
    matches = (match for rule in rules for match in rule.role_assignments)
    return any(_names_role(match.roles, role) and _is_among(match.scopes, scope) for match in matches)


def allows_some_role_at(rules: Iterable[Rule], scope: str) -> bool:
    """Whether it is worth to find out which role a name stands for: where no role is allowed, nothing is looked at."""
    return any(_is_among(match.scopes, scope) for rule in rules for match in rule.role_assignments)


def allows_tenant(rules: Iterable[Rule], tenant_id: str) -> bool:
    """Whether one of the rules allows its targets in another tenant."""
    return any(tenant_id.lower() in {allowed.lower() for allowed in rule.tenants} for rule in rules)


def _names_role(allowed: Iterable[str], role: RoleDefinition) -> bool:
    return any(one == role.name or one.lower() == role.id for one in allowed)


def _serves(match: NamespaceMatch, namespace: Namespace) -> bool:
    if not match.names and match.selector is None:
        return False
    named = not match.names or namespace.name in match.names
    return named and (match.selector is None or _selects(match.selector, namespace.labels))


def _selects(selector: LabelSelector, labels: Mapping[str, str]) -> bool:
    """Unlike elsewhere in Kubernetes an empty selector, which the schema refuses, selects nothing."""
    if not selector.match_labels and not selector.match_expressions:
        return False
    return all(labels.get(key) == value for key, value in selector.match_labels) and all(
        _holds(expression, labels) for expression in selector.match_expressions
    )


def _holds(expression: MatchExpression, labels: Mapping[str, str]) -> bool:
    value, values = labels.get(expression.key), expression.values or ()
    match expression.operator:
        case SelectorOperator.IN:
            return value in values
        case SelectorOperator.NOT_IN:
            return value not in values
        case SelectorOperator.EXISTS:
            return value is not None
        case SelectorOperator.DOES_NOT_EXIST:
            return value is None


def _ids_in(target: Target) -> tuple[set[str], str | None]:
    """Lower-case ids of the application, and the resource id of the identity, that a spec names."""
    application = target.application
    ids = (application.client_id, application.object_id) if application else ()
    identity = target.managed_identity.resource_id if target.managed_identity else None
    return {id_.lower() for id_ in ids if id_}, identity


def _ids_of(resolved: ResolvedTarget) -> tuple[set[str], str | None]:
    """The same of a target that was found. An identity's client id does not make it an application."""
    if resolved.parent.kind is ParentKind.MANAGED_IDENTITY:
        return set(), resolved.parent.id
    return {id_.lower() for id_ in (resolved.client_id, resolved.object_id) if id_}, None


def _is_among(patterns: Iterable[str], resource_id: str | None) -> bool:
    if resource_id is None:
        return False
    identity = resource_key(resource_id)
    return any(_fits(resource_key(pattern), identity) for pattern in patterns)


def _allows_pair(match: CredentialMatch, pair: Pair, namespace: Namespace, cluster_issuers: Collection[str]) -> bool:
    if pair.expression:
        return match.issuer == pair.issuer and _allows_expression(match.claims, pair.expression, namespace)
    issuers = cluster_issuers if match.issuer == OWN_CLUSTER else (match.issuer,)
    return pair.issuer in issuers and any(_fits(pattern, pair.subject, namespace.name) for pattern in match.subjects)


def _allows_expression(claims: Collection[ClaimRule], expression: str, namespace: Namespace) -> bool:
    """Whether every token that satisfies the expression is one that the rule means: each claim of the rule is demanded,
    within one of its values. What else is demanded only narrows it."""
    terms = terms_of(expression) or ()
    return bool(claims) and all(
        any(term.claim == rule.claim and _is_within(term, rule.values, namespace) for term in terms) for rule in claims
    )


def _is_within(term: Term, patterns: Iterable[str], namespace: Namespace) -> bool:
    wildcards = "*?" if term.operator is Operator.MATCHES else ""  # and the schema refuses `?` in the patterns
    return any(_fits(pattern, term.value, namespace.name, wildcards) for pattern in patterns)


def _fits(pattern: str, text: str, namespace: str = _NAMESPACE, wildcards: str = "") -> bool:
    """Whether a pattern stands for the whole text. `*` never crosses `/` or `:`, `**` does; the rest is literal.

    `wildcards` are characters of the text that stand for others themselves: only `**` takes those in, so that whatever
    the text stands for is within the pattern. In a pattern they must not stand for themselves.

    Takes time in proportion to the pattern's length times the text's. A regular expression was rejected: with several
    `**` it takes time in proportion to a power of the text's length, and the text is written by whoever asks.
    """
    ends = {0}  # positions in the text that what was read of the pattern can end at
    for part in re.split(r"(\*\*|\*|\{namespace\})", pattern):
        if part in ("*", "**"):
            ends = _stretched(ends, text, stops="/:" + wildcards if part == "*" else "")
        else:
            literal = namespace if part == _NAMESPACE else part
            ends = {end + len(literal) for end in ends if text.startswith(literal, end)}
    return len(text) in ends


def _stretched(ends: set[int], text: str, stops: str) -> set[int]:
    """The positions that can be reached from `ends` without reading one of `stops`."""
    reached = set[int]()
    for position in range(len(text) + 1):
        if position in ends or (position - 1 in reached and text[position - 1] not in stops):
            reached.add(position)
    return reached
