"""Which identities a host has: what a PATCH may say, and what it does, provider by provider."""

import asyncio
from itertools import product

import pytest
from azure.core.exceptions import HttpResponseError

from arm_hosts import API_KEY, IDS, PATCHED, VERSIONS, WEB_KEY, HostCalls, block, hosts_as, planted_host
from arm_world import IDENTITIES, ROOT, refused, send, stranger_with
from azure_callers import MEANWHILE, only
from entrafed_lab.azure import SimulatedAzure, Variants
from entrafed_lab.azure.host_types import HostKind
from entrafed_lab.azure.seed import API_IDENTITY, API_VM, BILLING_APP, WEB_IDENTITY, WEB_VM
from entrafed_lab.azure.variants import (
    Acceptance,
    DeadIdentity,
    IdentityKeys,
    IdentityMap,
    MissingIdentity,
    RemovalKeys,
    TooManyIdentities,
)
from lab_fixtures import StartAzure

BOTH = "SystemAssigned, UserAssigned"
ASSIGN = "'Microsoft.ManagedIdentity/userAssignedIdentities/assign/action'"
UNCERTAIN_MAPS = [kind for kind in PATCHED if not kind.value.startswith("Microsoft.Compute")]

on_each = pytest.mark.parametrize("kind", PATCHED)


def many(azure: SimulatedAzure, number: int) -> list[str]:
    return [azure.world.create_identity(f"{IDENTITIES}/many-{index}").resource_id for index in range(number)]


@on_each
async def test_an_identity_is_assigned_and_shown_with_its_ids(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind)
    await hosts.assign(host, WEB_IDENTITY)
    assert await hosts.identity(host) == {
        "type": "UserAssigned",
        "userAssignedIdentities": {
            WEB_KEY: {
                "principalId": "eeeeeeee-0001-4eee-8eee-eeeeeeeeeeee",
                "clientId": "dddddddd-0001-4ddd-8ddd-dddddddddddd",
            }
        },
    }


@on_each
async def test_with_all_that_are_there_one_more_is_assigned(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind, "web")
    await hosts.assign(host, WEB_KEY, API_IDENTITY)
    assert await hosts.assigned(host) == {"web", "api"}


@on_each
async def test_null_takes_one_off_and_leaves_the_others(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind, "web", "api")
    await hosts.patch(host, block(API_KEY, removed=(WEB_KEY,)))
    assert await hosts.assigned(host) == {"api"}


@on_each
async def test_the_last_one_goes_with_the_type(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind, "web")
    await hosts.patch(host, block(kind="None"))
    assert (await hosts.identity(host)).get("type", "None") == "None"
    assert await hosts.assigned(host) == set()


@pytest.mark.parametrize("kind", [HostKind.VIRTUAL_MACHINE, HostKind.SCALE_SET])
async def test_a_machine_keeps_what_a_patch_does_not_name(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind, "web")
    await hosts.assign(host, API_IDENTITY)
    assert await hosts.assigned(host) == {"web", "api"}
    await hosts.patch(host, block(removed=(WEB_KEY,)))
    assert await hosts.assigned(host) == {"api"}


@pytest.mark.parametrize(("kind", "variant"), [*product(UNCERTAIN_MAPS, IdentityMap)])
async def test_others_may_keep_or_lose_what_a_patch_does_not_name(
    start_azure: StartAzure, kind: HostKind, variant: IdentityMap
) -> None:
    azure = await start_azure(variants=Variants(identity_map=variant))
    host = planted_host(azure, kind, "web")
    async with hosts_as(azure) as hosts:
        await hosts.assign(host, API_IDENTITY)
        expected = {"web", "api"} if variant is IdentityMap.MERGE else {"api"}
        assert await hosts.assigned(host) == expected


@on_each
async def test_the_type_replaces_and_a_lost_system_identity_comes_back_as_another(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind, "web")
    first = (await hosts.assign(host, WEB_KEY, kind=BOTH))["identity"]["principalId"]
    await hosts.assign(host, WEB_KEY)
    assert "principalId" not in await hosts.identity(host)
    second = (await hosts.patch(host, block(WEB_KEY, kind=BOTH)))["identity"]["principalId"]
    assert first != second
    await hosts.patch(host, block(kind="SystemAssigned"))
    assert (await hosts.identity(host))["principalId"] == second
    assert await hosts.assigned(host) == set()


@pytest.mark.parametrize(
    ("kind", "spelling"), [(HostKind.VIRTUAL_MACHINE, BOTH), (HostKind.CONTAINER_APP, "SystemAssigned,UserAssigned")]
)
async def test_providers_spell_the_combined_type_in_two_ways_and_read_both(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind, spelling: str
) -> None:
    host = planted_host(simulated_azure, kind)
    for given in (BOTH, "systemassigned,userassigned"):
        await hosts.assign(host, WEB_IDENTITY, kind=given)
        assert (await hosts.identity(host))["type"] == spelling


@pytest.mark.parametrize(
    ("variant", "shown"),
    [
        (IdentityKeys.LOWER_GROUPS, WEB_KEY),
        (IdentityKeys.LOWER, WEB_IDENTITY.lower()),
        (IdentityKeys.AS_GIVEN, WEB_IDENTITY.replace("/web", "/WEB")),
    ],
)
async def test_a_host_may_show_an_id_in_other_letters_than_it_was_given(
    start_azure: StartAzure, variant: IdentityKeys, shown: str
) -> None:
    azure = await start_azure(variants=Variants(identity_keys=variant))
    host = planted_host(azure, HostKind.VIRTUAL_MACHINE)
    async with hosts_as(azure) as hosts:
        await hosts.assign(host, WEB_IDENTITY.replace("/web", "/WEB" if "WEB" in shown else "/web"))
        assert set((await hosts.identity(host))["userAssignedIdentities"]) == {shown}


@pytest.mark.parametrize("variant", RemovalKeys)
async def test_an_identity_may_have_to_be_taken_off_under_the_spelling_that_the_host_shows(
    start_azure: StartAzure, variant: RemovalKeys
) -> None:
    azure = await start_azure(variants=Variants(removal_keys=variant))
    host = planted_host(azure, HostKind.VIRTUAL_MACHINE, "web", "api")
    async with hosts_as(azure) as hosts:
        if variant is RemovalKeys.AS_SHOWN:
            with refused(400, "FailedIdentityOperation", "is not assigned"):
                await hosts.patch(host, block(removed=(WEB_IDENTITY.upper().replace("MICROSOFT", "Microsoft"),)))
            await hosts.patch(host, block(removed=(WEB_KEY,)))
        else:
            await hosts.patch(host, block(removed=(WEB_IDENTITY,)))
        assert await hosts.assigned(host) == {"api"}


async def test_another_spelling_may_be_passed_over_in_silence(start_azure: StartAzure) -> None:
    variants = Variants(removal_keys=RemovalKeys.AS_SHOWN, unassigned_removal=Acceptance.ACCEPTED)
    azure = await start_azure(variants=variants)
    async with hosts_as(azure) as hosts:
        await hosts.patch(WEB_VM, block(API_IDENTITY, removed=(WEB_IDENTITY,)))
        assert await hosts.assigned(WEB_VM) == {"web", "api"}


@on_each
@pytest.mark.parametrize("given", ["SystemAssigned", "None"])
async def test_a_type_without_user_assigned_takes_no_ids(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind, given: str
) -> None:
    host = planted_host(simulated_azure, kind, "web")
    with refused(400, "InvalidParameter", f'should not be provided if the type is "{given}"'):
        await hosts.assign(host, WEB_IDENTITY, kind=given)
    assert await hosts.assigned(host) == {"web"}


@on_each
async def test_user_assigned_needs_at_least_one_id(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind)
    with refused(400, "MissingIdentityIds", "must not be null or empty for 'UserAssigned'"):
        await hosts.patch(host, block())
    simulated_azure.world.attach(host, "web")
    with refused(400, "MissingIdentityIds"):
        await hosts.patch(host, block(removed=(WEB_KEY,)))


@pytest.mark.parametrize("content", ["x", [], {"clientId": "x"}, True])
async def test_a_value_is_empty_or_null_or_what_the_host_shows(hosts: HostCalls, content: object) -> None:
    with refused(400, "InvalidIdentityValues", WEB_KEY, "empty json objects, null or"):
        await hosts.patch(WEB_VM, {"identity": {"type": "UserAssigned", "userAssignedIdentities": {WEB_KEY: content}}})


async def test_what_the_host_shows_may_be_sent_back(hosts: HostCalls) -> None:
    shown = (await hosts.identity(WEB_VM))["userAssignedIdentities"]
    await hosts.patch(WEB_VM, {"identity": {"type": "UserAssigned", "userAssignedIdentities": shown}})
    assert await hosts.assigned(WEB_VM) == {"web"}


@pytest.mark.parametrize(
    ("identity", "code"),
    [
        ([], "InvalidParameter"),
        ({}, "InvalidParameter"),
        ({"type": "Everything"}, "InvalidParameter"),
        ({"type": "UserAssigned", "userAssignedIdentities": ["web"]}, "InvalidParameter"),
        ({"type": "UserAssigned", "userAssignedIdentities": {"web": {}}}, "LinkedInvalidPropertyId"),
        (
            {"type": "UserAssigned", "userAssignedIdentities": {WEB_IDENTITY: {}, WEB_IDENTITY.lower(): {}}},
            "InvalidParameter",
        ),
    ],
)
async def test_a_block_of_another_form_is_refused(hosts: HostCalls, identity: object, code: str) -> None:
    with refused(400, code):
        await hosts.patch(WEB_VM, {"identity": identity})


async def test_without_the_right_to_assign_an_identity_the_linked_scope_is_named(
    simulated_azure: SimulatedAzure,
) -> None:
    stranger_with(simulated_azure, ROOT, "Microsoft.Compute/*")
    async with hosts_as(simulated_azure, app_id=BILLING_APP) as hosts:
        with refused(403, "LinkedAuthorizationFailed", "Microsoft.Compute/virtualMachines/write", ASSIGN, API_IDENTITY):
            await hosts.assign(WEB_VM, API_IDENTITY)
        await hosts.patch(WEB_VM, block(kind="None"))  # what is taken off needs no such right
        assert await hosts.assigned(WEB_VM) == set()


async def test_without_the_right_to_write_the_host_nothing_is_changed(simulated_azure: SimulatedAzure) -> None:
    stranger_with(simulated_azure, ROOT, "*/read", "Microsoft.ManagedIdentity/*")
    async with hosts_as(simulated_azure, app_id=BILLING_APP) as hosts:
        with refused(403, "AuthorizationFailed", "'Microsoft.Compute/virtualMachines/write'"):
            await hosts.assign(WEB_VM, API_IDENTITY)
        assert await hosts.assigned(WEB_VM) == {"web"}


@pytest.mark.parametrize(
    ("variant", "status", "code"),
    [
        (MissingIdentity.FAILED_OPERATION, 400, "FailedIdentityOperation"),
        (MissingIdentity.LINKED_AUTHORIZATION, 403, "LinkedAuthorizationFailed"),
    ],
)
async def test_one_identity_that_does_not_exist_fails_the_whole_request(
    start_azure: StartAzure, variant: MissingIdentity, status: int, code: str
) -> None:
    azure = await start_azure(variants=Variants(missing_identity=variant))
    async with hosts_as(azure) as hosts:
        with refused(status, code, f"{IDENTITIES}/nobody"):
            await hosts.assign(WEB_VM, API_IDENTITY, f"{IDENTITIES}/nobody")
        assert await hosts.assigned(WEB_VM) == {"web"}


async def test_an_identity_may_be_kept_for_other_providers(simulated_azure: SimulatedAzure, hosts: HostCalls) -> None:
    simulated_azure.world.identity("api").assignable_to = frozenset({"microsoft.web"})
    with refused(400, "FailedIdentityOperation", "may not be assigned to resources of 'Microsoft.Compute'"):
        await hosts.assign(WEB_VM, API_IDENTITY)
    site = planted_host(simulated_azure, HostKind.SITE)
    await hosts.assign(site, API_IDENTITY)
    assert await hosts.assigned(site) == {"api"}


@on_each
async def test_a_deleted_identity_on_a_host_stops_every_update_until_it_is_nulled(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind, "web")
    simulated_azure.world.delete_identity("web")
    for body in (block(WEB_KEY, API_IDENTITY), {"tags": {"owner": "payments"}}):
        with refused(403, "LinkedAuthorizationFailed", ASSIGN, WEB_IDENTITY.partition("/providers")[2]):
            await hosts.patch(host, body)
    await hosts.patch(host, block(API_IDENTITY, removed=(WEB_KEY,)))
    assert await hosts.assigned(host) == {"api"}


@pytest.mark.parametrize("variant", DeadIdentity)
async def test_a_dead_identity_is_shown_with_its_old_principal(start_azure: StartAzure, variant: DeadIdentity) -> None:
    azure = await start_azure(variants=Variants(dead_identity=variant))
    old = azure.world.identity("web")
    client = None if variant is DeadIdentity.NULL_CLIENT else old.client_id
    async with hosts_as(azure) as hosts:
        for change in (azure.world.recreate_identity, azure.world.delete_identity):
            change("web")
            (entry,) = (await hosts.identity(WEB_VM))["userAssignedIdentities"].values()
            assert entry == {"principalId": old.principal_id, "clientId": client}


async def test_an_identity_made_again_has_to_be_taken_off_and_assigned_again(
    simulated_azure: SimulatedAzure, hosts: HostCalls
) -> None:
    new = simulated_azure.world.recreate_identity("web")
    await hosts.assign(WEB_VM, WEB_KEY)
    (entry,) = (await hosts.identity(WEB_VM))["userAssignedIdentities"].values()
    assert entry["principalId"] != new.principal_id
    await hosts.patch(WEB_VM, block(kind="None"))
    await hosts.assign(WEB_VM, WEB_KEY)
    (entry,) = (await hosts.identity(WEB_VM))["userAssignedIdentities"].values()
    assert entry["principalId"] == new.principal_id


@pytest.mark.parametrize("variant", Acceptance)
async def test_to_take_off_what_is_not_there_may_be_refused(start_azure: StartAzure, variant: Acceptance) -> None:
    azure = await start_azure(variants=Variants(unassigned_removal=variant))
    async with hosts_as(azure) as hosts:
        if variant is Acceptance.REFUSED:
            with refused(400, "FailedIdentityOperation", "is not assigned"):
                await hosts.patch(WEB_VM, block(removed=(API_IDENTITY,)))
        else:
            await hosts.patch(WEB_VM, block(removed=(API_IDENTITY,)))
        assert await hosts.assigned(WEB_VM) == {"web"}


@pytest.mark.parametrize("variant", Acceptance)
async def test_a_scale_set_may_refuse_to_add_and_remove_in_one_request(
    start_azure: StartAzure, variant: Acceptance
) -> None:
    azure = await start_azure(variants=Variants(scale_set_changes=variant))
    nodes = planted_host(azure, HostKind.SCALE_SET, "web")
    async with hosts_as(azure) as hosts:
        if variant is Acceptance.REFUSED:
            with refused(400, "FailedIdentityOperation"):
                await hosts.patch(nodes, block(API_IDENTITY, removed=(WEB_KEY,)))
            await hosts.assign(nodes, API_IDENTITY)
            await hosts.patch(nodes, block(removed=(WEB_KEY,)))
        else:
            await hosts.patch(nodes, block(API_IDENTITY, removed=(WEB_KEY,)))
        assert await hosts.assigned(nodes) == {"api"}


@pytest.mark.parametrize("variant", TooManyIdentities)
async def test_more_than_150_at_once_are_refused_or_cut(start_azure: StartAzure, variant: TooManyIdentities) -> None:
    azure = await start_azure(variants=Variants(too_many_identities=variant))
    wanted = many(azure, 151)
    nodes = planted_host(azure, HostKind.SCALE_SET)
    async with hosts_as(azure) as hosts:
        if variant is TooManyIdentities.REFUSED:
            with refused(400, "FailedIdentityOperation", "Identities Number '151' Assign exceed limit '150'"):
                await hosts.assign(nodes, *wanted)
        await hosts.assign(nodes, *wanted[:150] if variant is TooManyIdentities.REFUSED else wanted)
        assert len(await hosts.assigned(nodes)) == 150
        await hosts.assign(nodes, wanted[150])
        assert len(await hosts.assigned(nodes)) == 151


async def test_a_host_that_is_not_there_is_not_found(hosts: HostCalls) -> None:
    for call in (hosts.get(f"{WEB_VM}-2"), hosts.assign(f"{WEB_VM}-2", WEB_IDENTITY)):
        with refused(404, "ResourceNotFound", "Microsoft.Compute/virtualMachines/web-1-2"):
            await call


@pytest.mark.parametrize("kind", IDS)
async def test_a_host_is_read_in_any_case_at_the_versions_of_its_type(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind)
    found = await hosts.get(host.upper(), VERSIONS[kind])
    assert (found["id"], found["type"], found["location"]) == (host, kind.value, "westeurope")
    with refused(400, "NoRegisteredProviderFound", VERSIONS[kind]):
        await hosts.get(host, "2012-01-01")
    answer = await send(simulated_azure, "GET", host)
    assert (answer.status, answer.code) == (400, "MissingApiVersionParameter")


async def test_a_provider_tells_its_types_and_versions(simulated_azure: SimulatedAzure) -> None:
    subscription = "/".join(WEB_VM.split("/")[:3])
    answer = await send(simulated_azure, "GET", f"{subscription}/providers/microsoft.compute?api-version=2021-04-01")
    told = {item["resourceType"]: item["apiVersions"] for item in answer.document["resourceTypes"]}
    assert VERSIONS[HostKind.VIRTUAL_MACHINE] in told["virtualMachines"]
    answer = await send(simulated_azure, "GET", f"{subscription}/providers/Microsoft.Nothing?api-version=2021-04-01")
    assert (answer.status, answer.code) == (404, "InvalidResourceNamespace")


@pytest.mark.parametrize("kind", [HostKind.CONTAINER_GROUP, HostKind.CLUSTER])
async def test_some_hosts_take_tags_in_a_patch_and_no_identities(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind, "web")
    simulated_azure.world.give_role("entrafed-operator", "Contributor", host)
    await hosts.patch(host, {**block(API_IDENTITY), "tags": {"owner": "payments"}})
    assert await hosts.assigned(host) == {"web"}
    assert (await hosts.get(host))["tags"] == {"owner": "payments"}


async def test_a_patch_of_a_workflow_changes_nothing(simulated_azure: SimulatedAzure, hosts: HostCalls) -> None:
    host = planted_host(simulated_azure, HostKind.WORKFLOW, "web")
    simulated_azure.world.give_role("entrafed-operator", "Contributor", host)
    await hosts.patch(host, {**block(API_IDENTITY), "tags": {"owner": "payments"}})
    assert await hosts.assigned(host) == {"web"}
    assert (await hosts.get(host))["tags"] == {}


@on_each
async def test_a_locked_host_is_not_changed(simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind) -> None:
    host = planted_host(simulated_azure, kind)
    lock = simulated_azure.world.lock(ROOT)
    with refused(409, "ScopeLocked", host):
        await hosts.assign(host, WEB_IDENTITY)
    simulated_azure.world.locks.remove(lock)
    simulated_azure.world.lock(ROOT, "CanNotDelete")
    await hosts.assign(host, WEB_IDENTITY)


@pytest.mark.parametrize("kind", [HostKind.VIRTUAL_MACHINE, HostKind.SCALE_SET])
async def test_a_machine_is_changed_under_the_etag_that_was_read_or_not_at_all(
    simulated_azure: SimulatedAzure, hosts: HostCalls, kind: HostKind
) -> None:
    host = planted_host(simulated_azure, kind)
    read = (await hosts.get(host))["etag"]
    simulated_azure.world.attach(host, "web")
    with refused(412, "PreconditionFailed"):
        await hosts.assign(host, API_IDENTITY, headers={"If-Match": read})
    await hosts.assign(host, API_IDENTITY, headers={"If-Match": (await hosts.get(host))["etag"]})
    assert await hosts.assigned(host) == {"web", "api"}


async def test_a_machine_made_again_has_another_vm_id_and_no_identities(
    simulated_azure: SimulatedAzure, hosts: HostCalls
) -> None:
    before = (await hosts.get(WEB_VM))["properties"]["vmId"]
    simulated_azure.world.recreate_host("web-vm")
    assert (await hosts.get(WEB_VM))["properties"]["vmId"] != before
    assert await hosts.assigned(WEB_VM) == set()


async def test_a_machine_of_the_seed_has_a_system_assigned_identity(hosts: HostCalls) -> None:
    identity = await hosts.identity(API_VM)
    assert identity["type"] == "SystemAssigned"
    assert identity["principalId"]


async def test_the_request_log_names_hosts(simulated_azure: SimulatedAzure, hosts: HostCalls) -> None:
    await hosts.assign(WEB_VM, API_IDENTITY)
    assert [record.operation for record in simulated_azure.log][:2] == ["hosts.update", "operations.get"]
    assert simulated_azure.log.writes()[0].parent == WEB_VM.lower()


async def test_two_writers_of_one_machine_change_only_what_they_name(start_azure: StartAzure) -> None:
    azure = await start_azure(delays=only(operation=MEANWHILE))
    host = planted_host(azure, HostKind.VIRTUAL_MACHINE)
    async with hosts_as(azure) as hosts:
        results = await asyncio.gather(
            hosts.assign(host, WEB_IDENTITY), hosts.assign(host, API_IDENTITY), return_exceptions=True
        )
        refusals = [isinstance(result, HttpResponseError) for result in results]
        assert sorted(refusals) == [False, True]
        await hosts.assign(host, (WEB_IDENTITY, API_IDENTITY)[refusals.index(True)])
        assert await hosts.assigned(host) == {"web", "api"}


async def test_the_identity_of_key_vault_references_stays_named_when_it_is_taken_off(
    simulated_azure: SimulatedAzure, hosts: HostCalls
) -> None:
    host = planted_host(simulated_azure, HostKind.SITE, "web")
    await hosts.patch(host, {**block(WEB_IDENTITY), "properties": {"keyVaultReferenceIdentity": WEB_IDENTITY}})
    await hosts.patch(host, {"identity": {"type": "None"}})
    assert await hosts.assigned(host) == set()
    assert (await hosts.get(host))["properties"]["keyVaultReferenceIdentity"] == WEB_IDENTITY
    with refused(400, "BadRequest", "properties"):
        await hosts.patch(host, {"properties": "all"})
