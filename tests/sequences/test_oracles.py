"""Each thing that a sequence is judged by sees it when it is broken."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from engine_world import CLUSTER
from entrafed.domain.marks import Mark, owner_mark
from entrafed_lab.azure import KeyRing
from sequences.acts import Apply, Item, OthersCreate, Step
from sequences.cast import EXAMPLE, READER, SLOTS
from sequences.stage import Performance, Stage

ONE = Step(Apply(SLOTS[0], (Item("a", "job-1"), Item("b", "job-2"))))
BEGINNING = [ONE, Step(OthersCreate(READER, "job-3"))]

Sabotage = Callable[[Performance], None]


@pytest.fixture
def stage(azure_ca: trustme.CA, azure_keys: KeyRing, tmp_path: Path) -> Stage:
    return Stage(azure_ca, azure_keys, tmp_path)


def remove_ours(performance: Performance) -> None:
    holder = performance.play.book.holder(READER)
    holder.remove(next(c.name for c in holder.credentials if c.name.startswith("mif-")))


def change_ours(performance: Performance) -> None:
    holder = performance.play.book.holder(READER)
    name = next(c.name for c in holder.credentials if c.name.startswith("mif-"))
    holder.change_credential(name, audiences=("api://changed",))


def change_another_s(performance: Performance) -> None:
    performance.play.book.holder(READER).change_credential("by-hand-1", audiences=("api://changed",))


def remove_another_s(performance: Performance) -> None:
    performance.play.book.holder(READER).remove("by-hand-1")


def leave_something_over(performance: Performance) -> None:
    name = str(Mark(CLUSTER, owner_mark("nobody", "knows"), "a" * 8))
    performance.play.book.holder(READER).add_foreign_credential(name=name, issuer=EXAMPLE, subject="job-7")


def ask_for_more_behind_its_back(performance: Performance) -> None:
    book = performance.play.book
    book.specs[SLOTS[0]] = Apply(SLOTS[0], (Item("a", "job-1"), Item("b", "job-2"), Item("c", "ci")))


def forbid_it_behind_its_back(performance: Performance) -> None:
    performance.play.book.rules["default"] = "nothing"


def say_that_it_is_suspended(performance: Performance) -> None:
    book = performance.play.book
    book.specs[SLOTS[0]] = Apply(SLOTS[0], book.specs[SLOTS[0]].items, suspend=True)


def remove_ours_in_secret_of_the_first_look(performance: Performance) -> None:
    """Restful until it is looked at once more."""
    holder = performance.play.book.holder(READER)
    credential = next(c for c in holder.credentials if c.name.startswith("mif-"))
    performance.before_second_pass = lambda: holder.remove(credential.name)


@pytest.mark.parametrize(
    ("sabotage", "told"),
    [
        (remove_ours, "and there is None"),
        (change_ours, "and there is"),
        (change_another_s, "of others there is"),
        (remove_another_s, "of others there is"),
        (leave_something_over, "is left over"),
        (ask_for_more_behind_its_back, "is not told of"),
        (forbid_it_behind_its_back, "not NotPermitted"),
        (say_that_it_is_suspended, "is suspended, and Ready is"),
        (remove_ours_in_secret_of_the_first_look, "a second pass sent"),
    ],
)
def test_what_is_broken_is_told(stage: Stage, sabotage: Sabotage, told: str) -> None:
    with pytest.raises(AssertionError, match=told):
        stage.play([BEGINNING], sabotage=sabotage)


def test_what_is_whole_is_not_told_of(stage: Stage) -> None:
    stage.play([BEGINNING])
    assert stage.steps == 2


def test_a_failing_sequence_is_printed_as_it_can_be_played_again(stage: Stage) -> None:
    with pytest.raises(AssertionError) as failure:
        stage.play([BEGINNING], sabotage=remove_ours)
    printed = str(failure.value).partition("after ")[2]
    names = {"Apply": Apply, "Item": Item, "OthersCreate": OthersCreate, "Step": Step, "SLOTS": SLOTS}
    assert eval(printed, names) == [BEGINNING]  # noqa: S307 - what this very test printed


def test_replicas_lag_and_limits_hold(stage: Stage) -> None:
    def look(performance: Performance) -> None:
        azure = performance.play.world.azure
        assert azure.world.delays.replica_lag > 0
        assert performance.play.world.budgets.rate_scale == 1.0

    stage.play([BEGINNING], sabotage=look)
