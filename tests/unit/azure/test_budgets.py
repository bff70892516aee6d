"""Budgets in virtual time: what Microsoft publishes is never exceeded, and nobody waits longer than that takes."""

import asyncio
from itertools import pairwise

import pytest

from entrafed.api.connection import CloudName
from entrafed.api.reasons import Reason
from entrafed.azure.answers import Bill
from entrafed.azure.budgets import SHARE, Budget, Budgets, BudgetSettings, Scope, Spend
from entrafed.domain.connections import SignIn
from entrafed.domain.errors import AzureProblem, ProblemKind
from unit.azure.loop_clock import LoopClock

pytestmark = pytest.mark.looptime

SIGN_IN = SignIn(
    connection="default",
    cloud=CloudName.AZURE_PUBLIC,
    tenant_id="home",
    client_id="operator",
    login="https://login.example",
    graph="https://graph.example",
    arm="https://arm.example",
)
ANOTHER = SignIn(
    connection="another",
    cloud=CloudName.AZURE_PUBLIC,
    tenant_id="home",
    client_id="somebody else",
    login="https://login.example",
    graph="https://graph.example",
    arm="https://arm.example",
)
JITTER = 0.001  # seconds; clocks have a resolution


class Service:
    """Somebody who is asked, and notes when; an answer takes `seconds`."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.asked: list[float] = []
        self.at_once = 0
        self.most_at_once = 0
        self._seconds = seconds

    async def ask(self, budget: Budget) -> None:
        async with budget.spend():
            self.asked.append(now())
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            await asyncio.sleep(self._seconds)
            self.at_once -= 1

    def most_within(self, seconds: float) -> int:
        """The most requests that any window of so many seconds saw."""
        return max(sum(1 for other in self.asked if start <= other < start + seconds) for start in self.asked)


def now() -> float:
    return asyncio.get_running_loop().time()


def budgets(**settings: float) -> Budgets:
    return Budgets(LoopClock(), BudgetSettings(**settings))  # type: ignore[arg-type]


async def test_writes_to_one_identity_keep_four_seconds_apart_counted_from_the_answer() -> None:
    service, limits = Service(seconds=1.5), budgets()
    await asyncio.gather(*(service.ask(limits.arm(SIGN_IN, "sub", "web", Spend.WRITE)) for _ in range(20)))
    gaps = [later - earlier for earlier, later in pairwise(service.asked)]
    assert min(gaps) >= 4.0 + 1.5
    assert max(gaps) <= 4.0 / SHARE + 1.5 + JITTER
    assert service.most_at_once == 1


async def test_the_first_request_of_all_waits_for_nothing() -> None:
    limits = budgets()
    for budget in (
        limits.login(SIGN_IN),
        limits.graph(SIGN_IN, Spend.WRITE),
        *(limits.arm(SIGN_IN, "sub", "web", spend) for spend in Spend),
    ):
        async with budget.spend():
            assert now() == 0.0


async def test_identities_of_one_subscription_share_its_two_writes_a_second() -> None:
    service, limits = Service(), budgets()
    await asyncio.gather(*(service.ask(limits.arm(SIGN_IN, "sub", f"id-{n}", Spend.WRITE)) for n in range(40)))
    assert service.most_within(1.0) <= 2
    assert service.asked[-1] <= 39 / (2 * SHARE) + JITTER


async def test_subscriptions_of_one_tenant_share_its_ten_writes_a_second() -> None:
    service, limits = Service(), budgets()
    await asyncio.gather(*(service.ask(limits.arm(SIGN_IN, f"sub-{n}", f"id-{n}", Spend.WRITE)) for n in range(60)))
    assert service.most_within(1.0) <= 10
    assert service.asked[-1] <= 59 / (10 * SHARE) + JITTER


async def test_a_busy_identity_keeps_none_of_its_neighbours_waiting() -> None:
    busy, quiet, limits = Service(), Service(), budgets()
    crowd = [asyncio.create_task(busy.ask(limits.arm(SIGN_IN, "sub", "busy", Spend.WRITE))) for _ in range(20)]
    await asyncio.sleep(1)
    await quiet.ask(limits.arm(SIGN_IN, "sub", "quiet", Spend.WRITE))
    assert quiet.asked == [1.0]
    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)


async def test_reads_lists_and_writes_are_counted_apart() -> None:
    service, limits = Service(), budgets()
    for spend in Spend:
        await service.ask(limits.arm(SIGN_IN, "sub", "web", spend))
    assert service.asked == [0.0, 0.0, 0.0]


async def test_graph_takes_three_thousand_writes_in_any_150_seconds_and_not_one_more() -> None:
    service, limits = Service(), budgets(slots=10_000)
    await asyncio.gather(*(service.ask(limits.graph(SIGN_IN, Spend.WRITE)) for _ in range(4_000)))
    assert service.most_within(150.0) <= 3_000
    assert service.asked[-1] < 4_000 / (3_000 / 150.0) + 60


async def test_two_applications_in_a_tenant_have_graph_budgets_of_their_own() -> None:
    limits = budgets()
    limits.graph(SIGN_IN, Spend.WRITE).hold(Scope.TENANT, 20.0)
    async with limits.graph(ANOTHER, Spend.WRITE).spend():
        assert now() == 0.0


async def test_a_retry_after_of_graph_holds_reads_and_writes_alike() -> None:
    limits = budgets()
    limits.graph(SIGN_IN, Spend.WRITE).hold(Scope.TENANT, 7.0)
    for spend in (Spend.GET, Spend.WRITE):
        async with limits.graph(SIGN_IN, spend).spend():
            assert now() == 7.0


async def test_a_retry_after_of_a_subscription_holds_every_identity_in_it_and_none_outside() -> None:
    limits = budgets()
    limits.arm(SIGN_IN, "sub", "web", Spend.WRITE).hold(Scope.SUBSCRIPTION, 9.0)
    async with limits.arm(SIGN_IN, "other", "api", Spend.WRITE).spend():
        assert now() == 0.0
    async with limits.arm(ANOTHER, "sub", "api", Spend.WRITE).spend():
        assert now() == 9.0


async def test_a_hold_that_comes_while_others_wait_is_kept_by_them_too() -> None:
    service, limits = Service(), budgets()
    waiting = [asyncio.create_task(service.ask(limits.arm(SIGN_IN, "sub", "web", Spend.LIST))) for _ in range(2)]
    await asyncio.sleep(1)
    limits.arm(SIGN_IN, "sub", "web", Spend.LIST).hold(Scope.RESOURCE, 20.0)
    await asyncio.gather(*waiting)
    assert service.asked == [0.0, 21.0]


async def test_a_hold_longer_than_a_call_waits_ends_the_call_with_the_time_that_is_left() -> None:
    limits = budgets(longest_wait=30.0)
    limits.graph(SIGN_IN, Spend.GET).hold(Scope.TENANT, 100.0)
    await asyncio.sleep(10)
    with pytest.raises(AzureProblem) as raised:
        async with limits.graph(SIGN_IN, Spend.GET).spend():
            pass
    assert raised.value.problem.kind is ProblemKind.THROTTLED
    assert raised.value.problem.reason is Reason.THROTTLED
    assert raised.value.problem.after == 90.0
    assert raised.value.answered  # nothing was sent


async def test_who_gives_up_waiting_leaves_no_trace() -> None:
    service, limits = Service(), budgets()
    tasks = [asyncio.create_task(service.ask(limits.arm(SIGN_IN, "sub", "web", Spend.LIST))) for _ in range(5)]
    await asyncio.sleep(1)
    for task in tasks[1:4]:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert service.asked == [0.0, pytest.approx(4.0 / SHARE, abs=JITTER)]


async def test_no_more_requests_of_one_connection_are_under_way_than_it_has_slots() -> None:
    service, limits = Service(seconds=1.0), budgets(slots=3)
    await asyncio.gather(*(service.ask(limits.graph(SIGN_IN, Spend.GET)) for _ in range(10)))
    assert service.most_at_once == 3


async def test_what_hangs_leaves_its_slot_to_others_after_a_while() -> None:
    hanging, service, limits = Service(seconds=1000.0), Service(), budgets(slots=3, slot_seconds=2.0)
    hung = [
        asyncio.create_task(hanging.ask(limits.resources(SIGN_IN, "sub", f"vm-{number}", Spend.GET)))
        for number in range(9)
    ]
    await asyncio.sleep(1.0)
    await service.ask(limits.resources(SIGN_IN, "sub", "last in the line", Spend.GET))
    assert service.asked == [pytest.approx(6.0, abs=JITTER)]
    for task in hung:
        task.cancel()
    await asyncio.gather(*hung, return_exceptions=True)


async def test_a_slot_that_was_left_early_is_not_left_twice() -> None:
    slow, service, limits = Service(seconds=5.0), Service(seconds=1.0), budgets(slots=3, slot_seconds=2.0)
    await asyncio.gather(*(slow.ask(limits.graph(SIGN_IN, Spend.GET)) for _ in range(6)))
    await asyncio.gather(*(service.ask(limits.graph(SIGN_IN, Spend.GET)) for _ in range(10)))
    assert service.most_at_once == 3


async def test_scaled_rates_take_a_scaled_time() -> None:
    service, limits = Service(), budgets(rate_scale=100.0)
    await asyncio.gather(*(service.ask(limits.arm(SIGN_IN, "sub", "web", Spend.WRITE)) for _ in range(20)))
    assert service.asked[-1] == pytest.approx(19 * 4.0 / SHARE / 100.0, abs=JITTER)


async def test_looking_at_a_budget_takes_nothing_from_it() -> None:
    limits = budgets()
    for _ in range(3):
        await limits.arm(SIGN_IN, "sub", "web", Spend.WRITE).open()
    async with limits.arm(SIGN_IN, "sub", "web", Spend.WRITE).spend():
        assert now() == 0.0
    await limits.arm(SIGN_IN, "sub", "web", Spend.WRITE).open()
    assert now() == pytest.approx(4.0 / SHARE, abs=JITTER)


async def test_a_sign_in_that_keeps_failing_is_asked_for_once_a_second_at_most() -> None:
    service, limits = Service(), budgets()
    await asyncio.gather(*(service.ask(limits.login(SIGN_IN)) for _ in range(40)))
    assert service.most_within(20.0) <= 10 + 20


async def test_a_smaller_share_of_the_limits_takes_that_much_longer() -> None:
    for share in (0.9, 0.3):
        service, limits, began = Service(), budgets(share=share, slots=10_000), now()
        await asyncio.gather(*(service.ask(limits.graph(SIGN_IN, Spend.WRITE)) for _ in range(1_000)))
        assert service.most_within(150.0) <= 3_000 * share
        assert now() - began == pytest.approx((1_000 - 500 * share) / (16 * share), abs=0.2)


async def test_even_the_smallest_share_lets_one_request_through_at_once() -> None:
    limits = budgets(share=0.001)
    async with limits.graph(SIGN_IN, Spend.WRITE).spend():
        assert now() == 0.0


async def test_a_request_that_costs_more_than_was_thought_is_paid_for_by_the_next() -> None:
    limits = budgets(slots=10_000)
    rate = 240 * SHARE
    for _ in range(900):
        async with limits.graph(SIGN_IN, Spend.GET).spend():
            pass
    before = now()
    dear = limits.graph(SIGN_IN, Spend.GET)
    async with dear.spend():
        dear.billed(Bill(units=50))
    async with limits.graph(SIGN_IN, Spend.GET).spend():
        assert now() - before == pytest.approx(51 / rate, abs=2 / rate)


async def test_a_request_that_costs_less_than_was_thought_gives_back_the_rest() -> None:
    limits = budgets(slots=10_000)
    for _ in range(5_000):
        cheap = limits.graph(SIGN_IN, Spend.GET, units=5.0)
        async with cheap.spend():
            cheap.billed(Bill(units=0.1))
    assert now() == 0.0


@pytest.mark.parametrize(("used", "pause"), [(0.79, 0.0), (0.8, 0.0), (0.9, 5.0), (1.0, 10.0), (1.7, 10.0)])
async def test_a_warning_of_microsoft_slows_all_who_share_the_budget_the_more_the_fuller_it_is(
    used: float, pause: float
) -> None:
    limits = budgets()
    warned = limits.graph(SIGN_IN, Spend.GET)
    async with warned.spend():
        warned.billed(Bill(used=used))
    async with limits.graph(SIGN_IN, Spend.WRITE).spend():
        assert now() == pytest.approx(pause, abs=0.1)
    async with limits.graph(ANOTHER, Spend.WRITE).spend():
        assert now() == pytest.approx(pause, abs=0.1)


@pytest.mark.parametrize(("used", "seconds"), [(0.79, 0.0), (0.8, 100 / (240 * SHARE))])
async def test_after_a_warning_nothing_is_sent_in_one_burst(used: float, seconds: float) -> None:
    limits = budgets()
    warned = limits.graph(SIGN_IN, Spend.GET)
    async with warned.spend():
        warned.billed(Bill(used=used))
    for _ in range(100):
        async with limits.graph(SIGN_IN, Spend.GET).spend():
            pass
    assert now() == pytest.approx(seconds, abs=0.02)


async def test_how_long_each_waited_is_told_by_service() -> None:
    told: list[tuple[str, float]] = []
    limits = Budgets(LoopClock(), BudgetSettings(), lambda service, seconds: told.append((service, seconds)))
    for _ in range(2):
        async with limits.arm(SIGN_IN, "sub", "web", Spend.LIST).spend():
            pass
    async with limits.graph(SIGN_IN, Spend.GET).spend():
        pass
    assert told == [("arm", 0.0), ("arm", pytest.approx(4.0 / SHARE, abs=JITTER)), ("graph", 0.0)]


async def test_all_under_resource_manager_share_its_ten_writes_a_second_in_a_subscription() -> None:
    service, limits = Service(), budgets(slots=10_000)
    hosts = [limits.resources(SIGN_IN, "sub", f"host-{n}", Spend.WRITE) for n in range(400)]
    identities = [limits.arm(SIGN_IN, "sub", f"id-{n}", Spend.WRITE) for n in range(40)]
    await asyncio.gather(*(service.ask(budget) for budget in (*hosts, *identities)))
    assert service.most_within(10.0) <= 200 + 10 * 10
    assert service.asked[-1] <= 440 / (10 * SHARE) + JITTER


async def test_reads_of_hosts_and_identities_share_250_at_once_and_25_a_second() -> None:
    service, limits = Service(), budgets(slots=10_000)
    hosts = [limits.resources(SIGN_IN, "sub", f"host-{n}", Spend.GET) for n in range(600)]
    identities = [limits.arm(SIGN_IN, "sub", f"id-{n}", spend) for n in range(100) for spend in (Spend.GET, Spend.LIST)]
    await asyncio.gather(*(service.ask(budget) for budget in (*hosts, *identities)))
    assert service.most_within(10.0) <= 250 + 25 * 10


async def test_a_throttled_host_holds_no_other_and_a_throttled_subscription_all_that_is_in_it() -> None:
    limits = budgets()
    limits.resources(SIGN_IN, "sub", "host", Spend.WRITE).hold(Scope.RESOURCE, 7.0)
    async with limits.resources(SIGN_IN, "sub", "other", Spend.WRITE).spend():
        assert now() == 0.0
    limits.resources(SIGN_IN, "sub", "other", Spend.WRITE).hold(Scope.SUBSCRIPTION, 5.0)
    async with limits.resources(SIGN_IN, "another", "other", Spend.WRITE).spend():
        assert now() == 0.0
    async with limits.arm(SIGN_IN, "sub", "id", Spend.WRITE).spend():
        assert now() == 5.0
    async with limits.resources(SIGN_IN, "sub", "host", Spend.WRITE).spend():
        assert now() == 7.0


async def test_what_is_in_no_subscription_is_counted_in_the_tenant() -> None:
    limits = budgets()
    limits.resources(SIGN_IN, "", "group", Spend.WRITE).hold(Scope.TENANT, 4.0)
    async with limits.resources(SIGN_IN, "sub", "host", Spend.WRITE).spend():
        assert now() == 0.0
    async with limits.resources(SIGN_IN, "", "another", Spend.WRITE).spend():
        assert now() == 4.0
