"""Who may do what where: checked by Resource Manager before the resource provider sees a request."""

import pytest
from azure.mgmt.msi.aio import ManagedServiceIdentityClient
from azure.mgmt.msi.models import Identity

from arm_world import GROUP, IDENTITIES, VERSION, CredentialsOf, arm_as, credential, refused, send, stranger_with
from azure_callers import MovableClock, PrincipalCredential
from entrafed_lab.azure import SimulatedAzure
from entrafed_lab.azure.seed import (
    BILLING_APP,
    GITHUB,
    GITLAB,
    HOME_TENANT,
    OPERATOR_APP,
    SUBSCRIPTION,
    WEB_IDENTITY,
    PolicySeed,
)
from lab_fixtures import StartAzure

OTHER_SUBSCRIPTION = "44444444-4444-4444-8444-444444444444"
CREDENTIAL_ACTIONS = "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials"
PROVIDER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity"
LOCK_SCOPES = {
    "subscription": f"/subscriptions/{SUBSCRIPTION}",
    "group": IDENTITIES.partition("/providers")[0],
    "identity": WEB_IDENTITY,
}


async def test_without_rights_at_the_scope_the_answer_is_403_whether_it_exists_or_not(
    simulated_azure: SimulatedAzure,
) -> None:
    billing = simulated_azure.world.service_principals[HOME_TENANT, BILLING_APP]
    async with arm_as(simulated_azure, app_id=BILLING_APP) as arm:
        for group, name in ((GROUP, "web"), (GROUP, "nobody"), ("nowhere", "web")):
            with refused(
                403,
                "AuthorizationFailed",
                f"The client '{BILLING_APP}' with object id '{billing.object_id}' does not have authorization to "
                "perform action 'Microsoft.ManagedIdentity/userAssignedIdentities/read' over scope",
                "If access was recently granted, please refresh your credentials.",
            ):
                await arm.user_assigned_identities.get(group, name)


async def test_an_unknown_subscription_is_a_scope_without_rights(simulated_azure: SimulatedAzure) -> None:
    async with arm_as(simulated_azure, subscription_id=OTHER_SUBSCRIPTION) as arm:
        with refused(403, "AuthorizationFailed", OTHER_SUBSCRIPTION, "or the scope is invalid"):
            await arm.user_assigned_identities.get(GROUP, "web")


@pytest.mark.parametrize("scope", [WEB_IDENTITY, WEB_IDENTITY.upper(), IDENTITIES.partition("/providers")[0]])
async def test_rights_hold_at_their_scope_and_below(simulated_azure: SimulatedAzure, scope: str) -> None:
    stranger_with(simulated_azure, scope, "Microsoft.ManagedIdentity/userAssignedIdentities/*")
    async with arm_as(simulated_azure, app_id=BILLING_APP) as arm:
        web = CredentialsOf(arm, "web")
        await web.put("deploy")
        assert await web.names() == ["deploy"]
        with refused(403, "AuthorizationFailed"):
            [item async for item in arm.user_assigned_identities.list_by_subscription()]


async def test_rights_at_one_identity_are_none_at_another_that_begins_alike(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.world.create_identity(f"{IDENTITIES}/web-2")
    stranger_with(simulated_azure, WEB_IDENTITY, "*")
    async with arm_as(simulated_azure, app_id=BILLING_APP) as arm:
        with refused(403, "AuthorizationFailed"):
            await arm.user_assigned_identities.get(GROUP, "web-2")


async def test_each_action_is_a_right_of_its_own(simulated_azure: SimulatedAzure) -> None:
    stranger_with(simulated_azure, WEB_IDENTITY, f"{CREDENTIAL_ACTIONS}/read")
    async with arm_as(simulated_azure, app_id=BILLING_APP) as arm:
        web = CredentialsOf(arm, "web")
        assert await web.names() == []
        with refused(403, "AuthorizationFailed", f"'{CREDENTIAL_ACTIONS}/write'"):
            await web.put("deploy")
        with refused(403, "AuthorizationFailed", f"'{CREDENTIAL_ACTIONS}/delete'"):
            await web.delete("deploy")
        with refused(403, "AuthorizationFailed", "'Microsoft.ManagedIdentity/userAssignedIdentities/read'"):
            await arm.user_assigned_identities.get(GROUP, "web")


async def test_rights_that_are_given_later_help(simulated_azure: SimulatedAzure) -> None:
    async with arm_as(simulated_azure, app_id=BILLING_APP) as arm:
        web = CredentialsOf(arm, "web")
        with refused(403, "AuthorizationFailed"):
            await web.names()
        stranger_with(simulated_azure, WEB_IDENTITY, "*")
        assert await web.names() == []


@pytest.mark.parametrize(
    ("token", "code"),
    [
        ("", "AuthenticationFailed"),
        ("Basic Zm9v", "AuthenticationFailed"),
        ("Bearer nonsense", "InvalidAuthenticationToken"),
    ],
)
async def test_no_token_or_a_broken_one_is_refused_with_a_challenge(
    simulated_azure: SimulatedAzure, token: str, code: str
) -> None:
    answer = await send(simulated_azure, "GET", f"{WEB_IDENTITY}?api-version={VERSION}", token=token)
    assert (answer.status, answer.code) == (401, code)
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_token_for_another_service_is_refused(simulated_azure: SimulatedAzure) -> None:
    operator = PrincipalCredential(simulated_azure, simulated_azure.world.service_principals[HOME_TENANT, OPERATOR_APP])
    token = await operator.get_token("https://graph.microsoft.com/.default")
    path = f"{WEB_IDENTITY}?api-version={VERSION}"
    answer = await send(simulated_azure, "GET", path, token=f"Bearer {token.token}")
    assert (answer.status, answer.code) == (401, "InvalidAuthenticationTokenAudience")


async def test_an_expired_token_is_refused(start_azure: StartAzure) -> None:
    clock = MovableClock()
    async with arm_as(await start_azure(clock=clock)) as arm:
        await arm.user_assigned_identities.get(GROUP, "web")
        clock.forward(3600)
        with refused(401, "ExpiredAuthenticationToken"):
            await arm.user_assigned_identities.get(GROUP, "web")


async def test_a_subscription_that_is_not_registered_says_so(simulated_azure: SimulatedAzure) -> None:
    """The SDK tries to register it, which the caller may not do."""
    simulated_azure.world.subscriptions[SUBSCRIPTION].registered = False
    stranger_with(simulated_azure, f"/subscriptions/{SUBSCRIPTION}", "Microsoft.ManagedIdentity/userAssigned*")
    async with arm_as(simulated_azure, app_id=BILLING_APP) as arm:
        with refused(
            409, "MissingSubscriptionRegistration", "not registered to use namespace 'Microsoft.ManagedIdentity'"
        ):
            await CredentialsOf(arm, "web").put("deploy")
    assert [(record.method, record.status) for record in simulated_azure.log] == [("PUT", 409), ("POST", 403)]


async def test_a_subscription_can_be_registered(
    simulated_azure: SimulatedAzure, arm: ManagedServiceIdentityClient
) -> None:
    simulated_azure.world.subscriptions[SUBSCRIPTION].registered = False
    simulated_azure.world.give_role("entrafed-operator", "Contributor", f"/subscriptions/{SUBSCRIPTION}")
    before = await send(simulated_azure, "GET", f"{PROVIDER}?api-version=2016-02-01")
    answer = await send(simulated_azure, "POST", f"{PROVIDER}/register?api-version=2016-02-01")
    assert before.document["registrationState"] == "NotRegistered"
    assert answer.document["registrationState"] == "Registered"
    assert (await arm.user_assigned_identities.get(GROUP, "web")).name == "web"


@pytest.mark.parametrize("scope", LOCK_SCOPES.values(), ids=LOCK_SCOPES)
async def test_a_read_only_lock_stops_every_write_at_its_scope_and_below(
    simulated_azure: SimulatedAzure, arm: ManagedServiceIdentityClient, web: CredentialsOf, scope: str
) -> None:
    lock = simulated_azure.world.lock(scope, "ReadOnly")
    for write in (
        web.put("deploy"),
        web.delete("deploy"),
        arm.user_assigned_identities.create_or_update(GROUP, "web", Identity(location="westeurope")),
        arm.user_assigned_identities.delete(GROUP, "web"),
    ):
        with refused(409, "ScopeLocked", f"following scope(s) are locked: '{scope.lower()}'"):
            await write
    assert await web.names() == []
    simulated_azure.world.locks.remove(lock)
    await web.put("deploy")


async def test_a_lock_against_deletion_lets_other_writes_pass(
    simulated_azure: SimulatedAzure, web: CredentialsOf
) -> None:
    simulated_azure.world.lock(LOCK_SCOPES["group"], "CanNotDelete")
    await web.put("deploy")
    with refused(409, "ScopeLocked", "cannot perform delete operation"):
        await web.delete("deploy")


async def test_a_lock_elsewhere_stops_nothing(simulated_azure: SimulatedAzure, web: CredentialsOf) -> None:
    simulated_azure.world.lock(WEB_IDENTITY.replace("/web", "/api"), "ReadOnly")
    await web.put("deploy")


async def test_a_policy_may_forbid_an_issuer(simulated_azure: SimulatedAzure, web: CredentialsOf) -> None:
    scope = f"/subscriptions/{SUBSCRIPTION}"
    simulated_azure.world.policies.append(PolicySeed(scope, "only-gitlab", (f"{GITLAB}*",)))
    with refused(403, "RequestDisallowedByPolicy", "Resource 'deploy' was disallowed by policy", "only-gitlab"):
        await web.put("deploy", credential(issuer=GITHUB))
    await web.put("deploy", credential(issuer=GITLAB))


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", WEB_IDENTITY, 405, "MethodNotAllowed"),
        ("PATCH", f"{WEB_IDENTITY}/federatedIdentityCredentials/deploy", 405, "MethodNotAllowed"),
        ("PUT", f"{WEB_IDENTITY}/federatedIdentityCredentials", 405, "MethodNotAllowed"),
        ("GET", f"{WEB_IDENTITY}/certificates", 404, "InvalidResourceType"),
        ("GET", "/tenants", 404, "InvalidResourceType"),
    ],
)
async def test_other_methods_and_types_are_unknown(
    simulated_azure: SimulatedAzure, method: str, path: str, status: int, code: str
) -> None:
    answer = await send(simulated_azure, method, f"{path}?api-version={VERSION}")
    assert (answer.status, answer.code) == (status, code)


async def test_every_answer_carries_request_ids(simulated_azure: SimulatedAzure) -> None:
    for path in (WEB_IDENTITY, f"{WEB_IDENTITY}-not"):
        answer = await send(simulated_azure, "GET", f"{path}?api-version={VERSION}")
        assert answer.headers["x-ms-request-id"]
        assert answer.headers["x-ms-correlation-request-id"]
