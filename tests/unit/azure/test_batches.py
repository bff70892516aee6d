"""Reads that share a request, in virtual time: who goes with whom, what it costs, and how long nobody waits."""

import asyncio
import json
from dataclasses import dataclass, field

import pytest

from entrafed.api.reasons import Reason
from entrafed.azure.answers import NO_BILL, Answer, Bill
from entrafed.azure.batches import MOST, Batches, Response, Wire
from entrafed.azure.budgets import Budgets, BudgetSettings, Scope, Spend
from entrafed.azure.calls import Call, Operation, Refused, Service
from entrafed.azure.exchange import Exchange
from entrafed.domain.errors import AzureProblem
from unit.azure.loop_clock import LoopClock
from unit.azure.test_budgets import SIGN_IN, now

pytestmark = pytest.mark.looptime

CALL = Call(Service.GRAPH, Operation.LIST_CREDENTIALS, "list")


@dataclass
class GraphInMemory:
    """Answers each path with itself, after `seconds`; notes what was sent, and when."""

    seconds: float = 0.0
    bill: Bill = NO_BILL
    takes_batches: bool = True
    sent: list[tuple[float, list[str]]] = field(default_factory=list)

    async def get(self, path: str) -> Response:
        self.sent.append((now(), [path]))
        await asyncio.sleep(self.seconds)
        return Response(200, path.encode(), self.bill)

    async def post(self, body: bytes) -> Response:
        requests = json.loads(body)["requests"]
        self.sent.append((now(), [one["url"] for one in requests]))
        await asyncio.sleep(self.seconds)
        if not self.takes_batches:
            raise Refused(Answer(405))
        headers = {} if self.bill.units is None else {"X-MS-Resource-Unit": str(self.bill.units)}
        parts = [{"id": one["id"], "status": 200, "headers": headers, "body": one["url"]} for one in requests]
        return Response(200, json.dumps({"responses": parts[::-1]}).encode(), NO_BILL)

    @property
    def sizes(self) -> list[int]:
        return [len(paths) for _, paths in self.sent]


class Reads:
    """The reads of one connection to a `GraphInMemory`."""

    def __init__(self, graph: GraphInMemory, **settings: float) -> None:
        clock = LoopClock()
        self.budgets = Budgets(clock, BudgetSettings(**settings))  # type: ignore[arg-type]
        self._batches = Batches(
            exchange=Exchange(clock=clock, timeout=30.0, seen=lambda *_: None),
            opening=self.budgets.graph(SIGN_IN, Spend.GET, units=0),
            wire=Wire(graph.get, graph.post),
            clock=clock,
        )

    async def ask(self, path: str, units: float = 1.0) -> str:
        budget = self.budgets.graph(SIGN_IN, Spend.GET, units)
        return await self._batches.ask(CALL, budget, path, lambda body: body.decode().strip('"'))

    async def close(self) -> None:
        await self._batches.close()


def paths(count: int, start: int = 0) -> list[str]:
    return [f"/{number}" for number in range(start, start + count)]


async def test_everybody_gets_his_own_answer_whatever_order_they_come_in() -> None:
    graph = GraphInMemory()
    reads = Reads(graph)
    assert await asyncio.gather(*map(reads.ask, paths(50))) == paths(50)
    assert graph.sizes == [20, 20, 10]
    assert [path for _, sent in graph.sent for path in sent] == paths(50), "in the order of asking"


async def test_a_lone_read_waits_for_one_turn_of_the_loop_and_no_time() -> None:
    graph = GraphInMemory()
    asked = asyncio.ensure_future(Reads(graph).ask("/one"))
    for _ in range(3):  # the asker's own turn, the sender's, and this one
        await asyncio.sleep(0)
    assert graph.sent == [(0.0, ["/one"])]
    assert await asked == "/one"


async def test_reads_go_on_beside_one_that_is_slow() -> None:
    graph = GraphInMemory(seconds=5.0)
    reads = Reads(graph)
    first = asyncio.ensure_future(reads.ask("/first"))
    await asyncio.sleep(1)
    await reads.ask("/second")
    assert [at for at, _ in graph.sent] == [0.0, 1.0]
    await first


async def test_who_waits_for_the_same_budget_goes_with_the_others_however_late_he_came() -> None:
    graph = GraphInMemory()
    reads = Reads(graph)
    reads.budgets.graph(SIGN_IN, Spend.GET).hold(Scope.TENANT, 20.0)
    asked = []
    for path in paths(30):
        asked.append(asyncio.ensure_future(reads.ask(path)))
        await asyncio.sleep(0.5)
    await asyncio.gather(*asked)
    assert (graph.sizes, graph.sent[0][0]) == ([20, 10], 20.0)


async def test_a_hold_that_is_too_long_ends_all_who_wait_with_the_time_that_is_left() -> None:
    graph = GraphInMemory()
    reads = Reads(graph)
    reads.budgets.graph(SIGN_IN, Spend.GET).hold(Scope.TENANT, 100.0)
    results = await asyncio.gather(*map(reads.ask, paths(25)), return_exceptions=True)
    assert all(isinstance(one, AzureProblem) and one.problem.reason is Reason.THROTTLED for one in results)
    assert graph.sent == []
    await asyncio.sleep(100)
    assert await reads.ask("/later") == "/later"


async def test_a_batch_takes_one_slot() -> None:
    graph = GraphInMemory(seconds=1.0)
    reads = Reads(graph, slots=1)
    await asyncio.gather(*map(reads.ask, paths(60)))
    assert [at for at, _ in graph.sent] == [0.0, 1.0, 2.0]


@pytest.mark.parametrize("bill", [NO_BILL, Bill(units=1.0)], ids=["not told", "told"])
async def test_each_read_of_a_batch_costs_its_own_units(bill: Bill) -> None:
    """Graph takes 3,500 units in 10 seconds."""
    graph = GraphInMemory(bill=bill)
    reads = Reads(graph, slots=1000)
    await asyncio.gather(*map(reads.ask, paths(9_000)))
    assert set(graph.sizes) == {MOST}
    for start, _ in graph.sent:
        assert sum(len(sent) for at, sent in graph.sent if start <= at < start + 10) <= 3_500
    assert graph.sent[-1][0] == pytest.approx((9_000 - 900) / (240 * 0.9), abs=0.2)


async def test_what_a_read_really_cost_is_heeded() -> None:
    """Three times as dear as thought, they take three times as long."""
    graph = GraphInMemory(bill=Bill(units=3.0))
    reads = Reads(graph, slots=1)
    await asyncio.gather(*map(reads.ask, paths(3_000)))
    assert graph.sent[-1][0] == pytest.approx((9_000 - 900) / (240 * 0.9), abs=0.5)


async def test_who_waits_while_batches_turn_out_not_to_be_taken_is_sent_alone_and_forgotten_by_nobody() -> None:
    graph = GraphInMemory(seconds=1.0, takes_batches=False)
    reads = Reads(graph, slots=1)
    results = await asyncio.gather(*map(reads.ask, paths(60)), return_exceptions=True)
    assert graph.sizes == [20, *[1] * 40]
    assert [one for one in results if not isinstance(one, AzureProblem)] == paths(40, start=20)


async def test_who_is_cancelled_before_the_request_is_not_asked_for() -> None:
    graph = GraphInMemory()
    reads = Reads(graph)
    reads.budgets.graph(SIGN_IN, Spend.GET).hold(Scope.TENANT, 5.0)
    asked = [asyncio.ensure_future(reads.ask(path)) for path in paths(4)]
    await asyncio.sleep(1)
    for gone in asked[:3]:
        gone.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    assert (asked[3].result(), graph.sent) == ("/3", [(5.0, ["/3"])])


async def test_when_all_are_cancelled_nothing_is_sent_and_the_next_read_is() -> None:
    graph = GraphInMemory()
    reads = Reads(graph)
    reads.budgets.graph(SIGN_IN, Spend.GET).hold(Scope.TENANT, 5.0)
    asked = [asyncio.ensure_future(reads.ask(path)) for path in paths(4)]
    await asyncio.sleep(1)
    for gone in asked:
        gone.cancel()
    await asyncio.gather(*asked, return_exceptions=True)
    await asyncio.sleep(10)
    assert graph.sent == []
    assert await reads.ask("/next") == "/next"


async def test_an_end_lets_nobody_wait() -> None:
    reads = Reads(GraphInMemory(seconds=1000.0))
    asked = [asyncio.ensure_future(reads.ask(path)) for path in paths(4)]
    await asyncio.sleep(1)
    await reads.close()
    results = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, asyncio.CancelledError) for one in results)
