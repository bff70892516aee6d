"""The queue: one run per key at a time, nothing asked for is lost, new work first, and what is due comes when due."""

import asyncio
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from entrafed.engine.queue import JITTER, Backoff, Queue, Urgency
from entrafed.engine.timing import Timing

KEYS = ("a", "b", "c", "d")


def loop_queue() -> Queue[str]:
    """A queue in the time of the running loop."""
    return Queue(asyncio.get_running_loop().time, group_of=lambda _: "all", most=100)


def group_of(key: str) -> str:
    return "first" if key < "c" else "second"


async def take_now(queue: Queue[str]) -> str | None:
    """The key that is to be had at once, None when one would have to wait."""
    taking = asyncio.ensure_future(queue.take())
    for _ in range(3):
        await asyncio.sleep(0)
    if taking.done():
        return taking.result()
    taking.cancel()
    await asyncio.wait([taking])
    return None


async def test_what_is_asked_for_twice_runs_once() -> None:
    queue = loop_queue()
    queue.add("a")
    queue.add("a")
    assert await take_now(queue) == "a"
    queue.done("a")
    assert await take_now(queue) is None


async def test_a_key_never_runs_twice_at_a_time_but_once_more_when_asked_for_meanwhile() -> None:
    queue = loop_queue()
    queue.add("a")
    assert await take_now(queue) == "a"
    queue.add("a")
    queue.add("a")
    assert await take_now(queue) is None
    queue.done("a")
    assert await take_now(queue) == "a"
    queue.done("a")
    assert await take_now(queue) is None


async def test_new_work_goes_before_resync_and_what_became_new_too() -> None:
    queue = loop_queue()
    for key in ("a", "b", "c"):
        queue.add(key, Urgency.RESYNC)
    queue.add("d")
    queue.add("c")
    assert [await take_now(queue) for _ in range(5)] == ["d", "c", "a", "b", None]


async def test_what_is_new_does_not_become_resync_by_being_asked_for_less_urgently() -> None:
    queue = loop_queue()
    queue.add("b", Urgency.RESYNC)
    queue.add("a")
    queue.add("a", Urgency.RESYNC)
    assert [await take_now(queue), await take_now(queue), await take_now(queue)] == ["a", "b", None]


@pytest.mark.looptime
async def test_somebody_who_waits_is_woken_by_what_is_added() -> None:
    queue = loop_queue()
    takers = [asyncio.ensure_future(queue.take()) for _ in range(3)]
    await asyncio.sleep(1)
    queue.add("a")
    queue.add("b")
    await asyncio.sleep(1)
    assert sorted(taker.result() for taker in takers if taker.done()) == ["a", "b"]
    queue.add("c")
    assert await asyncio.wait_for(asyncio.gather(*takers), 1) == ["a", "b", "c"]


@pytest.mark.looptime
async def test_what_is_planned_comes_when_it_is_due_and_not_before() -> None:
    queue, loop = loop_queue(), asyncio.get_running_loop()
    began = loop.time()
    queue.add_after("a", 300)
    assert await queue.take() == "a"
    assert loop.time() - began == pytest.approx(300)


@pytest.mark.looptime
async def test_of_two_times_the_earlier_stands_whichever_was_asked_for_first() -> None:
    queue, loop = loop_queue(), asyncio.get_running_loop()
    for earlier_first in (True, False):
        began = loop.time()
        for seconds in (5, 60) if earlier_first else (60, 5):
            queue.add_after("a", seconds)
        assert await queue.take() == "a"
        assert loop.time() - began == pytest.approx(5)
        queue.done("a")
        assert queue.is_idle(1000)  # the other time is void


@pytest.mark.looptime
async def test_an_earlier_time_wakes_somebody_who_waits_for_a_later_one() -> None:
    queue, loop = loop_queue(), asyncio.get_running_loop()
    began = loop.time()
    queue.add_after("late", 100)
    taking = asyncio.ensure_future(queue.take())
    await asyncio.sleep(1)
    queue.add_after("early", 9)
    assert await taking == "early"
    assert loop.time() - began == pytest.approx(10)


@pytest.mark.looptime
async def test_work_now_makes_the_later_time_void() -> None:
    queue = loop_queue()
    queue.add_after("a", 10)
    queue.add("a")
    assert await take_now(queue) == "a"
    queue.done("a")
    await asyncio.sleep(20)
    assert await take_now(queue) is None


@pytest.mark.looptime
async def test_what_falls_due_while_its_key_runs_makes_it_run_once_more() -> None:
    queue = loop_queue()
    queue.add("a")
    assert await take_now(queue) == "a"
    queue.add_after("a", 5)
    await asyncio.sleep(6)
    assert await take_now(queue) is None
    queue.done("a")
    assert await take_now(queue) == "a"


@pytest.mark.looptime
async def test_one_who_stops_waiting_takes_nothing_away() -> None:
    queue = loop_queue()
    leaving = asyncio.ensure_future(queue.take())
    await asyncio.sleep(1)
    leaving.cancel()
    queue.add("a")
    await asyncio.wait([leaving])
    assert leaving.cancelled()
    assert await take_now(queue) == "a"


@pytest.mark.looptime
async def test_the_oldest_is_as_old_as_its_first_asking() -> None:
    queue = loop_queue()
    assert queue.oldest == 0
    queue.add("a", Urgency.RESYNC)
    await asyncio.sleep(3)
    queue.add("b")
    queue.add("a")  # more urgent now, and not younger for that
    await asyncio.sleep(2)
    assert queue.depth == 2
    assert queue.oldest == pytest.approx(5)
    assert [await take_now(queue), await take_now(queue)] == ["b", "a"]
    assert (queue.depth, queue.oldest) == (0, 0)


@pytest.mark.looptime
async def test_of_a_group_no_more_run_than_may_and_another_group_is_not_kept_waiting() -> None:
    queue: Queue[str] = Queue(asyncio.get_running_loop().time, group_of=group_of, most=1)
    queue.add("a")
    queue.add("b")
    assert [await take_now(queue), await take_now(queue)] == ["a", None]
    queue.add("c", Urgency.RESYNC)
    assert await take_now(queue) == "c"
    waiting = asyncio.ensure_future(queue.take())
    await asyncio.sleep(1)
    queue.done("a")
    assert await asyncio.wait_for(waiting, 1) == "b"


async def test_groups_take_turns() -> None:
    queue: Queue[str] = Queue(asyncio.get_running_loop().time, group_of=group_of, most=2)
    for key in ("a", "b", "c", "d"):
        queue.add(key)
    assert [await take_now(queue) for _ in KEYS] == ["a", "c", "b", "d"]


class QueueMachine(RuleBasedStateMachine):
    """Any sequence of asking, planning, taking, ending and waiting, beside a model that is plain dictionaries."""

    @initialize()
    def begin(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.now = 0.0
        self.queue: Queue[str] = Queue(lambda: self.now, group_of=group_of, most=1)
        self.ready: dict[str, Urgency] = {}
        self.due: dict[str, tuple[float, Urgency]] = {}
        self.running: dict[str, Urgency | None] = {}

    def teardown(self) -> None:
        self.loop.close()

    def model_add(self, key: str, urgency: Urgency) -> None:
        if key in self.running:
            again = self.running[key]
            self.running[key] = urgency if again is None else min(again, urgency)
            return
        self.due.pop(key, None)
        self.ready[key] = min(urgency, self.ready.get(key, urgency))

    def model_fall_due(self) -> None:
        for key, (due, urgency) in sorted(self.due.items(), key=lambda entry: entry[1][0]):
            if due <= self.now:
                del self.due[key]
                self.model_add(key, urgency)

    @rule(key=st.sampled_from(KEYS), urgency=st.sampled_from(Urgency))
    def add(self, key: str, urgency: Urgency) -> None:
        self.queue.add(key, urgency)
        self.model_add(key, urgency)

    @rule(key=st.sampled_from(KEYS), seconds=st.integers(0, 9), urgency=st.sampled_from(Urgency))
    def add_after(self, key: str, seconds: int, urgency: Urgency) -> None:
        # Moments differ, so that the model need not say which of two that fall due at once comes first.
        due = seconds + KEYS.index(key) / 10
        self.queue.add_after(key, due, urgency)
        planned = self.due.get(key)
        if key not in self.ready and (planned is None or self.now + due < planned[0]):
            self.due[key] = (self.now + due, urgency)

    @rule()
    def take(self) -> None:
        taken = self.loop.run_until_complete(take_now(self.queue))
        self.model_fall_due()
        full = {group_of(key) for key in self.running}
        may_run = {key: urgency for key, urgency in self.ready.items() if group_of(key) not in full}
        if taken is None:
            assert not may_run
            return
        assert may_run[taken] is min(may_run.values())
        del self.ready[taken]
        self.running[taken] = None

    @precondition(lambda self: bool(self.running))
    @rule(choose=st.integers(0, 3))
    def done(self, choose: int) -> None:
        key = sorted(self.running)[choose % len(self.running)]
        self.queue.done(key)
        again = self.running.pop(key)
        if again is not None:
            self.model_add(key, again)

    @rule(seconds=st.integers(1, 4))
    def wait(self, seconds: int) -> None:
        self.now += seconds

    @invariant()
    def tells_how_much_waits(self) -> None:
        assert self.queue.depth == len(self.ready)

    @invariant()
    def is_idle_only_when_nothing_is_to_be_done(self) -> None:
        for within in (0.0, 5.0):
            coming = any(due <= self.now + within for due, _ in self.due.values())
            assert self.queue.is_idle(within) is not (coming or bool(self.ready) or bool(self.running))


QueueMachine.TestCase.settings = settings(max_examples=120, stateful_step_count=40, deadline=None, derandomize=True)
test_the_queue_does_what_its_model_does = QueueMachine.TestCase


@given(seed=st.integers(), failures=st.integers(1, 200))
@settings(max_examples=50, deadline=None, derandomize=True)
def test_a_backoff_doubles_up_to_its_bound_with_jitter(seed: int, failures: int) -> None:
    timing = Timing()
    backoff: Backoff[str] = Backoff(timing, Random(seed))
    for failure in range(failures):
        pause = min(timing.first_backoff * 2**failure, timing.longest_backoff)
        assert pause * (1 - JITTER) <= backoff.failed("a") <= pause * (1 + JITTER)


def test_a_success_and_another_key_begin_anew() -> None:
    backoff: Backoff[str] = Backoff(Timing(), Random(0))
    for _ in range(8):
        backoff.failed("a")
    assert backoff.failed("b") < 2
    assert backoff.failed("a") > 100
    backoff.succeeded("a")
    assert backoff.failed("a") < 2


def test_two_that_fail_alike_do_not_come_back_at_the_same_time() -> None:
    pauses = {Backoff[str](Timing(), Random(seed)).failed("a") for seed in range(20)}
    assert len(pauses) == 20
