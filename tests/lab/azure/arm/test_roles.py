"""Roles: their definitions, giving and taking them, and what having one means."""

from typing import Any

import pytest

from arm_hosts import HostCalls, block, hosts_as
from arm_roles import (
    API_PRINCIPAL,
    BLOB_CONTRIBUTOR,
    BLOB_READER,
    OWNER,
    SECRETS_USER,
    WEB_PRINCIPAL,
    RoleCalls,
    name,
    roles_as,
)
from arm_world import IDENTITIES, ROOT, refused, send, stranger_with
from azure_callers import MovableClock, only
from entrafed_lab.azure import SimulatedAzure, Variants
from entrafed_lab.azure.builtin_roles import BUILT_IN_ROLES
from entrafed_lab.azure.seed import (
    API_IDENTITY,
    BILLING_APP,
    OPERATOR_PRINCIPAL,
    STORAGE_ACCOUNT,
    SUBSCRIPTION,
    WEB_IDENTITY,
    WEB_VM,
)
from entrafed_lab.azure.variants import AbsentPrincipal, ExistingRole, SameRole, YoungPrincipal
from lab_fixtures import StartAzure

WHOLE = f"/subscriptions/{SUBSCRIPTION}"
ROLES = f"{WHOLE}/providers/Microsoft.Authorization/roleDefinitions"
SOMEBODY = "99999999-9999-4999-8999-999999999999"
ONLY_BLOB_READER = (
    "((!(ActionMatches{'Microsoft.Authorization/roleAssignments/write'})) OR "
    "(@Request[Microsoft.Authorization/roleAssignments:RoleDefinitionId] ForAnyOfAnyValues:GuidEquals "
    f"{{{BLOB_READER}}} AND @Request[Microsoft.Authorization/roleAssignments:PrincipalType] "
    "ForAnyOfAnyValues:StringEqualsIgnoreCase {'ServicePrincipal'}))"
)


@pytest.mark.parametrize(
    ("role", "role_id"),
    [
        ("Owner", OWNER),
        ("Reader", "acdd72a7-3385-48ef-bd42-f606fba81ae7"),
        ("Storage Blob Data Reader", BLOB_READER),
        ("Storage Blob Data Contributor", BLOB_CONTRIBUTOR),
        ("Storage Blob Data Owner", "b7e6dc6d-f1e8-4753-8033-0f276bb0955b"),
        ("Storage Queue Data Contributor", "974c5e8b-45b9-4653-ba55-5f855dd0fb88"),
        ("Key Vault Secrets User", SECRETS_USER),
        ("Managed Identity Operator", "f1a07417-d97a-45cb-824c-7a7467783830"),
        ("AcrPull", "7f951dda-4ed3-4680-a7ca-43fe172d538d"),
        ("Azure Service Bus Data Sender", "69a216fc-b8fb-44d8-bc22-1f3c2cd27a39"),
    ],
)
async def test_a_built_in_role_is_found_by_its_name_and_read_by_its_id(
    roles: RoleCalls, role: str, role_id: str
) -> None:
    definitions = roles.client.role_definitions
    (found,) = [item async for item in definitions.list(STORAGE_ACCOUNT, filter=f"roleName eq '{role}'")]
    assert (found.id, found.name, found.role_name, found.role_type) == (
        f"{ROLES}/{role_id}",
        role_id,
        role,
        "BuiltInRole",
    )
    assert (await definitions.get(WHOLE, role_id)).role_name == role
    assert (
        await definitions.get_by_id(f"/providers/Microsoft.Authorization/roleDefinitions/{role_id}")
    ).name == role_id


async def test_names_and_ids_of_built_in_roles_are_unique_and_many() -> None:
    assert len(BUILT_IN_ROLES) >= 50
    assert (
        len({role.id for role in BUILT_IN_ROLES}) == len({role.name for role in BUILT_IN_ROLES}) == len(BUILT_IN_ROLES)
    )


async def test_roles_are_listed_by_type_with_their_permissions(
    simulated_azure: SimulatedAzure, roles: RoleCalls
) -> None:
    simulated_azure.world.roles.define("Deployer", "Microsoft.Web/sites/publish/action")
    definitions = roles.client.role_definitions
    (custom,) = [item async for item in definitions.list(WHOLE, filter="type eq 'CustomRole'")]
    assert (custom.role_name, custom.permissions[0].actions) == ("Deployer", ["Microsoft.Web/sites/publish/action"])
    assert len([item async for item in definitions.list(WHOLE)]) == len(BUILT_IN_ROLES) + 1
    reader = await definitions.get(WHOLE, BLOB_READER)
    assert reader.permissions[0].data_actions == [
        "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read"
    ]


async def test_an_unknown_role_is_not_found(roles: RoleCalls) -> None:
    assert [item async for item in roles.client.role_definitions.list(WHOLE, filter="roleName eq 'Nobody'")] == []
    with refused(404, "RoleDefinitionDoesNotExist", SOMEBODY):
        await roles.client.role_definitions.get(WHOLE, SOMEBODY)
    with refused(404, "RoleDefinitionDoesNotExist", SOMEBODY):
        await roles.give(role=SOMEBODY)


@pytest.mark.parametrize("scope", [WHOLE, ROOT, STORAGE_ACCOUNT, WEB_IDENTITY, WEB_VM])
async def test_a_role_is_given_at_a_scope_read_and_taken_away(roles: RoleCalls, scope: str) -> None:
    status, made = await roles.give(scope=scope, description="Made by hand.")
    assert status == 201
    told = made.as_dict()
    assert told["id"] == f"{scope}/providers/Microsoft.Authorization/roleAssignments/{name(1)}"
    assert told["scope"] == scope
    found = await roles.client.role_assignments.get(scope, name(1))
    assert (found.principal_id, found.principal_type, found.role_definition_id, found.description) == (
        WEB_PRINCIPAL,
        "ServicePrincipal",
        f"{ROLES}/{BLOB_READER}",
        "Made by hand.",
    )
    assert await roles.take(scope=scope) == 200
    assert await roles.take(scope=scope) == 204
    with refused(404, "RoleAssignmentNotFound"):
        await roles.client.role_assignments.get(scope, name(1))


@pytest.mark.parametrize(
    ("filtered", "numbers"),
    [
        (None, {1, 2, 3, 4}),
        ("atScope()", {1, 2, 4}),
        (f"principalId eq '{WEB_PRINCIPAL}'", {1, 2, 3}),
        (f"assignedTo('{API_PRINCIPAL}')", {4}),
        (f"atScope() and assignedTo('{WEB_PRINCIPAL}')", {1, 2}),
    ],
)
async def test_a_list_holds_what_is_given_at_above_and_below_a_scope(
    roles: RoleCalls, filtered: str | None, numbers: set[int]
) -> None:
    for number, scope in enumerate((WHOLE, ROOT, STORAGE_ACCOUNT), 1):
        await roles.give(number, scope=scope)
    await roles.give(4, scope=ROOT, principal=API_PRINCIPAL)
    await roles.give(5, scope=f"{WHOLE}/resourceGroups/platform")
    found = await roles.names(ROOT, filtered)
    assert {number for number in range(1, 6) if name(number) in found} == numbers


async def test_a_filter_that_is_none_is_refused(roles: RoleCalls) -> None:
    with refused(400, "BadRequest", "createdOn gt 5"):
        await roles.listed(ROOT, "createdOn gt 5")


@pytest.mark.parametrize(
    ("variant", "words"),
    [
        (ExistingRole.UNNAMED, "already exists."),
        (ExistingRole.NAMED, f"The ID of the existing role assignment is {name(1).replace('-', '')}."),
    ],
)
async def test_the_same_role_under_another_name_is_a_conflict(
    start_azure: StartAzure, variant: ExistingRole, words: str
) -> None:
    async with roles_as(await start_azure(variants=Variants(existing_role=variant))) as roles:
        await roles.give(1)
        with refused(409, "RoleAssignmentExists", words):
            await roles.give(2, scope=STORAGE_ACCOUNT.upper().replace("/SUBSCRIPTIONS", "/subscriptions"))


@pytest.mark.parametrize(("variant", "status"), [(SameRole.OK, 200), (SameRole.CREATED, 201), (SameRole.CONFLICT, 409)])
async def test_the_same_role_under_the_same_name_may_be_answered_in_three_ways(
    start_azure: StartAzure, variant: SameRole, status: int
) -> None:
    async with roles_as(await start_azure(variants=Variants(same_role=variant))) as roles:
        await roles.give()
        if variant is SameRole.CONFLICT:
            with refused(409, "RoleAssignmentExists"):
                await roles.give()
        else:
            again, found = await roles.give(description="Once more.")
            assert (again, found.description) == (status, "Once more.")


@pytest.mark.parametrize("other", [{"principal": API_PRINCIPAL}, {"role": BLOB_CONTRIBUTOR}, {"scope": ROOT}], ids=str)
async def test_a_name_stands_for_one_role_principal_and_scope(roles: RoleCalls, other: dict[str, Any]) -> None:
    await roles.give()
    with refused(400, "RoleAssignmentUpdateNotPermitted", "principal ID, and scope are not allowed to be updated"):
        await roles.give(**other)


@pytest.mark.parametrize("given", [{"principal_type": None}, {"principal_type": "User"}, {}], ids=str)
async def test_a_principal_that_does_not_exist_is_not_found(roles: RoleCalls, given: dict[str, Any]) -> None:
    with refused(400, "PrincipalNotFound", "does not exist in the directory", "replication delay", "principalType"):
        await roles.give(principal=SOMEBODY, **given)


async def test_a_principal_that_does_not_exist_may_be_taken_with_its_type(start_azure: StartAzure) -> None:
    azure = await start_azure(variants=Variants(absent_principal=AbsentPrincipal.ACCEPTED_WITH_TYPE))
    async with roles_as(azure) as roles:
        assert (await roles.give(principal=SOMEBODY))[0] == 201
        with refused(400, "PrincipalNotFound"):
            await roles.give(2, role=SECRETS_USER, principal=SOMEBODY, principal_type=None)


@pytest.mark.parametrize("variant", YoungPrincipal)
async def test_a_young_principal_is_not_found_unless_its_type_is_given(
    start_azure: StartAzure, variant: YoungPrincipal
) -> None:
    clock = MovableClock()
    azure = await start_azure(
        clock=clock, delays=only(principal_replication=60), variants=Variants(young_principal=variant)
    )
    principal = azure.world.create_identity(f"{IDENTITIES}/new").principal_id
    async with roles_as(azure) as roles:
        for kind in (None, "User"):
            with refused(400, "PrincipalNotFound"):
                await roles.give(principal=principal, principal_type=kind)
        if variant is YoungPrincipal.REFUSED:
            with refused(400, "PrincipalNotFound"):
                await roles.give(principal=principal)
        else:
            await roles.give(principal=principal)
        clock.forward(60)
        await roles.give(2, principal=principal, role=SECRETS_USER, principal_type=None)


async def test_the_wrong_type_of_principal_is_told(roles: RoleCalls) -> None:
    with refused(400, "UnmatchedPrincipalType", "has type 'ServicePrincipal'", "specified PrinciaplType 'User'"):
        await roles.give(principal_type="User")


async def test_a_principal_of_another_tenant_is_not_found(simulated_azure: SimulatedAzure, roles: RoleCalls) -> None:
    reader = simulated_azure.world.application("storage-reader")
    partner = simulated_azure.world.create_service_principal("22222222-2222-4222-8222-222222222222", reader)
    with refused(400, "PrincipalNotFound"):
        await roles.give(principal=partner.object_id)


@pytest.mark.parametrize("gone", ["storageAccounts/nothing", "userAssignedIdentities/nobody", "virtualMachines/none"])
async def test_no_role_is_given_at_a_resource_that_does_not_exist(roles: RoleCalls, gone: str) -> None:
    provider = {"s": "Microsoft.Storage", "u": "Microsoft.ManagedIdentity", "v": "Microsoft.Compute"}[gone[0]]
    with refused(404, "ResourceNotFound", gone):
        await roles.give(scope=f"{ROOT}/providers/{provider}/{gone}")
    with refused(404, "ResourceGroupNotFound"):
        await roles.give(scope=f"{WHOLE}/resourceGroups/nowhere")


async def test_roles_at_an_identity_go_with_it_and_those_of_its_principal_stay(
    simulated_azure: SimulatedAzure, roles: RoleCalls
) -> None:
    await roles.give(1, scope=WEB_IDENTITY, principal=API_PRINCIPAL)
    await roles.give(2)
    simulated_azure.world.recreate_identity("web")
    found = await roles.names(WHOLE)
    assert name(1) not in found
    assert name(2) in found


async def test_a_subscription_has_so_many_role_assignments(start_azure: StartAzure) -> None:
    azure = await start_azure()
    there = len(azure.world.roles.assignments)
    azure = await start_azure(variants=Variants(role_assignments=there + 1))
    async with roles_as(azure) as roles:
        await roles.give(1)
        with refused(400, "RoleAssignmentLimitExceeded", str(there + 1)):
            await roles.give(2, role=SECRETS_USER)
        await roles.take(1)
        await roles.give(2, role=SECRETS_USER)


async def test_a_name_has_to_be_a_guid(simulated_azure: SimulatedAzure) -> None:
    body = {"properties": {"roleDefinitionId": f"{ROLES}/{BLOB_READER}", "principalId": WEB_PRINCIPAL}}
    path = f"{ROOT}/providers/Microsoft.Authorization/roleAssignments/mine?api-version=2022-04-01"
    answer = await send(simulated_azure, "PUT", path, body)
    assert (answer.status, answer.code) == (400, "InvalidRoleAssignmentId")


@pytest.mark.parametrize(
    "properties",
    [
        None,
        {},
        {"principalId": WEB_PRINCIPAL},
        {"roleDefinitionId": BLOB_READER, "principalId": 5},
        {"roleDefinitionId": BLOB_READER, "principalId": WEB_PRINCIPAL, "principalType": "MSI"},
    ],
)
async def test_a_body_without_role_or_principal_is_refused(simulated_azure: SimulatedAzure, properties: object) -> None:
    path = f"{ROOT}/providers/Microsoft.Authorization/roleAssignments/{name(1)}?api-version=2022-04-01"
    answer = await send(simulated_azure, "PUT", path, {"properties": properties})
    assert (answer.status, answer.code) == (400, "BadRequest")


async def test_without_the_right_to_give_roles_none_is_given(simulated_azure: SimulatedAzure, roles: RoleCalls) -> None:
    simulated_azure.world.take_rights(OPERATOR_PRINCIPAL, role="Role Based Access Control Administrator")
    with refused(403, "AuthorizationFailed", "'Microsoft.Authorization/roleAssignments/write'", STORAGE_ACCOUNT):
        await roles.give()
    with refused(403, "AuthorizationFailed", "'Microsoft.Authorization/roleAssignments/delete'"):
        await roles.take()
    assert name(1) not in await roles.names(STORAGE_ACCOUNT)


async def test_the_operator_gives_no_role_that_gives_roles(roles: RoleCalls) -> None:
    with refused(403, "AuthorizationFailed", "has an authorization with ABAC condition that is not fulfilled"):
        await roles.give(role=OWNER)
    await roles.give()


async def test_nor_does_it_take_one_away(simulated_azure: SimulatedAzure, roles: RoleCalls) -> None:
    owner = simulated_azure.world.give_role("web", "Owner", ROOT)
    with refused(403, "AuthorizationFailed", "ABAC condition"):
        await roles.client.role_assignments.delete(ROOT, owner.name)


async def test_a_condition_can_leave_one_role_for_one_type_of_principal(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.world.give_role(
        "billing", "Role Based Access Control Administrator", ROOT, condition=ONLY_BLOB_READER
    )
    async with roles_as(simulated_azure, app_id=BILLING_APP) as roles:
        await roles.give(1)
        for wrong in ({"role": BLOB_CONTRIBUTOR}, {"principal": API_PRINCIPAL, "principal_type": "User"}):
            with refused(403, "AuthorizationFailed", "ABAC condition"):
                await roles.give(2, **wrong)
        await roles.take(1)  # the condition is about giving


async def test_a_condition_is_kept_with_its_version(roles: RoleCalls) -> None:
    path = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'reports'"
    _, made = await roles.give(condition=path, condition_version="2.0")
    assert (made.condition, made.condition_version) == (path, "2.0")


@pytest.mark.parametrize(
    ("condition", "version"),
    [
        ("@Resource[a:b] StringEquals 'x'", "1.0"),
        ("@Resource[a:b] StringEquals 'x'", None),
        ("@Resource[a:b] Sounds 'x'", "2.0"),
        ("(@Resource[a:b] StringEquals 'x'", "2.0"),
        ("@Resource[a:b] StringEquals 'x' 'y'", "2.0"),
        ("AND", "2.0"),
        ("nonsense", "2.0"),
    ],
)
async def test_a_condition_that_cannot_be_read_is_refused(
    roles: RoleCalls, condition: str, version: str | None
) -> None:
    with refused(400, "BadRequest", "condition"):
        await roles.give(condition=condition, condition_version=version)


async def test_a_locked_scope_takes_no_role_and_gives_none_back(
    simulated_azure: SimulatedAzure, roles: RoleCalls
) -> None:
    await roles.give()
    lock = simulated_azure.world.lock(ROOT, "CanNotDelete")
    with refused(409, "ScopeLocked", "cannot perform delete operation"):
        await roles.take()
    simulated_azure.world.locks.remove(lock)
    simulated_azure.world.lock(ROOT, "ReadOnly")
    with refused(409, "ScopeLocked", "cannot perform write operation"):
        await roles.give(2, role=SECRETS_USER)


async def test_a_role_counts_some_time_after_it_is_given_or_taken(start_azure: StartAzure) -> None:
    clock = MovableClock()
    azure = await start_azure(clock=clock, delays=only(role_effect=60))
    azure.world.give_role("billing", "Reader", ROOT)
    async with hosts_as(azure, app_id=BILLING_APP) as hosts:
        clock.forward(59)
        with refused(403, "AuthorizationFailed"):
            await hosts.get(WEB_VM)
        clock.forward(1)
        await hosts.get(WEB_VM)
        azure.world.take_rights("billing")
        clock.forward(59)
        await hosts.get(WEB_VM)
        clock.forward(1)
        with refused(403, "AuthorizationFailed"):
            await hosts.get(WEB_VM)


@pytest.mark.parametrize(
    ("role", "code"),
    [
        ("Virtual Machine Contributor", "AuthorizationFailed"),
        ("Managed Identity Operator", "LinkedAuthorizationFailed"),
    ],
)
async def test_each_role_of_the_operator_is_needed_for_what_it_is_about(
    simulated_azure: SimulatedAzure, hosts: HostCalls, role: str, code: str
) -> None:
    simulated_azure.world.take_rights(OPERATOR_PRINCIPAL, role=role)
    with refused(403, code):
        await hosts.patch(WEB_VM, block(API_IDENTITY))
    simulated_azure.world.give_role(OPERATOR_PRINCIPAL, role, ROOT)
    await hosts.patch(WEB_VM, block(API_IDENTITY))


async def test_a_contributor_does_everything_but_give_roles(simulated_azure: SimulatedAzure) -> None:
    simulated_azure.world.give_role("billing", "Contributor", ROOT)
    async with hosts_as(simulated_azure, app_id=BILLING_APP) as hosts:
        await hosts.patch(WEB_VM, block(API_IDENTITY))
    async with roles_as(simulated_azure, app_id=BILLING_APP) as roles:
        assert await roles.names(ROOT)
        with refused(403, "AuthorizationFailed"):
            await roles.give()


async def test_without_the_right_to_read_them_no_roles_are_listed(simulated_azure: SimulatedAzure) -> None:
    stranger_with(simulated_azure, ROOT, "Microsoft.Compute/*")
    async with roles_as(simulated_azure, app_id=BILLING_APP) as roles:
        with refused(403, "AuthorizationFailed", "'Microsoft.Authorization/roleAssignments/read'"):
            await roles.names(ROOT)
        with refused(403, "AuthorizationFailed", "'Microsoft.Authorization/roleDefinitions/read'"):
            await roles.client.role_definitions.get(ROOT, BLOB_READER)


async def test_the_request_log_names_roles(simulated_azure: SimulatedAzure, roles: RoleCalls) -> None:
    await roles.give()
    await roles.names(ROOT)
    await roles.take()
    await roles.client.role_definitions.get(ROOT, BLOB_READER)
    assert [record.operation for record in simulated_azure.log] == [
        "roleAssignments.put",
        "roleAssignments.list",
        "roleAssignments.delete",
        "roleDefinitions.get",
    ]
    assert simulated_azure.log.writes()[0].parent == STORAGE_ACCOUNT.lower()


async def test_a_page_leads_to_the_next_one_of_the_same_list(start_azure: StartAzure) -> None:
    azure = await start_azure(variants=Variants(page=2))
    given = [azure.world.give_role("web", role, WHOLE).name for role in ("Reader", "AcrPull", "Key Vault Reader")]
    async with roles_as(azure) as roles:
        listed = [item.name for item in await roles.listed(WHOLE, f"principalId eq '{WEB_PRINCIPAL}'")]
    assert sorted(listed, key=str) == sorted(given)
