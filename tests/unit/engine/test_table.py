"""Who asks for what where, and what was found for it."""

from dataclasses import replace

import pytest

from entrafed.api.choices import DriftPolicy
from entrafed.domain.asks import Ask, Record, Stance
from entrafed.domain.credentials import Pair, Parent, ParentKind, Trust
from entrafed.domain.findings import Finding
from entrafed.engine.table import Table

HERE = Parent(ParentKind.APPLICATION, "tenant", "here")
THERE = Parent(ParentKind.APPLICATION, "tenant", "there")
TRUST = Trust(Pair("https://issuer.example", "job"), "api://x")


def ask(uid: str = "one") -> Ask:
    return Ask(
        uid=uid,
        owner=f"owner-{uid}",
        namespace="payments",
        name=uid,
        sign_in=None,
        stance=Stance.RECONCILE,
        drift=DriftPolicy.REPAIR,
        since=0,
    )


WANTING = replace(ask(), wanted=frozenset({TRUST}))
RECORDED = replace(WANTING, records=(Record("job", "mif-x", TRUST),))


def test_an_object_asks_at_one_parent_only() -> None:
    table = Table()
    assert table.put(HERE, ask())
    assert table.put(THERE, ask())
    assert table.asks_of(HERE) == []
    assert (table.asks_of(THERE), table.parent_of("one")) == ([ask()], THERE)


def test_the_asks_of_a_parent_are_those_of_all_objects() -> None:
    table = Table()
    table.put(HERE, ask("one"))
    table.put(HERE, ask("two"))
    table.put(THERE, ask("three"))
    assert {one.uid for one in table.asks_of(HERE)} == {"one", "two"}
    assert table.drop("one") == HERE
    assert [one.uid for one in table.asks_of(HERE)] == ["two"]


def test_what_nobody_asks_for_is_forgotten() -> None:
    table = Table()
    assert table.drop("one") is None
    table.put(HERE, ask())
    table.drop("one")
    assert (table.ask_of("one"), table.parent_of("one"), table.asks_of(HERE)) == (None, None, [])


def test_an_ask_that_changes_loses_its_finding_and_one_that_stands_keeps_it() -> None:
    table = Table()
    table.put(HERE, ask())
    table.note(ask(), Finding(clean=True))
    assert not table.put(HERE, ask())
    assert table.finding_of("one") == Finding(clean=True)
    assert table.put(HERE, WANTING)
    assert table.finding_of("one") is None


def test_an_ask_that_moves_to_another_parent_loses_its_finding() -> None:
    table = Table()
    table.put(HERE, ask())
    table.note(ask(), Finding(clean=True))
    assert table.put(THERE, ask())
    assert table.finding_of("one") is None


def test_what_was_written_is_remembered_without_being_asked_for_anew() -> None:
    table = Table()
    table.put(HERE, WANTING)
    table.note(WANTING, Finding(clean=True))
    assert not table.put(HERE, RECORDED)
    assert table.ask_of("one") == RECORDED
    assert table.finding_of("one") == Finding(clean=True)


def test_a_finding_for_an_ask_that_stands_no_more_is_not_kept() -> None:
    table = Table()
    assert not table.note(ask(), Finding())
    table.put(HERE, WANTING)
    assert not table.note(ask(), Finding())
    assert table.finding_of("one") is None


def test_only_a_finding_that_differs_is_news() -> None:
    table = Table()
    table.put(HERE, WANTING)
    assert table.note(WANTING, Finding())
    assert not table.note(RECORDED, Finding())
    assert table.note(WANTING, Finding(clean=True))


def test_the_table_is_complete_when_every_object_of_the_start_was_heard() -> None:
    table = Table()
    assert not table.is_complete  # nobody has told yet what there is
    table.listed(frozenset({"one", "two"}))
    table.heard("one")
    table.heard("newcomer")
    assert not table.is_complete
    table.heard("two")
    table.heard("two")
    assert table.is_complete


def test_a_cluster_without_objects_is_complete_once_that_is_known() -> None:
    table = Table()
    table.listed(frozenset())
    assert table.is_complete


@pytest.mark.parametrize(("uid", "before"), [("one", True), ("newcomer", False)])
def test_only_of_what_was_there_at_the_start_an_earlier_process_may_have_written(uid: str, before: bool) -> None:
    table = Table()
    table.listed(frozenset({"one"}))
    table.heard("one")
    assert table.is_from_before(uid) is before
