"""Times as the API server writes and accepts them."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from entrafed.domain.times import to_seconds, to_text
from unit.domain.federations import CREATED, CREATED_AT


def test_a_time_is_written_as_the_api_server_writes_it() -> None:
    assert to_text(CREATED_AT) == CREATED
    assert to_text(0) == "1970-01-01T00:00:00Z"


def test_parts_of_seconds_are_left_out() -> None:
    assert to_text(CREATED_AT + 0.999) == CREATED


@pytest.mark.parametrize(
    "text",
    [CREATED, "2026-01-31T12:00:00.000000Z", "2026-01-31T12:00:00+00:00", "2026-01-31T13:30:00+01:30"],
)
def test_every_spelling_of_a_moment_is_that_moment(text: str) -> None:
    assert to_seconds(text, unreadable=0) == CREATED_AT


def test_a_time_without_a_zone_is_utc_wherever_the_operator_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert to_seconds("2026-01-31T12:00:00", unreadable=0) == CREATED_AT
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("text", ["", "now", "2026-13-31T12:00:00Z", "0000-01-01T00:00:00Z", "2026-06-30T23:59:60Z"])
def test_what_is_no_time_is_whatever_the_caller_takes_it_for(text: str) -> None:
    assert to_seconds(text, unreadable=7) == 7


years = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 # bounds are naive


@given(moment=years)
@settings(deadline=None, derandomize=True)
def test_what_is_written_is_read_as_the_same_second_in_any_year(moment: datetime) -> None:
    text = to_text(moment.replace(microsecond=0).timestamp())
    assert len(text) == len(CREATED)
    assert to_seconds(text, unreadable=0) == moment.replace(microsecond=0).timestamp()
