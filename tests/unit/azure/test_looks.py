"""What an identity carried a moment ago, for as long as that counts."""

import asyncio

import pytest

from entrafed.azure.looks import Looks
from unit.azure.loop_clock import LoopClock

pytestmark = pytest.mark.looptime


async def test_a_list_counts_for_its_lifetime_and_no_longer() -> None:
    looks = Looks(LoopClock(), 10.0)
    looks.keep("web", ["a", "b"])
    await asyncio.sleep(9)
    assert looks.fresh("web") == {"a", "b"}
    await asyncio.sleep(2)
    assert looks.fresh("web") is None


async def test_our_own_writes_change_what_was_seen_but_not_when() -> None:
    looks = Looks(LoopClock(), 10.0)
    looks.keep("web", ["a"])
    await asyncio.sleep(9)
    looks.added("web", "b")
    looks.removed("web", "a")
    assert looks.fresh("web") == {"b"}
    await asyncio.sleep(2)
    assert looks.fresh("web") is None


async def test_what_was_never_listed_is_not_known_after_a_write_either() -> None:
    looks = Looks(LoopClock(), 10.0)
    looks.added("web", "a")
    looks.removed("web", "b")
    assert looks.fresh("web") is None


async def test_after_a_write_that_failed_nothing_is_known() -> None:
    looks = Looks(LoopClock(), 10.0)
    looks.keep("web", ["a"])
    looks.forget("web")
    looks.forget("web")
    assert looks.fresh("web") is None


async def test_only_identities_listed_within_a_lifetime_are_held() -> None:
    looks = Looks(LoopClock(), 10.0)
    for number in range(1000):
        looks.keep(f"id-{number}", ["a"])
        await asyncio.sleep(1)
    assert len(looks._seen) <= 12
