"""When parents are compared with Azure again."""

from dataclasses import dataclass, field
from random import Random

from entrafed.engine.lanes import Lanes
from entrafed.engine.pace import Pace
from entrafed.engine.timing import Timing
from unit.engine.assigning import HOST, SCOPE
from unit.engine.port_fakes import HandClock

TIMING = Timing()


@dataclass
class Looks:
    at: list[float] = field(default_factory=list)

    def look_again(self, now: float) -> None:
        self.at.append(now)


@dataclass
class World:
    clock: HandClock = field(default_factory=HandClock)
    admitted: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        pace = Pace(clock=self.clock, timing=TIMING, random=Random(0))
        self.lanes = Lanes(new=lambda _: Looks(), clock=self.clock, pace=pace, resync=self.admitted.append)


def test_a_parent_keeps_its_lane_until_it_is_forgotten() -> None:
    world = World()
    lane = world.lanes.of(HOST)
    assert world.lanes.of(HOST) is lane is world.lanes.known(HOST)
    assert world.lanes.of(SCOPE) is not lane
    world.lanes.forget(HOST)
    assert world.lanes.known(HOST) is None
    assert world.lanes.of(HOST) is not lane


def test_what_nobody_changed_is_looked_at_once_in_every_resync() -> None:
    world = World()
    lane = world.lanes.of(HOST)
    for number in range(1, 4):
        wait = world.lanes.until_resync(HOST)
        assert 0.8 * TIMING.resync <= wait <= 1.2 * TIMING.resync
        world.clock.seconds += wait - 1.0
        world.lanes.start_resync(HOST, ["a", "b"])
        assert len(lane.at) == number - 1
        world.clock.seconds += 1.0
        world.lanes.start_resync(HOST, ["a", "b"])
        world.lanes.start_resync(HOST, ["a", "b"])
        assert (len(lane.at), world.admitted) == (number, ["a", "b"] * number)
    assert lane.at[-1] == world.clock.seconds


def test_a_parent_that_is_expected_is_looked_at_in_that_time() -> None:
    world = World()
    wait = world.lanes.expect(HOST, 60.0)
    assert 0.0 <= wait <= 60.0
    assert world.lanes.until_resync(HOST) == wait
    assert world.lanes.expect(HOST, 10 * TIMING.resync) == wait, "never later than was said before"
