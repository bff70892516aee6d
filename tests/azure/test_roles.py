"""Roles at scopes: what is found, given, changed and taken back, by which requests, and how Azure refuses it."""

import json
from pathlib import Path
from typing import Any

import pytest

from arm_roles import BLOB_CONTRIBUTOR, BLOB_READER, OWNER, WEB_PRINCIPAL
from arm_world import ROOT
from assigner_world import means, operations, problem_of
from azure_callers import only
from cloud_world import CLUSTERS, Connected, connected
from entrafed.api.reasons import Reason
from entrafed.domain.assignments import Assignment, Mark, ObservedAssignment
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import AlreadyThere, NotFound, ProblemKind, WritesStopped
from entrafed.domain.roles import RoleDefinition, assignment_name, role_key
from entrafed_lab.azure import Fault, ServiceName, Variants
from entrafed_lab.azure.roles import RoleAssignment as LabAssignment
from entrafed_lab.azure.seed import HOME_TENANT, OPERATOR_PRINCIPAL, STORAGE_ACCOUNT, SUBSCRIPTION, WEB_VM
from entrafed_lab.azure.variants import AbsentPrincipal, ExistingRole, SameRole, YoungPrincipal
from lab_fixtures import StartAzure

TERMINAL, FORBIDDEN, CONFLICT = ProblemKind.TERMINAL, ProblemKind.FORBIDDEN, ProblemKind.CONFLICT
WAITING, THROTTLED, TRANSIENT = ProblemKind.WAITING, ProblemKind.THROTTLED, ProblemKind.TRANSIENT

WHOLE = f"/subscriptions/{SUBSCRIPTION}"
SCOPES = {"subscription": WHOLE, "resource group": ROOT, "account": STORAGE_ACCOUNT, "machine": WEB_VM}
SOMEBODY = "99999999-9999-4999-8999-999999999999"
CONDITION = "@Resource[Microsoft.Storage/storageAccounts/blobServices/containers:name] StringEquals 'reports'"

each_scope = pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)


def at(scope: str) -> Parent:
    return Parent(ParentKind.SCOPE, HOME_TENANT, scope.lower())


ACCOUNT = at(STORAGE_ACCOUNT)
READS_BLOBS = Assignment(role_key(BLOB_READER, WEB_PRINCIPAL))


def ours(parent: Parent, value: str = "", *, cluster: str = CLUSTERS[0]) -> ObservedAssignment:
    """The operator's assignment of a reader of blobs, as a look shows it."""
    name = assignment_name(cluster, parent.id, BLOB_READER, WEB_PRINCIPAL)
    return ObservedAssignment(READS_BLOBS.key, value, Mark.OURS, name)


async def look(world: Connected, parent: Parent = ACCOUNT, *keys: str) -> tuple[ObservedAssignment, ...]:
    wanted = frozenset(keys or (READS_BLOBS.key,))
    return (await world.cloud.assignments(world.sign_in, parent, wanted)).assignments


async def give(world: Connected, parent: Parent = ACCOUNT, wanted: Assignment = READS_BLOBS) -> None:
    assert await world.cloud.assign(world.sign_in, parent, (wanted,), "For tests.") is None


async def take(world: Connected, gone: ObservedAssignment, parent: Parent = ACCOUNT) -> None:
    assert await world.cloud.unassign(world.sign_in, parent, (gone,)) is None


def given(world: Connected) -> list[LabAssignment]:
    """What the identity web has, anywhere."""
    return [item for item in world.azure.world.roles.assignments.values() if item.principal_id == WEB_PRINCIPAL]


# Definitions


@each_scope
async def test_a_role_is_found_by_its_name_at_every_scope(world: Connected, scope: str) -> None:
    found = await world.cloud.role_definitions(world.sign_in, scope.lower(), "storage blob data READER")
    assert found == (RoleDefinition(BLOB_READER, "Storage Blob Data Reader"),)
    assert operations(world) == ["roleDefinitions.list"]


@pytest.mark.parametrize("name", ["Our own", "It's ours", "a' or roleName eq 'Owner", "Ünser & co", "50% (?#)", "a+b"])
async def test_a_role_of_an_odd_name_is_found_and_no_other(world: Connected, name: str) -> None:
    made = world.azure.world.roles.define(name, "*/read")
    found = await world.cloud.role_definitions(world.sign_in, ROOT.lower(), name)
    assert found == (RoleDefinition(made.id, name),)


async def test_a_role_that_is_not_there_is_none(world: Connected) -> None:
    assert await world.cloud.role_definitions(world.sign_in, ROOT.lower(), "Nobody") == ()


# Giving and taking back


@each_scope
async def test_a_role_is_given_and_taken_back_by_one_request_each(world: Connected, scope: str) -> None:
    parent = at(scope)
    await give(world, parent)
    assert await look(world, parent) == (ours(parent),)
    (made,) = given(world)
    assert (made.principal_type, made.description) == ("ServicePrincipal", "For tests.")
    await take(world, ours(parent), parent)
    assert await look(world, parent) == ()
    verbs = ["roleAssignments.put", "roleAssignments.list", "roleAssignments.delete", "roleAssignments.list"]
    assert operations(world) == verbs


async def test_a_condition_is_given_with_the_role_changed_in_place_and_taken_away(world: Connected) -> None:
    for condition in (CONDITION, CONDITION.replace("reports", "others"), ""):
        await give(world, wanted=Assignment(READS_BLOBS.key, condition))
        assert await look(world) == (ours(ACCOUNT, condition),)
    assert len(given(world)) == 1


@pytest.mark.parametrize("variant", [SameRole.OK, SameRole.CREATED])
async def test_a_role_that_is_given_again_is_given_however_azure_says_it(
    start_azure: StartAzure, operator_token: Path, variant: SameRole
) -> None:
    azure = await start_azure(variants=Variants(same_role=variant))
    async with connected(azure, operator_token) as world:
        await give(world)
        await give(world)
        assert await look(world) == (ours(ACCOUNT),)


async def test_a_role_that_may_not_be_given_again_is_there_already(
    start_azure: StartAzure, operator_token: Path
) -> None:
    azure = await start_azure(variants=Variants(same_role=SameRole.CONFLICT))
    async with connected(azure, operator_token) as world:
        await give(world)
        raised = await problem_of(give(world))
        assert isinstance(raised, AlreadyThere)
        assert await look(world) == (ours(ACCOUNT),)


async def test_a_role_that_is_gone_already_is_taken_back(world: Connected) -> None:
    await take(world, ours(ACCOUNT))
    assert [record.status for record in world.requests()] == [204]


async def test_a_role_is_seen_as_ours_under_the_mark_of_a_former_cluster_too(world: Connected) -> None:
    name = assignment_name(CLUSTERS[1], ACCOUNT.id, BLOB_READER, WEB_PRINCIPAL)
    made = LabAssignment(name, HOME_TENANT, STORAGE_ACCOUNT, WEB_PRINCIPAL, BLOB_READER)
    world.azure.world.roles.put(made)
    assert await look(world) == (ours(ACCOUNT, cluster=CLUSTERS[1]),)


async def test_what_others_gave_is_seen_as_theirs(world: Connected) -> None:
    foreign = world.azure.world.give_role("web", "Storage Blob Data Reader", STORAGE_ACCOUNT)
    (found,) = await look(world)
    assert found == ObservedAssignment(READS_BLOBS.key, "", Mark.OTHERS, foreign.name)


async def test_a_look_shows_neither_what_is_above_nor_below_nor_another_principals(world: Connected) -> None:
    for scope in (WHOLE, ROOT, STORAGE_ACCOUNT):
        world.azure.world.give_role("web", "Storage Blob Data Reader", scope)
    world.azure.world.give_role("api", "Storage Blob Data Reader", ROOT)
    (found,) = await look(world, at(ROOT))
    assert found.key == READS_BLOBS.key


async def test_a_look_for_two_principals_is_two_lists(world: Connected) -> None:
    other = role_key(BLOB_CONTRIBUTOR, "eeeeeeee-0002-4eee-8eee-eeeeeeeeeeee")
    world.azure.world.give_role("api", "Storage Blob Data Contributor", STORAGE_ACCOUNT)
    await give(world)
    world.azure.log.clear()
    assert {one.key for one in await look(world, ACCOUNT, READS_BLOBS.key, other)} == {READS_BLOBS.key, other}
    assert operations(world) == ["roleAssignments.list"] * 2


async def test_a_long_list_is_read_page_by_page(start_azure: StartAzure, operator_token: Path) -> None:
    azure = await start_azure(variants=Variants(page=2))
    for scope in (WHOLE, ROOT, STORAGE_ACCOUNT, WEB_VM):
        azure.world.give_role("web", "Storage Blob Data Reader", scope)
    azure.world.give_role("web", "Storage Blob Data Contributor", WHOLE)
    async with connected(azure, operator_token) as world:
        assert len(await look(world, at(WHOLE))) == 2
        assert operations(world) == ["roleAssignments.list"] * 3
        assert len(await world.cloud.role_definitions(world.sign_in, ROOT.lower(), "Owner")) == 1


async def test_pages_that_do_not_end_are_not_read_for_ever(world: Connected) -> None:
    url = f"{world.azure.url(ServiceName.ARM)}{ROOT}/providers/Microsoft.Authorization/roleAssignments?again=1"
    page = f'{{"value": [], "nextLink": "{url}"}}'
    world.azure.faults.add(
        Fault(services=(ServiceName.ARM,), methods=("GET",), status=200, body=page, content_type="application/json")
    )
    raised = await problem_of(look(world))
    assert raised.problem.reason is Reason.UNEXPECTED_ANSWER
    assert "the pages do not end" in raised.problem.message
    assert len(world.requests()) == 50


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "{",
        '{"value": 7}',
        '{"value": [7]}',
        '{"value": [{}]}',
        '{"value": [{"name": "n", "properties": {"scope": "/s"}}]}',
        '{"value": [{"name": "n", "properties": "x"}]}',
        '{"value": [], "nextLink": "https://elsewhere.example/more"}',
        "[" * 100_000,
    ],
    ids=lambda body: body[:40],
)
async def test_a_list_that_cannot_be_read_is_never_taken_for_an_empty_one(world: Connected, body: str) -> None:
    world.azure.faults.add(
        Fault(services=(ServiceName.ARM,), methods=("GET",), status=200, body=body, content_type="application/json")
    )
    for call in (look(world), world.cloud.role_definitions(world.sign_in, ROOT.lower(), "Owner")):
        raised = await problem_of(call)
        assert (raised.problem.kind, raised.problem.reason) == (TRANSIENT, Reason.UNEXPECTED_ANSWER)


async def test_at_a_management_group_the_definition_is_of_no_subscription(world: Connected) -> None:
    """The lab has no management groups: what is sent is looked at, and answered as Azure does."""
    sent: list[tuple[str, Any]] = []
    made = {"name": SOMEBODY, "properties": {"scope": "/", "roleDefinitionId": BLOB_READER}}
    answered = Fault(
        services=(ServiceName.ARM,),
        methods=("PUT",),
        status=201,
        body=json.dumps(made),
        content_type="application/json",
    )
    world.azure.faults.add(answered, notify=lambda call: sent.append((call.path, json.loads(call.body or b"{}"))))
    group = "/providers/Microsoft.Management/managementGroups/contoso"
    await give(world, at(group))
    ((path, body),) = sent
    name = assignment_name(CLUSTERS[0], group, BLOB_READER, WEB_PRINCIPAL)
    assert path.lower() == f"{group}/providers/Microsoft.Authorization/roleAssignments/{name}".lower()
    definition = f"/providers/Microsoft.Authorization/roleDefinitions/{BLOB_READER}"
    assert body["properties"]["roleDefinitionId"] == definition


async def test_no_role_is_given_when_writes_have_stopped(world: Connected) -> None:
    world.gate.is_open = False
    with pytest.raises(WritesStopped):
        await give(world)
    with pytest.raises(WritesStopped):
        await take(world, ours(ACCOUNT))
    assert not world.requests()


# What Azure refuses


@pytest.mark.parametrize("variant", ExistingRole, ids=lambda variant: variant.name.lower())
async def test_a_role_that_others_gave_under_another_name_is_there_already(
    start_azure: StartAzure, operator_token: Path, variant: ExistingRole
) -> None:
    azure = await start_azure(variants=Variants(existing_role=variant))
    azure.world.give_role("web", "Storage Blob Data Reader", STORAGE_ACCOUNT)
    async with connected(azure, operator_token) as world:
        raised = await problem_of(give(world))
        assert isinstance(raised, AlreadyThere)
        assert means(raised, CONFLICT, Reason.ASSIGNMENT_CONFLICT)
        assert len(given(world)) == 1


async def test_our_name_that_gives_another_role_is_a_conflict_and_is_left_alone(world: Connected) -> None:
    name = assignment_name(CLUSTERS[0], ACCOUNT.id, BLOB_READER, WEB_PRINCIPAL)
    foreign = LabAssignment(name, HOME_TENANT, STORAGE_ACCOUNT, WEB_PRINCIPAL, BLOB_CONTRIBUTOR)
    world.azure.world.roles.put(foreign)
    raised = await problem_of(give(world))
    assert means(raised, CONFLICT, Reason.ASSIGNMENT_CONFLICT)
    assert "an assignment of this name gives another role" in raised.problem.message
    assert given(world) == [foreign]


@pytest.mark.parametrize("variant", YoungPrincipal, ids=lambda variant: variant.name.lower())
async def test_a_principal_made_a_moment_ago_is_given_its_role_or_waited_for(
    start_azure: StartAzure, operator_token: Path, variant: YoungPrincipal
) -> None:
    azure = await start_azure(variants=Variants(young_principal=variant), delays=only(principal_replication=60))
    young = azure.world.recreate_identity("web").principal_id
    async with connected(azure, operator_token) as world:
        wanted = Assignment(role_key(BLOB_READER, young))
        if variant is YoungPrincipal.ACCEPTED_WITH_TYPE:
            await give(world, wanted=wanted)
            return
        raised = await problem_of(give(world, wanted=wanted))
        assert means(raised, WAITING, Reason.PRINCIPAL_NOT_READY)
        assert raised.problem.after == 10.0


@pytest.mark.parametrize("variant", AbsentPrincipal, ids=lambda variant: variant.name.lower())
async def test_a_principal_that_does_not_exist_is_waited_for_or_taken(
    start_azure: StartAzure, operator_token: Path, variant: AbsentPrincipal
) -> None:
    azure = await start_azure(variants=Variants(absent_principal=variant))
    async with connected(azure, operator_token) as world:
        wanted = Assignment(role_key(BLOB_READER, SOMEBODY))
        if variant is AbsentPrincipal.ACCEPTED_WITH_TYPE:
            await give(world, wanted=wanted)
            return
        raised = await problem_of(give(world, wanted=wanted))
        assert means(raised, WAITING, Reason.PRINCIPAL_NOT_READY)


async def test_a_role_that_does_not_exist_is_a_mistake_in_the_spec(world: Connected) -> None:
    raised = await problem_of(give(world, wanted=Assignment(role_key(SOMEBODY, WEB_PRINCIPAL))))
    assert means(raised, TERMINAL, Reason.ROLE_NOT_FOUND)


async def test_without_the_right_to_give_roles_the_right_and_the_role_that_has_it_are_named(world: Connected) -> None:
    world.azure.world.take_rights(OPERATOR_PRINCIPAL, role="Role Based Access Control Administrator")
    for call, action in ((give(world), "write"), (take(world, ours(ACCOUNT)), "delete")):
        raised = await problem_of(call)
        assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)
        assert f"lacks Microsoft.Authorization/roleAssignments/{action}" in raised.problem.message
        assert "Role Based Access Control Administrator" in raised.problem.message


async def test_without_any_right_nothing_is_read(world: Connected) -> None:
    world.azure.world.take_rights(OPERATOR_PRINCIPAL)
    for call in (look(world), world.cloud.role_definitions(world.sign_in, ROOT.lower(), "Owner")):
        raised = await problem_of(call)
        assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)


async def test_a_condition_on_the_operator_that_forbids_a_role_is_named(world: Connected) -> None:
    raised = await problem_of(give(world, wanted=Assignment(role_key(OWNER, WEB_PRINCIPAL))))
    assert means(raised, FORBIDDEN, Reason.ACCESS_DENIED)
    assert "a condition keeps it from giving this role" in raised.problem.message


async def test_a_subscription_that_is_full_says_so(start_azure: StartAzure, operator_token: Path) -> None:
    azure = await start_azure(variants=Variants(role_assignments=1))
    async with connected(azure, operator_token) as world:
        raised = await problem_of(give(world))
    assert means(raised, FORBIDDEN, Reason.QUOTA_EXCEEDED)
    assert "the subscription holds as many role assignments" in raised.problem.message


async def test_a_scope_that_is_gone_is_not_found(world: Connected) -> None:
    world.azure.world.delete_host(WEB_VM)
    raised = await problem_of(give(world, at(WEB_VM)))
    assert isinstance(raised, NotFound)
    assert means(raised, WAITING, Reason.SCOPE_NOT_FOUND)


@pytest.mark.parametrize("condition", ["nonsense", "(@Resource[a:b] StringEquals 'x'", "@Resource[a:b] Sounds 'x'"])
async def test_a_condition_that_azure_cannot_read_is_refused_for_good_with_its_words(
    world: Connected, condition: str
) -> None:
    raised = await problem_of(give(world, wanted=Assignment(READS_BLOBS.key, condition)))
    assert means(raised, TERMINAL, Reason.VALUE_REFUSED)
    assert "The condition is invalid" in raised.problem.message


@pytest.mark.parametrize("level", ["ReadOnly", "CanNotDelete"])
async def test_a_lock_is_named(world: Connected, level: str) -> None:
    await give(world)
    world.azure.world.lock(ROOT, level)
    raised = await problem_of(take(world, ours(ACCOUNT)))
    assert means(raised, FORBIDDEN, Reason.SCOPE_LOCKED)
    assert "remove the lock from the resource" in raised.problem.message


async def test_a_principal_that_is_no_service_principal_is_refused_for_good(world: Connected) -> None:
    world.azure.faults.add(
        Fault(services=(ServiceName.ARM,), methods=("PUT",), status=400, code="UnmatchedPrincipalType", message="Odd.")
    )
    assert means(await problem_of(give(world)), TERMINAL, Reason.VALUE_REFUSED)


async def test_an_unknown_refusal_is_tried_again_and_shows_its_code(world: Connected) -> None:
    world.azure.faults.add(
        Fault(services=(ServiceName.ARM,), methods=("PUT",), status=409, code="NewOne", message="Odd.")
    )
    raised = await problem_of(give(world))
    assert means(raised, TRANSIENT, Reason.AZURE_ERROR)
    assert raised.problem.message.endswith("Odd. (Azure Resource Manager: 409 NewOne)")
