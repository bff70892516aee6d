"""What may be known of an object, in every combination: hypothesis strategies for the tests of the summary."""

from dataclasses import replace

from hypothesis import strategies as st

from entrafed.api.conditions import Condition, ConditionStatus, ConditionType
from entrafed.api.federation import Federation
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin
from entrafed.api.status import CredentialItemStatus, CredentialStatus, FederationStatus, TargetStatus
from entrafed.domain.credentials import NewCredential, ObservedCredential, Pair, Parent, ParentKind, Trust
from entrafed.domain.errors import Problem, ProblemKind
from entrafed.domain.findings import Finding, Knowledge, Left, Outcome, Standing
from entrafed.domain.marks import Mark, owner_mark, pair_mark
from entrafed.domain.targets import ResolvedTarget
from unit.domain.federations import CLIENT, CREATED, ISSUER, OBJECT, TENANT, federation, oidc

NAMES = ("a", "b", "c", "d")
TRUSTS = (
    *(Trust(Pair(ISSUER, f"job-{name}"), "api://x") for name in NAMES),
    Trust(Pair(ISSUER, expression="claims['sub'] matches 'job-*'"), "api://x"),
)
TARGET = ResolvedTarget(Parent(ParentKind.APPLICATION, TENANT, OBJECT), CLIENT, OBJECT, None, TENANT)


def credential_name(trust: Trust) -> str:
    return str(Mark("aaaaaaaa", owner_mark("payments", "web"), pair_mark(trust.pair)))


def observed(trust: Trust) -> ObservedCredential:
    return NewCredential(credential_name(trust), trust, "").written


def shown(trust: Trust, origin: Origin = Origin.OPERATOR) -> CredentialStatus:
    """A credential as a status shows it."""
    pair = trust.pair
    return CredentialStatus(
        credential_name=credential_name(trust),
        issuer=pair.issuer,
        subject=pair.subject or None,
        expression=pair.expression or None,
        audience=trust.audience,
        origin=origin,
    )


def condition(kind: ConditionType, status: ConditionStatus = ConditionStatus.TRUE) -> Condition:
    return Condition(
        type=kind,
        status=status,
        reason=Reason.SYNCED,
        message="as it was",
        observed_generation=1,
        last_transition_time=CREATED,
    )


problems = st.builds(
    Problem,
    st.sampled_from(ProblemKind),
    st.sampled_from(Reason),
    st.sampled_from(["what, where and what to do", "long " * 2000]),
)
trusts = st.sampled_from(TRUSTS)
maybe_problems = st.none() | problems

records = st.lists(
    st.builds(
        lambda name, credentials, denied: CredentialItemStatus(
            name=name,
            state=ItemState.SYNCED,
            reason=Reason.SYNCED,
            message="",
            denied_since=CREATED if denied else None,
            credentials=credentials,
        ),
        st.sampled_from([*NAMES, "e", "f"]),
        st.lists(st.builds(shown, trusts, st.sampled_from(Origin)), unique_by=lambda c: c.credential_name, max_size=3),
        st.booleans(),
    ),
    unique_by=lambda item: item.name,
    max_size=5,
)
conditions = st.lists(
    st.builds(condition, st.sampled_from(ConditionType), st.sampled_from(ConditionStatus)),
    unique_by=lambda c: c.type,
    max_size=6,
)
statuses = st.builds(
    lambda rows, conditions, target: FederationStatus(
        observed_generation=1, federated_credentials=rows, conditions=conditions, target=target
    ),
    records,
    conditions,
    st.none() | st.just(TargetStatus(client_id="recorded", object_id="recorded", tenant_id=TENANT)),
)
federations = st.builds(
    lambda names, status, deleted, suspend, policy: replace(
        federation(
            *map(oidc, names),
            deleted=CREATED if deleted else None,
            suspend=suspend,
            deletionPolicy=policy,
            generation=2,
        ),
        status=status,
    ),
    st.lists(st.sampled_from(NAMES), unique=True),
    statuses,
    st.booleans(),
    st.booleans(),
    st.sampled_from(["Delete", "Retain"]),
)


@st.composite
def outcomes(draw: st.DrawFn, name: str) -> Outcome:
    """What an item came to: permitted, unknown or denied, itself or what was made for it before."""
    asked = tuple(draw(st.lists(trusts, max_size=2, unique=True)))
    problem = draw(maybe_problems) if asked else draw(problems)
    denied = draw(st.frozensets(st.builds(lambda one: one.pair, trusts), max_size=2))
    since = 1000.0 if denied or (problem and draw(st.booleans())) else None
    return Outcome(name, asked, problem, denied, since)


@st.composite
def findings(draw: st.DrawFn, wanted: frozenset[Trust]) -> Finding:
    """What a look at the parent found: for each wanted trust how it stands, and any of the others left over."""
    standings = {
        trust: Standing(
            draw(st.sampled_from([None, observed(trust)])), draw(st.sampled_from(Origin)), draw(maybe_problems)
        )
        for trust in sorted(wanted)
    }
    others = [trust for trust in TRUSTS if trust not in wanted]
    left = draw(st.lists(st.sampled_from(others), unique=True)) if others else []
    return Finding(standings=standings, left=tuple(Left(observed(trust), draw(maybe_problems)) for trust in left))


@st.composite
def knowledges(draw: st.DrawFn, of: Federation) -> Knowledge:
    """All that may be known of an object, whether or not it makes sense together."""
    items = () if of.metadata.deletion_timestamp else of.spec.federated_credentials
    found = tuple(draw(outcomes(item.name)) for item in items)
    wanted = frozenset(trust for o in found if not o.problem for trust in o.trusts)
    return Knowledge(
        outcomes=found,
        target=draw(st.sampled_from([None, TARGET])),
        problem=draw(maybe_problems),
        finding=draw(st.none() | st.builds(lambda p: Finding(problem=p), problems) | findings(wanted)),
        may_show_target=draw(st.booleans()),
        handled_request=draw(st.sampled_from([None, "now"])),
    )


known = federations.flatmap(lambda one: st.tuples(st.just(one), knowledges(one)))
