"""Reads of Graph that are ready at the same moment share a request, and are answered as if each had been sent alone."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from azure_callers import MEANWHILE, until
from cloud_world import ISSUER, THE_APPLICATION, Connected, connected, new_credential
from entrafed.api.federation import ApplicationTarget, Target
from entrafed.api.reasons import Reason
from entrafed.azure import CallTiming
from entrafed.domain.credentials import ObservedCredential, Parent, ParentKind
from entrafed.domain.errors import AzureProblem, NotFound, ProblemKind
from entrafed_lab.azure import Delays, Fault, ServiceName, SimulatedAzure
from entrafed_lab.azure.seed import HOME_TENANT, OPERATOR_APP
from lab_fixtures import StartAzure

GRAPH = (ServiceName.GRAPH,)
Result = tuple[ObservedCredential, ...] | BaseException


def application(world: Connected, name: str) -> Parent:
    """An application of the operator, with one credential whose subject is the application's own object id."""
    principal = world.azure.world.service_principal(HOME_TENANT, OPERATOR_APP)
    assert principal is not None
    owners = (principal.object_id,)
    app = world.azure.world.create_application(name, tenant_id=HOME_TENANT, owners=owners, unique_name=name)
    app.add_foreign_credential(name="own", issuer=ISSUER, subject=app.object_id)
    return Parent(ParentKind.APPLICATION, HOME_TENANT, app.object_id)


def applications(world: Connected, count: int) -> list[Parent]:
    return [application(world, f"app-{number}") for number in range(count)]


async def lists(world: Connected, parents: Sequence[Parent]) -> list[Result]:
    """What each gets who lists its own application, all at the same moment."""
    await world.cloud.own_identity(world.sign_in)  # the token is there
    world.azure.log.clear()
    asked = (world.cloud.credentials(world.sign_in, parent) for parent in parents)
    return await asyncio.gather(*asked, return_exceptions=True)


def is_right(parent: Parent, result: Result) -> bool:
    return isinstance(result, tuple) and [one.subject for one in result] == [parent.id]


def problem_of(result: Result) -> AzureProblem:
    assert isinstance(result, AzureProblem)
    return result


@pytest.mark.parametrize(("reads", "batches"), [(1, 0), (2, 1), (20, 1), (21, 1), (40, 2), (100, 5)])
async def test_as_many_reads_as_fit_share_a_request_and_each_has_its_own_answer(
    world: Connected, reads: int, batches: int
) -> None:
    parents = applications(world, reads)
    results = await lists(world, parents)
    assert all(is_right(parent, result) for parent, result in zip(parents, results, strict=True))
    seen = Counter(record.operation for record in world.requests())
    assert seen == Counter({"credentials.list": reads, "batch": batches})


async def test_one_read_after_the_other_is_sent_alone(world: Connected) -> None:
    for parent in applications(world, 3):
        await world.cloud.credentials(world.sign_in, parent)
    assert "batch" not in {record.operation for record in world.requests()}


async def test_reads_of_every_kind_share_a_request(world: Connected) -> None:
    (parent,) = applications(world, 1)
    await world.cloud.own_identity(world.sign_in)
    world.azure.log.clear()
    found = await asyncio.gather(
        world.cloud.target(world.sign_in, THE_APPLICATION),
        world.cloud.own_identity(world.sign_in),
        world.cloud.credentials(world.sign_in, parent),
    )
    assert found[0].client_id == THE_APPLICATION.application.client_id  # type: ignore[union-attr]
    assert found[1].client_id == OPERATOR_APP
    assert is_right(parent, found[2])
    assert len(world.azure.log.named("batch")) == 1
    assert len(world.requests()) == 4


async def test_writes_are_never_batched(world: Connected) -> None:
    parents = applications(world, 5)
    await asyncio.gather(*(world.cloud.create(world.sign_in, parent, new_credential()) for parent in parents))
    assert {record.operation for record in world.requests()} == {"credentials.create"}


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "answered"),
    [
        (Fault(status=404, code="Request_ResourceNotFound"), ProblemKind.WAITING, Reason.TARGET_NOT_FOUND, True),
        (Fault(status=403, code="Authorization_RequestDenied"), ProblemKind.FORBIDDEN, Reason.ACCESS_DENIED, True),
        (Fault(status=424, code="FailedDependency"), ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, True),
        (Fault(status=503), ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, False),
        (Fault(refuse=True), ProblemKind.TRANSIENT, Reason.AZURE_UNAVAILABLE, False),
        (Fault(status=418, code="Teapot"), ProblemKind.TRANSIENT, Reason.AZURE_ERROR, True),
        (
            Fault(status=200, body='"?"', content_type="application/json"),
            ProblemKind.TRANSIENT,
            Reason.UNEXPECTED_ANSWER,
            False,
        ),
    ],
    ids=["404", "403", "424", "503", "dropped", "418", "no object"],
)
async def test_what_is_wrong_with_one_is_told_as_if_it_had_been_alone_and_concerns_no_other(
    world: Connected, fault: Fault, kind: ProblemKind, reason: Reason, answered: bool
) -> None:
    parents = applications(world, 4)
    broken = parents[2]
    struck = replace(fault, services=GRAPH, path_regex=broken.id)
    handle = world.azure.faults.add(struck)
    results = await lists(world, parents)
    raised = problem_of(results[2])
    assert (raised.problem.kind, raised.problem.reason, raised.answered) == (kind, reason, answered)
    assert [is_right(parent, result) for parent, result in zip(parents, results, strict=True)] == [1, 1, 0, 1]
    if not fault.refuse:  # a batch cannot drop one member's connection
        alone = problem_of((await lists(world, [broken]))[0])
        assert alone.problem == raised.problem
        assert isinstance(alone, NotFound) == isinstance(raised, NotFound)
    handle.remove()
    assert all(is_right(*pair) for pair in zip(parents, await lists(world, parents), strict=True))


async def test_a_retry_after_of_one_holds_all_who_share_the_budget(world: Connected) -> None:
    parents = applications(world, 3)
    fault = Fault(GRAPH, path_regex=parents[1].id, status=429, code="TooManyRequests", retry_after=0.5, times=1)
    world.azure.faults.add(fault)
    results = await lists(world, parents)
    raised = problem_of(results[1])
    assert (raised.problem.reason, raised.problem.after) == (Reason.THROTTLED, 0.5)
    assert is_right(parents[0], results[0])
    (throttled,) = (record for record in world.requests() if record.status == 429)
    await lists(world, parents)
    assert min(record.started for record in world.requests()) - throttled.finished > 0.4


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(status=503), Reason.AZURE_UNAVAILABLE),
        (Fault(refuse=True), Reason.AZURE_UNAVAILABLE),
        (Fault(hang=True), Reason.AZURE_UNAVAILABLE),
        (Fault(status=401, code="InvalidAuthenticationToken"), Reason.SIGN_IN_FAILED),
        (Fault(status=429, code="TooManyRequests"), Reason.THROTTLED),
        (Fault(status=200, body="<html>"), Reason.UNEXPECTED_ANSWER),
        (Fault(status=200, body="[]", content_type="application/json"), Reason.UNEXPECTED_ANSWER),
        (Fault(status=200, body='{"responses": []}', content_type="application/json"), Reason.UNEXPECTED_ANSWER),
        (Fault(status=404, code="Request_ResourceNotFound"), Reason.UNEXPECTED_ANSWER),
        (Fault(status=403, code="Authorization_RequestDenied"), Reason.UNEXPECTED_ANSWER),
        (Fault(status=400, code="BadRequest"), Reason.UNEXPECTED_ANSWER),
        (Fault(status=302), Reason.UNEXPECTED_ANSWER),
    ],
    ids=["503", "dropped", "hangs", "401", "429", "page", "list", "nothing in it", "404", "403", "400", "redirect"],
)
async def test_what_is_wrong_with_the_request_as_a_whole_says_nothing_of_what_was_read(
    simulated_azure: SimulatedAzure, operator_token: Path, fault: Fault, reason: Reason
) -> None:
    """Above all it never means that an application is gone, or that somebody must act."""
    impatient = CallTiming(request_timeout=1.0)
    async with connected(simulated_azure, operator_token, timing=impatient) as world:
        parents = applications(world, 3)
        struck = replace(fault, services=GRAPH, path_regex=r"\$batch")
        handle = world.azure.faults.add(struck)
        raised = [problem_of(result) for result in await lists(world, parents)]
        assert {one.problem.reason for one in raised} == {reason}
        assert {one.problem.kind for one in raised} <= {ProblemKind.TRANSIENT, ProblemKind.THROTTLED}
        assert not any(isinstance(one, NotFound) for one in raised)
        assert {parent.id in one.problem.message for parent, one in zip(parents, raised, strict=True)} == {True}
        handle.remove()
        assert all(is_right(*pair) for pair in zip(parents, await lists(world, parents), strict=True))


@pytest.mark.parametrize("status", [400, 403, 404, 405, 413])
async def test_where_no_batches_are_taken_reads_are_sent_one_by_one_from_then_on(world: Connected, status: int) -> None:
    """A proxy may let through what it knows only."""
    parents = applications(world, 5)
    handle = world.azure.faults.add(Fault(GRAPH, path_regex=r"\$batch", status=status, code="Forbidden"))
    assert all(isinstance(result, AzureProblem) for result in await lists(world, parents))
    assert all(is_right(*pair) for pair in zip(parents, await lists(world, parents), strict=True))
    assert handle.hits == 1


async def test_one_who_is_cancelled_takes_nobody_with_him(start_azure: StartAzure, operator_token: Path) -> None:
    azure = await start_azure(delays=Delays.none())
    async with connected(azure, operator_token) as world:
        parents = applications(world, 4)
        await world.cloud.own_identity(world.sign_in)
        slow = azure.faults.add(Fault(GRAPH, path_regex=r"\$batch", latency=MEANWHILE))
        calls = [asyncio.ensure_future(world.cloud.credentials(world.sign_in, parent)) for parent in parents]
        await until(lambda: slow.hits)
        calls[1].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert [is_right(*pair) for pair in zip(parents, results, strict=True)] == [1, 0, 1, 1]
        assert isinstance(results[1], asyncio.CancelledError)


async def test_reads_go_on_when_no_write_may_start_any_more(world: Connected) -> None:
    """A batch is a POST, and yet no write."""
    parents = applications(world, 2)
    world.gate.is_open = False
    assert all(is_right(*pair) for pair in zip(parents, await lists(world, parents), strict=True))


@pytest.mark.parametrize("name", ["it's a & b", "a?b#c", "100%", "ü/ö", "a+b"])
async def test_a_name_comes_through_a_batch_as_it_is(world: Connected, name: str) -> None:
    parent = application(world, name)
    by_name = Target(application=ApplicationTarget(unique_name=name))
    alone = await world.cloud.target(world.sign_in, by_name)
    found, _ = await asyncio.gather(
        world.cloud.target(world.sign_in, by_name), world.cloud.target(world.sign_in, THE_APPLICATION)
    )
    assert found.object_id == alone.object_id == parent.id
    assert world.azure.log.named("batch")
