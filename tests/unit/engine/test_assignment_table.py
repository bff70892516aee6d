"""Who asks for what at which host, scope or tenant, and what was found."""

from dataclasses import replace

import pytest

from entrafed.domain.assignments import Assignment
from entrafed.domain.findings import AssignmentFinding
from entrafed.engine.assignment_table import AssignmentTable
from unit.engine.assigning import HOST, SCOPE, asking

A, B = Assignment("a", "1"), Assignment("b", "1")
FOUND = AssignmentFinding(clean=True)


def test_parents_are_named_at_which_something_else_is_asked_for() -> None:
    table = AssignmentTable()
    assert table.put("web", {HOST: asking("web", A), SCOPE: asking("web", B)}) == {HOST, SCOPE}
    assert table.put("web", {HOST: asking("web", A), SCOPE: asking("web", A)}) == {SCOPE}
    assert table.put("web", {SCOPE: asking("web", A)}) == {HOST}
    assert table.asks_of(HOST) == []
    assert table.asks_by("web") == {SCOPE: asking("web", A)}


def test_a_record_alone_is_nothing_else_to_ask_for() -> None:
    table = AssignmentTable()
    ask = asking("web", A)
    table.put("web", {HOST: ask})
    table.note(HOST, ask, FOUND)
    assert table.put("web", {HOST: replace(ask, records=asking("web", made=(A,)).records)}) == frozenset()
    assert table.findings_of("web") == {HOST: FOUND}


def test_an_ask_that_changes_loses_its_finding() -> None:
    table = AssignmentTable()
    table.put("web", {HOST: asking("web", A)})
    assert table.note(HOST, asking("web", A), FOUND)
    table.put("web", {HOST: asking("web", B)})
    assert table.findings_of("web") == {}


def test_a_finding_for_an_ask_that_stands_no_more_is_no_news() -> None:
    table = AssignmentTable()
    table.put("web", {HOST: asking("web", B)})
    assert not table.note(HOST, asking("web", A), FOUND)
    assert not table.note(SCOPE, asking("web", A), FOUND)
    assert table.findings_of("web") == {}


def test_the_same_finding_again_is_no_news() -> None:
    table = AssignmentTable()
    table.put("web", {HOST: asking("web", A)})
    assert table.note(HOST, asking("web", A), FOUND)
    assert not table.note(HOST, asking("web", A), FOUND)
    assert table.note(HOST, asking("web", A), AssignmentFinding())


def test_objects_that_share_a_parent_are_told_apart() -> None:
    table = AssignmentTable()
    table.put("one", {HOST: asking("one", A)})
    table.put("two", {HOST: asking("two", A)})
    assert {ask.uid for ask in table.asks_of(HOST)} == {"one", "two"}
    assert table.drop("one") == {HOST}
    assert {ask.uid for ask in table.asks_of(HOST)} == {"two"}
    assert table.drop("one") == frozenset()
    assert table.drop("two") == {HOST}


def test_findings_can_be_forgotten_without_the_asks() -> None:
    table = AssignmentTable()
    table.put("web", {HOST: asking("web", A)})
    table.note(HOST, asking("web", A), FOUND)
    table.forget_findings("web")
    assert table.findings_of("web") == {}
    assert table.asks_of(HOST) == [asking("web", A)]


def test_one_who_is_being_admitted_is_expected_where_it_asks_for_nothing_yet() -> None:
    table = AssignmentTable()
    with table.announcing("web", {HOST.id}):
        assert table.expects(HOST)
        assert not table.expects(SCOPE)
        table.put("web", {HOST: asking("web", A)})
        assert not table.expects(HOST)
    assert not table.expects(HOST)


def test_nobody_is_expected_any_more_whose_admission_failed() -> None:
    table = AssignmentTable()
    with pytest.raises(ValueError, match="broken"), table.announcing("web", {HOST.id}):
        raise ValueError("broken")
    assert not table.expects(HOST)
