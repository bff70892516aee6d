"""From what is known of a ManagedIdentityFederation to what it wants written into its namespace. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from entrafed.api.choices import DeletionPolicy
from entrafed.api.federation import Federation
from entrafed.api.outputs import (
    AUTHORITY_VARIABLE,
    CLIENT_ID_ANNOTATION,
    CLIENT_ID_VARIABLE,
    TENANT_ID_ANNOTATION,
    TENANT_ID_VARIABLE,
    AnnotationPolicy,
)
from entrafed.api.reasons import Reason
from entrafed.api.states import OutputKind
from entrafed.api.status import OutputStatus
from entrafed.domain.errors import Problem
from entrafed.domain.findings import BEING_REMOVED, IN_PROGRESS, Knowledge, Outcome
from entrafed.domain.outputs import Content, Intent, Output, Wish
from entrafed.domain.summary import DELETING
from entrafed.domain.targets import ResolvedTarget
from entrafed.domain.times import to_seconds


@dataclass(frozen=True, slots=True)
class Moment:
    """When, and with what, wishes are told: `now` in seconds since the epoch, `revocation_delay` in seconds.

    `authority` is where workloads sign in, without a slash at its end; None while the connection cannot be read.
    `is_ending`: the namespace is being deleted.
    """

    now: float
    revocation_delay: float
    authority: str | None
    is_ending: bool = False


def recorded_outputs(federation: Federation) -> dict[Output, OutputStatus]:
    """What the status says was, or was about to be, written."""
    return {Output(row.kind, row.name): row for row in federation.status.outputs if row.field_manager is not None}


def wishes_of(federation: Federation, knowledge: Knowledge, moment: Moment) -> tuple[Wish, ...]:
    """What is asked for, and what was written before and is asked for no more. In a namespace that goes itself nothing
    is written, and nothing need be taken away."""
    recorded = recorded_outputs(federation)
    if federation.metadata.deletion_timestamp is not None:
        return () if moment.is_ending else tuple(_farewells(federation, recorded))
    asked = {wish.output: wish for wish in _asked(federation, knowledge, moment)}
    if moment.is_ending:
        asked = {output: _kept(wish) for output, wish in asked.items()}
    intent = Intent.KEEP if federation.spec.suspend or moment.is_ending else Intent.WITHDRAW
    left = (Wish(output, intent, problem=BEING_REMOVED, is_asked=False) for output in recorded if output not in asked)
    return (*(replace(wish, drift=federation.spec.drift_policy) for wish in asked.values()), *left)


def _kept(wish: Wish) -> Wish:
    return replace(wish, intent=Intent.KEEP, content=None, problem=wish.problem or IN_PROGRESS)


def _farewells(federation: Federation, recorded: dict[Output, OutputStatus]) -> Iterator[Wish]:
    """What is denied does not outlive the object, whatever its deletionPolicy. Annotations that stay need nothing."""
    retain = federation.spec.deletion_policy is DeletionPolicy.RETAIN
    for output, row in recorded.items():
        if not retain or row.denied_since is not None:
            yield Wish(output, Intent.WITHDRAW, problem=DELETING, is_asked=False)
        elif output.kind is OutputKind.CONFIG_MAP:
            yield Wish(output, Intent.RELEASE, problem=DELETING, is_asked=False)


def _asked(federation: Federation, knowledge: Knowledge, moment: Moment) -> Iterator[Wish]:
    outcomes = {outcome.name: outcome for outcome in knowledge.outcomes}
    for item in federation.spec.federated_credentials:
        account = item.service_account
        if account is not None and account.annotation_policy is AnnotationPolicy.WRITE:
            outcome = outcomes.get(item.name, Outcome(item.name, (), IN_PROGRESS))
            yield _annotations(Output(OutputKind.SERVICE_ACCOUNT, account.name), outcome, knowledge)
    if federation.spec.output is not None:
        output = Output(OutputKind.CONFIG_MAP, federation.spec.output.config_map.name)
        follows = federation.spec.deletion_policy is DeletionPolicy.DELETE
        rows = {Output(row.kind, row.name): row for row in federation.status.outputs}
        yield _config_map(output, rows.get(output), knowledge, moment, follows=follows)


def _annotations(output: Output, outcome: Outcome, knowledge: Knowledge) -> Wish:
    """Annotations stand as long as the credential may that lets the service account in."""
    problem = outcome.problem or knowledge.problem
    if problem is None and knowledge.target is not None:
        target = knowledge.target
        values = {CLIENT_ID_ANNOTATION: target.client_id, TENANT_ID_ANNOTATION: target.tenant_id}
        return Wish(output, Intent.WRITE, Content(values))
    problem, since = problem or IN_PROGRESS, outcome.denied_since
    if problem.reason is Reason.REVOKED or (_is_denied(problem) and since is None):
        return Wish(output, Intent.WITHDRAW, problem=problem, denied_since=since)
    is_denied = _is_denied(problem) or knowledge.target is None
    return Wish(output, Intent.KEEP, problem=problem, denied_since=since if is_denied else None)


def _config_map(
    output: Output, row: OutputStatus | None, knowledge: Knowledge, moment: Moment, *, follows: bool
) -> Wish:
    """A ConfigMap stands as long as a rule allows the target, and a while longer."""
    problem, target = knowledge.problem, knowledge.target
    if problem is None and target is not None and moment.authority is not None:
        return Wish(output, Intent.WRITE, Content(_variables(target, moment.authority), follows))
    problem, now = problem or IN_PROGRESS, moment.now
    before = to_seconds(row.denied_since, unreadable=now) if row is not None and row.denied_since else None
    if not _is_denied(problem) and (target is None or knowledge.may_show_target):
        return Wish(output, Intent.KEEP, problem=problem, denied_since=before if target is None else None)
    if row is None or row.field_manager is None:
        return Wish(output, Intent.KEEP, problem=problem)
    since = now if before is None else min(now, before)
    until = since + moment.revocation_delay
    if target is not None and until > now:
        return Wish(output, Intent.KEEP, problem=problem, denied_since=since, until=until)
    if target is not None and _is_denied(problem):
        problem = replace(problem, reason=Reason.REVOKED)
    return Wish(output, Intent.WITHDRAW, problem=problem, denied_since=since)


def _is_denied(problem: Problem | None) -> bool:
    return problem is not None and problem.reason is Reason.NOT_PERMITTED


def _variables(target: ResolvedTarget, authority: str) -> dict[str, str]:
    """With a slash at the end of the authority, as azure-workload-identity gives it to pods."""
    return {
        CLIENT_ID_VARIABLE: target.client_id,
        TENANT_ID_VARIABLE: target.tenant_id,
        AUTHORITY_VARIABLE: f"{authority}/",
    }
