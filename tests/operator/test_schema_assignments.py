"""Hosts, roles and tenants on a real API server: what is taken, and what a mistake is answered with, and where."""

from typing import Any

import pytest

from entrafed_lab.controlplane import Kubectl
from manifests import (
    APP,
    BLOB_READER,
    ON_IDENTITY,
    SITE,
    STORAGE,
    SUBSCRIPTION,
    TENANT,
    VM,
    Manifest,
    assigned,
    connection,
    federation,
    given,
    identity_id,
    resource_id,
    rule,
)
from schema_world import apply, refused

HOSTS = "spec.identityAssignments"
RESOURCE = f"{HOSTS}[0].resources[0]"
ROLES = "spec.roleAssignments"
TENANTS = "spec.tenants"
RULE = "spec.rules[0]"

HOST = "must be the resource id of a virtual machine, a scale set, an App Service or Function app or a slot of one"
REPLACED_WHOLE = (
    "may not be an AKS cluster, a container group or a Logic app: Azure changes their identities only by replacing the"
    " whole resource, which is its owner's to do; pods of AKS sign in by `serviceAccount` in `federatedCredentials`"
)
SCOPE = "must be a subscription, a resource group, a resource or a management group, like"
GUID = "must be a GUID, like `11111111-2222-3333-4444-555555555555`"
LABEL = "must be a DNS label: lower-case letters, digits and `-`"
NAME = "must be a DNS name: lower-case letters, digits, `-` and `.`"
BLANKS = "may not be empty, nor begin or end with a blank"
IDENTITY = "must be the resource id of a user-assigned managed identity"
ANY_RESOURCE = "must be a resource id, in which `*` may stand for a part of a name"
ONE_IDENTITY_ONCE = "must give an identity to a resource in one item only"
ONE_ROLE_ONCE = "must have another role or scope in each item: Azure has one assignment of a role at a scope"
LONG_NAME = "x" * 600
WEB, API = identity_id("web"), identity_id("api")
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/payments"
CONDITION = "((!(ActionMatches{'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'})))"


def hosts(*items: Manifest) -> Manifest:
    """Items on a target that is a managed identity, which each of them may leave out."""
    return federation(target=ON_IDENTITY, identityAssignments=list(items))


def host(resource: str) -> Manifest:
    return hosts(assigned(resource))


def roles(*items: Manifest) -> Manifest:
    return federation(roleAssignments=list(items))


def scope(text: str) -> Manifest:
    return roles(given(scope=text))


def tenants(*items: Manifest) -> Manifest:
    return federation(tenants=list(items))


def tenant(tenant_id: str = TENANT, **more: Any) -> Manifest:
    return {"tenantId": tenant_id, **more}


def machines(count: int) -> tuple[str, ...]:
    return tuple(resource_id("Microsoft.Compute/virtualMachines", f"web-{n}") for n in range(count))


def letting(**parts: Any) -> Manifest:
    return connection(rule(**parts))


def letting_identities(**parts: Any) -> Manifest:
    return letting(identityAssignments=[{"managedIdentities": [WEB], "resources": [VM], **parts}])


def letting_roles(**parts: Any) -> Manifest:
    return letting(roleAssignments=[{"roles": [BLOB_READER], "scopes": [STORAGE], **parts}])


RIGHT: dict[str, Manifest] = {
    "a virtual machine": host(VM),
    "a scale set": host(resource_id("Microsoft.Compute/virtualMachineScaleSets", "nodes")),
    "an App Service": host(SITE),
    "a slot": host(resource_id("Microsoft.Web/sites/slots", "web", "next")),
    "a container app": host(resource_id("Microsoft.App/containerApps", "api")),
    "a container job": host(resource_id("Microsoft.App/jobs", "nightly")),
    "an Automation account": host(resource_id("Microsoft.Automation/automationAccounts", "tasks")),
    "a host in capitals": host(VM.upper()),
    "a host as Azure answers it": host(VM.replace("resourceGroups", "resourcegroups")),
    "an odd resource group": host(VM.replace("/payments/", "/pay.ments_(prod)-1/")),
    "a host whose name begins with dots": host(resource_id("Microsoft.Web/sites", "..web")),
    "an identity of one's own on an application": federation(identityAssignments=[assigned(identity=WEB)]),
    "another identity on an identity": hosts(assigned(identity=WEB)),
    "16 items of 6 resources each": hosts(
        *(assigned(*machines(6), identity=identity_id(f"web-{n}"), name=f"item-{n}") for n in range(16))
    ),
    "5 items of 20 resources with the longest ids": hosts(
        *(
            assigned(
                *(
                    resource_id("Microsoft.Web/sites", f"{item:02}-{n:02}-{'w' * 250}", group=f"{'g' * 80}")
                    for n in range(20)
                ),
                identity=identity_id("i" * 128),
                name=f"item-{item}",
            )
            for item in range(5)
        )
    ),
    "two identities at one resource": hosts(assigned(VM, identity=WEB, name="a"), assigned(VM, identity=API, name="b")),
    "one identity at two resources, in two items": hosts(assigned(VM, name="a"), assigned(SITE, name="b")),
    "no hosts, roles or tenants": federation(identityAssignments=[], roleAssignments=[], tenants=[]),
    "a role at a resource": roles(given()),
    "a role at a part of a resource": scope(f"{STORAGE}/blobServices/default/containers/reports"),
    "a role at a resource group": scope(GROUP),
    "a role at a subscription": scope(f"/subscriptions/{SUBSCRIPTION.upper()}"),
    "a role at a management group": scope("/providers/Microsoft.Management/managementGroups/contoso"),
    "a role by its GUID, in capitals": roles(given(role="2A2B9908-6EA1-4AE2-8E65-A410DF84E7D1")),
    "a role of an odd name": roles(given(role="Contoso's reader (v2)")),
    "a role under a condition": roles(given(condition=CONDITION)),
    "a condition of several lines": roles(given(condition="(\n @Resource[x] StringEquals 'a'\n)")),
    "a condition at its longest": roles(given(condition="c" * 4096)),
    "one role at two scopes, and two roles at one": roles(
        given(name="a"), given(name="b", scope=GROUP), given("Reader", name="c")
    ),
    "16 roles at their longest": roles(
        *(given(f"{n:02}{'r' * 510}", f"{STORAGE}/{'t' * 100}/{'n' * 200}", name=f"item-{n}") for n in range(16))
    ),
    "a tenant by consent": tenants(tenant()),
    "a tenant in capitals": tenants(tenant("ABCDEFAB-1111-4111-8111-ABCDEFABCDEF")),
    "a tenant through a connection": tenants(tenant(connectionRef={"name": "partner"}, deletionPolicy="Delete")),
    "16 tenants": tenants(*(tenant(f"{n:08}-1111-4111-8111-111111111111") for n in range(16))),
    "rules for all three": connection(
        rule(
            identityAssignments=[{"managedIdentities": [identity_id("*")], "resources": [f"{GROUP}/**", SITE]}],
            roleAssignments=[{"roles": [BLOB_READER, APP], "scopes": [f"{GROUP}/**", "/providers/**"]}],
            tenants=[TENANT],
        )
    ),
}


@pytest.mark.parametrize("manifest", RIGHT.values(), ids=list(RIGHT))
async def test_what_is_right_is_taken(user: Kubectl, manifest: Manifest) -> None:
    await apply(user, manifest, "--dry-run=server")


async def test_whoever_leaves_the_policy_of_a_tenant_out_keeps_what_was_made_there(user: Kubectl) -> None:
    taken = await apply(user, tenants(tenant()), "--dry-run=server")
    assert taken["spec"]["tenants"][0]["deletionPolicy"] == "Retain"


MISTAKES: dict[str, tuple[Manifest, str, str]] = {
    # what is given an identity
    "an AKS cluster": (
        host(resource_id("Microsoft.ContainerService/managedClusters", "aks")),
        RESOURCE,
        REPLACED_WHOLE,
    ),
    "a container group": (
        host(resource_id("Microsoft.ContainerInstance/containerGroups", "job")),
        RESOURCE,
        REPLACED_WHOLE,
    ),
    "a Logic app in lower case": (
        host(resource_id("Microsoft.Logic/workflows", "flow").lower()),
        RESOURCE,
        REPLACED_WHOLE,
    ),
    "a storage account": (host(STORAGE), RESOURCE, HOST),
    "one machine of a scale set": (
        host(resource_id("Microsoft.Compute/virtualMachineScaleSets/virtualMachines", "nodes", "0")),
        RESOURCE,
        HOST,
    ),
    "a host by its name": (host("web-1"), RESOURCE, HOST),
    "an empty host": (host(""), RESOURCE, HOST),
    "a resource group as a host": (host(GROUP), RESOURCE, HOST),
    "a host of no real subscription": (host(VM.replace("22222222-", "")), RESOURCE, HOST),
    "a host behind dots": (host(VM.replace("/payments/", "/../")), RESOURCE, HOST),
    "a host whose name is a dot": (host(resource_id("Microsoft.Web/sites", ".")), RESOURCE, HOST),
    "a host with a query": (host(f"{VM}?x"), RESOURCE, HOST),
    "a host with a fragment": (host(f"{VM}#x"), RESOURCE, HOST),
    "a host with an escape": (host(VM.replace("web-1", "%2e%2e")), RESOURCE, HOST),
    "a host with a slash behind": (host(f"{VM}/"), RESOURCE, HOST),
    "a host with a blank": (host(f"{VM} "), RESOURCE, HOST),
    "a host with a line end": (host(f"{VM}\n"), RESOURCE, HOST),
    "a host at an address": (host(f"https://management.azure.com{VM}"), RESOURCE, HOST),
    "a host that is too long": (host(f"{VM}{LONG_NAME}"), RESOURCE, "Too long"),
    "no resources": (hosts({"name": "hosts", "resources": []}), f"{HOSTS}[0].resources", "should have at least 1"),
    "resources left out": (hosts({"name": "hosts"}), f"{HOSTS}[0].resources", "Required value"),
    "101 resources in all": (
        hosts(
            *(assigned(*machines(20), identity=identity_id(f"web-{n}"), name=f"item-{n}") for n in range(5)),
            assigned(SITE, name="one-more"),
        ),
        HOSTS,
        "may have at most 100 resources in all items together",
    ),
    "21 resources": (hosts(assigned(*machines(21))), f"{HOSTS}[0].resources", "Too many"),
    "17 items of hosts": (
        hosts(*(assigned(machine, name=f"item-{n}") for n, machine in enumerate(machines(17)))),
        HOSTS,
        "Too many",
    ),
    "a host twice, in two cases": (
        hosts(assigned(VM, VM.upper())),
        f"{HOSTS}[0].resources",
        "must have each resource once: upper and lower case are the same in resource ids",
    ),
    "two items of hosts of one name": (
        hosts(assigned(VM), assigned(SITE)),
        f"{HOSTS}[1]",
        "Duplicate value",
    ),
    "the target at one host in two items": (
        hosts(assigned(VM, name="a"), assigned(SITE, VM.lower(), name="b")),
        HOSTS,
        ONE_IDENTITY_ONCE,
    ),
    "an identity at one host in two items": (
        hosts(assigned(VM, identity=WEB, name="a"), assigned(VM, identity=WEB.upper(), name="b")),
        HOSTS,
        ONE_IDENTITY_ONCE,
    ),
    "an item of hosts with a capital": (hosts(assigned(name="Web")), f"{HOSTS}[0].name", LABEL),
    "an identity by its name": (
        hosts(assigned(identity="web")),
        f"{HOSTS}[0].managedIdentity.resourceId",
        IDENTITY,
    ),
    "an identity in a group of dots": (
        hosts(assigned(identity=WEB.replace("/payments/", "/../"))),
        f"{HOSTS}[0].managedIdentity.resourceId",
        IDENTITY,
    ),
    "no identity on an application": (
        federation(identityAssignments=[assigned(identity=WEB, name="a"), assigned(SITE, name="b")]),
        "spec",
        "must have a `managedIdentity` in each of `identityAssignments` when `target` is an application",
    ),
    # roles
    "no role": (roles({"name": "blobs", "scope": STORAGE}), f"{ROLES}[0].role", "Required value"),
    "an empty role": (roles(given(role="")), f"{ROLES}[0].role", BLANKS),
    "a blank after a role": (roles(given(role="Reader ")), f"{ROLES}[0].role", BLANKS),
    "a role that is too long": (roles(given(role="r" * 513)), f"{ROLES}[0].role", "Too long"),
    "no scope": (roles({"name": "blobs", "role": "Reader"}), f"{ROLES}[0].scope", "Required value"),
    "the whole tenant as a scope": (scope("/"), f"{ROLES}[0].scope", SCOPE),
    "a scope by its name": (scope("contosodata"), f"{ROLES}[0].scope", SCOPE),
    "a scope without its type": (scope(f"{GROUP}/providers/Microsoft.Storage"), f"{ROLES}[0].scope", SCOPE),
    "a scope without its name": (
        scope(f"{GROUP}/providers/Microsoft.Storage/storageAccounts"),
        f"{ROLES}[0].scope",
        SCOPE,
    ),
    "a scope with a slash behind": (scope(f"{STORAGE}/"), f"{ROLES}[0].scope", SCOPE),
    "a scope behind dots": (scope(f"{GROUP}/../platform"), f"{ROLES}[0].scope", SCOPE),
    "a scope of dots": (scope(f"/subscriptions/{SUBSCRIPTION}/resourceGroups/.."), f"{ROLES}[0].scope", SCOPE),
    "a scope with a query": (scope(f"{STORAGE}?x"), f"{ROLES}[0].scope", SCOPE),
    "a scope with a blank": (scope(f" {STORAGE}"), f"{ROLES}[0].scope", SCOPE),
    "a scope that is too long": (scope(f"{STORAGE}/{LONG_NAME}"), f"{ROLES}[0].scope", "Too long"),
    "an empty condition": (roles(given(condition="")), f"{ROLES}[0].condition", BLANKS),
    "a condition that is too long": (roles(given(condition="c" * 4097)), f"{ROLES}[0].condition", "Too long"),
    "two items of roles of one name": (roles(given(), given("Reader")), f"{ROLES}[1]", "Duplicate value"),
    "one role at one scope in two items": (
        roles(given(name="a"), given(BLOB_READER.lower(), STORAGE.upper(), name="b", condition=CONDITION)),
        ROLES,
        ONE_ROLE_ONCE,
    ),
    "17 roles": (roles(*(given(f"role {n}", name=f"item-{n}") for n in range(17))), ROLES, "Too many"),
    # tenants
    "a tenant by its domain": (tenants(tenant("fabrikam.onmicrosoft.com")), f"{TENANTS}[0].tenantId", GUID),
    "no tenant": (tenants({"deletionPolicy": "Retain"}), f"{TENANTS}[0].tenantId", "Required value"),
    "a tenant twice, in two cases": (
        tenants(tenant("abcdefab-1111-4111-8111-abcdefabcdef"), tenant("ABCDEFAB-1111-4111-8111-ABCDEFABCDEF")),
        TENANTS,
        "must have each tenant once: upper and lower case are the same in a GUID",
    ),
    "17 tenants": (
        tenants(*(tenant(f"{n:08}-1111-4111-8111-111111111111") for n in range(17))),
        TENANTS,
        "Too many",
    ),
    "a tenant of an identity": (
        federation(target=ON_IDENTITY, tenants=[tenant()]),
        "spec",
        "may not have `tenants` when `target` is a managed identity: it exists in its own tenant only",
    ),
    "a policy of a tenant that there is not": (
        tenants(tenant(deletionPolicy="Orphan")),
        f"{TENANTS}[0].deletionPolicy",
        "Unsupported value",
    ),
    "a tenant through a connection with a capital": (
        tenants(tenant(connectionRef={"name": "Partner"})),
        f"{TENANTS}[0].connectionRef.name",
        NAME,
    ),
    # rules
    "a rule of hosts without identities": (
        letting(identityAssignments=[{"resources": [VM]}]),
        f"{RULE}.identityAssignments[0].managedIdentities",
        "Required value",
    ),
    "a rule of hosts without resources": (
        letting_identities(resources=[]),
        f"{RULE}.identityAssignments[0].resources",
        "should have at least 1",
    ),
    "an allowed host by its name": (
        letting_identities(resources=["web-1"]),
        f"{RULE}.identityAssignments[0].resources[0]",
        ANY_RESOURCE,
    ),
    "an allowed host with a blank": (
        letting_identities(resources=[f"{GROUP}/ **"]),
        f"{RULE}.identityAssignments[0].resources[0]",
        ANY_RESOURCE,
    ),
    "an identity by its name, allowed at hosts": (
        letting_identities(managedIdentities=["web"]),
        f"{RULE}.identityAssignments[0].managedIdentities[0]",
        IDENTITY,
    ),
    "five patterns of hosts": (
        letting_identities(resources=[f"{GROUP}/{n}/**" for n in range(5)]),
        f"{RULE}.identityAssignments[0].resources",
        "Too many",
    ),
    "a rule of roles without scopes": (
        letting(roleAssignments=[{"roles": [BLOB_READER]}]),
        f"{RULE}.roleAssignments[0].scopes",
        "Required value",
    ),
    "a blank after an allowed role": (
        letting_roles(roles=["Reader "]),
        f"{RULE}.roleAssignments[0].roles[0]",
        BLANKS,
    ),
    "an allowed scope of everything": (
        letting_roles(scopes=["**"]),
        f"{RULE}.roleAssignments[0].scopes[0]",
        ANY_RESOURCE,
    ),
    "an allowed tenant by its domain": (letting(tenants=["fabrikam.com"]), f"{RULE}.tenants[0]", GUID),
    "an allowed tenant twice": (letting(tenants=[TENANT, TENANT]), f"{RULE}.tenants[1]", "Duplicate value"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
async def test_a_mistake_is_refused_where_it_is_and_in_the_users_words(user: Kubectl, mistake: str) -> None:
    manifest, where, what = MISTAKES[mistake]
    found = await refused(user, manifest)
    assert [place for place, _ in found if not place.startswith("<")] == [where], found
    assert what in found[0][1]


@pytest.mark.parametrize(
    "path",
    [
        "mif.spec.identityAssignments",
        "mif.spec.identityAssignments.resources",
        "mif.spec.roleAssignments.role",
        "mif.spec.roleAssignments.scope",
        "mif.spec.roleAssignments.condition",
        "mif.spec.tenants",
        "mif.spec.tenants.deletionPolicy",
        "mif.status.identityAssignments.resources.origin",
        "mif.status.roleAssignments.assignments",
        "mif.status.tenants.consentUrl",
        "entraconn.spec.rules.identityAssignments.resources",
        "entraconn.spec.rules.roleAssignments.roles",
        "entraconn.spec.rules.tenants",
    ],
)
async def test_kubectl_explains_a_field_in_sentences(user: Kubectl, path: str) -> None:
    explained = (await user("explain", path)).partition("DESCRIPTION:")[2].partition("FIELDS:")[0].strip()
    assert explained.rstrip().endswith(".")
    assert "<empty>" not in explained
