"""A change waits for more of its kind, and not for ever."""

from entrafed.engine.gathering import Gathering


def test_nothing_waits_where_nothing_more_is_to_come() -> None:
    assert not Gathering().goes_on(False, now=0.0, longest=10.0)


def test_it_waits_until_all_has_come() -> None:
    gathering = Gathering()
    assert gathering.goes_on(True, now=0.0, longest=10.0)
    assert not gathering.goes_on(False, now=1.0, longest=10.0)


def test_it_waits_no_longer_than_it_may_however_much_is_to_come() -> None:
    gathering = Gathering()
    assert gathering.goes_on(True, now=0.0, longest=10.0)
    assert gathering.goes_on(True, now=9.9, longest=10.0)
    assert not gathering.goes_on(True, now=10.0, longest=10.0)


def test_each_change_waits_anew() -> None:
    gathering = Gathering()
    for began in (0.0, 100.0):
        assert gathering.goes_on(True, now=began, longest=10.0)
        assert not gathering.goes_on(True, now=began + 10.0, longest=10.0)
