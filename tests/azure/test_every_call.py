"""Every method of the engine's port: what it answers, and that it is one request."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from cloud_world import (
    APPLICATION,
    AUDIENCE,
    IDENTITY,
    ISSUER,
    PARENTS,
    THE_APPLICATION,
    THE_IDENTITY,
    Connected,
    connected,
    new_credential,
    sign_in_to,
)
from entrafed.api.federation import ApplicationTarget, Target
from entrafed.api.reasons import Reason
from entrafed.api.sources import ManagedIdentityRef
from entrafed.azure import MicrosoftCloud
from entrafed.domain.credentials import ObservedCredential, Parent, ParentKind
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, ProblemKind
from entrafed.domain.targets import ManagedIdentity, OwnIdentity, ResolvedTarget
from entrafed.engine.ports import Assignments, Azure
from entrafed_lab.azure import ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import (
    API_IDENTITY,
    BILLING_OBJECT,
    HOME_TENANT,
    OPERATOR_APP,
    OPERATOR_PRINCIPAL,
    READER_APP,
    READER_OBJECT,
    WEB_IDENTITY,
)

each_parent = pytest.mark.parametrize("parent", PARENTS, ids=lambda parent: parent.kind.name.lower())


def as_ports(cloud: MicrosoftCloud) -> tuple[Azure, Assignments]:
    """For the type checker, which compares every signature."""
    return cloud, cloud


def test_the_adapter_has_every_method_of_the_port() -> None:
    wanted = {name for port in (Azure, Assignments) for name in vars(port) if not name.startswith("_")}
    assert wanted
    assert wanted <= set(vars(MicrosoftCloud))


# Targets


@pytest.mark.parametrize(
    "target",
    [
        ApplicationTarget(client_id=READER_APP),
        ApplicationTarget(client_id=READER_APP.upper()),
        ApplicationTarget(object_id=READER_OBJECT),
        ApplicationTarget(object_id=READER_OBJECT.upper()),
        ApplicationTarget(unique_name="storage-reader"),
    ],
    ids=str,
)
async def test_an_application_is_found_by_each_of_its_names(world: Connected, target: ApplicationTarget) -> None:
    assert await world.cloud.target(world.sign_in, Target(application=target)) == ResolvedTarget(
        parent=APPLICATION,
        client_id=READER_APP,
        object_id=READER_OBJECT,
        principal_id=None,
        tenant_id=HOME_TENANT,
        multi_tenant=True,
    )
    assert [record.operation for record in world.requests()] == ["applications.get"]


@pytest.mark.parametrize("name", ["it's", "a b", "a%2Fb", "ü", "a&b=c", "x?y#z", "don''t", "(a)"])
async def test_a_unique_name_of_odd_characters_is_found(world: Connected, name: str) -> None:
    made = world.azure.world.create_application(
        "odd", tenant_id=HOME_TENANT, owners=[OPERATOR_PRINCIPAL], unique_name=name
    )
    found = await world.cloud.target(world.sign_in, Target(application=ApplicationTarget(unique_name=name)))
    assert found.object_id == made.object_id


@pytest.mark.parametrize("resource_id", [WEB_IDENTITY, WEB_IDENTITY.lower(), WEB_IDENTITY.upper()])
async def test_an_identity_is_found_in_every_case_of_its_id(world: Connected, resource_id: str) -> None:
    target = Target(managed_identity=ManagedIdentityRef(resource_id=resource_id))
    identity = world.azure.world.identity("web")
    assert await world.cloud.target(world.sign_in, target) == ResolvedTarget(
        parent=IDENTITY,
        client_id=identity.client_id,
        object_id=None,
        principal_id=identity.principal_id,
        tenant_id=HOME_TENANT,
    )
    assert [record.operation for record in world.requests()] == ["identities.get"]


async def test_a_managed_identity_is_read_with_all_its_ids(world: Connected) -> None:
    identity = world.azure.world.identity("api")
    assert await world.cloud.managed_identity(world.sign_in, API_IDENTITY) == ManagedIdentity(
        resource_id=API_IDENTITY.lower(),
        client_id=identity.client_id,
        principal_id=identity.principal_id,
        tenant_id=HOME_TENANT,
    )


async def test_an_identity_made_again_has_another_principal(world: Connected) -> None:
    before = await world.cloud.managed_identity(world.sign_in, WEB_IDENTITY)
    world.azure.world.recreate_identity("web")
    after = await world.cloud.managed_identity(world.sign_in, WEB_IDENTITY)
    assert after.resource_id == before.resource_id
    assert after.principal_id != before.principal_id


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (ApplicationTarget(client_id="99999999-9999-4999-8999-999999999999"), Reason.TARGET_NOT_FOUND),
        (ApplicationTarget(object_id="99999999-9999-4999-8999-999999999999"), Reason.TARGET_NOT_FOUND),
        (ApplicationTarget(unique_name="nobody"), Reason.TARGET_NOT_FOUND),
    ],
    ids=str,
)
async def test_an_application_that_is_not_there_is_not_found(
    world: Connected, target: ApplicationTarget, reason: Reason
) -> None:
    with pytest.raises(NotFound) as raised:
        await world.cloud.target(world.sign_in, Target(application=target))
    assert raised.value.problem.reason is reason
    assert raised.value.request_id


async def test_an_identity_that_is_not_there_is_not_found_as_target_or_as_source(world: Connected) -> None:
    missing = WEB_IDENTITY.replace("/web", "/nobody")
    with pytest.raises(NotFound) as raised:
        await world.cloud.target(world.sign_in, Target(managed_identity=ManagedIdentityRef(resource_id=missing)))
    assert raised.value.problem.reason is Reason.TARGET_NOT_FOUND
    with pytest.raises(NotFound) as raised:
        await world.cloud.managed_identity(world.sign_in, missing)
    assert raised.value.problem.reason is Reason.IDENTITY_NOT_FOUND


async def test_another_resource_is_no_identity_and_is_not_asked_for(world: Connected) -> None:
    with pytest.raises(AzureProblem) as raised:
        await world.cloud.managed_identity(world.sign_in, WEB_IDENTITY.replace("ManagedIdentity", "Compute"))
    assert raised.value.problem.kind is ProblemKind.TERMINAL
    assert raised.value.problem.reason is Reason.INVALID_SPEC
    assert not world.requests()


# Credentials


@each_parent
async def test_a_credential_is_made_changed_and_deleted_by_one_write_each(world: Connected, parent: Parent) -> None:
    cloud, sign_in = world.cloud, world.sign_in
    before = await cloud.credentials(sign_in, parent)
    await cloud.create(sign_in, parent, new_credential())
    made = ObservedCredential("mif-web", ISSUER, "job-1", (AUDIENCE,))
    assert await cloud.credentials(sign_in, parent) == (*before, made)
    await cloud.update(sign_in, parent, new_credential(audience="api://other"))
    assert await cloud.credentials(sign_in, parent) == (*before, replace(made, audiences=("api://other",)))
    await cloud.delete(sign_in, parent, "mif-web")
    assert await cloud.credentials(sign_in, parent) == before
    kinds = [record.operation.removeprefix("credentials.") for record in world.requests()]
    create, update = ("create", "update") if parent is APPLICATION else ("put", "put")
    assert kinds == ["list", create, "list", update, "list", "delete", "list"]


async def test_a_description_tells_people_whose_credential_it_is(world: Connected) -> None:
    await world.cloud.create(world.sign_in, APPLICATION, new_credential())
    made = world.azure.world.application(READER_OBJECT).credential("mif-web")
    assert made is not None
    assert made.description == "For tests."


@each_parent
async def test_foreign_credentials_of_every_kind_are_listed(world: Connected, parent: Parent) -> None:
    holder = world.azure.world.holder(parent.id)
    holder.add_foreign_credential(name="odd", issuer="https://I.example/", subject="Job 1 ", audiences=["A", "b"])
    holder.add_foreign_credential(name="flexible", issuer=ISSUER, expression="claims['sub'] matches 'x'")
    listed = await world.cloud.credentials(world.sign_in, parent)
    assert ObservedCredential("odd", "https://I.example/", "Job 1 ", ("A", "b")) in listed
    shown = "claims['sub'] matches 'x'" if parent is APPLICATION else None
    assert ObservedCredential("flexible", ISSUER, None, (AUDIENCE,), shown) in listed


@each_parent
async def test_a_name_that_is_there_is_never_replaced(world: Connected, parent: Parent) -> None:
    holder = world.azure.world.holder(parent.id)
    foreign = holder.add_foreign_credential(name="mif-web", issuer="https://theirs.example", subject="theirs")
    with pytest.raises(AlreadyThere) as raised:
        await world.cloud.create(world.sign_in, parent, new_credential())
    assert raised.value.problem.reason is Reason.CREDENTIAL_CONFLICT
    assert holder.credential("mif-web") == foreign


@each_parent
async def test_a_pair_that_is_there_is_refused(world: Connected, parent: Parent) -> None:
    holder = world.azure.world.holder(parent.id)
    foreign = holder.add_foreign_credential(name="theirs", issuer=ISSUER, subject="job-1")
    with pytest.raises(AlreadyThere) as raised:
        await world.cloud.create(world.sign_in, parent, new_credential())
    assert raised.value.problem.reason is Reason.CREDENTIAL_CONFLICT
    assert holder.credential("mif-web") is None
    assert holder.credential("theirs") == foreign


@each_parent
async def test_an_update_never_makes_what_somebody_deleted(world: Connected, parent: Parent) -> None:
    with pytest.raises(NotFound):
        await world.cloud.update(world.sign_in, parent, new_credential())
    assert world.azure.world.holder(parent.id).credential("mif-web") is None


@each_parent
async def test_a_deletion_of_nothing_says_so(world: Connected, parent: Parent) -> None:
    with pytest.raises(NotFound):
        await world.cloud.delete(world.sign_in, parent, "mif-web")
    assert [record.operation for record in world.requests()] == ["credentials.delete"]


@each_parent
async def test_the_credentials_of_a_parent_that_is_gone_are_not_found(world: Connected, parent: Parent) -> None:
    if parent is APPLICATION:
        world.azure.world.delete_application(parent.id)
    else:
        world.azure.world.delete_identity(parent.id)
    with pytest.raises(NotFound) as raised:
        await world.cloud.credentials(world.sign_in, parent)
    assert raised.value.problem.reason is Reason.TARGET_NOT_FOUND


async def test_a_name_that_arm_takes_for_the_same_is_not_replaced_either(world: Connected) -> None:
    holder = world.azure.world.identity("web")
    foreign = holder.add_foreign_credential(name="MIF-Web", issuer="https://theirs.example", subject="theirs")
    with pytest.raises(AlreadyThere):
        await world.cloud.create(world.sign_in, IDENTITY, new_credential("mif-web"))
    assert holder.credentials == (foreign,)


# The look before a write that replaces


async def test_a_write_to_an_identity_looks_first_and_a_look_serves_many_writes(world: Connected) -> None:
    for number in range(5):
        await world.cloud.create(world.sign_in, IDENTITY, new_credential(f"mif-{number}", subject=f"job-{number}"))
    await world.cloud.update(world.sign_in, IDENTITY, new_credential("mif-0", subject="another"))
    await world.cloud.delete(world.sign_in, IDENTITY, "mif-0")
    await world.cloud.create(world.sign_in, IDENTITY, new_credential("mif-0", subject="job-0"))
    operations = [record.operation for record in world.requests()]
    assert operations == ["credentials.list", *["credentials.put"] * 6, "credentials.delete", "credentials.put"]


async def test_our_own_writes_count_as_seen(world: Connected) -> None:
    await world.cloud.create(world.sign_in, IDENTITY, new_credential())
    with pytest.raises(AlreadyThere):
        await world.cloud.create(world.sign_in, IDENTITY, new_credential())
    await world.cloud.delete(world.sign_in, IDENTITY, "mif-web")
    with pytest.raises(NotFound):
        await world.cloud.update(world.sign_in, IDENTITY, new_credential())


# Who the operator is


async def test_the_operator_reads_its_own_service_principal(world: Connected) -> None:
    assert await world.cloud.own_identity(world.sign_in) == OwnIdentity(OPERATOR_APP, OPERATOR_PRINCIPAL)
    assert [record.operation for record in world.requests()] == ["servicePrincipals.get"]


async def test_an_operator_that_may_not_read_itself_is_known_by_its_token(world: Connected) -> None:
    principal = world.azure.world.service_principal(HOME_TENANT, OPERATOR_APP)
    assert principal is not None
    principal.app_roles.clear()
    own = await world.cloud.own_identity(world.sign_in)
    assert own == OwnIdentity(OPERATOR_APP, OPERATOR_PRINCIPAL, from_directory=False)
    assert not own.vouches_for(ParentKind.APPLICATION)
    assert own.vouches_for(ParentKind.MANAGED_IDENTITY)


async def test_an_operator_whose_sign_in_fails_is_nobody(simulated_azure: SimulatedAzure, operator_token: Path) -> None:
    stranger = sign_in_to(simulated_azure, client_id="99999999-9999-4999-8999-999999999999")
    async with connected(simulated_azure, operator_token, sign_in=stranger) as world:
        with pytest.raises(AzureProblem) as raised:
            await world.cloud.own_identity(world.sign_in)
    assert raised.value.problem.kind is ProblemKind.FORBIDDEN
    assert raised.value.problem.reason is Reason.SIGN_IN_FAILED
    assert "AADSTS700016" in raised.value.problem.message


# Signing in


async def test_twenty_calls_at_once_sign_in_once_per_service(world: Connected) -> None:
    await asyncio.gather(
        *(world.cloud.target(world.sign_in, target) for _ in range(10) for target in (THE_APPLICATION, THE_IDENTITY))
    )
    assert len(world.requests(ServiceName.LOGIN)) == 2
    assert len([record for record in world.requests() if record.operation != "batch"]) == 20


async def test_every_request_is_counted_with_its_code(world: Connected) -> None:
    await world.cloud.create(world.sign_in, APPLICATION, new_credential())
    with pytest.raises(NotFound):
        await world.cloud.delete(world.sign_in, IDENTITY, "nobody")
    with pytest.raises(AzureProblem):
        await world.cloud.credentials(world.sign_in, Parent(ParentKind.APPLICATION, HOME_TENANT, BILLING_OBJECT))
    assert world.seen == [
        ("login", "sign_in", "200"),
        ("graph", "create_credential", "201"),
        ("login", "sign_in", "200"),
        ("arm", "delete_credential", "204"),
        ("graph", "list_credentials", "403"),
    ]


async def test_reads_side_by_side_are_answered_each_with_its_own_object(world: Connected) -> None:
    for _ in range(5):
        own, found = await asyncio.gather(
            world.cloud.own_identity(world.sign_in), world.cloud.target(world.sign_in, THE_APPLICATION)
        )
        assert (own.client_id, found.client_id) == (OPERATOR_APP, READER_APP)
