"""What `kubectl apply` says to a mistake, on a real API server: where it is, and what is possible instead."""

import json
from typing import Any

import pytest

from entrafed_lab.controlplane import Kubectl, KubectlError
from manifests import (
    APP,
    ON_IDENTITY,
    TENANT,
    Manifest,
    connection,
    federation,
    from_identity,
    from_oidc,
    from_service_account,
    identity_id,
    rule,
    without,
)
from schema_world import apply, refused

GUID = "must be a GUID, like `11111111-2222-3333-4444-555555555555`"
IDENTITY = "must be the resource id of a user-assigned managed identity, like"
LABEL = "must be a DNS label: lower-case letters, digits and `-`"
NAME = "must be a DNS name: lower-case letters, digits, `-` and `.`"
BLANKS = "may not be empty, nor begin or end with a blank"
WILDCARD = "may not contain `*`: Entra compares exactly"
HTTPS = "must be an address that begins with `https://`, without user, query or fragment"
ENTRA = "may not be an issuer of Entra: for tokens of a managed identity use `managedIdentity`"
SOURCES = "must have exactly one of `managedIdentity`, `serviceAccount`, `githubActions`, `gitlab`"
DIFFERENT = "must have a different source in each item: Entra has one credential for each issuer and subject"
ENDPOINT = "must be an address that begins with `https://` and ends with a host or port"
NO_ENTRA_TOKENS = (
    "may not have a `managedIdentity` in `federatedCredentials` when `target` is a managed identity: Entra accepts"
    " tokens of managed identities at applications only (AADSTS700222)"
)
FIXED = "may not be changed: make a new object instead"

ITEM = "spec.federatedCredentials[0]"
RULE = "spec.rules[0]"
SOURCE = f"{RULE}.federatedCredentials[0]"


def on(**application: str) -> Manifest:
    return federation(target={"application": application})


def serving(**namespaces: Any) -> Manifest:
    return connection(rule(namespaces=namespaces))


def allowing(**targets: Any) -> Manifest:
    return connection(rule(targets=targets))


def expression(**parts: Any) -> Manifest:
    return serving(selector={"matchExpressions": [parts]})


LONG = "x" * 601

MISTAKES: dict[str, tuple[Manifest, str, str]] = {
    # what carries the credentials
    "no connection": (without(federation(), "spec", "connectionRef"), "spec.connectionRef", "Required value"),
    "a connection with a capital": (federation(connectionRef={"name": "Default"}), "spec.connectionRef.name", NAME),
    "no spec": (without(federation(), "spec"), "spec", "Required value"),
    "no target": (without(federation(), "spec", "target"), "spec.target", "Required value"),
    "an empty target": (
        federation(target={}),
        "spec.target",
        "must have exactly one of `application`, `managedIdentity`",
    ),
    "two targets": (
        federation(target={"application": {"clientId": APP}, **ON_IDENTITY}),
        "spec.target",
        "must have exactly one of `application`, `managedIdentity`",
    ),
    "an app without an id": (
        on(),
        "spec.target.application",
        "must have exactly one of `clientId`, `objectId`, `uniqueName`",
    ),
    "an app with two ids": (
        on(clientId=APP, objectId=APP),
        "spec.target.application",
        "must have exactly one of `clientId`, `objectId`, `uniqueName`",
    ),
    "a client id that is a name": (on(clientId="contoso-web"), "spec.target.application.clientId", GUID),
    "a client id in braces": (on(clientId="{" + APP[2:] + "}"), "spec.target.application.clientId", GUID),
    "an empty object id": (on(objectId=""), "spec.target.application.objectId", GUID),
    "a client id that is too long": (on(clientId=APP + "0"), "spec.target.application.clientId", "Too long"),
    "a blank before a unique name": (on(uniqueName=" web"), "spec.target.application.uniqueName", BLANKS),
    "a target that is another resource": (
        federation(
            target={"managedIdentity": {"resourceId": identity_id().replace("userAssignedIdentities", "sites")}}
        ),
        "spec.target.managedIdentity.resourceId",
        IDENTITY,
    ),
    "a target with more behind its name": (
        federation(target={"managedIdentity": {"resourceId": f"{identity_id()}/federatedIdentityCredentials/x"}}),
        "spec.target.managedIdentity.resourceId",
        IDENTITY,
    ),
    "a target in no real subscription": (
        federation(target={"managedIdentity": {"resourceId": identity_id().replace("22222222-", "")}}),
        "spec.target.managedIdentity.resourceId",
        IDENTITY,
    ),
    # items
    # what is written into the namespace
    "a policy of annotations that there is not": (
        federation({"name": "pods", "serviceAccount": {"name": "web", "annotationPolicy": "Force"}}),
        f"{ITEM}.serviceAccount.annotationPolicy",
        'supported values: "None", "Write"',
    ),
    "one service account twice, annotated once": (
        federation(
            {"name": "a", "serviceAccount": {"name": "web", "annotationPolicy": "Write"}},
            {"name": "b", "serviceAccount": {"name": "web"}},
        ),
        "spec.federatedCredentials",
        "must have a different source in each item: Entra has one credential for each issuer and subject",
    ),
    "an output without anything": (federation(output={}), "spec.output.configMap", "Required value"),
    "a ConfigMap without a name": (
        federation(output={"configMap": {}}),
        "spec.output.configMap.name",
        "Required value",
    ),
    "a ConfigMap with a capital": (
        federation(output={"configMap": {"name": "Web"}}),
        "spec.output.configMap.name",
        NAME,
    ),
    "21 items": (
        federation(*(from_service_account(f"sa-{n}", name=f"item-{n}") for n in range(21))),
        "spec.federatedCredentials",
        "Too many",
    ),
    "two items of one name": (
        federation(from_service_account("a"), from_service_account("b")),
        "spec.federatedCredentials[1]",
        "Duplicate value",
    ),
    "an item without a name": (federation(without(from_oidc(), "name")), f"{ITEM}.name", "Required value"),
    "an item with a capital": (federation(from_oidc(name="Web")), f"{ITEM}.name", LABEL),
    "an item whose name is too long": (federation(from_oidc(name="x" * 64)), f"{ITEM}.name", "Too long"),
    "an item without a source": (federation({"name": "pods"}), ITEM, SOURCES),
    "an item with two sources": (
        federation({**from_service_account(), **from_oidc()}),
        ITEM,
        SOURCES,
    ),
    "a blank after an audience": (federation(from_oidc(audience="api://x ")), f"{ITEM}.audience", BLANKS),
    "an audience with a wildcard": (federation(from_oidc(audience="api://*")), f"{ITEM}.audience", WILDCARD),
    "an audience that is too long": (federation(from_oidc(audience=LONG)), f"{ITEM}.audience", "Too long"),
    # managed identities
    "an identity by its name": (federation(from_identity("web")), f"{ITEM}.managedIdentity.resourceId", IDENTITY),
    "an identity twice, in two cases": (
        federation(from_identity(name="a"), from_identity(identity_id().upper(), name="b")),
        "spec.federatedCredentials",
        DIFFERENT,
    ),
    "an identity on an identity": (
        federation(from_identity(), target=ON_IDENTITY),
        "spec",
        NO_ENTRA_TOKENS,
    ),
    # service accounts
    "a service account of another namespace": (
        federation(from_service_account("other/web")),
        f"{ITEM}.serviceAccount.name",
        NAME,
    ),
    "a service account without a name": (
        federation({"name": "pods", "serviceAccount": {}}),
        f"{ITEM}.serviceAccount.name",
        "Required value",
    ),
    "a service account twice": (
        federation(from_service_account(name="a"), from_service_account(name="b", audience="api://other")),
        "spec.federatedCredentials",
        DIFFERENT,
    ),
    # any other issuer
    "an issuer over http": (federation(from_oidc("http://issuer.example")), f"{ITEM}.oidc.issuer", HTTPS),
    "an issuer without a scheme": (federation(from_oidc("issuer.example")), f"{ITEM}.oidc.issuer", HTTPS),
    "an issuer with a user": (federation(from_oidc("https://me@issuer.example")), f"{ITEM}.oidc.issuer", HTTPS),
    "an issuer with a query": (federation(from_oidc("https://issuer.example/?a=b")), f"{ITEM}.oidc.issuer", HTTPS),
    "a blank before an issuer": (federation(from_oidc(" https://issuer.example")), f"{ITEM}.oidc.issuer", BLANKS),
    "a line end after an issuer": (federation(from_oidc("https://issuer.example\n")), f"{ITEM}.oidc.issuer", BLANKS),
    "an unbreakable blank after an issuer": (
        federation(from_oidc("https://issuer.example\u00a0")),
        f"{ITEM}.oidc.issuer",
        BLANKS,
    ),
    "an issuer with a wildcard": (federation(from_oidc("https://*.example")), f"{ITEM}.oidc.issuer", WILDCARD),
    "Entra as the issuer": (
        federation(from_oidc(f"https://login.microsoftonline.com/{TENANT}/v2.0")),
        f"{ITEM}.oidc.issuer",
        ENTRA,
    ),
    "Entra as the issuer, in capitals": (
        federation(from_oidc("https://LOGIN.microsoftonline.com/x")),
        f"{ITEM}.oidc.issuer",
        ENTRA,
    ),
    "Entra of old as the issuer": (federation(from_oidc("https://sts.windows.net/x/")), f"{ITEM}.oidc.issuer", ENTRA),
    "Entra for governments as the issuer": (
        federation(from_oidc("https://login.microsoftonline.us/x/v2.0")),
        f"{ITEM}.oidc.issuer",
        ENTRA,
    ),
    "Entra in China as the issuer": (
        federation(from_oidc("https://login.partner.microsoftonline.cn/x/v2.0")),
        f"{ITEM}.oidc.issuer",
        ENTRA,
    ),
    "an issuer that is too long": (
        federation(from_oidc(f"https://{LONG}")),
        f"{ITEM}.oidc.issuer",
        "Too long",
    ),
    "a subject with a wildcard": (federation(from_oidc(subject="repo:contoso/*")), f"{ITEM}.oidc.subject", WILDCARD),
    "a subject that is empty": (federation(from_oidc(subject="")), f"{ITEM}.oidc.subject", BLANKS),
    "a subject that is too long": (federation(from_oidc(subject=LONG)), f"{ITEM}.oidc.subject", "Too long"),
    "a pair twice, for two audiences": (
        federation(from_oidc(name="a"), from_oidc(name="b", audience="api://other")),
        "spec.federatedCredentials",
        DIFFERENT,
    ),
    # policies
    "a policy that there is not": (federation(deletionPolicy="Keep"), "spec.deletionPolicy", "Unsupported value"),
    "a drift policy in lower case": (federation(driftPolicy="repair"), "spec.driftPolicy", "Unsupported value"),
    "suspend as text": (federation(suspend="yes"), "spec.suspend", "must be of type boolean"),
    # connections
    "no tenant": (without(connection(), "spec", "tenantId"), "spec.tenantId", "Required value"),
    "a tenant by its domain": (connection(tenantId="contoso.onmicrosoft.com"), "spec.tenantId", GUID),
    "a cloud that there is not": (connection(cloud="AzureGermany"), "spec.cloud", "Unsupported value"),
    "no credential": (without(connection(), "spec", "credential"), "spec.credential", "Required value"),
    "an empty credential": (connection(credential={}), "spec.credential", "must have `workloadIdentity`"),
    "an operator without a client id": (
        connection(credential={"workloadIdentity": {}}),
        "spec.credential.workloadIdentity.clientId",
        "Required value",
    ),
    "no cluster issuer in a list": (connection(clusterIssuers=[]), "spec.clusterIssuers", "should have at least 1"),
    "five cluster issuers": (
        connection(clusterIssuers=[f"https://{number}.example" for number in range(5)]),
        "spec.clusterIssuers",
        "Too many",
    ),
    "a cluster issuer twice": (
        connection(clusterIssuers=["https://x.example", "https://x.example"]),
        "spec.clusterIssuers[1]",
        "Duplicate value",
    ),
    "a cluster issuer over http": (connection(clusterIssuers=["http://x"]), "spec.clusterIssuers[0]", HTTPS),
    "a cluster issuer with a wildcard": (
        connection(clusterIssuers=["https://*.example"]),
        "spec.clusterIssuers[0]",
        WILDCARD,
    ),
    "the issuer of an AKS cluster without its slash": (
        connection(clusterIssuers=[f"https://westeurope.oic.prod-aks.azure.com/{TENANT}/{TENANT}"]),
        "spec.clusterIssuers[0]",
        "must end with `/`: the issuer of an AKS cluster does, and Entra compares exactly",
    ),
    "a cluster issuer with a blank": (connection(clusterIssuers=["https://x "]), "spec.clusterIssuers[0]", BLANKS),
    "a cluster issuer of Entra": (
        connection(clusterIssuers=[f"https://login.microsoftonline.com/{TENANT}/v2.0"]),
        "spec.clusterIssuers[0]",
        ENTRA,
    ),
    "a cluster issuer that is too long": (
        connection(clusterIssuers=[f"https://x.example/{LONG}"]),
        "spec.clusterIssuers[0]",
        "Too long",
    ),
    "an endpoint over http": (
        connection(endpoints={"login": "http://x", "graph": "https://x", "arm": "https://x"}),
        "spec.endpoints.login",
        ENDPOINT,
    ),
    "an endpoint with a path": (
        connection(endpoints={"login": "https://x", "graph": "https://x/v1.0", "arm": "https://x"}),
        "spec.endpoints.graph",
        ENDPOINT,
    ),
    "only some endpoints": (
        connection(endpoints={"login": "https://x", "graph": "https://x"}),
        "spec.endpoints.arm",
        "Required value",
    ),
    # rules
    "33 rules": (connection(*(rule() for _ in range(33))), "spec.rules", "Too many"),
    "a rule for no namespaces": (serving(), f"{RULE}.namespaces", "must have at least one of `names`, `selector`"),
    "a namespace with a wildcard": (serving(names=["team-*"]), f"{RULE}.namespaces.names[0]", LABEL),
    "a namespace twice": (serving(names=["a", "a"]), f"{RULE}.namespaces.names[1]", "Duplicate value"),
    "a selector of nothing": (
        serving(selector={}),
        f"{RULE}.namespaces.selector",
        "must have at least one of `matchLabels`, `matchExpressions`",
    ),
    "a label that is in no values": (
        expression(key="team", operator="In"),
        f"{RULE}.namespaces.selector.matchExpressions[0]",
        "must have `values` with `In` and `NotIn`, and may not have them with `Exists` and `DoesNotExist`",
    ),
    "a rule for no targets": (
        allowing(),
        f"{RULE}.targets",
        "must have at least one of `applications`, `managedIdentities`",
    ),
    "an allowed app by its name": (allowing(applications=["web"]), f"{RULE}.targets.applications[0]", GUID),
    "an allowed identity by its name": (
        allowing(managedIdentities=["web"]),
        f"{RULE}.targets.managedIdentities[0]",
        "must be the resource id of a user-assigned managed identity, in which `*` may stand for a part of a name",
    ),
    "an allowed source of nothing": (
        connection(rule({})),
        SOURCE,
        "must have exactly one of `issuer`, `managedIdentities`",
    ),
    "an allowed issuer without subjects": (
        connection(rule({"issuer": "cluster"})),
        SOURCE,
        "must have `subjects` or `claims` with `issuer`, and may have neither without",
    ),
    "allowed issuers by a wildcard": (
        connection(rule({"issuer": "https://*.example", "subjects": ["x"]})),
        f"{SOURCE}.issuer",
        "must be `cluster`, for service accounts of this cluster, or an address that begins with `https://`",
    ),
    "Entra as an allowed issuer": (
        connection(rule({"issuer": f"https://login.microsoftonline.com/{TENANT}/v2.0", "subjects": ["/eid1/*", "**"]})),
        SOURCE,
        "may have an `issuer` of Entra only with `subjects` that begin with `/eid1/`, those of Azure DevOps",
    ),
    "an allowed subject with an unknown placeholder": (
        connection(rule({"issuer": "cluster", "subjects": ["system:serviceaccount:{ns}:*"]})),
        f"{SOURCE}.subjects[0]",
        "may have no other placeholder than `{namespace}`",
    ),
    "a blank after an allowed subject": (
        connection(rule({"issuer": "cluster", "subjects": ["x "]})),
        f"{SOURCE}.subjects[0]",
        BLANKS,
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_is_refused_where_it_is_and_in_the_users_words(user: Kubectl, mistake: str) -> None:
    manifest, where, what = MISTAKES[mistake]
    found = await refused(user, manifest)
    assert [place for place, _ in found if not place.startswith("<")] == [where], found
    assert what in found[0][1]


CHANGES: dict[str, tuple[Manifest, Manifest, str]] = {
    "another connection": (
        federation(name="fixed"),
        federation(name="fixed", connectionRef={"name": "other"}),
        "spec.connectionRef",
    ),
    "another app": (
        federation(name="fixed"),
        federation(name="fixed", target={"application": {"clientId": TENANT}}),
        "spec.target",
    ),
    "an identity in place of an app": (
        federation(name="fixed"),
        federation(name="fixed", target=ON_IDENTITY),
        "spec.target",
    ),
    "the same app by another id": (
        federation(name="fixed"),
        federation(name="fixed", target={"application": {"objectId": APP}}),
        "spec.target",
    ),
    "another tenant": (connection(name="fixed"), connection(name="fixed", tenantId=APP), "spec.tenantId"),
    "another cloud": (connection(name="fixed"), connection(name="fixed", cloud="AzureChina"), "spec.cloud"),
    "no cloud in place of one": (
        connection(name="fixed", cloud="AzureChina"),
        connection(name="fixed"),
        "spec.cloud",
    ),
}


@pytest.mark.parametrize("change", CHANGES)
async def test_what_decides_where_things_are_written_cannot_be_changed(user: Kubectl, change: str) -> None:
    before, after, where = CHANGES[change]
    await apply(user, before)
    try:
        found = await refused(user, after)
    finally:
        await user("delete", "-f", "-", stdin=json.dumps(before))
    assert [place for place, _ in found] == [where], found
    assert FIXED in found[0][1]


@pytest.mark.parametrize("field", ["connectionRef", "target"])
async def test_what_decides_where_things_are_written_cannot_be_left_out_later(user: Kubectl, field: str) -> None:
    before = federation(name="kept")
    await apply(user, before)
    try:
        found = await refused(user, without(before, "spec", field))
    finally:
        await user("delete", "-f", "-", stdin=json.dumps(before))
    assert found[0] == (f"spec.{field}", "Required value")


async def test_a_field_that_there_is_not_is_refused_by_its_name(user: Kubectl) -> None:
    with pytest.raises(KubectlError) as error:
        await apply(user, federation(roleAssigments=[]))
    assert 'unknown field "spec.roleAssigments"' in str(error.value.detail)
