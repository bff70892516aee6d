"""What each item of a spec comes to: a trust that may be asked for, or why not."""

from dataclasses import replace

import pytest

from entrafed.api.reasons import Reason
from entrafed.domain.credentials import Pair, Trust
from entrafed.domain.errors import AzureProblem, ProblemKind
from entrafed.domain.times import to_text
from golden_sources import ENTRA_SUBJECT
from unit.domain.federations import (
    CLUSTER_ISSUER,
    CREATED_AT,
    EVERYTHING,
    GROUP,
    IDENTITY,
    ISSUER,
    OPERATOR,
    OTHER_TENANT,
    TENANT,
    Manifest,
    federation,
    oidc,
)
from unit.engine.admitting import APP, AUDIENCE, TIMING, WEB, Admitting, job, outcome, reason, row, status
from unit.engine.port_fakes import problem

ACCOUNT: Manifest = {"name": "pods", "serviceAccount": {"name": "web"}}
MACHINE: Manifest = {"name": "vm", "managedIdentity": {"resourceId": IDENTITY}}
CLUSTER_RULE: Manifest = {"issuer": "cluster", "subjects": ["system:serviceaccount:{namespace}:*"]}


def only(*credentials: Manifest) -> Manifest:
    """The rule, with these sources allowed only."""
    return {**EVERYTHING, "federatedCredentials": list(credentials)}


async def test_each_source_becomes_the_trust_that_its_tokens_carry() -> None:
    ask = await Admitting().asked(federation(oidc("a"), ACCOUNT, MACHINE))
    assert ask.wanted == {
        job("a"),
        Trust(Pair(CLUSTER_ISSUER, "system:serviceaccount:payments:web"), AUDIENCE),
        Trust(Pair(f"https://login.microsoftonline.com/{TENANT}/v2.0", "principal"), AUDIENCE),
    }


async def test_an_item_that_no_rule_allows_leaves_the_others_alone() -> None:
    world = Admitting()
    world.connect(only(CLUSTER_RULE))
    admission = await world.admit(federation(oidc("a"), ACCOUNT))
    assert reason(admission, "a") is Reason.NOT_PERMITTED
    assert reason(admission, "pods") is None


async def test_one_item_that_cannot_be_told_leaves_the_others_alone() -> None:
    world = Admitting()
    world.azure.identities[IDENTITY] = AzureProblem(problem(Reason.AZURE_UNAVAILABLE))
    world.kube.issuer = None
    admission = await world.admit(federation(oidc("a"), ACCOUNT, MACHINE))
    assert admission.ask is not None
    assert admission.ask.wanted == {job("a")}
    assert (reason(admission, "pods"), reason(admission, "vm")) == (Reason.ISSUER_UNKNOWN, Reason.AZURE_UNAVAILABLE)
    assert admission.problem is not None  # it is looked at again
    assert not admission.problem.stalled


# The operator's own identities


@pytest.mark.parametrize("spelled", [OPERATOR, OPERATOR.upper()])
async def test_the_identity_that_the_operator_signs_in_as_is_let_in_nowhere(spelled: str) -> None:
    world = Admitting()
    world.connect(EVERYTHING, credential={"workloadIdentity": {"clientId": spelled}})
    world.azure.identities[IDENTITY] = replace(WEB, client_id=OPERATOR)
    admission = await world.admit(federation(MACHINE))
    assert admission.ask is not None
    assert admission.ask.wanted == frozenset()
    assert reason(admission, "vm") is Reason.NOT_PERMITTED


async def test_nor_is_the_identity_of_another_connection() -> None:
    world = Admitting()
    world.connect(name="partner", credential={"workloadIdentity": {"clientId": WEB.client_id}})
    assert reason(await world.admit(federation(MACHINE)), "vm") is Reason.NOT_PERMITTED


# Managed identities


async def test_an_identity_that_no_rule_allows_is_not_even_read() -> None:
    world = Admitting()
    world.connect(only({"managedIdentities": [f"{GROUP}/api"]}))
    admission = await world.admit(federation(MACHINE))
    assert reason(admission, "vm") is Reason.NOT_PERMITTED
    assert world.azure.names("identity") == []


async def test_an_identity_that_is_missing_is_said_to_be_missing_and_what_it_had_is_kept() -> None:
    world = Admitting()
    before = await world.admit(federation(MACHINE))
    assert before.ask is not None
    del world.azure.identities[IDENTITY]
    admission = await world.admit(federation(MACHINE, generation=2))
    assert reason(admission, "vm") is Reason.IDENTITY_NOT_FOUND
    assert outcome(admission, "vm").denied_since is None
    assert admission.problem is not None
    assert admission.problem.after == TIMING.missing  # who makes it now need not wait for long


async def test_an_identity_of_another_tenant_is_refused_with_both_tenants_named() -> None:
    world = Admitting()
    world.azure.identities[IDENTITY] = replace(WEB, tenant_id=OTHER_TENANT)
    admission = await world.admit(federation(MACHINE))
    found = outcome(admission, "vm").problem
    assert found is not None
    assert (found.kind, found.reason) == (ProblemKind.TERMINAL, Reason.IDENTITY_IN_OTHER_TENANT)
    assert TENANT in found.message
    assert OTHER_TENANT in found.message


async def test_an_identity_that_was_made_again_is_followed() -> None:
    world = Admitting()
    await world.admit(federation(MACHINE))
    world.azure.identities[IDENTITY] = replace(WEB, principal_id="made-again")
    ask = await world.asked(federation(MACHINE))
    assert {trust.pair.subject for trust in ask.wanted} == {"made-again"}


async def test_of_a_workspace_whose_plans_alone_are_allowed_the_plans_stay_and_the_applies_go() -> None:
    world = Admitting()
    prefix = "organization:contoso:project:web:workspace:prod:run_phase"
    runs = {"name": "runs", "terraformCloud": {"organization": "contoso", "project": "web", "workspace": "prod"}}
    issuer, plan, apply = "https://app.terraform.io", f"{prefix}:plan", f"{prefix}:apply"
    both = [
        {"credentialName": subject, "issuer": issuer, "subject": subject, "audience": AUDIENCE, "origin": "Operator"}
        for subject in (plan, apply)
    ]
    world.connect(only({"issuer": issuer, "subjects": [f"{prefix}:plan"]}))
    one = federation(runs, status=status(row("runs", *both, deniedSince=to_text(CREATED_AT))))
    admission = await world.admit(one)
    assert reason(admission, "runs") is Reason.NOT_PERMITTED
    assert admission.ask is not None
    assert admission.ask.kept == {Pair(issuer, plan)}
    assert admission.ask.revoked == {Pair(issuer, apply)}


# What can never work


async def test_what_entra_never_takes_is_refused_and_asked_for_nowhere() -> None:
    world = Admitting()
    entra = f"https://login.microsoftonline.com/{TENANT}/v2.0"
    world.connect(only({"issuer": entra, "subjects": ["/eid1/**"]}))
    one = federation({"name": "ado", "azureDevOps": {"entraIssuer": {"subject": ENTRA_SUBJECT}}})
    assert reason(await world.admit(one), "ado") is None
    world.azure.targets[one.spec.target] = replace(APP, multi_tenant=True)
    admission = await world.admit(one)
    found = outcome(admission, "ado").problem
    assert found is not None
    assert (found.kind, found.reason) == (ProblemKind.TERMINAL, Reason.INVALID_SPEC)
    assert admission.ask is not None
    assert admission.ask.wanted == frozenset()
    assert admission.ask.revoked == frozenset()


async def test_a_service_connection_of_the_public_cloud_is_refused_in_another() -> None:
    world = Admitting()
    issuer = f"https://login.microsoftonline.us/{TENANT}/v2.0"
    world.connect(only({"issuer": issuer, "subjects": ["/eid1/**"]}), cloud="AzureUSGovernment")
    one = federation({"name": "ado", "azureDevOps": {"entraIssuer": {"subject": ENTRA_SUBJECT}}})
    assert reason(await world.admit(one), "ado") is Reason.INVALID_SPEC
    world.connect(only(CLUSTER_RULE), cloud="AzureUSGovernment")
    assert reason(await world.admit(one), "ado") is Reason.NOT_PERMITTED  # who may not ask is told nothing else


# The cluster's issuer


@pytest.mark.parametrize("rule", [CLUSTER_RULE, {"issuer": CLUSTER_ISSUER, "subjects": ["**"]}])
@pytest.mark.parametrize(
    "item",
    [ACCOUNT, {"name": "pods", "oidc": {"issuer": CLUSTER_ISSUER, "subject": "system:serviceaccount:payments:web"}}],
    ids=["service account", "oidc"],
)
async def test_an_issuer_that_cannot_be_read_denies_nothing(rule: Manifest, item: Manifest) -> None:
    world = Admitting()
    world.connect(only(rule))
    world.kube.issuer = None
    admission = await world.admit(federation(item))
    assert outcome(admission, "pods").denied_since is None
    assert reason(admission, "pods") in (None, Reason.ISSUER_UNKNOWN)


async def test_the_issuer_is_not_asked_for_where_it_decides_nothing() -> None:
    world = Admitting()
    world.kube.issuer = None
    admission = await world.admit(federation(oidc("a")))
    assert reason(admission, "a") is None
    world.connect(only({"issuer": "https://another.example", "subjects": ["**"]}))
    assert reason(await world.admit(federation(oidc("a"))), "a") is Reason.NOT_PERMITTED
    assert world.kube.asked == 0


async def test_the_cluster_s_issuer_by_address_is_bound_to_the_own_namespace_like_by_name() -> None:
    world = Admitting()
    world.connect(only(CLUSTER_RULE))
    foreign = {"issuer": CLUSTER_ISSUER, "subject": "system:serviceaccount:billing:web"}
    own = {"issuer": CLUSTER_ISSUER, "subject": "system:serviceaccount:payments:web"}
    admission = await world.admit(federation({"name": "foreign", "oidc": foreign}, {"name": "own", "oidc": own}))
    assert reason(admission, "foreign") is Reason.NOT_PERMITTED
    assert reason(admission, "own") is None


async def test_a_refusal_tells_nothing_but_what_the_user_wrote_or_may_know() -> None:
    world = Admitting()
    world.connect(only({"issuer": "https://secret.example", "subjects": ["repo:secret/**"]}))
    found = outcome(await world.admit(federation(oidc("a"))), "a").problem
    assert found is not None
    assert "secret" not in found.message
    assert ISSUER not in found.message  # of use to nobody, and long
