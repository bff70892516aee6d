"""Identities at hosts: what each type of host is asked, what it answers, and what it costs."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from arm_hosts import IDS, PATCHED, planted_host
from arm_world import IDENTITIES, ROOT
from assigner_world import assign, done, host, look, operations, planted, problem_of, shown, unassign
from azure_callers import only
from cloud_world import Connected, connected
from entrafed.api.reasons import Reason
from entrafed.azure import CallTiming
from entrafed.domain.assignments import ObservedAssignment, Running
from entrafed.domain.credentials import Parent, ParentKind
from entrafed.domain.errors import NotFound, ProblemKind, WritesStopped
from entrafed.domain.hosts import HOST_TYPES, HostPath
from entrafed_lab.azure import Fault, ServiceName, SimulatedAzure, Variants
from entrafed_lab.azure.exchange import Call
from entrafed_lab.azure.host_types import HostKind
from entrafed_lab.azure.hosts import Failure
from entrafed_lab.azure.seed import API_IDENTITY, API_VM, HOME_TENANT, WEB_IDENTITY
from entrafed_lab.azure.variants import (
    Acceptance,
    DeadIdentity,
    HostModel,
    IdentityKeys,
    IdentityMap,
    RemovalKeys,
    SiteUpdate,
    TooManyIdentities,
)
from lab_fixtures import StartAzure

WEB, API = WEB_IDENTITY.lower(), API_IDENTITY.lower()
COMPUTE = (HostKind.VIRTUAL_MACHINE, HostKind.SCALE_SET)
APPS = (HostKind.CONTAINER_APP, HostKind.JOB)
AT_ONCE = (HostKind.SITE, HostKind.SLOT, HostKind.AUTOMATION_ACCOUNT)
PATIENT = CallTiming(look=0.0)
"""Every change reads the host right before it."""

each_kind = pytest.mark.parametrize("kind", PATCHED, ids=lambda kind: kind.name.lower())
both_maps = pytest.mark.parametrize("variant", IdentityMap, ids=lambda variant: variant.name.lower())


def heard(azure: SimulatedAzure) -> list[dict[str, Any]]:
    """The bodies of all changes from now on."""
    bodies: list[dict[str, Any]] = []

    def hear(call: Call) -> None:
        if call.method == "PATCH":
            bodies.append(json.loads(call.body))

    azure.faults.add(Fault(services=(ServiceName.ARM,), methods=("PATCH",)), notify=hear)
    return bodies


# Looking


@each_kind
async def test_a_host_is_read_with_its_identities_by_one_request(world: Connected, kind: HostKind) -> None:
    planted_host(world.azure, kind, "web", "api")
    found = await look(world, host(kind))
    identities = [world.azure.world.identity(name) for name in ("web", "api")]
    assert set(found.assignments) == {
        ObservedAssignment(identity.resource_id.lower(), identity.principal_id) for identity in identities
    }
    assert not found.is_changing
    assert operations(world) == ["hosts.get"]


@each_kind
async def test_the_version_asked_for_is_one_that_the_provider_knows(world: Connected, kind: HostKind) -> None:
    planted_host(world.azure, kind)
    versions: list[str] = []
    world.azure.faults.add(
        Fault(services=(ServiceName.ARM,)), notify=lambda call: versions.append(call.query["api-version"])
    )
    await look(world, host(kind))
    await assign(world, host(kind), WEB)
    assert set(versions) == {HostPath.parse(IDS[kind]).type.api_version}


def test_every_type_of_host_that_takes_identities_is_shown_here() -> None:
    assert {kind.value.lower() for kind in PATCHED} == set(HOST_TYPES)


async def test_a_virtual_machine_tells_which_one_of_its_name_it_is(world: Connected) -> None:
    parent = host(HostKind.VIRTUAL_MACHINE)
    before = await look(world, parent)
    assert before.instance
    world.azure.world.recreate_host(parent.id)
    after = await look(world, parent)
    assert after.instance not in ("", before.instance)
    assert after.assignments == ()


@pytest.mark.parametrize("variant", IdentityKeys, ids=lambda variant: variant.name.lower())
async def test_identities_are_known_however_a_host_spells_them(
    start_azure: StartAzure, operator_token: Path, variant: IdentityKeys
) -> None:
    kind = HostKind.VIRTUAL_MACHINE
    async with planted(start_azure, operator_token, kind, "web", variants=Variants(identity_keys=variant)) as world:
        assert {one.key for one in (await look(world, host(kind))).assignments} == {WEB}


@pytest.mark.parametrize("variant", DeadIdentity, ids=lambda variant: variant.name.lower())
@each_kind
async def test_what_is_left_of_an_identity_that_is_gone_is_told_as_dead_or_with_its_old_principal(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: DeadIdentity
) -> None:
    async with planted(start_azure, operator_token, kind, "web", variants=Variants(dead_identity=variant)) as world:
        old = world.azure.world.identity("web").principal_id
        world.azure.world.recreate_identity("web")
        (entry,) = (await look(world, host(kind))).assignments
        assert entry.value == (None if variant is DeadIdentity.NULL_CLIENT else old)
        assert entry.value != world.azure.world.identity("web").principal_id


@each_kind
async def test_a_host_that_is_gone_is_not_found(world: Connected, kind: HostKind) -> None:
    world.azure.world.delete_host(planted_host(world.azure, kind))
    raised = await problem_of(look(world, host(kind)))
    assert isinstance(raised, NotFound)
    assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.WAITING, Reason.HOST_NOT_FOUND)
    assert host(kind).id in raised.problem.message


@pytest.mark.parametrize("name", ["ü", "a.b", "(a)", "a;b", "a+b", "a=b&c", "a'b", "~a"])
async def test_a_host_of_an_odd_name_is_found(world: Connected, name: str) -> None:
    world.azure.world.create_host(f"{ROOT}/providers/Microsoft.Web/sites/{name}", host_id="odd", identities=["web"])
    parent = Parent(ParentKind.HOST, HOME_TENANT, f"{ROOT}/providers/Microsoft.Web/sites/{name}".lower())
    assert await shown(world, parent) == {"web"}


# Changing


@each_kind
async def test_an_identity_is_assigned_and_taken_back_by_a_look_and_a_change_each(
    start_azure: StartAzure, operator_token: Path, kind: HostKind
) -> None:
    async with planted(start_azure, operator_token, kind) as world:
        parent = host(kind)
        running = await assign(world, parent, WEB)
        assert (running is None) == (kind in AT_ONCE)
        await done(world, parent, running)
        assert await shown(world, parent) == {"web"}
        await done(world, parent, await unassign(world, parent, WEB))
        assert await shown(world, parent) == set()
        follow = [] if kind in AT_ONCE else ["operations.get"]
        once = ["hosts.get", "hosts.update", *follow]
        shown_serves = [] if kind in COMPUTE else ["hosts.get"]
        assert operations(world) == [*once, *shown_serves, *once, "hosts.get"]


@pytest.mark.parametrize("kind", COMPUTE)
async def test_the_look_that_was_planned_on_serves_one_change(world: Connected, kind: HostKind) -> None:
    planted_host(world.azure, kind)
    await look(world, host(kind))
    await done(world, host(kind), await assign(world, host(kind), WEB))
    await done(world, host(kind), await assign(world, host(kind), API))
    changes = [one for one in operations(world) if one != "operations.get"]
    assert changes == ["hosts.get", "hosts.update", "hosts.get", "hosts.update"]


@pytest.mark.parametrize("kind", [*APPS, *AT_ONCE])
@both_maps
async def test_what_others_took_back_since_the_look_is_not_assigned_again(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: IdentityMap
) -> None:
    async with planted(start_azure, operator_token, kind, "api", variants=Variants(identity_map=variant)) as world:
        parent = host(kind)
        await look(world, parent)
        world.azure.world.detach(parent.id, API_IDENTITY)
        await done(world, parent, await assign(world, parent, WEB))
        assert await shown(world, parent) == {"web"}


async def test_a_look_that_is_old_is_made_again(simulated_azure: SimulatedAzure, operator_token: Path) -> None:
    async with connected(simulated_azure, operator_token, timing=PATIENT) as world:
        await look(world, host(HostKind.VIRTUAL_MACHINE))
        await assign(world, host(HostKind.VIRTUAL_MACHINE), API)
        assert operations(world) == ["hosts.get", "hosts.get", "hosts.update"]


@each_kind
@both_maps
async def test_what_others_assigned_stays_whether_the_map_is_merged_or_replaced(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: IdentityMap
) -> None:
    async with planted(start_azure, operator_token, kind, "api", variants=Variants(identity_map=variant)) as world:
        parent = host(kind)
        await done(world, parent, await assign(world, parent, WEB))
        assert await shown(world, parent) == {"api", "web"}
        await done(world, parent, await unassign(world, parent, WEB))
        assert await shown(world, parent) == {"api"}


@each_kind
@both_maps
async def test_the_system_assigned_identity_of_a_host_is_kept_in_all_that_is_done(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: IdentityMap
) -> None:
    azure = await start_azure(variants=Variants(identity_map=variant))
    resource_id = f"{IDS[kind]}-with-system"
    azure.world.create_host(resource_id, host_id="both", system_assigned=True)
    system = azure.world.host("both").identity.system
    parent = Parent(ParentKind.HOST, HOME_TENANT, resource_id.lower())
    async with connected(azure, operator_token) as world:
        for change in (assign(world, parent, WEB), assign(world, parent, API), unassign(world, parent, WEB)):
            await done(world, parent, await change)
            assert azure.world.host("both").identity.system == system
        assert await shown(world, parent) == {"api"}
        await done(world, parent, await unassign(world, parent, API))
        assert azure.world.host("both").identity.system == system
        assert await shown(world, parent) == set()


@pytest.mark.parametrize("keys", RemovalKeys, ids=lambda variant: variant.name.lower())
@pytest.mark.parametrize("spelling", IdentityKeys, ids=lambda variant: variant.name.lower())
async def test_an_identity_is_taken_back_under_the_spelling_that_the_host_shows(
    start_azure: StartAzure, operator_token: Path, keys: RemovalKeys, spelling: IdentityKeys
) -> None:
    variants = Variants(removal_keys=keys, identity_keys=spelling)
    kind = HostKind.VIRTUAL_MACHINE
    async with planted(start_azure, operator_token, kind, "web", "api", variants=variants) as world:
        await done(world, host(kind), await unassign(world, host(kind), WEB))
        assert await shown(world, host(kind)) == {"api"}


async def test_additions_and_removals_of_a_scale_set_never_share_a_request(
    start_azure: StartAzure, operator_token: Path
) -> None:
    kind, variants = HostKind.SCALE_SET, Variants(scale_set_changes=Acceptance.REFUSED)
    async with planted(start_azure, operator_token, kind, "api", variants=variants) as world:
        bodies = heard(world.azure)
        await done(world, host(kind), await assign(world, host(kind), WEB))
        await done(world, host(kind), await unassign(world, host(kind), API))
        assert await shown(world, host(kind)) == {"web"}
        sent = [body["identity"]["userAssignedIdentities"] for body in bodies]
        assert [set(map(type, one.values())) for one in sent] == [{dict}, {type(None)}]


@each_kind
async def test_of_a_host_nothing_but_its_identity_block_is_sent(world: Connected, kind: HostKind) -> None:
    planted_host(world.azure, kind, "api")
    bodies = heard(world.azure)
    await assign(world, host(kind), WEB)
    (body,) = bodies
    assert set(body) == {"identity"}
    assert set(body["identity"]) == {"type", "userAssignedIdentities"}


@each_kind
async def test_the_last_identity_goes_with_the_type(world: Connected, kind: HostKind) -> None:
    planted_host(world.azure, kind, "web")
    bodies = heard(world.azure)
    await unassign(world, host(kind), WEB)
    assert bodies == [{"identity": {"type": "None"}}]


@each_kind
async def test_a_recreated_identity_is_taken_off_and_assigned_again(
    start_azure: StartAzure, operator_token: Path, kind: HostKind
) -> None:
    async with planted(start_azure, operator_token, kind, "web") as world:
        new = world.azure.world.recreate_identity("web")
        await done(world, host(kind), await unassign(world, host(kind), WEB))
        await done(world, host(kind), await assign(world, host(kind), WEB))
        assert (await look(world, host(kind))).assignments == (ObservedAssignment(WEB, new.principal_id),)


# Many


def many(azure: SimulatedAzure, number: int) -> list[str]:
    return [azure.world.create_identity(f"{IDENTITIES}/many-{one}").resource_id.lower() for one in range(number)]


@pytest.mark.parametrize("variant", TooManyIdentities, ids=lambda variant: variant.name.lower())
@pytest.mark.parametrize("kind", COMPUTE, ids=lambda kind: kind.name.lower())
async def test_a_machine_takes_more_than_150_identities_in_several_changes(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: TooManyIdentities
) -> None:
    async with planted(start_azure, operator_token, kind, variants=Variants(too_many_identities=variant)) as world:
        identities = many(world.azure, 160)
        await done(world, host(kind), await assign(world, host(kind), *identities[:150]))
        await done(world, host(kind), await assign(world, host(kind), *identities[150:]))
        assert len(await shown(world, host(kind))) == 160
        await done(world, host(kind), await unassign(world, host(kind), *identities[:150]))
        assert len(await shown(world, host(kind))) == 10


@pytest.mark.parametrize("variant", TooManyIdentities, ids=lambda variant: variant.name.lower())
@pytest.mark.parametrize("kind", [HostKind.SITE, HostKind.CONTAINER_APP], ids=lambda kind: kind.name.lower())
async def test_where_all_that_stay_are_sent_along_150_is_the_most_and_none_is_lost(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: TooManyIdentities
) -> None:
    variants = Variants(too_many_identities=variant, identity_map=IdentityMap.REPLACE)
    async with planted(start_azure, operator_token, kind, variants=variants) as world:
        identities = many(world.azure, 151)
        await done(world, host(kind), await assign(world, host(kind), *identities[:150]))
        raised = await problem_of(assign(world, host(kind), identities[150]))
        assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.TERMINAL, Reason.QUOTA_EXCEEDED)
        assert raised.answered
        assert len(await shown(world, host(kind))) == 150


# Changes that take their time


@pytest.mark.parametrize("kind", [*COMPUTE, *APPS], ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize("variant", HostModel, ids=lambda variant: variant.name.lower())
async def test_a_change_under_way_is_followed_and_shows_at_the_host(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: HostModel
) -> None:
    lasting = only(host_operation=0.3)
    async with planted(
        start_azure, operator_token, kind, delays=lasting, variants=Variants(host_model=variant)
    ) as world:
        running = await assign(world, host(kind), WEB)
        assert running is not None
        assert 0 < running.after <= 0.3
        assert (await look(world, host(kind))).is_changing
        again = await world.cloud.follow(world.sign_in, host(kind), running)
        assert again is not None
        assert again.url == running.url
        while again is not None:
            again = await world.cloud.follow(world.sign_in, host(kind), again)
        found = await look(world, host(kind))
        assert not found.is_changing
        assert {one.key for one in found.assignments} == {WEB}


@pytest.mark.parametrize("variant", SiteUpdate, ids=lambda variant: variant.name.lower())
@pytest.mark.parametrize("kind", [HostKind.SITE, HostKind.SLOT], ids=lambda kind: kind.name.lower())
async def test_app_service_is_done_when_it_has_answered_whichever_way(
    start_azure: StartAzure, operator_token: Path, kind: HostKind, variant: SiteUpdate
) -> None:
    async with planted(start_azure, operator_token, kind, variants=Variants(site_update=variant)) as world:
        assert await assign(world, host(kind), WEB) is None
        assert await shown(world, host(kind)) == {"web"}


@pytest.mark.parametrize("kind", [*COMPUTE, *APPS], ids=lambda kind: kind.name.lower())
async def test_a_change_that_nothing_tells_of_any_more_is_followed_by_the_host_itself(
    start_azure: StartAzure, operator_token: Path, kind: HostKind
) -> None:
    async with planted(start_azure, operator_token, kind, delays=only(host_operation=0.3)) as world:
        running = await assign(world, host(kind), WEB)
        assert running is not None
        lost: Running | None = replace(running, url=running.url.replace("/operations/", "/operations/forgotten-"))
        looks = 0
        while lost is not None:
            lost = await world.cloud.follow(world.sign_in, host(kind), lost)
            looks += 1
        assert looks > 2
        assert world.azure.world.host(host(kind).id).running is None
        assert await shown(world, host(kind)) == {"web"}


@pytest.mark.parametrize("kind", [*COMPUTE, *APPS], ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize(
    "url", ["https://elsewhere.example/operations/1", "http://127.0.0.1/x", "/relative", "?", "\t"]
)
async def test_an_address_that_leads_elsewhere_is_never_asked_and_the_host_tells_instead(
    world: Connected, kind: HostKind, url: str
) -> None:
    planted_host(world.azure, kind)
    header = "Location" if kind in APPS else "Azure-AsyncOperation"
    world.azure.faults.add(
        Fault(
            services=(ServiceName.ARM,),
            methods=("PATCH",),
            status=202 if kind in APPS else 200,
            body="{}",
            content_type="application/json",
            headers={header: url},
        )
    )
    running = await assign(world, host(kind), WEB)
    assert running is None or running.url == ""
    world.azure.log.clear()
    await done(world, host(kind), running)
    assert set(operations(world)) <= {"hosts.get"}


@pytest.mark.parametrize(
    ("said", "after"),
    [("7", 7.0), ("0.5", 0.5), ("0", 10.0), ("-3", 10.0), ("soon", 10.0), ("nan", 10.0), ("inf", 60.0), ("1e9", 60.0)],
)
async def test_when_to_look_at_a_change_again_is_bounded_whatever_azure_says(
    world: Connected, said: str, after: float
) -> None:
    url = f"{world.azure.url(ServiceName.ARM)}/subscriptions/s/providers/Microsoft.Compute/locations/l/operations/o"
    answered = Fault(
        services=(ServiceName.ARM,),
        methods=("PATCH",),
        status=200,
        body="{}",
        content_type="application/json",
        headers={"Azure-AsyncOperation": url, "Retry-After": said},
    )
    world.azure.faults.add(answered)
    running = await assign(world, host(HostKind.VIRTUAL_MACHINE), API)
    assert running == Running(url, after)


@pytest.mark.parametrize(
    "body", ["", "[]", "{}}", '{"status": 7}', '{"status": "Failed", "error": 7}', "<html>", "x" * 9]
)
async def test_an_operation_that_cannot_be_read_leaves_it_to_the_host_to_tell(world: Connected, body: str) -> None:
    parent = host(HostKind.VIRTUAL_MACHINE)
    running = await assign(world, parent, API)
    assert running is not None
    world.azure.faults.add(
        Fault(
            services=(ServiceName.ARM,),
            path_regex="/operations/",
            status=200,
            body=body,
            content_type="application/json",
        )
    )
    await done(world, parent, running)
    assert await shown(world, parent) == {"web", "api"}


@pytest.mark.parametrize("kind", [*COMPUTE, *APPS], ids=lambda kind: kind.name.lower())
@pytest.mark.parametrize(("status", "reason"), [(429, Reason.THROTTLED), (401, Reason.SIGN_IN_FAILED)])
async def test_a_question_about_a_change_that_is_refused_is_no_failure_of_the_change(
    world: Connected, kind: HostKind, status: int, reason: Reason
) -> None:
    planted_host(world.azure, kind)
    running = await assign(world, host(kind), WEB)
    assert running is not None
    world.azure.faults.add(Fault(services=(ServiceName.ARM,), path_regex="/operations/", status=status, times=1))
    raised = await problem_of(world.cloud.follow(world.sign_in, host(kind), running))
    assert (raised.problem.reason, raised.answered) == (reason, False)
    await done(world, host(kind), running)
    assert await shown(world, host(kind)) == {"web"}


@pytest.mark.parametrize("kind", [*COMPUTE, *APPS], ids=lambda kind: kind.name.lower())
async def test_a_change_that_may_not_be_asked_about_is_followed_by_the_host_itself(
    world: Connected, kind: HostKind
) -> None:
    """A narrow role may allow the change and not its operation."""
    planted_host(world.azure, kind)
    running = await assign(world, host(kind), WEB)
    assert running is not None
    denied = Fault(services=(ServiceName.ARM,), path_regex="/operations/", status=403, code="AuthorizationFailed")
    world.azure.faults.add(denied)
    await done(world, host(kind), running)
    assert await shown(world, host(kind)) == {"web"}


# Changes that fail


@pytest.mark.parametrize("kind", PATCHED, ids=lambda kind: kind.name.lower())
async def test_a_change_that_fails_says_why_wherever_its_provider_says_it(
    start_azure: StartAzure, operator_token: Path, kind: HostKind
) -> None:
    async with planted(start_azure, operator_token, kind) as world:
        failure = Failure("FailedIdentityOperation", "The identity may not be assigned here.")
        world.azure.world.host(host(kind).id).failures.append(failure)

        async def change() -> None:
            await done(world, host(kind), await assign(world, host(kind), WEB))

        raised = await problem_of(change())
        assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.TERMINAL, Reason.IDENTITY_NOT_ASSIGNABLE)
        assert "The identity may not be assigned here." in raised.problem.message
        assert raised.answered
        assert await shown(world, host(kind)) == set()
        await done(world, host(kind), await assign(world, host(kind), WEB))


@pytest.mark.parametrize(
    ("document", "reason", "said"),
    [
        ('{"status": "Canceled"}', Reason.AZURE_ERROR, "it was cancelled"),
        ('{"status": "failed"}', Reason.AZURE_ERROR, "it failed"),
        ('{"status": "Failed", "error": {"code": "NewOne", "message": "Odd."}}', Reason.AZURE_ERROR, "Odd. (Azure"),
        ('{"status": "Failed", "error": {"code": 7, "message": ["x"]}}', Reason.AZURE_ERROR, "7"),
    ],
)
async def test_a_change_that_ends_otherwise_is_told_with_its_code(
    world: Connected, document: str, reason: Reason, said: str
) -> None:
    parent = host(HostKind.VIRTUAL_MACHINE)
    running = await assign(world, parent, API)
    assert running is not None
    world.azure.faults.add(
        Fault(
            services=(ServiceName.ARM,),
            path_regex="/operations/",
            status=200,
            body=document,
            content_type="application/json",
        )
    )
    raised = await problem_of(world.cloud.follow(world.sign_in, parent, running))
    assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.TRANSIENT, reason)
    assert said in raised.problem.message
    assert raised.answered


@pytest.mark.parametrize("kind", COMPUTE, ids=lambda kind: kind.name.lower())
async def test_a_machine_that_somebody_changed_in_between_is_not_written_over(world: Connected, kind: HostKind) -> None:
    planted_host(world.azure, kind)
    await look(world, host(kind))
    world.azure.world.attach(host(kind).id, "api")
    raised = await problem_of(assign(world, host(kind), WEB))
    assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.TRANSIENT, Reason.CONCURRENT_WRITE)
    assert raised.answered
    await assign(world, host(kind), WEB)
    assert world.azure.world.host(host(kind).id).identity.attached.keys() == {WEB, API}


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        '"x"',
        "{",
        '{"identity": []}',
        '{"identity": "UserAssigned"}',
        '{"identity": {"type": "UserAssigned", "userAssignedIdentities": ["x"]}}',
        '{"properties": 3}',
        "[" * 100_000,
    ],
    ids=lambda body: body[:30],
)
async def test_a_host_that_cannot_be_read_is_never_taken_for_an_empty_one(world: Connected, body: str) -> None:
    world.azure.faults.add(
        Fault(services=(ServiceName.ARM,), methods=("GET",), status=200, body=body, content_type="application/json")
    )
    raised = await problem_of(look(world, host(HostKind.VIRTUAL_MACHINE)))
    assert (raised.problem.kind, raised.problem.reason) == (ProblemKind.TRANSIENT, Reason.UNEXPECTED_ANSWER)
    assert not raised.answered
    raised = await problem_of(assign(world, host(HostKind.VIRTUAL_MACHINE), API))
    assert raised.problem.reason is Reason.UNEXPECTED_ANSWER
    assert not any(record.write for record in world.requests())


@pytest.mark.parametrize(
    "entry", ["null", "[]", '"x"', "{}", '{"principalId": null}', '{"principalId": "p", "clientId": ""}']
)
async def test_an_entry_without_its_ids_counts_as_dead(world: Connected, entry: str) -> None:
    body = f'{{"identity": {{"type": "userassigned", "userAssignedIdentities": {{"{WEB_IDENTITY}": {entry}}}}}}}'
    world.azure.faults.add(
        Fault(services=(ServiceName.ARM,), methods=("GET",), status=200, body=body, content_type="application/json")
    )
    found = await look(world, host(HostKind.VIRTUAL_MACHINE))
    assert found.assignments == (ObservedAssignment(WEB, None),)


async def test_a_write_whose_answer_is_lost_may_have_happened(world: Connected) -> None:
    world.azure.faults.add(Fault(services=(ServiceName.ARM,), methods=("PATCH",), lose_answer=True))
    raised = await problem_of(assign(world, Parent(ParentKind.HOST, HOME_TENANT, API_VM.lower()), WEB))
    assert (raised.problem.reason, raised.answered) == (Reason.AZURE_UNAVAILABLE, False)


async def test_no_host_is_written_to_when_writes_have_stopped(world: Connected) -> None:
    world.gate.is_open = False
    with pytest.raises(WritesStopped):
        await assign(world, host(HostKind.VIRTUAL_MACHINE), API)
    assert operations(world) == ["hosts.get"]
