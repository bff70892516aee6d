"""Limits of the identities' resource provider, and the token buckets of Resource Manager."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import pytest
import pytest_asyncio
from azure.core.exceptions import HttpResponseError
from azure.mgmt.msi.aio import ManagedServiceIdentityClient

from arm_world import GROUP, IDENTITIES, VERSION, CredentialsOf, arm_as, header, refused, send
from azure_callers import MovableClock
from entrafed_lab.azure import Rates, SimulatedAzure, default_seed
from entrafed_lab.azure.seed import (
    BILLING_APP,
    SUBSCRIPTION,
    WEB_IDENTITY,
    AccessSeed,
    ResourceGroupSeed,
    SubscriptionSeed,
)
from lab_fixtures import StartAzure

PROVIDER = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.ManagedIdentity?api-version=2016-02-01"

Request = Callable[[str], Awaitable[object]]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest_asyncio.fixture
async def limited(start_azure: StartAzure, clock: MovableClock) -> SimulatedAzure:
    """With the published limits, and identities enough to reach those of the subscription."""
    azure = await start_azure(rates=Rates(), clock=clock)
    for number in range(20):
        azure.world.create_identity(f"{IDENTITIES}/id-{number}")
    return azure


@pytest_asyncio.fixture
async def arm(limited: SimulatedAzure) -> AsyncIterator[ManagedServiceIdentityClient]:
    async with arm_as(limited) as client:
        yield client


def requests(arm: ManagedServiceIdentityClient) -> dict[str, Request]:
    """What can be asked of an identity, by the limit that it counts for."""
    return {
        "put": lambda identity: CredentialsOf(arm, identity).put("deploy"),
        "delete": lambda identity: CredentialsOf(arm, identity).delete("deploy"),
        "get": lambda identity: arm.user_assigned_identities.get(GROUP, identity),
        "list": lambda identity: CredentialsOf(arm, identity).names(),
    }


@pytest.mark.parametrize(("kind", "seconds"), [("put", 4), ("delete", 4), ("list", 4), ("get", 2)])
async def test_one_identity_takes_a_request_every_few_seconds(
    arm: ManagedServiceIdentityClient, clock: MovableClock, kind: str, seconds: int
) -> None:
    request = requests(arm)[kind]
    await request("web")
    with refused(429, "TooManyRequests") as caught:
        await request("web")
    assert header(caught, "Retry-After") == str(seconds)
    await request("api")
    clock.forward(seconds)
    await request("web")


@pytest.mark.parametrize(("kind", "at_once"), [("put", 2), ("delete", 2), ("list", 5), ("get", 10)])
async def test_one_subscription_takes_some_requests_per_second(
    arm: ManagedServiceIdentityClient, clock: MovableClock, kind: str, at_once: int
) -> None:
    request = requests(arm)[kind]
    for number in range(at_once):
        await request(f"id-{number}")
    with refused(429, "TooManyRequests") as caught:
        await request("web")
    assert header(caught, "Retry-After") == "1"
    clock.forward(1)
    await request("web")


async def test_one_tenant_takes_ten_writes_per_second(start_azure: StartAzure, clock: MovableClock) -> None:
    many = [f"44444444-4444-4444-8444-{number:012}" for number in range(6)]
    seed = default_seed()
    azure = await start_azure(
        seed=replace(
            seed,
            subscriptions=tuple(SubscriptionSeed(item, "contoso", (ResourceGroupSeed(GROUP),)) for item in many)
            + seed.subscriptions,
            access=tuple(AccessSeed("entrafed-operator", f"/subscriptions/{item}") for item in many),
        ),
        rates=Rates(),
        clock=clock,
    )
    statuses = []
    for item in many:
        async with arm_as(azure, subscription_id=item) as arm:
            for name in ("one", "two"):
                azure.world.create_identity(f"{IDENTITIES.replace(SUBSCRIPTION, item)}/{name}")
                try:
                    statuses.append((await CredentialsOf(arm, name).put("deploy"))[0])
                except HttpResponseError as error:
                    statuses.append(error.status_code or 0)
    assert statuses == [201] * 10 + [429] * 2


async def test_a_conflict_between_two_writes_costs_nothing(
    arm: ManagedServiceIdentityClient, limited: SimulatedAzure, clock: MovableClock
) -> None:
    web = limited.world.identity(WEB_IDENTITY)
    web.writes_in_flight = 1
    with refused(409, "ConcurrentFederatedIdentityCredentialsWritesForSingleManagedIdentity"):
        await CredentialsOf(arm, "web").put("deploy")
    web.writes_in_flight = 0
    assert (await CredentialsOf(arm, "web").put("deploy"))[0] == 201


async def test_every_answer_tells_what_is_left_in_the_bucket(limited: SimulatedAzure) -> None:
    one = f"{WEB_IDENTITY}?api-version={VERSION}"
    first, second = [await send(limited, "GET", one) for _ in range(2)]
    assert first.headers["x-ms-ratelimit-remaining-subscription-reads"] == "249"
    assert (second.status, second.headers["x-ms-ratelimit-remaining-subscription-reads"]) == (429, "248")
    written = await send(limited, "PUT", one, {"location": "westeurope"})
    assert written.headers["x-ms-ratelimit-remaining-subscription-writes"] == "199"
    deleted = await send(limited, "DELETE", one)
    assert deleted.headers["x-ms-ratelimit-remaining-subscription-deletes"] == "199"


async def test_a_bucket_of_250_reads_fills_again_by_25_per_second(limited: SimulatedAzure, clock: MovableClock) -> None:
    for _ in range(5):
        answers = await asyncio.gather(*[send(limited, "GET", PROVIDER) for _ in range(50)])
    assert {answer.status for answer in answers} == {200}
    empty = await send(limited, "GET", PROVIDER)
    assert (empty.status, empty.code) == (429, "TooManyRequests")
    assert empty.headers["Retry-After"] == "1"
    assert empty.headers["x-ms-ratelimit-remaining-subscription-reads"] == "0"
    clock.forward(1)
    refilled = await send(limited, "GET", PROVIDER)
    assert (refilled.status, refilled.headers["x-ms-ratelimit-remaining-subscription-reads"]) == (200, "24")


async def test_the_bucket_of_one_principal_is_not_that_of_another(limited: SimulatedAzure) -> None:
    await send(limited, "GET", PROVIDER)
    async with arm_as(limited, app_id=BILLING_APP) as billing:
        with refused(403, "AuthorizationFailed") as caught:
            await billing.user_assigned_identities.get(GROUP, "web")
    assert header(caught, "x-ms-ratelimit-remaining-subscription-reads") == "249"
