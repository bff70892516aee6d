"""Nothing is true everywhere at once: nodes of the token endpoint that have not heard yet, and those that remember."""

from collections.abc import Awaitable, Callable

import pytest
import pytest_asyncio

from azure_callers import MovableClock, only
from entrafed_lab.azure import SimulatedAzure
from lab_fixtures import CLUSTER_ISSUER, StartAzure
from sign_in_world import WEB, denial, sign_in, trust, workload

ATTEMPTS = 12  # enough that one of two nodes, chosen by a seeded chance, is never the only one asked


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest_asyncio.fixture
async def slow(start_azure: StartAzure, clock: MovableClock) -> SimulatedAzure:
    """A token endpoint of which one node is 10 seconds behind, the other 20."""
    return await start_azure(clock=clock, delays=only(propagation=20))


@pytest_asyncio.fixture
async def forgetful(start_azure: StartAzure, clock: MovableClock) -> SimulatedAzure:
    """A token endpoint that repeats for 10 seconds that it found nothing."""
    return await start_azure(clock=clock, delays=only(negative_cache=10))


async def outcomes(attempt: Callable[[], Awaitable[object]]) -> list[object]:
    return [await attempt() for _ in range(ATTEMPTS)]


async def code(azure: SimulatedAzure) -> int:
    return (await denial(workload(azure))).code


async def worked(azure: SimulatedAzure) -> bool:
    try:
        await sign_in(workload(azure))
    except Exception:
        return False
    return True


async def test_a_new_credential_is_unknown_to_the_token_endpoint_at_first(slow: SimulatedAzure) -> None:
    trust(slow)
    assert set(await outcomes(lambda: code(slow))) == {700211}


async def test_then_some_nodes_know_it_so_that_success_is_no_proof(slow: SimulatedAzure, clock: MovableClock) -> None:
    trust(slow)
    clock.forward(15)
    assert set(await outcomes(lambda: worked(slow))) == {True, False}


async def test_at_last_all_nodes_know_it(slow: SimulatedAzure, clock: MovableClock) -> None:
    trust(slow)
    clock.forward(20)
    assert set(await outcomes(lambda: worked(slow))) == {True}


async def test_a_removed_credential_still_works_for_a_while(slow: SimulatedAzure, clock: MovableClock) -> None:
    trust(slow)
    clock.forward(60)
    slow.world.application("storage-reader").remove("trusted")
    assert set(await outcomes(lambda: worked(slow))) == {True}
    clock.forward(20)
    assert set(await outcomes(lambda: worked(slow))) == {False}


async def test_delays_can_change_while_it_runs(slow: SimulatedAzure) -> None:
    trust(slow)
    slow.world.delays = only()
    assert await worked(slow)


async def test_a_node_that_found_nothing_says_so_again_for_a_while(
    forgetful: SimulatedAzure, clock: MovableClock
) -> None:
    assert await code(forgetful) == 700211
    trust(forgetful)
    clock.forward(9)
    assert await code(forgetful) == 700211
    clock.forward(2)
    assert await worked(forgetful)


async def test_what_was_not_asked_before_is_found_at_once(forgetful: SimulatedAzure) -> None:
    assert await code(forgetful) == 700211
    trust(forgetful, subject=f"{WEB}-2")
    assert await sign_in(workload(forgetful, subject=f"{WEB}-2"))


async def test_an_expired_assertion_is_not_remembered(forgetful: SimulatedAzure) -> None:
    trust(forgetful)
    assert (await denial(workload(forgetful, issuer=CLUSTER_ISSUER, lifetime=-400))).code == 700024
    assert await worked(forgetful)
