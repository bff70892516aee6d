"""What the API servers announce, as it is remembered for all objects."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pytest

from entrafed.domain.errors import KubeProblem
from entrafed.engine.issuers import ClusterIssuers
from entrafed.engine.timing import Timing
from unit.engine.port_fakes import HandClock, IssuerOnly

BLUE, GREEN = "https://oidc.example/blue", "https://oidc.example/green"
TIMING = Timing()


class _Enough(BaseException):
    """Ends an endless watch."""


@dataclass
class BoundedClock(HandClock):
    """Time that ends after so many pauses."""

    pauses: int = 0
    before_each: Callable[[], None] = lambda: None

    async def sleep(self, seconds: float) -> None:
        if self.pauses == 0:
            raise _Enough
        self.pauses -= 1
        self.seconds += seconds
        self.before_each()


@dataclass
class Watching:
    """A cluster that is asked for its issuer."""

    kube: IssuerOnly = field(default_factory=lambda: IssuerOnly(BLUE))
    clock: BoundedClock = field(default_factory=BoundedClock)
    changes: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.issuers = ClusterIssuers(
            self.kube, self.clock, TIMING, changed=lambda: self.changes.append(self.clock.seconds)
        )

    async def known(self) -> set[str]:
        return set((await self.issuers.announced()).issuers)

    async def watch(self, announced: Iterable[str | None]) -> None:
        """Look once for each, which is what the API server that is asked announces; None: it does not answer."""
        told = list(announced)
        self.clock.pauses = len(told)

        def next_one() -> None:
            self.kube.issuer = told.pop(0)

        self.clock.before_each = next_one
        with pytest.raises(_Enough):
            await self.issuers.watch()


async def test_many_who_ask_cost_one_request() -> None:
    world = Watching()
    await asyncio.gather(*(world.known() for _ in range(100)))
    assert world.kube.asked == 1


async def test_a_look_at_every_interval_is_all_that_it_costs() -> None:
    world = Watching()
    await world.known()
    await world.watch([BLUE] * 30)
    for _ in range(100):
        await world.known()
    assert world.kube.asked == 31
    assert world.clock.seconds == 30 * TIMING.issuer_check
    assert world.changes == []


async def test_a_change_is_told_and_the_former_counts_for_a_while() -> None:
    world = Watching()
    await world.known()
    await world.watch([GREEN])
    assert await world.known() == {BLUE, GREEN}
    looks = int(TIMING.issuer_window / TIMING.issuer_check)
    await world.watch([GREEN] * (looks - 1))
    assert await world.known() == {BLUE, GREEN}
    await world.watch([GREEN])
    assert await world.known() == {GREEN}
    assert len(world.changes) == 2


async def test_api_servers_that_disagree_are_all_believed_and_nothing_changes_back_and_forth() -> None:
    world = Watching()
    await world.known()
    await world.watch([GREEN, BLUE] * 50)
    assert await world.known() == {BLUE, GREEN}
    assert len(world.changes) == 1


async def test_at_first_it_is_not_certain_that_nobody_announces_another() -> None:
    world = Watching()
    assert (await world.issuers.announced()).certain_in == TIMING.issuer_window
    world.clock.seconds += TIMING.issuer_window
    assert (await world.issuers.announced()).certain_in == 0


async def test_an_outage_of_the_api_server_makes_nothing_retire() -> None:
    world = Watching()
    await world.known()
    await world.watch([GREEN, *[None] * 5])
    assert await world.known() == {BLUE, GREEN}
    assert len(world.changes) == 1


async def test_after_a_long_outage_nothing_is_known_and_then_nothing_is_certain() -> None:
    world = Watching()
    await world.known()
    await world.watch([None] * 20)
    with pytest.raises(KubeProblem):
        await world.known()
    await world.watch([GREEN])
    announced = await world.issuers.announced()
    assert announced.issuers == {GREEN}
    assert announced.certain_in == TIMING.issuer_window
    assert len(world.changes) == 1


async def test_who_asked_in_vain_is_told_when_it_can_be_read() -> None:
    world = Watching()
    world.kube.issuer = None
    for _ in range(100):
        with pytest.raises(KubeProblem):
            await world.known()
    assert world.kube.asked == 1
    world.kube.issuer = BLUE
    world.clock.seconds += TIMING.first_backoff
    assert await world.known() == {BLUE}
    assert world.changes == [world.clock.seconds]
