"""A small version of `make bench`: targets filled to the last credential at Azure's published rates."""

import pytest

from bench.sharing import Size, measure

pytestmark = pytest.mark.looptime


async def test_full_targets_cost_at_most_two_calls_per_credential_and_nothing_is_refused() -> None:
    figures = await measure(Size(applications=5, identities=5, per_target=20, objects_per_target=4))
    assert (figures.conflicts, figures.throttled, figures.overlapping_writes) == (0, 0, 0)
    assert figures.credentials == figures.calls["credentials.create"] + figures.calls["credentials.put"] == 200
    assert figures.calls_per_credential <= 2
    assert figures.http_requests < sum(figures.calls.values()), "reads of applications share requests"
    assert figures.last_ready_on_applications_seconds <= 60
    assert 19 * 4 <= figures.last_ready_on_identities_seconds <= 20 * 4 / 0.9 + 60


async def test_many_identities_are_ready_as_soon_as_the_limit_of_their_subscription_allows() -> None:
    """Two writes a second; none of them waits for another's."""
    figures = await measure(Size(applications=0, identities=20, per_target=10, objects_per_target=2))
    assert (figures.conflicts, figures.throttled) == (0, 0)
    fastest = max(200 / 2, 9 * 4)
    assert fastest <= figures.last_ready_seconds <= fastest / 0.9 + 60


async def test_half_the_share_takes_twice_the_time_on_identities() -> None:
    size = Size(applications=0, identities=2, per_target=10, objects_per_target=1)
    whole, half = await measure(size, share=0.9), await measure(size, share=0.45)
    assert half.last_ready_seconds == pytest.approx(2 * whole.last_ready_seconds, rel=0.25)
