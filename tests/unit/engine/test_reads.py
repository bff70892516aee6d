"""Reads that many share: one flight at a time, answers that are shared for a while, failures that are not."""

import asyncio

import pytest

from entrafed.api.federation import Target
from entrafed.api.reasons import Reason
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import AzureProblem, NotFound
from entrafed.domain.targets import ManagedIdentity, OwnIdentity
from entrafed.engine.reads import Reads
from unit.azure.loop_clock import LoopClock
from unit.domain.federations import IDENTITY, TENANT, federation
from unit.engine.port_fakes import SIGN_IN, AnsweringAzure, missing, problem

pytestmark = pytest.mark.looptime

WEB = ManagedIdentity(IDENTITY, "client", "principal", TENANT)
ANOTHER = SignIn(**{name: getattr(SIGN_IN, name) for name in SIGN_IN.__slots__} | {"connection": "another"})
ALWAYS = float("-inf")


def reading(latency: float = 1.0) -> tuple[AnsweringAzure, Reads]:
    """An Azure that knows one identity and takes a second to answer, and its reads."""
    azure = AnsweringAzure(latency=latency, identities={IDENTITY: WEB})
    return azure, Reads(azure, LoopClock())


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_one_flight_answers_all_who_ask_meanwhile() -> None:
    azure, reads = reading()
    found = await asyncio.gather(*(reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS) for _ in range(50)))
    assert found == [WEB] * 50
    assert azure.names("identity") == [IDENTITY]


async def test_an_answer_is_shared_until_it_is_too_old_for_who_asks() -> None:
    azure, reads = reading()
    await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS)
    await asyncio.sleep(60)
    await reads.managed_identity(SIGN_IN, IDENTITY, now() - 100)
    assert len(azure.calls) == 1
    await reads.managed_identity(SIGN_IN, IDENTITY, now() - 30)
    assert len(azure.calls) == 2


async def test_a_flight_that_took_off_too_early_does_not_answer_but_no_second_is_beside_it() -> None:
    azure, reads = reading(latency=10)
    early = asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS))
    await asyncio.sleep(1)
    asked_at = now()
    late = asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, asked_at))
    await asyncio.sleep(8)
    assert len(azure.calls) == 1
    assert await early == WEB
    azure.identities[IDENTITY] = ManagedIdentity(IDENTITY, "client", "made again", TENANT)
    assert (await late).principal_id == "made again"
    assert len(azure.calls) == 2


async def test_a_failure_of_a_flight_that_took_off_too_early_is_not_passed_on() -> None:
    azure, reads = reading(latency=10)
    azure.identities[IDENTITY] = missing()
    early = asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS))
    await asyncio.sleep(1)
    late = asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, now()))
    await asyncio.sleep(5)
    azure.identities[IDENTITY] = WEB
    with pytest.raises(NotFound):
        await early
    assert await late == WEB


async def test_a_failure_is_shared_by_all_who_wait_and_kept_for_nobody() -> None:
    azure, reads = reading()
    azure.identities[IDENTITY] = NotFound(problem(Reason.IDENTITY_NOT_FOUND), request_id="id", answered=False)
    waiting = [asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS)) for _ in range(3)]
    await asyncio.wait(waiting)
    failures = [one.exception() for one in waiting]
    assert len({id(failure) for failure in failures}) == 3  # each has its own traceback
    for failure in failures:
        assert isinstance(failure, NotFound)
        assert (failure.problem.reason, failure.request_id, failure.answered) == (
            Reason.IDENTITY_NOT_FOUND,
            "id",
            False,
        )
    assert len(azure.calls) == 1
    azure.identities[IDENTITY] = WEB
    assert await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS) == WEB


async def test_a_failure_makes_what_was_known_before_void() -> None:
    azure, reads = reading()
    await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS)
    azure.identities[IDENTITY] = missing()
    with pytest.raises(NotFound):
        await reads.managed_identity(SIGN_IN, IDENTITY, now())
    with pytest.raises(NotFound):
        await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS)


async def test_one_who_stops_waiting_does_not_take_the_answer_from_the_others() -> None:
    azure, reads = reading()
    leaving = asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS))
    staying = asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS))
    await asyncio.sleep(0.5)
    leaving.cancel()
    assert await staying == WEB
    assert leaving.cancelled()
    assert len(azure.calls) == 1


async def test_an_answer_that_nobody_waits_for_any_more_is_kept_for_the_next() -> None:
    azure, reads = reading()
    leaving = asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS))
    await asyncio.sleep(0.5)
    leaving.cancel()
    await asyncio.sleep(1)
    assert await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS) == WEB
    assert len(azure.calls) == 1


async def test_answers_are_shared_within_one_connection_only() -> None:
    azure, reads = reading()
    await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS)
    await reads.managed_identity(ANOTHER, IDENTITY, ALWAYS)
    assert len(azure.calls) == 2


async def test_an_identity_is_the_same_in_upper_and_lower_case() -> None:
    azure, reads = reading()
    await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS)
    assert await reads.managed_identity(SIGN_IN, IDENTITY.upper(), ALWAYS) == WEB
    assert len(azure.calls) == 1


async def test_targets_and_ourselves_are_read_alike() -> None:
    azure, reads = reading()
    target: Target = federation().spec.target
    with pytest.raises(NotFound):
        await reads.target(SIGN_IN, target, ALWAYS)
    for _ in range(2):
        assert await reads.own_identity(SIGN_IN, ALWAYS) == azure.own
    assert isinstance(azure.own, OwnIdentity)
    assert [verb for verb, _ in azure.calls] == ["target", "own"]


async def test_what_nobody_would_share_any_more_is_forgotten() -> None:
    azure, reads = reading()
    await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS)
    reads.forget_older(now() - 10)
    await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS)
    assert len(azure.calls) == 1
    await asyncio.sleep(60)
    reads.forget_older(now() - 10)
    await reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS)
    assert len(azure.calls) == 2


async def test_the_end_of_the_process_ends_what_is_under_way() -> None:
    _, reads = reading(latency=1000)
    waiting = asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS))
    await asyncio.sleep(1)
    began = now()
    await reads.stop()
    await asyncio.wait([waiting])
    assert waiting.cancelled()
    assert now() - began < 1


async def test_no_failure_is_lost_when_all_who_waited_are_gone(caplog: pytest.LogCaptureFixture) -> None:
    azure, reads = reading()
    azure.identities[IDENTITY] = AzureProblem(problem(Reason.AZURE_ERROR))
    leaving = asyncio.ensure_future(reads.managed_identity(SIGN_IN, IDENTITY, ALWAYS))
    await asyncio.sleep(0.5)
    leaving.cancel()
    await asyncio.sleep(1)
    assert "never retrieved" not in caplog.text
