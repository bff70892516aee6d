"""Flexible credentials through the adapter: only `/beta` of Graph shows and takes their expressions."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from cloud_world import APPLICATION, AUDIENCE, IDENTITY, Connected, connected, new_credential
from entrafed.api.reasons import Reason
from entrafed.domain.credentials import NewCredential, ObservedCredential, Pair, Parent, ParentKind, Trust
from entrafed.domain.errors import AlreadyThere, AzureProblem, NotFound, ProblemKind
from entrafed_lab.azure import Fault, ServiceName, Variants
from entrafed_lab.azure.seed import GITHUB, HOME_TENANT, OPERATOR_PRINCIPAL, READER_OBJECT, WEB_IDENTITY
from entrafed_lab.azure.variants import FlexibleOnV1
from lab_fixtures import StartAzure

BRANCHES = "claims['sub'] matches 'repo:contoso/web:ref:refs/heads/*' and claims['repository_id'] eq '456789'"


def flexible(expression: str = BRANCHES, *, name: str = "mif-flexible", audience: str = AUDIENCE) -> NewCredential:
    return NewCredential(name, Trust(Pair(GITHUB, expression=expression), audience), "For tests.")


SHOWN = ObservedCredential("mif-flexible", GITHUB, None, (AUDIENCE,), BRANCHES)


@pytest_asyncio.fixture(params=list(FlexibleOnV1), ids=lambda variant: variant.name.lower())
async def world(
    request: pytest.FixtureRequest, start_azure: StartAzure, operator_token: Path
) -> AsyncIterator[Connected]:
    """An Azure whose v1.0 hides flexible credentials in either way, and which carries one of others."""
    azure = await start_azure(variants=Variants(flexible_on_v1=request.param))
    azure.world.application(READER_OBJECT).add_foreign_credential(name="theirs", issuer=GITHUB, expression=THEIRS)
    async with connected(azure, operator_token) as made:
        yield made


THEIRS = "claims['sub'] eq 'theirs'"


def asked(world: Connected) -> list[tuple[str, str]]:
    """Version of Graph and verb of each request so far."""
    return [(record.path.split("/")[1], record.operation.partition(".")[2]) for record in world.requests()]


async def test_a_flexible_credential_is_made_changed_and_deleted_at_beta_by_one_write_each(world: Connected) -> None:
    cloud, sign_in = world.cloud, world.sign_in
    before = await cloud.credentials(sign_in, APPLICATION)
    world.azure.log.clear()
    await cloud.create(sign_in, APPLICATION, flexible())
    assert await cloud.credentials(sign_in, APPLICATION) == (*before, SHOWN)
    await cloud.update(sign_in, APPLICATION, flexible(audience="api://other"))
    assert await cloud.credentials(sign_in, APPLICATION) == (*before, replace(SHOWN, audiences=("api://other",)))
    await cloud.delete(sign_in, APPLICATION, "mif-flexible")
    assert await cloud.credentials(sign_in, APPLICATION) == before
    verbs = ["create", "list", "update", "list", "delete", "list"]
    assert asked(world) == [("beta", verb) for verb in verbs]


async def test_a_new_credential_is_shown_as_it_was_written(world: Connected) -> None:
    await world.cloud.create(world.sign_in, APPLICATION, flexible())
    assert flexible().written in await world.cloud.credentials(world.sign_in, APPLICATION)
    made = world.azure.world.application(READER_OBJECT).credential("mif-flexible")
    assert made is not None
    assert (made.subject, made.expression, made.description) == (None, BRANCHES, "For tests.")


async def test_ordinary_credentials_are_written_to_v1_also_beside_flexible_ones(world: Connected) -> None:
    cloud, sign_in = world.cloud, world.sign_in
    await cloud.credentials(sign_in, APPLICATION)
    world.azure.log.clear()
    await cloud.create(sign_in, APPLICATION, new_credential())
    await cloud.update(sign_in, APPLICATION, new_credential(audience="api://other"))
    await cloud.delete(sign_in, APPLICATION, "mif-web")
    assert asked(world) == [("v1.0", verb) for verb in ("create", "update", "delete")]


async def test_what_v1_hides_is_listed_at_beta_and_from_then_on_only_there(world: Connected) -> None:
    for _ in range(3):
        listed = await world.cloud.credentials(world.sign_in, APPLICATION)
        assert ObservedCredential("theirs", GITHUB, None, (AUDIENCE,), THEIRS) in listed
    assert asked(world) == [("v1.0", "list"), ("beta", "list"), ("beta", "list"), ("beta", "list")]


async def test_an_application_without_flexible_credentials_is_listed_at_v1_again(world: Connected) -> None:
    await world.cloud.credentials(world.sign_in, APPLICATION)
    world.azure.world.application(READER_OBJECT).remove("theirs")
    await world.cloud.credentials(world.sign_in, APPLICATION)
    world.azure.log.clear()
    await world.cloud.credentials(world.sign_in, APPLICATION)
    assert asked(world) == [("v1.0", "list")]


async def test_what_v1_hides_is_found_also_when_several_lists_share_a_request(world: Connected) -> None:
    """Of a shared answer no part can break off: its error is all that comes of the part."""
    others = [
        world.azure.world.create_application(f"other-{n}", tenant_id=HOME_TENANT, owners=[OPERATOR_PRINCIPAL])
        for n in range(2)
    ]
    parents = [APPLICATION, *(Parent(ParentKind.APPLICATION, HOME_TENANT, other.object_id) for other in others)]
    first, *rest = await asyncio.gather(*(world.cloud.credentials(world.sign_in, parent) for parent in parents))
    assert ObservedCredential("theirs", GITHUB, None, (AUDIENCE,), THEIRS) in first
    assert rest == [(), ()]
    assert [record.path for record in world.requests() if "$batch" in record.path] == ["/v1.0/$batch"]


async def test_a_list_is_whole_over_many_pages(start_azure: StartAzure, operator_token: Path) -> None:
    for variant in FlexibleOnV1:
        azure = await start_azure(variants=Variants(page=3, flexible_on_v1=variant))
        holder = azure.world.application(READER_OBJECT)
        for number in range(10):
            holder.add_foreign_credential(name=f"plain-{number}", issuer=GITHUB, subject=f"s-{number}")
        holder.add_foreign_credential(name="last", issuer=GITHUB, expression=THEIRS)
        async with connected(azure, operator_token) as world:
            listed = await world.cloud.credentials(world.sign_in, APPLICATION)
        assert [c.name for c in listed] == [c.name for c in holder.credentials]
        assert listed[-1].expression == THEIRS


async def test_a_name_that_is_there_is_never_replaced(world: Connected) -> None:
    with pytest.raises(AlreadyThere):
        await world.cloud.create(world.sign_in, APPLICATION, flexible(name="theirs"))
    theirs = world.azure.world.application(READER_OBJECT).credential("theirs")
    assert theirs is not None
    assert theirs.expression == THEIRS


async def test_an_update_and_a_deletion_of_nothing_say_so(world: Connected) -> None:
    with pytest.raises(NotFound):
        await world.cloud.update(world.sign_in, APPLICATION, flexible())
    with pytest.raises(NotFound):
        await world.cloud.delete(world.sign_in, APPLICATION, "mif-flexible")


async def test_claims_that_entra_does_not_take_are_refused_for_good_and_named(world: Connected) -> None:
    """What every source of the schema rules out can still come: Entra may change its mind while this is in preview."""
    with pytest.raises(AzureProblem) as raised:
        await world.cloud.create(world.sign_in, APPLICATION, flexible("claims['sub'] eq 'x'"))
    problem = raised.value.problem
    assert (problem.kind, problem.reason) == (ProblemKind.TERMINAL, Reason.VALUE_REFUSED)
    assert "Entra wants other claims of this issuer to be matched" in problem.message
    assert "either lacks all required claims or contains unallowed claims" in problem.message


async def test_an_expression_that_entra_cannot_read_is_refused_for_good(world: Connected) -> None:
    with pytest.raises(AzureProblem) as raised:
        await world.cloud.create(world.sign_in, APPLICATION, flexible("claims['sub'] or 'x'"))
    assert raised.value.problem.reason is Reason.VALUE_REFUSED


async def test_beta_that_is_not_available_is_no_empty_list(world: Connected) -> None:
    """Half a list would count as the others being gone."""
    world.azure.faults.add(Fault((ServiceName.GRAPH,), path_regex="^/beta/", status=503))
    with pytest.raises(AzureProblem) as raised:
        await world.cloud.credentials(world.sign_in, APPLICATION)
    assert raised.value.problem.reason is Reason.AZURE_UNAVAILABLE


async def test_a_flexible_credential_on_an_identity_is_listed_without_its_expression(world: Connected) -> None:
    world.azure.world.identity("web").add_foreign_credential(name="theirs", issuer=GITHUB, expression=THEIRS)
    listed = await world.cloud.credentials(world.sign_in, IDENTITY)
    assert listed == (ObservedCredential("theirs", GITHUB, None, (AUDIENCE,)),)
    assert listed[0].pair is None
    assert WEB_IDENTITY.rpartition("/")[2] in world.requests(ServiceName.ARM)[0].path
