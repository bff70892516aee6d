"""What is told of credentials that nobody owns: the words, and to whom."""

from dataclasses import dataclass, field, replace

from entrafed.domain.events import Event
from entrafed.domain.marks import Mark, owner_mark
from entrafed.engine.objects import Objects
from entrafed.engine.orphans import Orphans
from entrafed.engine.table import Table
from unit.domain.federations import connection, federation
from unit.engine.port_fakes import HandClock
from unit.engine.settling import CLUSTER, PARENT, TIMING, Counting, asking


@dataclass
class World:
    objects: Objects = field(default_factory=Objects)
    table: Table = field(default_factory=Table)
    counting: Counting = field(default_factory=Counting)
    clock: HandClock = field(default_factory=HandClock)
    told: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.objects.connections["default"] = connection()
        self.orphans = Orphans(
            objects=self.objects,
            table=self.table,
            measure=self.counting,
            clock=self.clock,
            timing=TIMING,
            tell=self.told.append,
        )

    def found(self, *names: str, connections: tuple[str, ...] = ("default",), after: float = 0.0) -> None:
        self.clock.seconds += after
        self.orphans.found(PARENT, names, connections)


def test_many_are_counted_and_a_few_are_named() -> None:
    world = World()
    world.found(*(f"mif-{number:02}" for number in reversed(range(20))))
    assert world.counting.counts == {PARENT: 20}
    assert ": mif-00, mif-01, mif-02, mif-03, mif-04, ...;" in world.told[0].note
    assert len(world.told[0].note) < 1024


def test_none_are_told_to_nobody() -> None:
    world = World()
    world.found()
    assert (world.counting.counts, world.told) == ({PARENT: 0}, [])


def test_a_connection_that_is_gone_is_told_nothing() -> None:
    world = World()
    world.found("mif-1", connections=("default", "gone"))
    assert [event.regarding.name for event in world.told] == ["default"]


def test_one_that_stays_is_told_once_however_rarely_somebody_looks() -> None:
    world = World()
    for _ in range(3):
        world.found("mif-1", after=TIMING.resync)
    assert len(world.told) == 1


def test_one_that_comes_and_goes_while_replicas_disagree_is_told_once() -> None:
    world = World()
    for names in (("mif-1",), (), ("mif-1",), (), (), ("mif-1",)):
        world.found(*names, after=TIMING.lag_limit / 6)
    assert world.counting.counts == {PARENT: 1}
    assert len(world.told) == 1


def test_one_that_went_and_came_back_is_told_again() -> None:
    world = World()
    for names in (("mif-1",), (), (), ("mif-1",)):
        world.found(*names, after=TIMING.resync)
    assert len(world.told) == 2


def test_one_that_a_single_look_misses_was_not_away() -> None:
    world = World()
    for names in (("mif-1",), (), ("mif-1",)):
        world.found(*names, after=TIMING.resync)
    assert len(world.told) == 1


def test_where_nobody_asks_any_more_nothing_is_counted_and_what_was_told_is_forgotten() -> None:
    world = World()
    world.found("mif-1")
    world.orphans.unwatched(PARENT)
    assert world.counting.counts == {PARENT: 0}
    world.found("mif-1")
    assert len(world.told) == 2


def test_what_carries_the_mark_of_an_object_that_lives_and_asks_nowhere_yet_is_nobodys_loss() -> None:
    """After a restore it is without a status, and while it is suspended, or its target cannot be read, nobody knows
    where it will ask. To remove what seems to be left behind would be its end."""
    world = World()
    name = str(Mark(CLUSTER, owner_mark("payments", "web"), "a" * 8))
    living = federation(name="web")
    world.objects.see(living)
    world.found(name)
    assert (world.counting.counts, world.told) == ({PARENT: 0}, [])
    elsewhere = replace(PARENT, id="elsewhere")
    world.table.put(elsewhere, replace(asking("web"), uid=living.metadata.uid))
    world.found(name)
    assert (world.counting.counts, len(world.told)) == ({PARENT: 1}, 1)
