"""Replicas that disagree, and writers who meet."""

import asyncio
from collections.abc import Callable

import pytest
from msgraph.generated.models.federated_identity_credential import FederatedIdentityCredential
from msgraph.generated.models.o_data_errors.o_data_error import ODataError

from azure_callers import MEANWHILE, MovableClock, only, until
from entrafed_lab.azure import SimulatedAzure, Variants
from entrafed_lab.azure.seed import BILLING_OBJECT, HOME_TENANT, OPERATOR_PRINCIPAL, READER_OBJECT
from entrafed_lab.azure.variants import ConcurrentWrites
from graph_world import WRITE_ALL, Builder, credential, credentials_of, graph_as, names, refused
from lab_fixtures import StartAzure

SEEDED = "terraform-production"
LAG = 5.0
READS = 16  # one of two replicas each: all of them the same once in 65,536 seeds


async def looks(read: Callable[[], object]) -> set[str]:
    """What several reads in a row say."""
    found = set()
    for _ in range(READS):
        try:
            found.add(repr(await read()))  # type: ignore[misc]
        except ODataError as error:
            found.add(str(error.response_status_code))
    return found


async def lagging(start_azure: StartAzure) -> tuple[SimulatedAzure, MovableClock]:
    clock = MovableClock()
    return await start_azure(clock=clock, delays=only(replica_lag=LAG)), clock


async def test_a_new_credential_is_on_one_replica_first(start_azure: StartAzure) -> None:
    azure, clock = await lagging(start_azure)
    credentials = credentials_of(graph_as(azure))
    await credentials.post(credential("deploy"))
    clock.forward(LAG / 2)
    assert await looks(lambda: names(credentials)) == {f"['{SEEDED}']", f"['{SEEDED}', 'deploy']"}
    one = credentials.by_federated_identity_credential_id("deploy")
    assert "404" in await looks(one.get)
    clock.forward(LAG)
    assert await looks(lambda: names(credentials)) == {f"['{SEEDED}', 'deploy']"}
    assert "404" not in await looks(one.get)


async def test_a_deleted_credential_lives_on_on_the_other_replica(start_azure: StartAzure) -> None:
    azure, clock = await lagging(start_azure)
    credentials = credentials_of(graph_as(azure))
    await credentials.by_federated_identity_credential_id(SEEDED).delete()
    assert await looks(lambda: names(credentials)) == {"[]", f"['{SEEDED}']"}
    clock.forward(LAG)
    assert await looks(lambda: names(credentials)) == {"[]"}


async def test_a_changed_credential_is_seen_old_and_new(start_azure: StartAzure) -> None:
    azure, clock = await lagging(start_azure)
    one = credentials_of(graph_as(azure)).by_federated_identity_credential_id(SEEDED)
    await one.patch(FederatedIdentityCredential(subject="new"))

    async def subject() -> str | None:
        found = await one.get()
        return found.subject if found else None

    assert len(await looks(subject)) == 2
    clock.forward(LAG)
    assert await looks(subject) == {"'new'"}


async def test_a_new_application_is_on_one_replica_first(start_azure: StartAzure) -> None:
    azure, clock = await lagging(start_azure)
    made = azure.world.create_application("fresh", tenant_id=HOME_TENANT, owners=[OPERATOR_PRINCIPAL])
    credentials = credentials_of(graph_as(azure), made.object_id)
    assert await looks(lambda: names(credentials)) == {"404", "[]"}
    clock.forward(LAG)
    assert await looks(lambda: names(credentials)) == {"[]"}


async def both_written(
    start_azure: StartAzure, variant: ConcurrentWrites
) -> tuple[Builder, list[BaseException | None]]:
    """Two credentials posted to one application at the same time: what is there, and what was said to the second."""
    delays = only(operation=MEANWHILE)
    azure = await start_azure(variants=Variants(concurrent_writes=variant), delays=delays)
    credentials = credentials_of(graph_as(azure))
    await names(credentials)  # connected
    answers = await asyncio.gather(
        credentials.post(credential("one")), credentials.post(credential("two")), return_exceptions=True
    )
    return credentials, [answer if isinstance(answer, BaseException) else None for answer in answers]


@pytest.mark.parametrize(("variant", "status"), [(ConcurrentWrites.CONFLICT, 409), (ConcurrentWrites.UNAVAILABLE, 503)])
async def test_overlapping_writes_to_one_application_may_be_refused(
    start_azure: StartAzure, variant: ConcurrentWrites, status: int
) -> None:
    credentials, answers = await both_written(start_azure, variant)
    (error,) = [answer for answer in answers if answer is not None]
    assert isinstance(error, ODataError)
    assert error.error is not None
    assert (error.response_status_code, error.error.code) == (status, "Directory_ConcurrencyViolation")
    assert len(await names(credentials)) == 2


async def test_overlapping_writes_to_one_application_may_both_succeed_and_one_be_lost(start_azure: StartAzure) -> None:
    credentials, answers = await both_written(start_azure, ConcurrentWrites.LOST)
    assert answers == [None, None]
    assert len(await names(credentials)) == 2


async def test_overlapping_writes_to_one_application_may_both_last(start_azure: StartAzure) -> None:
    credentials, answers = await both_written(start_azure, ConcurrentWrites.SERIALIZED)
    assert answers == [None, None]
    assert len(await names(credentials)) == 3


async def test_a_deletion_is_a_write_too(start_azure: StartAzure) -> None:
    azure = await start_azure(delays=only(operation=MEANWHILE))
    credentials = credentials_of(graph_as(azure))
    first = asyncio.create_task(credentials.by_federated_identity_credential_id(SEEDED).delete())
    await until(lambda: azure.world.application(READER_OBJECT).writes_in_flight)
    with refused(409, "Directory_ConcurrencyViolation"):
        await credentials.post(credential("deploy"))
    await first


async def test_two_applications_are_written_to_at_the_same_time(start_azure: StartAzure) -> None:
    graph = graph_as(await start_azure(delays=only(operation=0.05)), WRITE_ALL)
    await asyncio.gather(
        credentials_of(graph).post(credential()), credentials_of(graph, BILLING_OBJECT).post(credential())
    )
