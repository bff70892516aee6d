"""What is told of credentials that nobody owns: the words, and to whom."""

from entrafed.domain.events import Event
from entrafed.engine.objects import Objects
from entrafed.engine.orphans import Orphans
from unit.domain.federations import connection
from unit.engine.settling import PARENT, Counting


def orphans() -> tuple[Orphans, Counting, list[Event]]:
    objects, counting, told = Objects(), Counting(), list[Event]()
    objects.connections["default"] = connection()
    return Orphans(objects, counting, told.append), counting, told


def test_many_are_counted_and_a_few_are_named() -> None:
    found, counting, told = orphans()
    found.found(PARENT, tuple(f"mif-{number:02}" for number in reversed(range(20))), ["default"])
    assert counting.counts == {PARENT: 20}
    assert ": mif-00, mif-01, mif-02, mif-03, mif-04, ...;" in told[0].note
    assert len(told[0].note) < 1024


def test_none_are_told_to_nobody() -> None:
    found, counting, told = orphans()
    found.found(PARENT, (), ["default"])
    assert (counting.counts, told) == ({PARENT: 0}, [])


def test_a_connection_that_is_gone_is_told_nothing() -> None:
    found, _, told = orphans()
    found.found(PARENT, ("mif-1",), ["default", "gone"])
    assert [event.regarding.name for event in told] == ["default"]


def test_one_that_went_and_came_back_is_told_again() -> None:
    found, _, told = orphans()
    for names in (("mif-1",), (), ("mif-1",)):
        found.found(PARENT, names, ["default"])
    assert len(told) == 2


def test_where_nobody_asks_any_more_nothing_is_counted_and_what_was_told_is_forgotten() -> None:
    found, counting, told = orphans()
    found.found(PARENT, ("mif-1",), ["default"])
    found.unwatched(PARENT)
    assert counting.counts == {PARENT: 0}
    found.found(PARENT, ("mif-1",), ["default"])
    assert len(told) == 2
