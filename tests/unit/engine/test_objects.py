"""What the cluster holds: only newer versions count, and one that is gone stays gone."""

import pytest

from entrafed.api.federation import Federation
from entrafed.engine.objects import Objects, Stale
from unit.domain.federations import federation


def connected(name: str, connection: str) -> Federation:
    return federation(name=name, connectionRef={"name": connection})


def test_a_newer_version_takes_the_place_of_the_one_before() -> None:
    objects = Objects()
    first, second = federation(version=9), federation(version=10)
    assert objects.see(first) is None
    assert objects.see(second) is first
    assert objects.federations[first.metadata.uid] is second


@pytest.mark.parametrize("version", [9, 10])
def test_a_version_that_is_older_or_the_same_is_stale(version: int) -> None:
    objects = Objects()
    known = federation(version=10)
    objects.see(known)
    with pytest.raises(Stale):
        objects.see(federation(version=version))
    assert objects.federations[known.metadata.uid] is known


def test_the_answer_to_an_own_write_counts_unless_the_watch_was_faster() -> None:
    objects = Objects()
    objects.see(federation(version=10))
    answer = federation(version=11)
    objects.answered(answer)
    assert objects.federations[answer.metadata.uid] is answer
    objects.answered(federation(version=9))
    assert objects.federations[answer.metadata.uid] is answer


def test_the_answer_to_an_own_write_does_not_bring_back_what_is_gone() -> None:
    objects = Objects()
    gone = federation(version=10)
    objects.see(gone)
    assert objects.lose(gone.metadata.uid) is gone
    objects.answered(federation(version=11))
    assert objects.federations == {}
    assert objects.lose(gone.metadata.uid) is None


def test_the_users_of_a_connection_are_those_that_name_it_and_are_there() -> None:
    objects = Objects()
    for one in (connected("a", "x"), connected("b", "x"), connected("c", "y")):
        objects.see(one)
    assert objects.users_of("x") == {"uid-payments-a", "uid-payments-b"}
    objects.lose("uid-payments-a")
    assert objects.users_of("x") == {"uid-payments-b"}
    assert objects.users_of("z") == set()


def test_the_objects_of_a_namespace_are_found() -> None:
    objects = Objects()
    for one in (federation(name="a"), federation(name="b"), federation(name="c", namespace="billing")):
        objects.see(one)
    assert set(objects.in_namespace("payments")) == {"uid-payments-a", "uid-payments-b"}
