"""Azure, or what stands between, is not well: what the engine is told, that one call stays one request, and that all is
well again by itself."""

import asyncio
import base64
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from cloud_world import APPLICATION, IDENTITY, PARENTS, Connected, connected, new_credential
from entrafed.api.reasons import Reason
from entrafed.azure import BudgetSettings, CallTiming
from entrafed.domain.credentials import Parent
from entrafed.domain.errors import AzureProblem, NotFound, ProblemKind, WritesStopped
from entrafed_lab.azure import Fault, ServiceName, SimulatedAzure, Variants
from entrafed_lab.azure.exchange import Call
from lab_fixtures import StartAzure

SERVICES = {APPLICATION: ServiceName.GRAPH, IDENTITY: ServiceName.ARM}
HTML = "<html><body>502 Bad Gateway</body></html>"
IMPATIENT = CallTiming(request_timeout=1.0)

each_parent = pytest.mark.parametrize("parent", PARENTS, ids=lambda parent: parent.kind.name.lower())


async def problem_of(call: Awaitable[object]) -> AzureProblem:
    """How a call fails."""
    with pytest.raises(AzureProblem) as raised:
        await call
    return raised.value


async def listing(world: Connected, parent: Parent) -> None:
    await world.cloud.credentials(world.sign_in, parent)


async def creating(world: Connected, parent: Parent) -> None:
    await world.cloud.create(world.sign_in, parent, new_credential())


async def updating(world: Connected, parent: Parent) -> None:
    await world.cloud.update(world.sign_in, parent, new_credential("mif-there", subject="another"))


async def deleting(world: Connected, parent: Parent) -> None:
    await world.cloud.delete(world.sign_in, parent, "mif-there")


WRITES = (creating, updating, deleting)
Doing = Callable[[Connected, Parent], Awaitable[None]]
each_write = pytest.mark.parametrize("write", WRITES, ids=lambda write: write.__name__)


async def warmed_up(world: Connected, parent: Parent) -> None:
    """Signed in, connected, the credentials seen, one of ours among them, and the request log empty."""
    world.azure.world.holder(parent.id).add_foreign_credential(name="mif-there", issuer="https://i", subject="there")
    await listing(world, parent)
    world.azure.log.clear()


# No answer


@each_parent
async def test_a_service_that_is_down_is_unavailable_and_comes_back(world: Connected, parent: Parent) -> None:
    await warmed_up(world, parent)
    await world.azure.stop(SERVICES[parent])
    raised = await problem_of(listing(world, parent))
    assert raised.problem.kind is ProblemKind.TRANSIENT
    assert raised.problem.reason is Reason.AZURE_UNAVAILABLE
    assert raised.problem.message.endswith("did not answer (no connection); it is tried again")
    await world.azure.resume(SERVICES[parent])
    await listing(world, parent)


@each_parent
@each_write
async def test_a_write_whose_answer_is_lost_is_sent_once_and_may_have_happened(
    world: Connected, parent: Parent, write: Doing
) -> None:
    await warmed_up(world, parent)  # over a connection that was used before, where aiohttp would send again by itself
    world.azure.faults.add(Fault(services=(SERVICES[parent],), lose_answer=True, times=1))
    raised = await problem_of(write(world, parent))
    assert raised.problem.reason is Reason.AZURE_UNAVAILABLE
    assert not raised.answered
    (record,) = world.requests()
    assert record.write
    assert not record.answered
    assert record.status in (200, 201, 204)


@each_parent
async def test_a_read_whose_answer_is_lost_is_sent_once(world: Connected, parent: Parent) -> None:
    await warmed_up(world, parent)
    world.azure.faults.add(Fault(services=(SERVICES[parent],), lose_answer=True, times=1))
    await problem_of(listing(world, parent))
    assert len(world.requests()) == 1
    await listing(world, parent)


async def test_after_a_lost_answer_an_identity_is_looked_at_again(world: Connected) -> None:
    await warmed_up(world, IDENTITY)
    world.azure.faults.add(Fault(services=(ServiceName.ARM,), methods=("PUT",), lose_answer=True, times=1))
    await problem_of(creating(world, IDENTITY))
    await world.cloud.create(world.sign_in, IDENTITY, new_credential("mif-b", subject="b"))
    operations = [record.operation for record in world.requests()]
    assert operations == ["credentials.put", "credentials.list", "credentials.put"]


async def test_a_write_whose_look_was_not_answered_surely_did_not_happen(world: Connected) -> None:
    world.azure.faults.add(Fault(services=(ServiceName.ARM,), methods=("GET",), lose_answer=True, times=1))
    raised = await problem_of(creating(world, IDENTITY))
    assert raised.problem.reason is Reason.AZURE_UNAVAILABLE
    assert raised.answered
    assert [record.operation for record in world.requests()] == ["credentials.list"]


@each_parent
@each_write
async def test_a_hang_ends_in_the_request_timeout(
    simulated_azure: SimulatedAzure, operator_token: Path, parent: Parent, write: Doing
) -> None:
    async with connected(simulated_azure, operator_token, timing=IMPATIENT) as world:
        await warmed_up(world, parent)
        simulated_azure.faults.add(Fault(services=(SERVICES[parent],), hang=True))
        async with asyncio.timeout(60):
            raised = await problem_of(write(world, parent))
        simulated_azure.faults.clear()
        assert raised.problem.reason is Reason.AZURE_UNAVAILABLE
        assert "(not within the time limit)" in raised.problem.message
        assert not raised.answered
        assert world.seen[-1][2] == "timeout"
        await listing(world, parent)


async def test_a_service_that_hangs_keeps_nobody_from_the_other(
    simulated_azure: SimulatedAzure, operator_token: Path
) -> None:
    few = BudgetSettings(rate_scale=1000.0, slots=3)
    async with connected(simulated_azure, operator_token, budgets=few) as world:
        await warmed_up(world, APPLICATION)
        await warmed_up(world, IDENTITY)
        simulated_azure.faults.add(Fault(services=(ServiceName.GRAPH,), hang=True))
        stuck = [asyncio.ensure_future(listing(world, APPLICATION)) for _ in range(20)]
        await asyncio.sleep(0.1)
        async with asyncio.timeout(15):
            await listing(world, IDENTITY)
        for call in stuck:
            call.cancel()
        await asyncio.gather(*stuck, return_exceptions=True)


async def test_hundreds_of_cancelled_calls_leave_nothing_behind(
    simulated_azure: SimulatedAzure, operator_token: Path
) -> None:
    few = BudgetSettings(rate_scale=1_000_000.0, slots=5)
    async with connected(simulated_azure, operator_token, budgets=few) as world:
        slow = simulated_azure.faults.add(Fault(latency=0.05))
        for _ in range(15):
            calls = [asyncio.ensure_future(listing(world, parent)) for parent in PARENTS * 10]
            await asyncio.sleep(0.03)
            for call in calls:
                call.cancel()
            await asyncio.gather(*calls, return_exceptions=True)
        slow.remove()
        async with asyncio.timeout(60):
            await asyncio.gather(*(listing(world, parent) for parent in PARENTS * 10))


async def test_a_certificate_that_nobody_vouches_for_is_named(
    simulated_azure: SimulatedAzure, operator_token: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.pem"
    trustme.CA().cert_pem.write_to_path(other)
    async with connected(simulated_azure, operator_token, ca_file=other) as world:
        raised = await problem_of(listing(world, APPLICATION))
    assert raised.problem.reason is Reason.AZURE_UNAVAILABLE
    assert "Entra did not answer (its TLS certificate or protocol is not accepted)" in raised.problem.message


@each_parent
async def test_a_name_that_cannot_be_resolved_is_named(world: Connected, parent: Parent) -> None:
    nowhere = replace(world.sign_in, graph="https://graph.invalid", arm="https://arm.invalid")
    raised = await problem_of(world.cloud.credentials(nowhere, parent))
    assert raised.problem.reason is Reason.AZURE_UNAVAILABLE
    assert "did not answer (its name cannot be resolved)" in raised.problem.message


# Bad answers


@each_parent
@each_write
@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
@pytest.mark.parametrize("body", [HTML, None], ids=["html", "json"])
async def test_an_error_of_the_service_is_one_request_that_may_have_happened(
    world: Connected, parent: Parent, write: Doing, status: int, body: str | None
) -> None:
    await warmed_up(world, parent)
    fault = Fault(services=(SERVICES[parent],), status=status, body=body, retry_after=0.25)
    world.azure.faults.add(fault)
    raised = await problem_of(write(world, parent))
    assert raised.problem.kind is ProblemKind.TRANSIENT
    assert raised.problem.reason is Reason.AZURE_UNAVAILABLE
    assert raised.problem.after == 0.25
    assert not raised.answered
    assert len(world.requests()) == 1


@each_parent
@pytest.mark.parametrize("doing", [listing, *WRITES], ids=lambda doing: doing.__name__)
async def test_a_web_page_with_status_200_is_not_taken_for_success(
    world: Connected, parent: Parent, doing: Doing
) -> None:
    await warmed_up(world, parent)
    world.azure.faults.add(Fault(services=(SERVICES[parent],), status=200, body="<html>Please log in</html>"))
    raised = await problem_of(doing(world, parent))
    assert raised.problem.reason is Reason.UNEXPECTED_ANSWER
    assert "it is not JSON" in raised.problem.message
    assert not raised.answered
    assert len(world.requests()) == 1


@each_parent
@pytest.mark.parametrize("body", ["", "[]", "{}", '{"value": 7}', '{"value": [{}]}', '{"value": [', "null"])
async def test_a_list_that_is_none_is_not_taken_for_an_empty_one(world: Connected, parent: Parent, body: str) -> None:
    world.azure.faults.add(Fault(services=(SERVICES[parent],), status=200, body=body, content_type="application/json"))
    raised = await problem_of(listing(world, parent))
    assert raised.problem.reason is Reason.UNEXPECTED_ANSWER


@each_parent
async def test_a_404_of_a_proxy_does_not_prove_that_anything_is_gone(world: Connected, parent: Parent) -> None:
    world.azure.faults.add(Fault(services=(SERVICES[parent],), status=404, body="<html>Not found</html>"))
    for doing in (listing, deleting):
        raised = await problem_of(doing(world, parent))
        assert not isinstance(raised, NotFound)
        assert raised.problem.reason is Reason.UNEXPECTED_ANSWER


@each_parent
@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_never_followed(world: Connected, parent: Parent, status: int) -> None:
    await warmed_up(world, parent)
    elsewhere = f"{world.azure.url(ServiceName.BLOB)}/elsewhere"
    world.azure.faults.add(Fault(services=(SERVICES[parent],), status=status, body="", headers={"Location": elsewhere}))
    raised = await problem_of(creating(world, parent))
    assert raised.problem.reason is Reason.UNEXPECTED_ANSWER
    assert [record.service for record in world.azure.log] == [SERVICES[parent]]


@each_parent
async def test_a_claims_challenge_is_one_request_and_the_next_call_signs_in_again(
    world: Connected, parent: Parent
) -> None:
    await warmed_up(world, parent)
    claims = base64.b64encode(b'{"access_token":{"nbf":{"essential":true,"value":"1"}}}').decode()
    challenge = f'Bearer realm="", error="insufficient_claims", claims="{claims}"'
    fault = Fault(
        services=(SERVICES[parent],),
        status=401,
        code="InvalidAuthenticationToken",
        headers={"WWW-Authenticate": challenge},
        times=1,
    )
    world.azure.faults.add(fault)
    raised = await problem_of(creating(world, parent))
    assert raised.problem.kind is ProblemKind.TRANSIENT
    assert raised.problem.reason is Reason.SIGN_IN_FAILED
    assert raised.answered
    assert [record.service for record in world.azure.log] == [SERVICES[parent]]
    await listing(world, parent)
    assert [record.operation for record in world.azure.log][1:] == ["token", "credentials.list"]


@each_parent
async def test_a_token_that_azure_does_not_take_any_more_is_replaced(world: Connected, parent: Parent) -> None:
    await warmed_up(world, parent)
    refusing = world.azure.faults.add(
        Fault(services=(SERVICES[parent],), status=401, code="ExpiredAuthenticationToken")
    )
    results = await asyncio.gather(*(listing(world, parent) for _ in range(20)), return_exceptions=True)
    assert all(isinstance(result, AzureProblem) for result in results)
    refusing.remove()
    await asyncio.gather(*(listing(world, parent) for _ in range(20)))
    assert len(world.requests(ServiceName.LOGIN)) == 1


# Pages


@each_parent
async def test_every_page_of_a_list_is_read_by_one_request_each(
    start_azure: StartAzure, operator_token: Path, parent: Parent
) -> None:
    azure = await start_azure(variants=Variants(page=3))
    holder = azure.world.holder(parent.id)
    for number in range(20 - len(holder.credentials)):
        holder.add_foreign_credential(name=f"fic-{number}", issuer="https://i.example", subject=f"{number}")
    async with connected(azure, operator_token) as world:
        listed = await world.cloud.credentials(world.sign_in, parent)
        assert {item.name for item in listed} == {item.name for item in holder.credentials}
        assert len(listed) == 20
        assert len(world.requests()) == 7


@each_parent
async def test_a_next_page_on_another_host_never_gets_the_token(world: Connected, parent: Parent) -> None:
    heard: list[Call] = []
    elsewhere = f"{world.azure.url(ServiceName.BLOB)}/next"
    world.azure.faults.add(Fault(services=(ServiceName.BLOB,), status=200, body="{}"), notify=heard.append)
    page = f'{{"value": [], "nextLink": "{elsewhere}", "@odata.nextLink": "{elsewhere}"}}'
    world.azure.faults.add(Fault(services=(SERVICES[parent],), status=200, body=page, content_type="application/json"))
    raised = await problem_of(listing(world, parent))
    assert raised.problem.reason is Reason.UNEXPECTED_ANSWER
    assert "another host" in raised.problem.message
    assert not heard
    assert len(world.requests()) == 1


@each_parent
async def test_pages_that_never_end_do(world: Connected, parent: Parent) -> None:
    again = f"{world.azure.url(SERVICES[parent])}/v1.0/again?$skiptoken=x"
    page = f'{{"value": [], "nextLink": "{again}", "@odata.nextLink": "{again}"}}'
    world.azure.faults.add(Fault(services=(SERVICES[parent],), status=200, body=page, content_type="application/json"))
    raised = await problem_of(listing(world, parent))
    assert raised.problem.reason is Reason.UNEXPECTED_ANSWER
    assert "the pages do not end" in raised.problem.message
    assert len(world.requests()) == 10


# Signing in


SIGN_IN_FAULTS = {
    "html 503": (Fault(status=503, body=HTML), Reason.AZURE_UNAVAILABLE),
    "json 503": (Fault(status=503), Reason.AZURE_UNAVAILABLE),
    "html 500": (Fault(status=500, body=HTML), Reason.AZURE_UNAVAILABLE),
    "empty 502": (Fault(status=502, body=""), Reason.AZURE_UNAVAILABLE),
    "refused": (Fault(refuse=True), Reason.AZURE_UNAVAILABLE),
    "lost": (Fault(lose_answer=True), Reason.AZURE_UNAVAILABLE),
    "hang": (Fault(hang=True), Reason.AZURE_UNAVAILABLE),
    "html 200": (Fault(status=200, body=HTML), Reason.UNEXPECTED_ANSWER),
    "no token": (Fault(status=200, body="{}", content_type="application/json"), Reason.UNEXPECTED_ANSWER),
    "redirect": (Fault(status=302, headers={"Location": "/elsewhere"}), Reason.UNEXPECTED_ANSWER),
    "html 404": (Fault(status=404, body=HTML), Reason.UNEXPECTED_ANSWER),
    "no number": (Fault(status=400, code="invalid_request", message="Strange."), Reason.SIGN_IN_FAILED),
    "unknown number": (Fault(status=400, code="AADSTS123", message="Strange."), Reason.SIGN_IN_FAILED),
    "transient": (Fault(status=503, code="AADSTS90033", message="A transient error."), Reason.AZURE_UNAVAILABLE),
    "throttled": (Fault(status=429, retry_after=0.01), Reason.THROTTLED),
}


@pytest.mark.parametrize(("fault", "reason"), SIGN_IN_FAULTS.values(), ids=SIGN_IN_FAULTS)
async def test_a_write_whose_sign_in_failed_was_surely_not_sent_and_is_later(
    simulated_azure: SimulatedAzure, operator_token: Path, fault: Fault, reason: Reason
) -> None:
    async with connected(simulated_azure, operator_token, timing=IMPATIENT) as world:
        handle = simulated_azure.faults.add(replace(fault, services=(ServiceName.LOGIN,)))
        raised = await problem_of(creating(world, APPLICATION))
        handle.remove()
        assert raised.problem.reason is reason
        assert raised.problem.message.startswith("Cannot sign in to tenant ")
        assert raised.answered
        assert handle.hits == 1
        assert not world.requests()
        await creating(world, APPLICATION)


async def test_an_access_token_that_is_still_good_outlives_an_outage_of_the_token_endpoint(world: Connected) -> None:
    await warmed_up(world, APPLICATION)
    await world.azure.stop(ServiceName.LOGIN)
    await listing(world, APPLICATION)


async def test_a_token_file_that_kubelet_replaced_is_read_for_the_next_sign_in(
    world: Connected, simulated_azure: SimulatedAzure
) -> None:
    good = world.token_file.read_text()
    world.token_file.write_text("not.a.token")
    assert "AADSTS50027" in (await problem_of(listing(world, APPLICATION))).problem.message
    world.token_file.write_text(good)
    await listing(world, APPLICATION)


async def test_a_token_file_that_is_missing_is_a_sign_in_that_failed_without_a_request(world: Connected) -> None:
    world.token_file.unlink()
    raised = await problem_of(listing(world, APPLICATION))
    assert raised.problem.reason is Reason.SIGN_IN_FAILED
    assert str(world.token_file) in raised.problem.message
    assert len(world.azure.log) == 0


# Stopping


@each_parent
@each_write
async def test_no_write_is_sent_once_writes_are_stopped(world: Connected, parent: Parent, write: Doing) -> None:
    await warmed_up(world, parent)
    world.gate.is_open = False
    with pytest.raises(WritesStopped):
        await write(world, parent)
    assert not world.requests()
    await listing(world, parent)  # reads go on


@each_parent
@each_write
async def test_the_gate_is_asked_after_every_wait_right_before_the_write(
    simulated_azure: SimulatedAzure, operator_token: Path, parent: Parent, write: Doing
) -> None:
    async with connected(simulated_azure, operator_token) as world:
        simulated_azure.world.holder(parent.id).add_foreign_credential(
            name="mif-there", issuer="https://i", subject="x"
        )
        simulated_azure.faults.add(
            Fault(services=(ServiceName.LOGIN,)), notify=lambda _: setattr(world.gate, "is_open", False)
        )
        with pytest.raises(WritesStopped):
            await write(world, parent)  # which signs in, and at that moment the gate closes
        assert not [record for record in simulated_azure.log if record.write]
        assert world.gate.asked == 1
