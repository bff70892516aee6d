"""What each item of a spec comes to: a trust that may be asked for, or why not."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from entrafed.api.federation import FederatedCredential
from entrafed.api.reasons import Reason
from entrafed.api.rules import OWN_CLUSTER, Rule
from entrafed.domain.asks import Record
from entrafed.domain.clouds import CLOUDS
from entrafed.domain.connections import SignIn
from entrafed.domain.credentials import Pair, Trust
from entrafed.domain.errors import AzureProblem, KubeProblem, NotFound, Problem, ProblemKind
from entrafed.domain.findings import Outcome, Retirement
from entrafed.domain.issuers import Announced, retiring
from entrafed.domain.rules import Namespace, allows_credential, allows_pair
from entrafed.domain.sources import Known, account_subject, never_works, trusts_of
from entrafed.engine.issuers import ClusterIssuers
from entrafed.engine.ports import Clock
from entrafed.engine.reads import Reads
from entrafed.engine.timing import Timing

SUSPENDED = Problem(
    ProblemKind.WAITING, Reason.SUSPENDED, "`spec.suspend` is true: nothing is read from or written to Azure"
)


@dataclass(frozen=True, slots=True)
class Case:
    """What the items of one object are judged by.

    `rules` serve the namespace and allow the target. `own_clients` are the client ids that the operator signs in as.
    `cluster_issuers`, where there are any, are those that the connection names in place of the announced ones.
    `multi_tenant` is of a target that is an application, None where nobody has looked. `recorded` is what was last
    written for an item; an identity is known by that alone where `not_before`, in monotonic seconds, is None: nothing
    may be read of Azure.
    """

    sign_in: SignIn
    namespace: Namespace
    rules: tuple[Rule, ...]
    own_clients: frozenset[str]
    cluster_issuers: tuple[str, ...]
    multi_tenant: bool | None
    recorded: Mapping[str, tuple[Trust, ...]]
    records: tuple[Record, ...]
    not_before: float | None


class _Refused(Exception):
    """No rule allows it, or not all of it: of its `trusts`, those in `denied` alone are to go."""

    def __init__(self, message: str, trusts: tuple[Trust, ...] = (), denied: tuple[Trust, ...] = ()) -> None:
        super().__init__(message)
        self.problem = Problem(ProblemKind.FORBIDDEN, Reason.NOT_PERMITTED, message)
        self.trusts = trusts
        self.denied = denied


class _Unknown(Exception):
    """It cannot be told for now."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class _Former:
    """What is kept for a while of an item, and when, in seconds from now, that is to be looked at again."""

    retiring: Mapping[Pair, Retirement]
    due: float | None = None


class Judge:
    """Judges items; reads what a source needs to know."""

    def __init__(self, reads: Reads, issuers: ClusterIssuers, clock: Clock, timing: Timing) -> None:
        self._reads = reads
        self._issuers = issuers
        self._clock = clock
        self._timing = timing

    async def outcome(self, item: FederatedCredential, case: Case) -> Outcome:
        """One item: what it may ask for, or why nothing."""
        recorded = case.recorded.get(item.name, ())
        problem = SUSPENDED if case.not_before is None else None
        denied, former = frozenset[Pair](), _Former({})
        try:
            _require_identity_rule(item, case)
            trusts = await self._trusts(item, case)
            await self._require_rule(item, trusts, case)
            _require_what_may_work(item, case)
            former = await self._former(item, case)
        except _Refused as refused:
            trusts, problem = refused.trusts or _of_identities(recorded, case), refused.problem
            denied = frozenset(trust.pair for trust in refused.denied or trusts)
        except _Unknown as unknown:
            denied = await self._lapsed(item, (), case)
            return Outcome(item.name, recorded, unknown.problem, denied, denied_since=0.0 if denied else None)
        denied |= await self._lapsed(item, trusts, case)
        is_dated = bool(denied) or problem not in (None, SUSPENDED)
        since = 0.0 if is_dated else None
        return Outcome(item.name, trusts, problem, denied, since, retiring=former.retiring, due=former.due)

    async def former(self, name: str, case: Case) -> Outcome:
        """An item that a suspended object has no longer: what was written for it stays until that is resumed, or until
        no rule allows it."""
        recorded = case.recorded[name]
        denied = await self._denied({trust.pair for trust in recorded}, recorded, case)
        return Outcome(name, recorded, SUSPENDED, denied, denied_since=0.0 if denied else None)

    async def _trusts(self, item: FederatedCredential, case: Case) -> tuple[Trust, ...]:
        if case.not_before is None and item.managed_identity is not None:
            return _of_identities(case.recorded.get(item.name, ()), case)
        return trusts_of(item, await self._known(item, case, case.not_before or 0.0))

    async def _lapsed(self, item: FederatedCredential, trusts: tuple[Trust, ...], case: Case) -> frozenset[Pair]:
        """Pairs that were written for an item, that it does not stand for any more, and that no rule allows any more.

        They stay while their successor cannot be made, but not for ever. What may come of a managed identity is not
        known any more by what the rules know it by: it is spared as long as they allow any.
        """
        recorded = case.recorded.get(item.name, ())
        former = {trust.pair for trust in recorded} - {trust.pair for trust in trusts}
        former = {pair for pair in former if not _is_of_former_issuer(item, pair, case)}
        return await self._denied(former, recorded, case)

    async def _denied(self, pairs: set[Pair], recorded: tuple[Trust, ...], case: Case) -> frozenset[Pair]:
        """Those of the pairs that were written once which no rule allows any more."""
        if any(match.managed_identities for rule in case.rules for match in rule.federated_credentials):
            pairs -= {trust.pair for trust in _of_identities(recorded, case)}
        denied = {pair for pair in pairs if not allows_pair(case.rules, pair, case.namespace, ())}
        if not denied:
            return frozenset()
        try:
            issuers = await self._issuers_in_rules(case)
        except _Unknown:
            return frozenset()
        return frozenset(pair for pair in denied if not allows_pair(case.rules, pair, case.namespace, issuers))

    async def _known(self, item: FederatedCredential, case: Case, not_before: float) -> Known:
        return Known(
            cloud=CLOUDS[case.sign_in.cloud],
            tenant_id=case.sign_in.tenant_id,
            namespace=case.namespace.name,
            cluster_issuers=(await self._announced(case)).issuers if item.service_account else frozenset(),
            principal_id=await self._principal(item.managed_identity.resource_id, case, not_before)
            if item.managed_identity
            else None,
        )

    async def _principal(self, resource_id: str, case: Case, not_before: float) -> str:
        try:
            identity = await self._reads.managed_identity(case.sign_in, resource_id, not_before)
        except NotFound:
            message = f"managed identity {resource_id} was not found; create it, or mend its resource id"
            after = self._timing.missing
            raise _Unknown(Problem(ProblemKind.TERMINAL, Reason.IDENTITY_NOT_FOUND, message, after)) from None
        except AzureProblem as failure:
            raise _Unknown(failure.problem) from None
        if identity.tenant_id != case.sign_in.tenant_id:
            message = (
                f"managed identity {resource_id} is of tenant {identity.tenant_id}; Entra accepts its tokens only at "
                f"applications of that tenant, and this connection is of {case.sign_in.tenant_id}"
            )
            raise _Unknown(Problem(ProblemKind.TERMINAL, Reason.IDENTITY_IN_OTHER_TENANT, message))
        if identity.client_id in case.own_clients:
            raise _Refused("the identity that the operator itself signs in as may not be let in anywhere")
        return identity.principal_id

    async def _former(self, item: FederatedCredential, case: Case) -> _Former:
        """What was written for a service account by former issuers of the cluster, as far as the rules allow it."""
        if item.service_account is None:
            return _Former({})
        announced, now, grace = await self._announced(case), self._clock.now(), self._timing.issuer_grace
        subject = account_subject(case.namespace.name, item.service_account.name)
        pairs = {
            pair: retirement
            for pair, retirement in retiring(item.name, subject, case.records, announced, now=now, grace=grace).items()
            if _is_of_former_issuer(item, pair, case)
        }
        ends = [one.since + grace - now for one in pairs.values() if one.since is not None]
        ends += [announced.certain_in for one in pairs.values() if not one.certain]
        return _Former(pairs, min(ends, default=None))

    async def _announced(self, case: Case) -> Announced:
        if case.cluster_issuers:
            return Announced(frozenset(case.cluster_issuers))
        try:
            return await self._issuers.announced()
        except KubeProblem:
            message = (
                "the issuer of this cluster's service account tokens cannot be read from the API server; have it "
                f"answered there, or listed in `clusterIssuers` of EntraConnection {case.sign_in.connection}"
            )
            raise _Unknown(Problem(ProblemKind.TRANSIENT, Reason.ISSUER_UNKNOWN, message)) from None

    async def _require_rule(self, item: FederatedCredential, trusts: tuple[Trust, ...], case: Case) -> None:
        """Raise unless rules allow all of the item. The cluster's issuer is asked for only where it can decide."""
        if item.managed_identity is not None or all(self._allows(item, trust.pair, case, ()) for trust in trusts):
            return
        issuers = await self._issuers_in_rules(case)
        denied = tuple(trust for trust in trusts if not self._allows(item, trust.pair, case, issuers))
        if denied:
            raise _Refused(_not_allowed(case, denied if len(denied) < len(trusts) else ()), trusts, denied)

    async def _issuers_in_rules(self, case: Case) -> Collection[str]:
        """What the word `cluster` in the rules stands for. It is not asked for where it decides nothing."""
        by_cluster = any(match.issuer == OWN_CLUSTER for rule in case.rules for match in rule.federated_credentials)
        return (await self._announced(case)).issuers if by_cluster else ()

    def _allows(self, item: FederatedCredential, pair: Pair, case: Case, issuers: Collection[str]) -> bool:
        return allows_credential(case.rules, item, pair, case.namespace, issuers)


def _require_identity_rule(item: FederatedCredential, case: Case) -> None:
    """Raise for an identity that no rule allows, before anything about it is read."""
    if item.managed_identity is not None and not allows_credential(case.rules, item, None, case.namespace, ()):
        raise _Refused(_not_allowed(case))


def _require_what_may_work(item: FederatedCredential, case: Case) -> None:
    """Raise for what Entra never takes, as far as the target and the cloud tell. What was written before stays."""
    message = never_works(item, CLOUDS[case.sign_in.cloud], multi_tenant=case.multi_tenant)
    if message is not None:
        raise _Unknown(Problem(ProblemKind.TERMINAL, Reason.INVALID_SPEC, message))


def _is_of_former_issuer(item: FederatedCredential, pair: Pair, case: Case) -> bool:
    """Whether a pair is an item's service account, by an issuer that the rules would allow if it were the cluster's."""
    account = item.service_account
    is_own = account is not None and pair.subject == account_subject(case.namespace.name, account.name)
    return is_own and allows_pair(case.rules, pair, case.namespace, {pair.issuer})


def _of_identities(recorded: tuple[Trust, ...], case: Case) -> tuple[Trust, ...]:
    """What was written for a managed identity, as far as its issuer tells."""
    issuer = CLOUDS[case.sign_in.cloud].entra_issuer(case.sign_in.tenant_id)
    return tuple(trust for trust in recorded if trust.pair.issuer == issuer)


def _not_allowed(case: Case, missing: tuple[Trust, ...] = ()) -> str:
    """Why an item is refused. Where rules allow the rest of it, what is `missing` is named: to those who read them they
    seem to allow the item."""
    named = ", ".join(f"{trust.pair.subject} of {trust.pair.issuer}" for trust in missing)
    return (
        f"no rule of EntraConnection {case.sign_in.connection} allows namespace {case.namespace.name} to let "
        f"{f'all of this source in at this target: {named} is missing' if named else 'this source in at this target'}; "
        "ask for a rule, or remove the item"
    )
