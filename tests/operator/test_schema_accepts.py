"""What the API server takes: every example, the odd but right, and every status that the operator may write."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from entrafed.api.assignment_status import (
    AssignedIdentity,
    AssignedRole,
    AssignmentState,
    IdentityAssignmentStatus,
    RoleAssignmentStatus,
    TenantStatus,
)
from entrafed.api.assignments import MAX_ASSIGNMENTS, MAX_HOSTS
from entrafed.api.choices import DeletionPolicy
from entrafed.api.conditions import MAX_MESSAGE, Condition, ConditionStatus, ConditionType
from entrafed.api.connection import ConnectionStatus, dump_connection_status, parse_connection
from entrafed.api.federation import parse_federation
from entrafed.api.formats import MAX_EXPRESSION
from entrafed.api.reasons import Reason
from entrafed.api.states import ItemState, Origin, OutputKind
from entrafed.api.status import (
    MAX_ITEMS,
    CredentialItemStatus,
    CredentialStatus,
    FederationStatus,
    OutputStatus,
    Summary,
    TargetStatus,
    dump_status,
)
from entrafed.domain.outputs import field_manager
from entrafed_lab.controlplane import Kubectl
from manifests import (
    APP,
    NAMESPACE,
    ON_IDENTITY,
    OPERATOR,
    TENANT,
    Manifest,
    connection,
    federation,
    from_github,
    from_identity,
    from_oidc,
    from_service_account,
    identity_id,
    rule,
)
from schema_world import apply

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))

ODD_BUT_RIGHT: dict[str, Manifest] = {
    "no items": federation(),
    "20 items": federation(*(from_service_account(f"sa-{n}", name=f"item-{n}") for n in range(20))),
    "an app by its object id": federation(target={"application": {"objectId": APP.upper()}}),
    "an app by its unique name": federation(target={"application": {"uniqueName": "it's / odd"}}),
    "an identity in capitals": federation(from_identity(identity_id().upper())),
    "an identity as Azure answers it": federation(
        from_identity(identity_id().replace("resourceGroups", "resourcegroups"))
    ),
    "an odd resource group": federation(from_identity(identity_id().replace("/payments/", "/pay.ments_(prod)-1/"))),
    "every source but an identity on an identity": federation(
        from_service_account(), from_github(), from_oidc(), target=ON_IDENTITY
    ),
    "a service account with dots": federation(from_service_account("web.v1")),
    "one repository in four ways": federation(
        from_github(name="a", environment="prod"),
        from_github(name="b", branch="main"),
        from_github(name="c", tag="main"),
        from_github(name="d", pullRequest={}),
    ),
    "one branch name of two repositories": federation(
        from_github("contoso/web", name="a", branch="main"), from_github("contoso/Web", name="b", branch="main")
    ),
    "an environment with a colon and blanks within": federation(from_github(environment="prod: west 1")),
    "an issuer with a path and a slash at its end": federation(from_oidc("https://region.oic.example/tenant/cluster/")),
    "the issuer of an AKS cluster": federation(from_oidc(f"https://westeurope.oic.prod-aks.azure.com/{TENANT}/{APP}/")),
    "issuers that end like those that have no slash": federation(
        from_oidc("https://gitlab.com.example/", name="a"), from_oidc("https://app.terraform.io/x/", name="b")
    ),
    "an issuer at a port": federation(from_oidc("https://127.0.0.1:6443")),
    "two issuers that differ in a slash": federation(
        from_oidc("https://issuer.example", name="a"), from_oidc("https://issuer.example/", name="b")
    ),
    "two subjects that differ in case": federation(from_oidc(subject="a", name="a"), from_oidc(subject="A", name="b")),
    "an issuer that only resembles Entra": federation(from_oidc("https://login.microsoftonline.com.example/x")),
    "a subject of 600 characters": federation(from_oidc(subject="x" * 600)),
    "annotations and a ConfigMap": federation(
        {"name": "pods", "serviceAccount": {"name": "web", "annotationPolicy": "Write"}},
        output={"configMap": {"name": "web.v1-entra"}},
    ),
    "annotations of twenty service accounts": federation(
        *({"name": f"i-{n}", "serviceAccount": {"name": f"sa-{n}", "annotationPolicy": "Write"}} for n in range(20))
    ),
    "no rules": connection(),
    "a cloud of its own": connection(cloud="AzureChina"),
    "endpoints of a simulated Azure": connection(
        endpoints={
            "login": "https://127.0.0.1:8443",
            "graph": "https://127.0.0.1:8444",
            "arm": "https://127.0.0.1:8445",
        }
    ),
    "one issuer for the cluster, with its slash": connection(clusterIssuers=["https://region.oic.example/1/2/"]),
    "issuers of four clusters that do the same work": connection(
        clusterIssuers=[f"https://region.oic.example/{number}" for number in range(4)]
    ),
    "issuers that differ in a slash": connection(clusterIssuers=["https://issuer.example", "https://issuer.example/"]),
    "a selector with expressions": connection(
        rule(namespaces={"selector": {"matchExpressions": [{"key": "team", "operator": "Exists"}]}})
    ),
    "identities by wildcards": connection(
        rule(targets={"managedIdentities": [identity_id("*"), identity_id().replace("/payments/", "/payments-*/")]})
    ),
    "every identity of a subscription": connection(
        rule(targets={"managedIdentities": [f"/subscriptions/{TENANT}/**"]}),
    ),
    "any subject of an issuer": connection(rule({"issuer": "https://issuer.example", "subjects": ["**"]})),
    "32 rules": connection(*(rule() for _ in range(32))),
}


@pytest.fixture
async def written(user: Kubectl) -> AsyncIterator[Manifest]:
    """A federation that nobody has looked at yet."""
    manifest = federation(name="written")
    yield await apply(user, manifest)
    await user("delete", "-f", "-", stdin=json.dumps(manifest))


async def apply_status(user: Kubectl, status: Manifest, *, kind: str = "", name: str = "written") -> Manifest:
    body: dict[str, Any] = {
        "apiVersion": "entrafed.io/v1beta1",
        "kind": kind or "ManagedIdentityFederation",
        "metadata": {"name": name, **({} if kind else {"namespace": NAMESPACE})},
        "status": status,
    }
    return await apply(user, body, "--server-side", "--subresource=status", "--field-manager=entrafed")


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.name)
async def test_every_example_is_taken_and_read_as_it_stands(user: Kubectl, example: Path) -> None:
    taken = json.loads(await user("apply", "-f", str(example), "-o", "json"))
    await user("delete", "-f", str(example))
    read = parse_connection(taken) if taken["kind"] == "EntraConnection" else parse_federation(taken)
    assert read.metadata.name == taken["metadata"]["name"]


@pytest.mark.parametrize("manifest", ODD_BUT_RIGHT.values(), ids=list(ODD_BUT_RIGHT))
async def test_what_is_odd_but_right_is_taken(user: Kubectl, manifest: Manifest) -> None:
    await apply(user, manifest, "--dry-run=server")


async def test_a_new_object_is_not_yet_observed_and_has_its_policies_written_out(written: Manifest) -> None:
    assert written["status"] == {"observedGeneration": -1}
    spec = parse_federation(written).spec
    assert (spec.deletion_policy.value, spec.drift_policy.value, spec.suspend) == ("Delete", "Repair", False)


def condition(kind: ConditionType, message: str = "done") -> Condition:
    return Condition(
        type=kind,
        status=ConditionStatus.TRUE,
        reason=Reason.SYNCED,
        message=message,
        observed_generation=1,
        last_transition_time="2026-01-31T12:00:00Z",
    )


def item(name: str, *credentials: CredentialStatus, state: ItemState = ItemState.SYNCED) -> CredentialItemStatus:
    return CredentialItemStatus(name=name, state=state, reason=Reason.SYNCED, message="done", credentials=credentials)


def credential(name: str) -> CredentialStatus:
    return CredentialStatus(
        credential_name=name, issuer="i" * 600, subject="s" * 600, audience="a" * 600, origin=Origin.OPERATOR
    )


def output(kind: OutputKind, name: str) -> OutputStatus:
    return OutputStatus(
        kind=kind,
        name=name,
        state=ItemState.SYNCED,
        reason=Reason.SYNCED,
        message="done",
        field_manager=field_manager("payments", name),
        denied_since="2026-01-31T12:00:00Z",
    )


FULL = FederationStatus(
    observed_generation=1,
    target=TargetStatus(
        client_id=APP, object_id=TENANT, principal_id=OPERATOR, tenant_id=TENANT, resource_id=identity_id("x" * 100)
    ),
    summary=Summary(target="contoso-web", credentials="20/20"),
    federated_credentials=tuple(item(f"item-{n}", credential(f"mif-{n}")) for n in range(20)),
    outputs=tuple(output(kind, "n" * 253) for kind in OutputKind),
    conditions=tuple(condition(kind, "m" * 2 * MAX_MESSAGE) for kind in ConditionType),
    last_handled_reconcile_at="2026-01-31T12:00:00Z",
)

LONGEST_ID = "/" + "r" * 511


def longest_id(kind: str, *numbers: int) -> str:
    return f"{LONGEST_ID[: -len(kind) - 8]}{kind}{'-'.join(f'{number:03}' for number in numbers):_<8}"


ROW: dict[str, Any] = {"state": ItemState.PENDING, "reason": Reason.PROGRESSING, "message": "m" * MAX_MESSAGE}
ASSIGNED = FederationStatus(
    observed_generation=1,
    identity_assignments=tuple(
        IdentityAssignmentStatus(
            name=f"item-{item}",
            denied_since="2026-01-31T12:00:00Z",
            resources=tuple(
                AssignedIdentity(
                    resource_id=longest_id("host", item, host),
                    identity_id=longest_id("identity", item),
                    principal_id=OPERATOR,
                    instance_id=TENANT,
                    origin=Origin.OPERATOR,
                    state=AssignmentState.ASSIGNING,
                )
                for host in range(MAX_HOSTS)
            ),
            **ROW,
        )
        for item in range(MAX_ASSIGNMENTS)
    ),
    role_assignments=tuple(
        RoleAssignmentStatus(
            name=f"item-{item}",
            assignments=(
                AssignedRole(
                    scope=longest_id("scope", item),
                    role="r" * 512,
                    role_definition_id=APP,
                    principal_id=OPERATOR,
                    condition="c" * 4096,
                    assignment_name=TENANT,
                    origin=Origin.PRE_EXISTING,
                    state=AssignmentState.REMOVING,
                ),
            ),
            **ROW,
        )
        for item in range(MAX_ASSIGNMENTS)
    ),
    tenants=tuple(
        TenantStatus(
            tenant_id=f"{item:08}-1111-4111-8111-111111111111",
            connection="c" * 253,
            deletion_policy=DeletionPolicy.DELETE,
            service_principal_id=OPERATOR,
            origin=Origin.OPERATOR,
            assignment=AssignmentState.ASSIGNED,
            consent_url=f"https://{'u' * 504}",
            **ROW,
        )
        for item in range(MAX_ASSIGNMENTS)
    ),
)

STATUSES: dict[str, FederationStatus] = {
    "all hosts, roles and tenants that a spec can ask for, at their longest": ASSIGNED,
    "nothing seen": FederationStatus(),
    "everything, at its longest": FULL,
    "every state": FederationStatus(
        observed_generation=1,
        federated_credentials=tuple(item(state.lower(), state=state) for state in ItemState),
    ),
    "as many items as there may be": FederationStatus(
        observed_generation=1,
        federated_credentials=tuple(item(f"item-{n}") for n in range(MAX_ITEMS)),
        outputs=tuple(output(OutputKind.SERVICE_ACCOUNT, f"output-{n:02}") for n in range(MAX_ITEMS)),
    ),
    "a flexible credential, at its longest": FederationStatus(
        observed_generation=1,
        federated_credentials=(
            item("branches", replace(credential("mif-a"), subject=None, expression="e" * MAX_EXPRESSION)),
        ),
    ),
    "an item with two credentials": FederationStatus(
        observed_generation=1, federated_credentials=(item("ci", credential("mif-b"), credential("mif-a")),)
    ),
}


@pytest.mark.parametrize("status", STATUSES.values(), ids=list(STATUSES))
async def test_every_status_is_taken_and_read_back_as_it_was(
    user: Kubectl, written: Manifest, status: FederationStatus
) -> None:
    body = dump_status(status)
    stored = await apply_status(user, body)
    assert stored["status"] == body
    assert dump_status(parse_federation(stored).status) == body


async def test_the_same_status_again_is_not_a_write(user: Kubectl, written: Manifest) -> None:
    first = await apply_status(user, dump_status(FULL))
    second = await apply_status(user, dump_status(FULL))
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


async def test_the_status_of_a_connection_is_taken(user: Kubectl) -> None:
    manifest = connection(name="written")
    await apply(user, manifest)
    status = ConnectionStatus(
        observed_generation=1,
        client_id=OPERATOR,
        object_id=APP,
        conditions=(condition(ConditionType.SIGNED_IN), condition(ConditionType.READY)),
    )
    body = dump_connection_status(status)
    stored = await apply_status(user, body, kind="EntraConnection")
    await user("delete", "-f", "-", stdin=json.dumps(manifest))
    assert stored["status"] == body
    assert dump_connection_status(parse_connection(stored).status) == body


async def test_kubectl_shows_what_matters_in_columns(user: Kubectl, written: Manifest) -> None:
    await apply_status(user, dump_status(FULL))
    narrow, wide = await asyncio.gather(
        user("get", "mif", "-n", NAMESPACE), user("get", "entrafed", "-A", "-o", "wide")
    )
    assert narrow.split("\n")[0].split() == ["NAME", "READY", "REASON", "TARGET", "CREDENTIALS", "AGE"]
    assert [line.split()[:5] for line in narrow.splitlines() if line.startswith("written ")] == [
        ["written", "True", "Synced", "contoso-web", "20/20"]
    ]
    assert "MESSAGE" in wide.split("\n")[0]


async def test_kubectl_lists_what_uses_a_connection(user: Kubectl, written: Manifest) -> None:
    used, unused = await asyncio.gather(
        user("get", "mif", "-n", NAMESPACE, "--field-selector=spec.connectionRef.name=default", "-o", "name"),
        user("get", "mif", "-n", NAMESPACE, "--field-selector=spec.connectionRef.name=other", "-o", "name"),
    )
    assert (used.split(), unused) == (["managedidentityfederation.entrafed.io/written"], "")


@pytest.mark.parametrize(
    "path", ["mif.spec.federatedCredentials.githubActions.environment", "entraconn.spec.rules.targets"]
)
async def test_kubectl_explains_a_field_in_sentences(user: Kubectl, path: str) -> None:
    explained = (await user("explain", path)).partition("DESCRIPTION:")[2].strip()
    assert "<empty>" not in explained
    assert explained.endswith(".") or "FIELDS:" in explained
